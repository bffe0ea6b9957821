"""Tests of the first rows of each kind."""

from dataclasses import dataclass

import pytest

from tests.cli.samples import RunReport, RunSummary
from zenctx.cli.columns import text
from zenctx.cli.excerpt import Excerpt, OnTrouble
from zenctx.cli.streams import Stdout
from zenctx.cli.text import TextOutput


@dataclass(frozen=True)
class Item:
    """One row."""

    name: str
    kind: str


def shown(capsys: pytest.CaptureFixture[str], most: int | None, kinds: str) -> list[str]:
    """Gives the lines for one item of each kind in `kinds`."""
    output = TextOutput(Stdout(), quiet=False, colour=False)
    output.begin([text("name", "name")])
    excerpt = Excerpt(output, most, lambda item: getattr(item, "kind"))  # noqa: B009 - items have no common type
    for number, kind in enumerate(kinds):
        excerpt.add(Item(f"{kind}{number}", kind))
    assert excerpt.finish(RunReport(RunSummary(0, 0), "Done.", 3)) == 3
    return capsys.readouterr().out.splitlines()


def test_each_kind_has_its_own_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """Many of one kind do not crowd out the others; the rest is counted by kind."""
    assert shown(capsys, 2, "aaaaabbbc") == [
        *("NAME", "a0", "a1", "b5", "b6", "c8"),
        "(not shown: 3 a, 1 b; --verbose shows all)",
        *("", "Done."),
    ]


@pytest.mark.parametrize(("most", "kinds"), [(2, "aab"), (None, "aaaa")])
def test_nothing_is_said_where_nothing_is_left_out(
    capsys: pytest.CaptureFixture[str], most: int | None, kinds: str
) -> None:
    """Rows and message alone."""
    assert len(shown(capsys, most, kinds)) == 1 + len(kinds) + 2


@pytest.mark.parametrize(("exit_code", "lines"), [(0, []), (3, ["NAME", "a0", "b2"])])
def test_silence_ends_where_there_is_trouble(
    capsys: pytest.CaptureFixture[str], exit_code: int, lines: list[str]
) -> None:
    """From cron nothing is told of what went well; of what did not, the first of each kind."""
    output = TextOutput(Stdout(), quiet=True, colour=False)
    output.begin([text("name", "name")])
    rows = OnTrouble(output, 1, lambda item: getattr(item, "kind"))  # noqa: B009 - items have no common type
    for number, kind in enumerate("aab"):
        rows.add(Item(f"{kind}{number}", kind))
    assert rows.finish(RunReport(RunSummary(0, 0), "Done.", exit_code)) == exit_code
    assert capsys.readouterr().out.splitlines()[:3] == lines
