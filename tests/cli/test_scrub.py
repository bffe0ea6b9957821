"""`zenctx audit` and `zenctx scrub` as a user calls them: what is shown, what is asked, and how they end."""

from pathlib import Path

import pytest

from tests.cli.console import ABSENT, OTHER, RUN, Console
from tests.cli.processes import ZENCTX, run_in_terminal
from tests.support.rows import compact

SECRET = "sk-live-4815162342"
FOUND = {
    *("run_id", "workflow_id", "status", "run_class", "place"),
    *("key", "pointer", "kind", "places", "reason"),
}
SCRUBBED = {"action", "run_id", "workflow_id", "status", "places", "by_kind", "nodes", "files", "reason"}


@pytest.fixture
def filled(console: Console) -> Console:
    """A finished run and a parked one, each with a secret that stands in two places."""
    context = compact({"__zenflow_secrets": {"k": SECRET}, "a.output.\x1b[31m": [f"Bearer {SECRET}"]})
    console.rows.add(context, run_id=RUN)
    console.rows.add(context, run_id=OTHER, status="RUNNING", ended=None)
    return console


def test_an_audit_says_where_and_never_what(filled: Console) -> None:
    """In a table and in JSON; keys cannot harm the terminal."""
    result = filled.run("audit")
    assert result.exit_code == 4
    assert SECRET not in result.output
    assert "\x1b" not in result.output
    found = {tuple(line.split()[1:4]) for line in result.stdout.splitlines() if line.startswith(RUN)}
    assert found == {("finished", "context", "__zenflow_secrets"), ("finished", "context", "a.output.\\x1b[31m")}
    assert "2 runs of 2 hold secrets in plain text (2 by reserved key, 2 by same value); 1 of them is over." in (
        result.stdout
    )
    document = filled.document("audit", code=4)
    assert all(set(item) == FOUND for item in document["items"])
    assert {item["pointer"] for item in document["items"]} == {"", "/0"}
    assert SECRET not in str(document)


def test_a_scrub_says_what_it_did_and_ends_with_0(filled: Console) -> None:
    """Dry or not in the same words; afterwards an audit of what is over finds nothing."""
    dry = filled.document("scrub", "--dry-run")
    done = filled.document("scrub")
    assert [set(item) for item in (*dry["items"], *done["items"])] == [SCRUBBED, SCRUBBED]
    assert (dry["dry_run"], done["dry_run"]) == (True, False)
    assert [item["action"] for item in (*dry["items"], *done["items"])] == ["scrub", "scrubbed"]
    assert done["summary"]["left_out"] == {"parked": 1}
    found = filled.lines("audit", "--finished")
    assert found[0] == "No secrets in plain text in 1 run, by reserved key or same value."
    assert found[1].startswith("'zenctx audit --names' looks")
    named = filled.lines("audit", "--finished", "--names")
    assert named == ["No secrets in plain text in 1 run, by reserved key, name or same value."]
    assert filled.lines("scrub")[0] == "No secrets to remove in 1 run that is over; 1 run left out: not over."
    assert filled.run("audit", "--quiet").exit_code == 4


def test_what_cannot_be_meant_is_told_in_one_sentence(sqlite_console: Console, folder: Path) -> None:
    """Each with its code, and nothing is changed."""
    console = sqlite_console
    console.rows.add("{}", run_id=RUN, status="RUNNING", ended=None)
    (folder / "short").write_text("1234567\n")
    (folder / "none").write_text("\n \n")
    (folder / "odd").write_bytes(b"\xff" * 9)
    for code, words in (
        (2, "scrub --dry-run --snapshot"),
        (2, "scrub --values short"),
        (2, "audit --values none"),
        (2, "audit --values odd"),
        (2, "audit --redact-keys *iban*"),
        (2, "scrub --redact-keys *iban* --dry-run"),
        (10, "audit --values nowhere"),
        (10, f"audit --run {ABSENT}"),
        (10, f"scrub --run {ABSENT}"),
        (5, f"scrub --run {RUN}"),
    ):
        result = console.run(*words.split())
        assert (result.exit_code, result.stdout) == (code, ""), words
        assert result.stderr.startswith("Error: ")


def test_values_come_from_a_file_and_are_not_shown(sqlite_console: Console, folder: Path) -> None:
    """Not even in the journal."""
    sqlite_console.rows.add(compact({"a": f"x{SECRET}", "password": "keep"}), run_id=RUN)
    (folder / "leaked").write_text(f"{SECRET}\n")
    result = sqlite_console.run("scrub", "--values", "leaked")
    assert (result.exit_code, SECRET in result.output) == (0, False)
    assert sqlite_console.rows.text(RUN) == compact({"a": "x***", "password": "keep"}).encode()
    journal = sqlite_console.rows.fetch("select arguments, counts from zenctx_operation")
    assert SECRET not in str(journal)
    assert '"values": 1' in str(journal)


def test_names_count_if_they_are_asked(sqlite_console: Console) -> None:
    """Those of redact-keys, which may come with the same call."""
    context = compact({"next_page_token": "p-2", "my_iban": "DE02"})
    sqlite_console.rows.add(context, run_id=RUN)
    assert sqlite_console.run("audit").exit_code == 0
    assert sqlite_console.run("audit", "--names").exit_code == 4
    assert sqlite_console.lines("scrub")[0] == "No secrets to remove in 1 run that is over."
    assert sqlite_console.rows.text(RUN) == context.encode()
    sqlite_console.lines("scrub", "--names", "--redact-keys", "*iban*")
    assert sqlite_console.rows.text(RUN) == compact({"next_page_token": "p-2", "my_iban": "***"}).encode()


def test_a_terminal_is_asked(sqlite_console: Console) -> None:
    """Off a terminal nobody is; no means that nothing is changed."""
    context = compact({"__zenflow_secrets": {"k": SECRET}})
    sqlite_console.rows.add(context, run_id=RUN)
    where = {"ZENCTX_DB": sqlite_console.url, "PYTHONPATH": str(Path(__file__).parents[2])}
    asked = run_in_terminal(100, [*ZENCTX, "scrub"], env=where, typed=b"n\n")
    assert asked.exit_code == 5
    assert "Remove 1 secret from 1 run, for good? [y/N]" in asked.plain
    assert sqlite_console.rows.text(RUN) == context.encode()
