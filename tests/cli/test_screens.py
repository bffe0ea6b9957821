"""Tests of what operators see on a terminal of 80 columns, as a process of its own."""

import json

import pytest
from rich.cells import cell_len

from tests.cli.console import OTHER, RUN, VECTORS, Console, descriptor, missing_file
from tests.cli.processes import ZENCTX, Finished, run, run_in_terminal
from tests.support.rows import compact

HERE = {"PYTHONPATH": str(VECTORS.parents[1])}
MIXED = compact({"a": descriptor(), "b": 5})


def screen(console: Console, *arguments: str, interrupt_at: bytes = b"", width: int = 80) -> Finished:
    """Gives what a command leaves on a terminal."""
    call = [*ZENCTX, *arguments, "--db", console.url]
    return run_in_terminal(width, call, HERE, interrupt_at=interrupt_at)


def test_reasons_stand_below_their_rows(sqlite_console: Console) -> None:
    """Over the whole width, broken at spaces, with what to do; ids stay whole, and no line is too wide."""
    sqlite_console.rows.add(MIXED, run_id=RUN)
    sqlite_console.rows.add(compact({"b": missing_file()}), run_id=OTHER)
    shown = screen(sqlite_console, "verify")
    assert shown.exit_code == 4
    lines = [line for line in shown.lines if "Verifying" not in line]
    assert f"warning   mixed    {RUN}  -    -            -" in lines
    at = lines.index(f"warning   mixed    {RUN}  -    -            -")
    assert lines[at + 1 : at + 4] == [
        "  the entry 'a' is a descriptor, the entry 'b' is a plain value",
        f"  what to do: 'zenctx migrate --run {RUN}",
        "  --assume legacy|descriptors' decides it",
    ]
    assert all(cell_len(line) <= 80 for line in lines if "/" not in line)


def test_messages_break_at_spaces(sqlite_console: Console) -> None:
    """A word is not torn by the edge of the terminal."""
    sqlite_console.rows.add(MIXED, run_id=RUN)
    shown = screen(sqlite_console, "migrate", "--check")
    assert shown.lines[-2:] == [
        "1 of 1 context is not in the form descriptors: 1 mixed.",
        "Decide each that is left with --run ID --assume legacy|descriptors",
    ]
    failed = screen(sqlite_console, "inspect", "no-such-run-at-all")
    assert all(cell_len(line) <= 80 for line in failed.lines if "/" not in line)


@pytest.mark.parametrize("width", [80, 120])
def test_an_entry_keeps_what_matters_at_80_columns(sqlite_console: Console, width: int) -> None:
    """Key, size and the beginning of the value stay; what no entry has goes first, and is named."""
    context = {
        "webhook.output.payload.order.id": 10045,
        "http.output.body": {"items": [{"id": 1, "tags": ["new"] * 9}]},
    }
    sqlite_console.rows.add(compact(context), run_id=RUN)
    shown = screen(sqlite_console, "inspect", RUN, width=width)
    assert all(cell_len(line) <= width for line in shown.lines)
    assert shown.lines[0].split()[0] == "Key"
    assert shown.lines[0].split()[-1] == "Value"
    assert any(line.startswith("webhook.output.payload.order.id") and line.endswith("10045") for line in shown.lines)
    left_out = [line for line in shown.lines if line.startswith("(no room for: ")]
    assert not left_out or ("type" in left_out[0] and left_out[0].endswith("; --json has all)"))


def test_ctrl_c_leaves_whole_rows_and_says_how_to_go_on(sqlite_console: Console) -> None:
    """130, one sentence and no traceback; the same command again finishes the work."""
    sqlite_console.rows.add_all([compact({"a": number, "b": "x" * 200}) for number in range(4000)])
    sqlite_console.rows.remember()
    shown = screen(sqlite_console, "migrate", "--batch-size", "1", interrupt_at=b"0/4,000 rows")
    assert shown.exit_code == 130
    assert "Traceback" not in shown.plain
    said = " ".join(shown.plain.rpartition("Error: ")[2].split())
    assert said.startswith("Interrupted.")
    assert said.endswith(("Interrupted.", "run the same command again to go on."))
    forms = sqlite_console.document("migrate", "--check", code=4)["summary"]["census"]
    assert forms["legacy"] + forms["descriptors"] == forms["total"] == 4000
    assert sqlite_console.run("migrate").exit_code == 0
    assert sqlite_console.run("migrate", "--to", "legacy").exit_code == 0
    assert sqlite_console.rows.changed() == []


def test_cron_gets_plain_text(sqlite_console: Console) -> None:
    """Without a terminal, a home or a locale: no colours, no progress, no question, the same exit code."""
    sqlite_console.rows.add(MIXED, run_id=RUN)
    sqlite_console.rows.add(compact({"key with 日本": 1}), run_id=OTHER)
    bare = {**HERE, "HOME": "", "LANG": "C", "LC_ALL": "C"}
    done = run(*ZENCTX, "migrate", "--db", sqlite_console.url, env=bare)
    assert (done.exit_code, done.stderr) == (3, "")
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    looked = run(*ZENCTX, "inspect", OTHER, "--json", "--db", sqlite_console.url, env=bare)
    assert json.loads(looked.stdout)["items"][0]["key"] == "key with 日本"
