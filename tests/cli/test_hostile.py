"""Tests that hostile keys, values and locators steer no terminal and break no document, in every command."""

import json
import unicodedata
from collections.abc import Callable

import pytest

from tests.cli.console import RUN, VECTORS, Console, descriptor
from tests.cli.processes import ZENCTX, run_in_terminal
from tests.support.rows import compact

DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
TEXTS = (
    "[bold]bold[/bold]",
    "[/nope]",
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31mred",
    "two\nlines\r\tand a tab",
    "bidi \u202e override \u2066",
    "k" * 300,
    "",
    "../../etc/hosts",
    "c1 \x9b31m and \u200b nothing",
    "日本語 👍",
)
LOCATORS = ("/etc/passwd", "../../x", "\x1b]0;owned\x07/x", "\u202e\n", "./data/context-files/persistent/../../../x")
ALL = "".join(TEXTS)
EVERYTHING = (
    ["runs", "--verbose"],
    ["runs", "--form", ALL],
    ["inspect", RUN],
    ["inspect", RUN, "--verbose"],
    ["inspect", RUN, "--show-secrets"],
    *(["inspect", RUN, text] for text in TEXTS),
    ["inspect", RUN, ALL],
    ["inspect", RUN, TEXTS[0], "--pointer", f"/{ALL}"],
    ["inspect", ALL],
    ["cat", RUN, ALL],
    ["verify", "--verbose"],
    ["verify", "--run", ALL],
    ["migrate", "--dry-run", "--verbose"],
    ["migrate", "--check"],
    ["migrate", "--run", ALL],
    ["migrate"],
    ["migrate", "--list-quarantined"],
)


def plain() -> str:
    """Gives a context with hostile keys and values."""
    return compact({text: text for text in TEXTS})


def locators() -> str:
    """Gives descriptors with hostile locators, under hostile keys."""
    return compact(
        {
            text: descriptor(type_="FILE", locator=locator, size=5, inlineValue=None)
            for text, locator in zip(TEXTS, LOCATORS, strict=False)
        }
    )


def mixed() -> str:
    """Gives hostile keys of which one has a descriptor: the reason that is told quotes keys."""
    return compact({TEXTS[2]: descriptor(), **{text: text for text in TEXTS[3:]}})


CONTEXTS = pytest.mark.parametrize("make", [plain, locators, mixed], ids=lambda make: make.__name__)


@CONTEXTS
def test_no_text_steers_a_terminal(console: Console, make: Callable[[], str]) -> None:
    """Nothing but newlines is left of what could steer or hide, on either stream; nothing fails for it."""
    console.rows.add(make(), run_id=RUN)
    for arguments in EVERYTHING:
        result = console.run(*arguments)
        assert result.exit_code in (0, 2, 3, 4, 5, 10), (arguments, result.output)
        steering = {character for character in result.output if unicodedata.category(character) in DANGEROUS}
        assert steering <= {"\n"}, arguments
        assert "root:" not in result.output


@CONTEXTS
def test_every_document_is_one(sqlite_console: Console, make: Callable[[], str]) -> None:
    """Valid JSON whatever the data, with the keys as they are."""
    sqlite_console.rows.add(make(), run_id=RUN)
    for arguments in EVERYTHING:
        document = json.loads(sqlite_console.run(*arguments, "--json").stdout)
        assert document["exit_code"] in (0, 2, 3, 4, 5, 10)
    items = json.loads(sqlite_console.run("inspect", RUN, "--json").stdout)["items"]
    keys = {item["key"] for item in items}
    assert keys <= set(TEXTS)
    assert TEXTS[2] in keys


def test_values_are_written_out_as_they_are(console: Console) -> None:
    """`cat` is for programs: its bytes are those of the value."""
    console.rows.add(plain(), run_id=RUN)
    for text in TEXTS:
        result = console.run("cat", RUN, text)
        assert result.exit_code == 0, (text, result.output)
        assert json.loads(result.stdout_bytes) == text


def test_refused_locators_are_named_and_nothing_is_opened(console: Console) -> None:
    """Each is an error of verify, and a problem of inspect, with the locator spelled harmlessly."""
    console.rows.add(locators(), run_id=RUN)
    found = console.document("verify", code=4)["items"]
    assert {item["kind"] for item in found if item["key"]} == {"refused"}
    assert len([item for item in found if item["key"]]) == len(LOCATORS)
    shown = console.run("verify").stdout
    assert "the locator '/etc/passwd' leads out of the configured directories" in shown
    items = console.document("inspect", RUN, code=4)["items"]
    assert {item["reason"] for item in items} == {"the locator leaves the configured directories"}
    assert {(item["path"], item["preview"]) for item in items} == {(None, None)}


def test_a_link_out_of_the_directory_is_refused(console: Console) -> None:
    """The file behind it exists, and is not read."""
    outside = console.folder / "outside.json"
    outside.write_text('"treasure"')
    directory = console.folder / "data/context-files/persistent" / RUN
    directory.mkdir(parents=True)
    (directory / "link.json").symlink_to(outside)
    locator = f"./data/context-files/persistent/{RUN}/link.json"
    file = descriptor(type_="FILE", mediaType="application/json", locator=locator, size=10, inlineValue=None)
    console.rows.add(compact({"a": file}), run_id=RUN)
    for arguments in (["inspect", RUN], ["inspect", RUN, "a"], ["cat", RUN, "a"], ["verify"]):
        result = console.run(*arguments)
        assert result.exit_code in (4, 5)
        assert "links are not followed" in result.output
        assert "treasure" not in result.output


@pytest.mark.parametrize("width", [80, 200])
def test_a_real_terminal_gets_only_our_own_escapes(sqlite_console: Console, width: int) -> None:
    """Without colours there is none at all; markup stays text."""
    sqlite_console.rows.add(plain(), run_id=RUN)
    call = [*ZENCTX, "inspect", RUN, "--db", sqlite_console.url, "--no-color"]
    shown = run_in_terminal(width, call, {"PYTHONPATH": str(VECTORS.parents[1])})
    assert shown.exit_code == 0
    assert "\x1b" not in shown.stdout
    assert "[bold]bold[/bold]" in shown.stdout
    assert r"\x1b]0;owned\x07" in shown.stdout
    assert "kkk" in shown.stdout


def test_every_vector_can_be_looked_at(console: Console) -> None:
    """Contexts as the engine writes them, in both forms: each has a table and a document."""
    for path in sorted(VECTORS.glob("*/*.json")):
        if not console.rows.is_sqlite and "\\u0000" in path.read_text():
            continue
        console.rows.add(path.read_text())
    for number, item in enumerate(console.document("runs", "--limit", "0")["items"]):
        assert console.run("inspect", item["run_id"], *(["--json"] if number % 2 else [])).exit_code in (0, 4)
