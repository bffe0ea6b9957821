"""Tests of `zenctx runs`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.console import ABSENT, OTHER, RUN, Console, descriptor
from tests.support.rows import DAY, compact

FIELDS = {
    *("run_id", "workflow_id", "status", "run_class", "started_at", "ended_at"),
    *("form", "keys", "bytes", "files", "reason"),
}
MIXED = compact({"a": descriptor(), "b": 5})


@pytest.fixture
def two_runs(console: Console) -> Console:
    """A finished run of yesterday with a mixed context, and a parked one of an hour ago."""
    started = datetime(2026, 1, 31, 13, 45, tzinfo=UTC)
    console.rows.add(MIXED, run_id=OTHER, status="SUCCESS", started=started, ended=started + timedelta(minutes=5))
    recent = datetime.now(UTC) - timedelta(hours=1)
    console.rows.add('{"a":1,"b":[1.10]}', run_id=RUN, status="RUNNING", started=recent, ended=None)
    return console


def test_a_table_tells_status_class_form_and_size(two_runs: Console) -> None:
    """The newest run comes first, each in one row, then what was listed."""
    header, first, second, *rest = two_runs.lines("runs")
    assert header.split() == ["RUN", "STATUS", "CLASS", "FORM", "KEYS", "SIZE", "FILES", "STARTED", "ENDED", "WORKFLOW"]
    assert first.split()[:5] == [RUN, "RUNNING", "parked", "legacy", "2"]
    assert first.split()[-2:] == ["-", two_runs.rows.workflow_id]
    assert second.split()[:5] == [OTHER, "SUCCESS", "finished", "mixed", "2"]
    assert "2026-01-31 13:45:00Z  2026-01-31 13:50:00Z" in second
    assert rest == ["", "2 runs."]


def test_json_has_every_field_of_every_run(two_runs: Console) -> None:
    """No key is omitted, whatever its value."""
    document = two_runs.document("runs")
    first, second = document["items"]
    assert set(first) == set(second) == FIELDS
    assert (first["run_id"], first["ended_at"], first["reason"]) == (RUN, None, None)
    assert (second["started_at"], second["form"]) == ("2026-01-31T13:45:00Z", "mixed")
    assert second["reason"] == "the entry 'a' is a descriptor, the entry 'b' is a plain value"
    assert document["summary"] == {"listed": 2, "more": False}


def test_lines_of_json_are_the_same_items(two_runs: Console) -> None:
    """The lines hold what the document holds."""
    lines = [json.loads(line) for line in two_runs.lines("runs", "--format", "jsonl")]
    assert [line.pop("type") for line in lines] == ["item", "item", "summary"]
    assert lines[:2] == two_runs.document("runs")["items"]


def test_a_limit_says_that_there_are_more(two_runs: Console) -> None:
    """What was left out is told, and how to see it."""
    assert two_runs.lines("runs", "--limit", "1")[-2:] == [
        "1 run, newest first; there are more.",
        "--limit 0 lists all.",
    ]
    assert two_runs.document("runs", "--limit", "1")["summary"] == {"listed": 1, "more": True}
    assert two_runs.document("runs", "--limit", "0")["summary"] == {"listed": 2, "more": False}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--status", "RUNNING"], [RUN]),
        (["--status", "RUNNING", "--status", "SUCCESS"], [RUN, OTHER]),
        (["--form", "mixed", "--form", "ambiguous"], [OTHER]),
        (["--form", "mixed", "--status", "RUNNING"], []),
        (["--since", "2026-02-01"], [RUN]),
        (["--since", "2026-01-31 13:45:00Z"], [RUN, OTHER]),
        (["--since", "2h"], [RUN]),
        (["--since", "5m"], []),
        (["--workflow", ABSENT], []),
    ],
)
def test_filters_choose_runs(two_runs: Console, filters: list[str], found: list[str]) -> None:
    """One option given twice widens, two options narrow."""
    assert [item["run_id"] for item in two_runs.document("runs", *filters)["items"]] == found


def test_a_status_that_nobody_has_is_pointed_out(two_runs: Console) -> None:
    """A misspelt status finds nothing, which is no error, but is said."""
    assert two_runs.lines("runs", "--status", "success") == [
        "No run matches.",
        "The engine's statuses are RUNNING, SUCCESS, ERROR, WAITING.",
    ]
    assert two_runs.lines("runs", "--since", "5m") == ["No run matches."]


def test_an_empty_database_is_said_to_be_empty(console: Console) -> None:
    """Without rows there is no table."""
    assert console.lines("runs") == ["There are no runs."]


def test_verbose_tells_why_and_where_from(two_runs: Console) -> None:
    """Each context that is not plain is explained; the database is named, and where that is set."""
    result = two_runs.run("runs", "--verbose")
    assert result.stdout.splitlines()[0].split()[-1] == "REASON"
    assert "the entry 'a' is a descriptor, the entry 'b' is a plain value" in result.stdout
    assert result.stderr.splitlines()[0].startswith("db = ")
    assert result.stderr.splitlines()[0].endswith(" (option --db)")
    assert "persistent-file-dir = " in result.stderr


def test_quiet_leaves_the_rows(two_runs: Console) -> None:
    """A script that cuts columns gets nothing else."""
    assert len(two_runs.lines("runs", "--quiet")) == 3


def test_every_form_and_class_has_its_word(console: Console) -> None:
    """A run that ended without a context, one that may be retried, one that nobody has heard of for long."""
    rows = console.rows
    rows.add(None, ended=DAY)
    rows.add("{}", status="ERROR", ended=timedelta(hours=2))
    rows.add('{"a":1}', status="RUNNING", started=datetime.now(UTC) - 90 * DAY, ended=None)
    found = {(item["form"], item["run_class"]) for item in console.document("runs")["items"]}
    assert found == {("null", "finished"), ("empty", "retrying"), ("legacy", "zombie")}
