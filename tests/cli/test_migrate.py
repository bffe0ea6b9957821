"""Tests of `zenctx migrate`."""

import json
import re

import pytest

from tests.cli.console import ABSENT, OTHER, RUN, Console, descriptor
from tests.support.rows import compact

FIELDS = {"run_id", "form", "action", "reason", "files", "bytes"}
SUMMARY = {
    *("direction", "operation_id", "converted", "files", "file_bytes", "waiting", "left", "quarantined", "changed"),
    *(
        "newly_quarantined",
        "regressions",
        "sweeps",
        "complete",
        "stopped",
        "unseen",
        "engine_alive",
        "engine",
        "census",
        "estimate",
    ),
}
CENSUS = {"total", "null", "empty", "legacy", "descriptors", "mixed", "ambiguous", "invalid"}
MIXED = compact({"a": descriptor(), "b": 5})
LARGE = compact({"large": "x" * 700_000})


def test_a_migration_says_what_it_did_and_what_to_do_next(console: Console) -> None:
    """Counts, files, the forms of all contexts; then how to see that it stays so."""
    console.rows.add('{"a":1}')
    console.rows.add(LARGE)
    console.rows.add("{}")
    assert console.lines("migrate") == [
        (
            "Converted 2 contexts to descriptors, writing 1 file of 700,002 bytes; none is left to convert "
            "(3 contexts: 1 empty, 2 descriptors)."
        ),
        "'zenctx migrate --check' says whether it stays so.",
    ]
    assert console.lines("migrate", "--to", "legacy")[1] == (
        "'zenctx migrate --to legacy --check' says whether it stays so."
    )


def test_json_of_every_mode_has_the_same_shape(console: Console) -> None:
    """Dry, check and real: the same keys in items and summary."""
    console.rows.add('{"a":1}', run_id=RUN)
    console.rows.add(MIXED, run_id=OTHER)
    dry = console.document("migrate", "--dry-run")
    check = console.document("migrate", "--check", code=4)
    real = console.document("migrate", code=3)
    for document in (dry, check, real):
        assert set(document["summary"]) == SUMMARY
        assert set(document["summary"]["census"]) == CENSUS
        assert all(set(item) == FIELDS for item in document["items"])
    assert [document["dry_run"] for document in (dry, check, real)] == [True, False, False]
    assert [document["summary"]["converted"] for document in (dry, check, real)] == [1, 0, 1]
    assert {item["run_id"]: item["action"] for item in dry["items"]} == {RUN: "convert", OTHER: "leave"}
    assert [item["run_id"] for item in check["items"]] == [item["run_id"] for item in real["items"]] == [OTHER]


def test_a_dry_run_names_rows_and_changes_nothing(console: Console) -> None:
    """What would be converted, how much would go to files, and what would not be converted, and why."""
    console.rows.add(LARGE, run_id=RUN)
    console.rows.add(MIXED, run_id=OTHER)
    before = console.state()
    lines = console.lines("migrate", "--dry-run")
    assert lines[0].split() == ["RUN", "FORM", "ACTION", "FILES", "FILE", "SIZE", "REASON"]
    assert [line.split()[:4] for line in sorted(lines[1:3])] == [
        [RUN, "legacy", "convert", "1"],
        [OTHER, "mixed", "leave", "0"],
    ]
    assert "To write: 1 context, 700.0 kB that become 341 bytes." in lines
    assert lines[-2:] == [
        (
            "Would convert 1 context to descriptors, writing 1 file of 700,002 bytes; 1 left for a decision "
            "(2 contexts: 1 legacy, 1 mixed); nothing was changed."
        ),
        "Run it without --dry-run to convert them.",
    ]
    assert console.state() == before


def test_the_text_shows_twenty_rows_of_each_action(console: Console) -> None:
    """The rest is counted; --verbose and JSON have all."""
    console.rows.add_all(['{"a":1}'] * 23 + [MIXED] * 21)
    lines = console.lines("migrate", "--dry-run")
    actions = [line.split()[2] for line in lines[1:] if re.match(r"[0-9a-f]{8}-", line)]
    assert (actions.count("convert"), actions.count("leave")) == (20, 20)
    assert set(re.findall(r"\d+ \w+", lines[41])) == {"3 convert", "1 leave"}
    assert lines[41].endswith("; --verbose shows all)")
    assert len(console.run("migrate", "--dry-run", "--verbose").stdout.splitlines()) > 45
    assert len(console.document("migrate", "--dry-run")["items"]) == 44


def test_verbose_tells_the_counts_and_the_engine(sqlite_console: Console) -> None:
    """Why an engine counts as running or not, and under which id the journal has it."""
    sqlite_console.rows.add('{"a":1}')
    output = sqlite_console.run("migrate", "--verbose").stdout
    assert "engine may run     no\n" in output
    assert "because            the database has no scheduler table\n" in output
    assert re.search(r"^operation          \d{8}T\d{6}-[0-9a-f]+$", output, re.MULTILINE)


def test_rows_that_remain_are_named_with_what_to_do(console: Console) -> None:
    """The code is 3; each kind of row has its next step."""
    console.rows.add('{"a":1}')
    console.rows.add(MIXED, run_id=OTHER)
    console.rows.add("[1]", run_id=RUN)
    result = console.run("migrate")
    assert result.exit_code == 3
    *rows, _, message, quarantined, left = result.stdout.splitlines()
    assert {line.split()[2] for line in rows[1:]} == {"leave", "quarantine"}
    assert "; 1 left for a decision, 1 quarantined (3 contexts: 1 descriptors, 1 mixed, 1 invalid)." in message
    assert quarantined == (
        "'zenctx migrate --list-quarantined' says why rows are quarantined; mended ones are tried again."
    )
    assert left == "Decide each that is left with --run ID --assume legacy|descriptors"


def test_runs_that_an_engine_may_hold_wait(postgres_console: Console) -> None:
    """Without a scheduler table nobody knows whether an engine runs: only finished runs are converted."""
    postgres_console.rows.add('{"a":1}', run_id=RUN, status="RUNNING", ended=None)
    result = postgres_console.run("migrate")
    assert result.exit_code == 3
    assert f"{RUN}  legacy  wait" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "The database has no table qrtz_scheduler_state, so a running engine cannot be ruled out: "
        "run it again later, or with --include-active once the engine is stopped."
    )
    assert postgres_console.run("migrate", "--include-active").exit_code == 0


def test_a_limit_is_work_half_done(console: Console) -> None:
    """The code is 3 until the rest is converted, too: a loop may wait for 0."""
    console.rows.add_all(['{"a":1}'] * 3)
    result = console.run("migrate", "--limit", "2")
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "Converted 2 contexts to descriptors; the limit was reached.",
        "Run the same command again to go on.",
    ]
    assert console.document("migrate", "--limit", "1", code=3)["summary"]["census"] is None
    assert console.run("migrate", "--limit", "1").exit_code == 0


def test_a_check_counts_what_is_not_as_wanted(console: Console) -> None:
    """4 and the forms that are left; the rows that need a decision are named, the others only counted."""
    console.rows.add('{"a":1}')
    console.rows.add(MIXED, run_id=OTHER)
    console.rows.add("[1]", run_id=RUN)
    before = console.state()
    result = console.run("migrate", "--check")
    assert result.exit_code == 4
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines[1:3]} == {RUN, OTHER}
    assert lines[4:] == [
        "3 of 3 contexts are not in the form descriptors: 1 legacy, 1 mixed, 1 invalid (1 of them quarantined).",
        "Run 'zenctx migrate'.",
        "Mend each that is quarantined; once mended it is converted like any other.",
        "Decide each that is left with --run ID --assume legacy|descriptors",
    ]
    assert console.state() == before


def test_a_check_that_finds_nothing_is_0(console: Console) -> None:
    """For both directions, and for a database without runs."""
    assert console.lines("migrate", "--check") == ["There are no contexts to check."]
    console.rows.add('{"a":1}')
    assert console.lines("migrate", "--check", "--to", "legacy") == [
        "No context is left to convert: all 1 are as wanted (1 context: 1 legacy)."
    ]
    assert console.run("migrate", "--check").exit_code == 4


def test_the_quarantine_can_be_listed(console: Console) -> None:
    """Which rows, since when and why, never with a value; before anything was quarantined there is none."""
    assert console.lines("migrate", "--list-quarantined") == ["No row is quarantined."]
    console.rows.add("[1]", run_id=RUN)
    assert console.run("migrate").exit_code == 3
    header, row, *rest = console.lines("migrate", "--list-quarantined")
    assert header.split() == ["RUN", "TO", "SINCE", "REASON", "OPERATION"]
    assert row.split()[:2] == [RUN, "descriptors"]
    assert "the context is a JSON array, not an object" in row
    assert rest == [
        "",
        "1 row is quarantined.",
        "'zenctx migrate' tries each again once it is mended, --retry-quarantined those that are not, too.",
    ]
    document = console.document("migrate", "--list-quarantined")
    assert document["summary"] == {"quarantined": 1}
    assert set(document["items"][0]) == {"run_id", "direction", "reason", "operation_id", "quarantined_at"}


def test_a_decision_converts_what_was_left(console: Console) -> None:
    """`--assume legacy` wraps all of a mixed context, and the way back gives it as it was."""
    console.rows.add(MIXED, run_id=RUN)
    console.rows.remember()
    assert console.run("migrate", "--run", RUN, "--assume", "legacy").exit_code == 0
    assert console.rows.changed() == [RUN]
    assert console.run("migrate", "--to", "legacy").exit_code == 0
    assert console.rows.changed() == []


def test_lines_of_json_end_with_the_summary(console: Console) -> None:
    """One item a line; the last line has the counts."""
    console.rows.add(MIXED, run_id=RUN)
    result = console.run("migrate", "--format", "jsonl")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["item", "summary"]
    assert (lines[0]["run_id"], lines[1]["exit_code"], lines[1]["summary"]["left"]) == (RUN, 3, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--check", "--dry-run"], 2, "--check and --dry-run contradict each other.\nHint: Give one of them.\n"),
        (["--dry-run", "--list-quarantined"], 2, "--dry-run and --list-quarantined contradict each other."),
        (["--list-quarantined", "--run", RUN], 2, "--list-quarantined lists all quarantined rows."),
        (["--list-quarantined", "--limit", "3"], 2, "--list-quarantined lists all quarantined rows."),
        (["--check", "--limit", "3"], 2, "--check counts all contexts."),
        (["--assume", "legacy"], 2, "--assume needs --run: it is decided run by run."),
        (["--assume", "json", "--run", RUN], 2, "'json' is not one of 'descriptors', 'legacy'."),
        (["--bytes-as", "base64"], 2, "--bytes-as is for the way back only."),
        (["--batch-size", "0"], 2, "Invalid value for '--batch-size': it should be greater than or equal to 1."),
        (["--batch-size", "5001"], 2, "it should be less than or equal to 5000."),
        (["--limit", "many"], 2, "Invalid value for '--limit': it should be a valid integer"),
        (["--to", "xml"], 2, "'xml' is not one of 'descriptors', 'legacy'."),
        (["--engine-reads", "some"], 12, "Option --engine-reads must be one of published, all, not 'some'."),
        (["--run", ABSENT], 10, f"has no run {ABSENT}."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    sqlite_console: Console, arguments: list[str], code: int, sentence: str
) -> None:
    """One sentence, its code, and nothing is changed."""
    sqlite_console.rows.add('{"a":1}')
    before = sqlite_console.state()
    result = sqlite_console.run("migrate", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert sqlite_console.state() == before


def test_progress_shows_the_last_migration(console: Console) -> None:
    """Without any there is nothing to show; nothing is changed by looking."""
    assert console.lines("migrate", "--progress") == ["There was no migration yet."]
    console.rows.add_all(['{"a":1}'] * 3)
    console.run("migrate")
    before = console.state()
    lines = console.lines("migrate", "--progress")
    assert "done" in lines[1]
    assert lines[-1] == "No migration is running; the last one is shown."
    (item,) = console.document("migrate", "--progress")["items"]
    assert (item["outcome"], item["converted"]) == ("done", 3)
    assert console.state() == before


def test_lines_of_progress_are_for_those_who_ask(console: Console) -> None:
    """With --verbose; each line has a type, so that items and summary can be told from them."""
    console.rows.add_all(['{"a":1}'] * 3)
    quiet = [json.loads(line)["type"] for line in console.run("migrate", "--format", "jsonl").stdout.splitlines()]
    assert quiet == ["summary"]
    console.rows.add_all(['{"b":1}'] * 3)
    output = console.run("migrate", "--format", "jsonl", "--verbose").stdout
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["type"] for line in lines} == {"progress", "summary"}
    assert (lines[0]["note"], lines[0]["unit"], lines[-1]["type"]) == ("converting", "rows", "summary")
    assert (lines[0]["sweep"], lines[0]["workers"]) == (1, 1)


def test_what_slows_a_migration_down_is_checked_before_anything_is_opened(console: Console) -> None:
    """Lengths of time that are none, brakes for what writes nothing, and workers where there can be one only."""
    console.rows.add('{"a":1}')
    before = console.state()
    for arguments in (
        ("--max-duration", "soon"),
        ("--check", "--max-rate", "5"),
        ("--workers", "2", "--limit", "5"),
        ("--progress", "--run", RUN),
        ("--progress", "--check"),
    ):
        assert console.run("migrate", *arguments).exit_code == 2
    assert console.state() == before
