"""Tests of `zenctx restore`."""

import json
from pathlib import Path

import pytest

from tests.cli.console import ABSENT, OTHER, RUN, Console
from tests.support.rows import compact

FIELDS = {"run_id", "key", "action", "new_run_id", "bytes", "files", "file_bytes", "reason"}
SUMMARY = {
    *("snapshot_id", "safety_snapshot_id", "operation_id", "replaced", "inserted", "copied", "same", "refused"),
    *("failed", "changed", "partly", "unlinked", "files", "file_bytes"),
}
SECRET = "sk-live-0123456789"


@pytest.fixture
def taken(console: Console) -> str:
    """A snapshot of two runs, of which one has another context now, and the other is as it was."""
    console.rows.add(compact({"a": 1, "gone": 2}), run_id=RUN)
    console.rows.add(compact({"b": 1}), run_id=OTHER)
    snapshot_id = console.document("snapshot", "--all")["summary"]["snapshot_id"]
    console.rows.replace(RUN, compact({"a": 3, "new": 4}))
    return str(snapshot_id)


def test_a_restoration_says_what_it_did_and_how_to_undo_it(console: Console, taken: str) -> None:
    """The run, the snapshot, the safety snapshot; undone, the context is what it was."""
    lines = console.lines("restore", "latest")
    assert lines[0] == (f"Restored 1 run (1 put back in place) from snapshot {taken[:12]}; 1 as it holds it already.")
    safety = lines[1].rpartition(" ")[2].rstrip(".")
    assert lines[2].startswith(f"'zenctx restore {safety}' undoes")
    assert json.loads(console.rows.text(RUN) or b"") == {"a": 1, "gone": 2}
    console.lines("restore", safety)
    assert json.loads(console.rows.text(RUN) or b"") == {"a": 3, "new": 4}


def test_json_of_a_dry_run_and_a_real_one_has_the_same_shape(console: Console, taken: str) -> None:
    """The dry one names keys, too, and changes nothing."""
    before = console.rows.text(RUN)
    dry = console.document("restore", "latest", "--dry-run")
    assert console.rows.text(RUN) == before
    real = console.document("restore", taken[:10])
    for document in (dry, real):
        assert set(document["summary"]) == SUMMARY
        assert all(set(item) == FIELDS for item in document["items"])
    assert [document["dry_run"] for document in (dry, real)] == [True, False]
    actions = {item["key"]: item["action"] for item in dry["items"] if item["run_id"] == RUN}
    assert actions == {None: "replace", "a": "changed", "gone": "added", "new": "removed"}
    assert [(item["run_id"], item["action"]) for item in real["items"]] == [(RUN, "replace")]


def test_what_went_well_is_told_row_by_row_only_when_that_is_asked(console: Console, taken: str) -> None:
    """A dry run and --verbose name each run; so does a copy, whose new id nobody could guess."""
    assert RUN in console.run("restore", taken, "--dry-run").stdout
    assert console.run("restore", taken, "--quiet").stdout == ""
    console.rows.replace(RUN, "{}")
    assert RUN in console.run("restore", taken, "--verbose").stdout
    assert RUN in console.run("restore", taken, "--as-new-run", "--quiet").stdout


def test_nothing_to_do_is_said(console: Console, taken: str) -> None:
    """Once it is restored."""
    console.run("restore", taken)
    sentence = f"Nothing to restore: 2 runs are each as snapshot {taken[:12]} holds it."
    assert console.lines("restore", "latest") == [sentence]


def test_exit_codes(console: Console, taken: str) -> None:
    """10 for what is not there, 5 for what a guard refuses, 3 for what was done in part."""
    assert console.run("restore", "ffffffff").exit_code == 10
    assert console.run("restore", "latest", "--run", ABSENT).exit_code == 10
    assert console.run("restore", "latest", "--key", "none").exit_code == 10
    console.rows.execute("update workflow_runs set status = 'RUNNING', ended_at = null, context = null")
    assert console.run("restore", "latest").exit_code == 5
    console.rows.execute("delete from workflow_runs where id = :id", id=RUN)
    partly = console.run("restore", taken)
    assert partly.exit_code == 3
    assert "1 refused" in partly.stdout
    assert console.run("restore", taken, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--key", "a", "--as-new-run"), "--as-new-run"),
        (("--key", "a", "--form", "legacy"), "--key"),
        (("--to", "x.json", "--dry-run"), "--dry-run"),
        (("--to", "x.json", "--form", "legacy"), "--form"),
        (("--show-secrets",), "--to"),
        (("--to", "-", "--json"), "--to -"),
    ],
)
def test_options_that_contradict_each_other(console: Console, arguments: tuple[str, ...], complaint: str) -> None:
    """A usage error, before anything is opened."""
    result = console.run("restore", "latest", *arguments)
    assert (result.exit_code, complaint in result.stderr) == (2, True)


def test_values_go_to_a_new_file_or_to_standard_output(console: Console, taken: str, folder: Path) -> None:
    """Private, and never over a file that is there; no database is needed."""
    assert taken
    console.lines("restore", "latest", "--run", RUN, "--to", "values.json")
    path = folder / "values.json"
    assert json.loads(path.read_bytes()) == {"a": 1, "gone": 2}
    assert path.stat().st_mode & 0o777 == 0o600
    assert console.run("restore", "latest", "--to", "values.json").exit_code == 5
    result = console.run("restore", "latest", "--to", "-")
    assert json.loads(result.stdout) == {RUN: {"a": 1, "gone": 2}, OTHER: {"b": 1}}


def test_no_secret_reaches_standard_output(console: Console, folder: Path) -> None:
    """Neither by --to nor by the keys of a dry run; what was asked for is refused before the first byte."""
    console.rows.add(compact({"plain": 1, "__zenflow_secrets": {"t": SECRET}, f"k-{SECRET}": 1}), run_id=RUN)
    console.run("snapshot", "--all")
    refused = console.run("restore", "latest", "--to", "-")
    assert (refused.exit_code, refused.stdout) == (5, "")
    assert not list(folder.glob("*.json"))
    console.rows.replace(RUN, "{}")
    for arguments in ((), ("--json",)):
        shown = console.run("restore", "latest", "--dry-run", *arguments)
        assert shown.exit_code == 0
        assert SECRET not in shown.stdout + shown.stderr
