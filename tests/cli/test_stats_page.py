"""The page of `stats` in a real browser: nothing overflows, nothing complains, nothing is asked for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.browser import Page, running_browser
from zenctx.cli.html.report import page
from zenctx.operations.statistics.report import Section, StatItem, StatsReport, StatsSummary, Sums

WIDTHS = {"phone": (400, "screen"), "desk": (1400, "screen"), "paper": (718, "print")}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src="http://203.0.113.1/x.png" onerror="alert(1)">',
    "</style><style>body{display:none}</style>",
    "x" * 300,
    "\u202egnirts\x1b[31m\x00",
    "workflow " + "of many words " * 30,
)
TOO_WIDE = """
    [...document.querySelectorAll('body *')].filter((each) => {
        const box = each.getBoundingClientRect();
        return box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5;
    }).map((each) => `${each.tagName} ${each.textContent.slice(0, 60)}`)"""


def items() -> Iterator[StatItem]:
    """Lines of every section, with names of all kinds."""
    for section in Section:
        for number, name in enumerate(HOSTILE):
            yield StatItem(
                section,
                name,
                run_id="919b7234-3d46-43e4-a669-2763052cf4d9",
                workflow_id="f41fcb28-e1ec-4229-9aa5-148c01a8c3f5",
                key=name,
                runs=10**12 + number,
                entries=number,
                bytes=10**15 if number else -5,
                files=number,
                file_bytes=5 * 10**14,
                share=0.5,
            )


def report(described: str = "a database " + "of a long name" * 20) -> StatsReport:
    """A report of which everything is large or hostile."""
    now = datetime(2026, 11, 23, 4, tzinfo=UTC)
    summary = StatsSummary(
        taken_at=now,
        database=described,
        runs=10**12,
        context_bytes=10**15,
        entries=10**12,
        referenced_files=1,
        referenced_file_bytes=1,
        files=1,
        file_bytes=10**15,
        orphans=10**9,
        orphan_bytes=1,
        dangling=1,
        trash_files=1,
        trash_bytes=1,
        secret_runs=1,
        quarantined=None,
        dead_keys=1,
        dead_bytes=1,
        unjudged_workflows=2,
        recorded=True,
        store_problem=f"the directory {'/long' * 60} is not there",
    )
    history = tuple(Sums(now - timedelta(days=9 - day), 10, 1000 * day, 1, 10**9) for day in range(10))
    return StatsReport(0, summary, "done", None, tuple(items()), history)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page, open in a browser."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(report()), encoding="utf-8")
    with running_browser() as browser:
        opened = browser.new_page()
        opened.open(path.as_uri())
        yield opened


@pytest.mark.parametrize("name", WIDTHS)
def test_nothing_overflows(shown: Page, name: str) -> None:
    """On a phone, on a desk, on paper; whatever names there are."""
    width, media = WIDTHS[name]
    shown.shape(width, media=media)
    assert shown.evaluate("document.documentElement.clientWidth") == width
    assert shown.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert shown.evaluate(TOO_WIDE) == []


def test_nothing_complains_and_nothing_is_asked_for(shown: Page) -> None:
    """No error in the console, and no request but the one for the page itself."""
    for width, media in WIDTHS.values():
        shown.shape(width, media=media)
    assert shown.complaints() == []
    assert len(shown.requests()) == 1
    assert shown.evaluate("document.scripts.length") == 0
    assert shown.evaluate("document.images.length") == 0


def test_names_from_the_database_are_text(shown: Page) -> None:
    """Shown as they are, control characters made visible."""
    text = shown.evaluate("document.body.textContent")
    assert all(name in text for name in HOSTILE[:4])
    assert "\\u202egnirts\\x1b[31m\\x00" in text
    assert shown.evaluate("getComputedStyle(document.body).display") == "block"


def test_it_is_light_or_dark_and_light_on_paper(shown: Page) -> None:
    """As the reader's system says; paper is white."""
    ground = "getComputedStyle(document.body).backgroundColor"
    found = {}
    for scheme in ("light", "dark"):
        for media in ("screen", "print"):
            shown.shape(900, media=media, scheme=scheme)
            found[scheme, media] = shown.evaluate(ground)
    assert found["light", "screen"] != found["dark", "screen"]
    assert found["light", "print"] == found["dark", "print"] == "rgb(255, 255, 255)"


def test_it_prints_on_paper(shown: Page) -> None:
    """As a document of several pages."""
    printed = shown.call("Page.printToPDF", printBackground=True)
    assert len(printed["data"]) > 10_000


def test_nothing_is_on_it_that_could_be_loaded(tmp_path: Path) -> None:
    """No address, no script; and a policy that would refuse both."""
    text = page(report("a database"))
    path = tmp_path / "page.html"
    path.write_text(text)
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "url(" not in text
    assert "http:" not in text.replace("http://203.0.113.1/x.png", "")
