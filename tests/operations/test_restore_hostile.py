"""Snapshots that somebody made up: names, columns and sizes in them lead nowhere."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.operations.restorations import Shelter, descriptor
from tests.support.rows import compact
from zenctx.database.whole_rows import StoredState
from zenctx.errors import ZenctxError
from zenctx.snapshots.model import RuntimeStateText, SnapshotFile, SnapshotHeader, SnapshotRun

HOSTILE = [
    "../../outside",
    "/etc/cron.d/zenctx",
    "a/../../b",
    "x\0y",
    "\x1b[2J",
    "-rf",
    ".hidden",
    "zenctx-marker",
    "ü" * 300,
]


def made_up(shelter: Shelter, *runs: SnapshotRun) -> str:
    """Put a snapshot of these runs into the repository; give its id."""
    shelter.world.rows.add("{}", run_id="00000000-0000-4000-8000-000000000000")
    shelter.take()
    header = SnapshotHeader(1, datetime.now(UTC), (), False, "0", "me", "sqlite", "x", None, None, "all")
    repository = shelter.repository
    with repository.lock_shared(), repository.write(header) as manifest:
        for run in runs:
            manifest.add(run)
        return manifest.commit().snapshot_id


def run_of(shelter: Shelter, run_id: str, context: bytes | None, **more: Any) -> SnapshotRun:
    """Give a run of a made-up snapshot."""
    columns: dict[str, str | None] = {
        "id": run_id, "workflow_id": shelter.world.rows.workflow_id, "status": "SUCCESS",
        "started_at": "2026-01-31T00:00:00.000000Z", "ended_at": "2026-01-31T01:00:00.000000Z",
    }  # fmt: skip
    columns |= more.pop("columns", {})
    return SnapshotRun(run_id, columns, context, None, "legacy", "finished", more.pop("files", ()), **more)


def everything_below(folder: Path) -> set[str]:
    """Give the paths of all files below a folder, and beside it, but for those of the database and the repository."""
    found = {str(path) for path in folder.rglob("*") if path.is_file()} | {
        str(path) for path in folder.parent.iterdir()
    }
    return {path for path in found if "zenctx-snapshots" not in path and ".db" not in path}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_leads_nowhere(shelter: Shelter, name: str) -> None:
    """As a key, as a locator, as the id of a run: files are written below the directory of live files alone."""
    repository_content = b"[1, 2, 3]"
    run_id = "10000000-0000-4000-8000-000000000000"
    shelter.add_files({"a": repository_content})
    first = shelter.take()
    (file,) = next(iter(shelter.runs(first).values())).files
    entry = {**descriptor(None), "type": "FILE", "locator": name, "size": file.size, "checksum": file.checksum}
    text = compact({name: entry}).encode()
    runs = [
        run_of(shelter, run_id, text, files=(replace(file, key=name, locator=name),)),
        run_of(shelter, name, b'{"a":1}'),
    ]
    before = everything_below(shelter.world.folder)
    try:
        shelter.restore(made_up(shelter, *runs))
    except ZenctxError:
        return  # refused as a whole
    new = everything_below(shelter.world.folder) - before
    assert all(path.startswith(str(shelter.world.store / run_id)) for path in new), new
    for _, context in shelter.world.rows.fetch("select id, context from workflow_runs"):
        assert context is not None


def test_columns_of_the_table_alone_are_written(shelter: Shelter) -> None:
    """A column is looked up by its name in the catalog; no name or value of a snapshot becomes SQL."""
    run_id = "10000000-0000-4000-8000-000000000000"
    columns = {
        'x") values (1); drop table workflows; --': "1",
        "status\0": "x",
        "error": "'); drop table workflow_runs; --",
    }
    reference = made_up(shelter, run_of(shelter, run_id, b"{}", columns=columns))
    outcome = shelter.restore(reference, runs=(run_id,))
    assert outcome.actions == {run_id: "insert"}
    ((error,),) = shelter.world.rows.fetch("select error from workflow_runs where id = :id", id=run_id)
    assert error == "'); drop table workflow_runs; --"


def test_a_run_whose_row_has_another_id_is_not_restored(shelter: Shelter) -> None:
    """It would be written over, or beside, a run that nobody looked at."""
    victim = shelter.world.rows.add(compact({"a": 1}))
    run_id = "10000000-0000-4000-8000-000000000000"
    reference = made_up(shelter, run_of(shelter, run_id, b"{}", columns={"id": victim}))
    assert shelter.restore(reference).actions == {run_id: "fail"}
    assert shelter.values(victim) == {"a": 1}


def test_a_run_that_stands_twice_is_restored_once(shelter: Shelter) -> None:
    """What stands first counts, and the other is named, if the repository takes such a snapshot at all."""
    run_id = "10000000-0000-4000-8000-000000000000"
    runs = [run_of(shelter, run_id, b'{"a":1}'), run_of(shelter, run_id, b'{"a":2}')]
    try:
        outcome = shelter.restore(made_up(shelter, *runs))
    except ZenctxError:
        return
    assert outcome.report.exit_code == 3
    assert shelter.values(run_id) == {"a": 1}


def test_a_state_of_a_format_of_the_future_is_kept_as_it_is(shelter: Shelter) -> None:
    """It comes back whole with its run; into a part of a context it cannot be fitted."""
    run_id = shelter.world.rows.add(compact({"a": 1, "b": 1}))
    (run,) = [run for run in shelter.runs(shelter.take()).values() if run.run_id == run_id]
    reference = made_up(shelter, replace(run, context=b'{"a":2}', runtime_state=RuntimeStateText(99, "?!")))
    outcome = shelter.restore(reference, keys=("a",))
    assert "has format 99" in (outcome.reasons[run_id] or "")
    assert shelter.restore(reference).actions == {run_id: "replace"}
    ((version, state),) = shelter.world.rows.fetch("select format_version, state from zenctx_runtime_state")
    assert StoredState(version, state) == StoredState(99, "?!")
    assert shelter.restore(reference).report.summary.same == 1


def test_a_size_that_is_not_that_of_the_object_is_a_file_that_is_lacking(shelter: Shelter) -> None:
    """Nothing is read beyond what the snapshot says, and nothing short is taken for it."""
    run_id = shelter.add_files({"a": b"[1]"})
    (file,) = shelter.runs(shelter.take())[run_id].files
    made = SnapshotFile("a", file.locator, 2**40, file.checksum, None, None, None)
    text = shelter.world.rows.text(run_id)
    shelter.empty_contexts()
    try:
        reference = made_up(shelter, run_of(shelter, run_id, text, files=(made,)))
    except ZenctxError:
        return  # the repository does not take it
    assert shelter.restore(reference).actions == {run_id: "fail"}


@pytest.mark.parametrize("storage", [{"context": "integer"}, {"context": "?"}, {"error": "integer"}, {"error": "real"}])
def test_a_class_of_storage_that_is_not_true_fails_one_run(shelter: Shelter, storage: dict[str, str]) -> None:
    """It is named, and the others are restored; PostgreSQL has no such classes, and takes what it can."""
    run_id, other = "10000000-0000-4000-8000-000000000000", "20000000-0000-4000-8000-000000000000"
    huge = run_of(shelter, run_id, b'{"a":1}', columns={"error": "9" * 30}, storage=storage)
    outcome = shelter.restore(made_up(shelter, huge, run_of(shelter, other, b'{"a":1}')), runs=(run_id, other))
    assert outcome.actions[other] == "insert"
    if shelter.world.rows.is_sqlite and storage != {"error": "real"}:
        assert outcome.actions[run_id] == "fail"
