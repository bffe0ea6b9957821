"""Tests of results as text in a pipe; tests of terminals are in test_processes."""

import tracemalloc

import pytest
from typer.testing import CliRunner, Result

from tests.cli.samples import COLUMNS, FACTS, RUN_ID, RunReport, RunSummary, app, run_item
from zenctx.cli.streams import Stdout
from zenctx.cli.tables import SAMPLE
from zenctx.cli.text import TextOutput


def invoke(*arguments: str) -> Result:
    """Runs the sample application."""
    return CliRunner().invoke(app, list(arguments))


def test_a_pipe_gets_plain_columns_without_a_limit() -> None:
    """No box, no escape sequences, nothing cut, columns aligned under upper-case headers."""
    lines = invoke("listing", "--count", "2").stdout.splitlines()
    assert lines[0].split() == ["RUN", "KEY", "PATH", "KEYS", "SIZE", "STARTED", "WORKFLOW"]
    assert lines[2].split() == [
        RUN_ID.format(1),
        "fetch.output.body",
        f"./data/context-files/persistent/{RUN_ID.format(1)}/fetch-output-body-1f2e3d.json",
        "1,000",
        "1.5",
        "KiB",
        "2026-11-22",
        "21:35:04Z",
        RUN_ID.format(1_000_001),
    ]
    assert lines[0].index("KEY") == lines[1].index("fetch") == lines[2].index("fetch")


def test_facts_message_and_next_step_are_the_last_lines() -> None:
    """After the rows comes what the summary says, then what was done and what to do."""
    lines = invoke("listing").stdout.splitlines()
    assert lines[-6:] == ["", "runs    3", "stored  4.5 KiB", "", "3 runs.", "Look at one of them."]


def test_quiet_leaves_only_the_rows() -> None:
    """Rows are what was asked for; everything said about them goes."""
    lines = invoke("listing", "--quiet").stdout.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith(RUN_ID.format(2))


def test_without_rows_there_is_no_header() -> None:
    """An empty listing says so in its message alone."""
    assert invoke("listing", "--count", "0").stdout == "runs    0\nstored  0 B\n\n0 runs.\n"


def test_markup_and_escapes_from_data_are_shown_not_obeyed() -> None:
    """Rich markup stays text, control characters become visible."""
    output = invoke("listing", "--key", "[bold]a[/bold]\x1b[2J\nb").stdout
    assert r"[bold]a[/bold]\x1b[2J\nb" in output
    assert "\x1b" not in output


def test_a_failure_keeps_the_rows_before_it() -> None:
    """What was found is shown, the error follows on standard error."""
    result = invoke("listing", "--fail-at", "2")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "Error: Run 2 is in use.\nHint: Wait.\n"
    assert result.exit_code == 5


@pytest.mark.parametrize("count", [SAMPLE - 1, SAMPLE, SAMPLE + 1, 3 * SAMPLE + 7])
def test_every_row_is_written_once(count: int) -> None:
    """Pages of rows join without loss, repetition or a second header."""
    lines = invoke("listing", "--count", str(count), "--quiet").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["RUN", *map(RUN_ID.format, range(count))]


@pytest.mark.parametrize("format_", ["table", "json", "jsonl"])
def test_memory_is_flat_in_the_number_of_items(format_: str) -> None:
    """Ten times the items take no more memory beside the output itself."""

    def peak(count: int) -> int:
        result = invoke("listing", "--count", "1", "--format", format_)
        tracemalloc.start()
        try:
            result = invoke("listing", "--count", str(count), "--format", format_)
            return tracemalloc.get_traced_memory()[1] - 3 * len(result.stdout_bytes)
        finally:
            tracemalloc.stop()

    assert peak(5000) < peak(500) + 2_000_000


def test_characters_that_the_encoding_lacks_are_escaped() -> None:
    """An ASCII terminal gets escapes, not a traceback."""
    result = CliRunner(charset="ascii").invoke(app, ["listing", "--key", "日本"])
    assert result.exit_code == 0
    assert r"\u65e5\u672c" in result.stdout


def test_shown_lines_come_after_the_rows_before_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, lines and rows again keep their order; a second table has its own header."""
    output = TextOutput(Stdout(), quiet=False, colour=False)
    output.begin(COLUMNS[:1], facts=FACTS)
    output.item(run_item(1))
    output.show("one\ntwo\x1b\n")
    output.item(run_item(2))
    assert output.finish(RunReport(RunSummary(2, 0), "Done \x1b at postgresql://u:p@db/x.")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "RUN",
        RUN_ID.format(1),
        "one",
        r"two\x1b",
        "RUN",
        RUN_ID.format(2),
        "",
        "runs    2",
        "stored  0 B",
        "",
        r"Done \x1b at postgresql://u:***@db/x.",
    ]
