"""Restoring snapshots: contexts, rows and files are again what they were, and a restoration can be undone."""

import json
import shutil
from uuid import uuid4

import pytest

from tests.operations.restorations import Interruption, Shelter, descriptor
from tests.operations.world import VECTORS, World
from tests.support.rows import compact
from zenctx.errors import DatabaseError, NotFoundError, RefusedError, UsageError
from zenctx.operations.restoring.request import RestoreForm

MIB = 1024 * 1024
SIZES = (0, 1, MIB + 1)


def test_contexts_that_were_emptied_come_back(shelter: Shelter) -> None:
    """Contexts of finished runs with files: the files have new names, all else is as it was."""
    rows = shelter.world.rows
    small, large = rows.add(compact({"a": 1})), rows.add(compact({"text": "x" * 3000, "n": 2}))
    shelter.world.migrate()
    before = {run: shelter.values(run) for run in (small, large)}
    old = shelter.locators(large)
    shelter.take()
    shelter.empty_contexts()
    outcome = shelter.restore()
    assert outcome.report.exit_code == 0
    assert outcome.actions == {small: "replace", large: "replace"}
    assert {run: shelter.values(run) for run in (small, large)} == before
    assert shelter.locators(large) != old
    assert shelter.world.verify()[0].exit_code == 0


def test_deleted_runs_and_files_come_back(shelter: Shelter) -> None:
    """Rows, links between them and files, after the runs were deleted and the whole directory was lost."""
    rows = shelter.world.rows
    first = rows.add(compact({"text": "x" * 3000}))
    second = rows.add(compact({"a": [1.10, 2]}), status="RUNNING", ended=None)
    rows.execute(f"update workflow_runs set retry_of = '{max(first, second)}' where id = '{min(first, second)}'")
    shelter.world.migrate(include_active=True)
    before, values = shelter.rows(), {run: shelter.values(run) for run in (first, second)}
    shelter.take()
    shelter.delete_runs()
    shelter.lose_store()
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.report.summary.inserted) == (0, 2)
    assert outcome.report.summary.safety_snapshot_id is None
    assert shelter.rows() == before
    assert {run: shelter.values(run) for run in (first, second)} == values
    assert shelter.restore().report.summary.same == 2


@pytest.mark.parametrize("deleted", [False, True], ids=["emptied", "deleted"])
def test_every_vector_makes_the_round_trip(world: World, deleted: bool) -> None:
    """Contexts as the engine writes them, of either form, come back: the same text on SQLite, the same `jsonb` else."""
    data = world.folder / "data" / "context-files"
    shutil.copytree(VECTORS / "data" / "context-files", data)
    shelter = Shelter(world)
    files = sorted((VECTORS / "legacy").glob("*.json")) + sorted((VECTORS / "descriptors").glob("*.json"))
    ids = [world.rows.add(file.read_text()) for file in files]
    world.rows.remember()
    values = {run_id: shelter.values(run_id) for run_id in ids if not has_refused_locator(shelter, run_id)}
    shelter.take()
    (shelter.delete_runs if deleted else shelter.empty_contexts)()
    shutil.rmtree(data)
    outcome = shelter.restore(on_missing="skip")
    assert outcome.report.summary.failed == outcome.report.summary.refused == 0
    assert {run_id: shelter.values(run_id) for run_id in values} == values
    with_files = {run_id for run_id in ids if shelter.locators(run_id)}
    assert set(world.rows.changed()) <= with_files


def has_refused_locator(shelter: Shelter, run_id: str) -> bool:
    """Tell whether a context names files that cannot be had."""
    return any(not path.is_file() for path in shelter.live_paths(run_id))


def test_files_of_every_size_come_back(shelter: Shelter) -> None:
    """Nothing, a byte, one more than a mebibyte: each byte for byte, under a new name, where verify finds it."""
    contents = {f"k{size}": bytes(range(256)) * (size // 256) + b"x" * (size % 256) for size in SIZES}
    run_id = shelter.add_files(contents)
    shelter.take()
    shelter.delete_runs()
    shelter.lose_store()
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.report.summary.files) == (0, 3)
    assert outcome.report.summary.file_bytes == sum(SIZES)
    assert shelter.values(run_id) == contents
    assert {path.suffix for path in shelter.live_paths(run_id)} == {".json"}
    assert shelter.world.verify()[0].exit_code == 0


def test_a_file_that_is_gone_or_altered_is_put_back_though_the_row_is_as_it_was(shelter: Shelter) -> None:
    """The text of a context says nothing about its files: they are looked at, and new ones take their place."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[22]", "c": b"[3]"})
    before = shelter.values(run_id)
    shelter.take()
    gone, altered, kept = shelter.live_paths(run_id)
    gone.unlink()
    altered.chmod(0o600)
    altered.write_bytes(b"[23]")
    outcome = shelter.rehearse()
    assert outcome.keys(run_id) == {"a": "changed", "b": "changed", "c": "same"}
    assert shelter.restore().actions == {run_id: "replace"}
    assert shelter.values(run_id) == before
    assert altered.read_bytes() == b"[23]"
    assert kept.is_file()
    assert shelter.restore().report.summary.same == 1


def test_a_restoration_is_undone_by_restoring_the_safety_snapshot(shelter: Shelter) -> None:
    """What was replaced, files and all, is in a snapshot that the report names; `latest` still means the other one."""
    run_id = shelter.add_files({"a": b"[1]"}, {"b": 1})
    shelter.take()
    later = shelter.add_files({"a": b"[2]"}, {"b": 2, "c": 3})
    shelter.world.rows.replace(run_id, (shelter.world.rows.text(later) or b"").decode())
    changed = shelter.values(run_id)
    done = shelter.restore(runs=(run_id,))
    assert shelter.values(run_id)["a"] == b"[1]"
    safety = done.report.summary.safety_snapshot_id
    assert safety is not None
    assert safety[:12] in done.report.message
    assert [info.snapshot_id for info in shelter.safety_snapshots()] == [safety]
    undone = shelter.restore(safety)
    assert (undone.report.exit_code, undone.actions) == (0, {run_id: "replace"})
    assert shelter.values(run_id) == changed
    assert shelter.restore("latest", runs=(run_id,)).actions == {run_id: "replace"}


def test_a_dry_run_tells_what_would_become_of_each_key_and_changes_nothing(shelter: Shelter) -> None:
    """Added, removed, changed and same keys, told from the row as it is now; nothing is written."""
    rows = shelter.world.rows
    run_id = rows.add(compact({"same": 1.0, "changed": [1], "added": True}))
    other = rows.add(compact({"a": 1}))
    shelter.take()
    rows.replace(run_id, compact({"same": 1, "changed": [2], "removed": None}))
    before = rows.text(run_id)
    outcome = shelter.rehearse()
    assert outcome.keys(run_id) == {"same": "same", "changed": "changed", "added": "added", "removed": "removed"}
    assert outcome.actions == {run_id: "replace", other: "same"}
    assert (outcome.report.exit_code, outcome.report.dry_run) == (0, True)
    assert rows.text(run_id) == before
    assert shelter.safety_snapshots() == []


def test_an_existing_row_keeps_its_status_and_times(shelter: Shelter) -> None:
    """Only the context is put back; the run may have gone on since."""
    rows = shelter.world.rows
    run_id = rows.add(compact({"a": 1}), status="RUNNING", ended=None)
    shelter.take()
    rows.execute("update workflow_runs set status = 'SUCCESS', ended_at = started_at, context = null, error = 'e'")
    before = shelter.rows()
    assert shelter.restore().report.exit_code == 0
    assert shelter.rows() == before
    assert shelter.values(run_id) == {"a": 1}


def test_only_some_keys_are_put_back(shelter: Shelter) -> None:
    """The others stay as they are, also those that the snapshot has not; values take the form of the context."""
    rows = shelter.world.rows
    run_id = rows.add(compact({"a": 1.10, "b": "x" * 3000, "c": 3}))
    shelter.take()
    shelter.world.migrate()
    text = json.loads(rows.text(run_id) or b"")
    del text["b"]
    rows.replace(run_id, compact({**text, "a": descriptor(5), "c": descriptor(6), "d": descriptor(7)}))
    outcome = shelter.restore(keys=("a", "b"))
    assert (outcome.report.exit_code, outcome.report.summary.files) == (0, 1)
    values = {key: value for key, value in shelter.values(run_id).items() if key != "b"}
    assert {key: value["inlineValue"] for key, value in values.items()} == {"a": 1.1, "c": 6, "d": 7}
    assert shelter.values(run_id)["b"] == b'"' + b"x" * 3000 + b'"'
    assert shelter.world.check().exit_code == 0


def test_keys_that_a_snapshot_has_not_are_named(shelter: Shelter) -> None:
    """Of a run that was named each key must be there; of any run at all, one."""
    rows = shelter.world.rows
    first, second = rows.add(compact({"a": 1})), rows.add(compact({"b": 1}))
    shelter.take()
    shelter.empty_contexts()
    with pytest.raises(NotFoundError, match="has the key 'c'"):
        shelter.restore(keys=("c",))
    assert shelter.restore(keys=("a",)).actions == {first: "replace"}
    outcome = shelter.restore(runs=(second,), keys=("a", "b"))
    assert (outcome.report.exit_code, outcome.reasons) == (3, {second: "the snapshot has no 'a' of it"})
    assert shelter.values(second) == {"b": 1}


def test_keys_do_not_go_into_a_run_that_is_gone_or_whose_context_is_not_understood(shelter: Shelter) -> None:
    """Each such run is named, and left as it is."""
    rows = shelter.world.rows
    gone, mixed = rows.add(compact({"a": 1})), rows.add(compact({"a": 1}))
    shelter.take()
    rows.execute("delete from workflow_runs where id = :id", id=gone)
    rows.replace(mixed, compact({"x": descriptor(1), "y": 2}))
    outcome = shelter.restore(keys=("a",))
    assert outcome.report.exit_code == 3
    assert outcome.actions == {gone: "fail", mixed: "fail"}
    assert "the run is gone" in (outcome.reasons[gone] or "")
    assert "mixed" in (outcome.reasons[mixed] or "")


def test_a_row_that_is_written_after_the_plan_keeps_its_change(shelter: Shelter) -> None:
    """It is named, and its new context stays; the other runs are restored."""
    rows = shelter.world.rows
    first, second = rows.add(compact({"a": 1})), rows.add(compact({"b": 2}))
    shelter.take()
    shelter.empty_contexts()
    outcome = shelter.restore(progress=Interruption(lambda: rows.replace(first, '{"new":true}')))
    assert outcome.report.exit_code == 3
    assert outcome.actions == {first: "changed", second: "replace"}
    assert (shelter.values(first), shelter.values(second)) == ({"new": True}, {"b": 2})


def test_a_run_that_comes_or_goes_after_the_plan_is_left_alone(shelter: Shelter) -> None:
    """One that is there again is not overwritten, one that is gone is not made."""
    rows = shelter.world.rows
    comes, goes = rows.add(compact({"a": 1})), rows.add(compact({"b": 2}))
    shelter.take()
    rows.execute("delete from workflow_runs where id = :id", id=comes)
    rows.replace(goes, compact({"b": 3}))

    def act() -> None:
        rows.add('{"new":1}', run_id=comes)
        rows.execute("delete from workflow_runs where id = :id", id=goes)

    outcome = shelter.restore(progress=Interruption(act))
    assert outcome.actions == {comes: "changed", goes: "changed"}
    assert shelter.values(comes) == {"new": 1}
    assert len(shelter.rows()) == 1


def test_a_copy_is_a_new_run_with_files_of_its_own(shelter: Shelter) -> None:
    """The first run stays as it is; no file is shared, for the engine deletes the files of values that it releases."""
    run_id = shelter.add_files({"a": b"[1]"}, {"b": 1})
    shelter.world.rows.execute("update workflow_runs set next_retry_at = started_at, retry_attempt = 2")
    before = shelter.world.rows.text(run_id)
    shelter.take()
    outcome = shelter.restore(as_new_run=True)
    (item,) = outcome.items
    assert (outcome.report.exit_code, item.action, item.run_id) == (0, "copy", run_id)
    copy = item.new_run_id
    assert copy is not None
    assert shelter.world.rows.text(run_id) == before
    assert shelter.values(copy) == shelter.values(run_id)
    assert set(shelter.locators(copy)).isdisjoint(shelter.locators(run_id))
    assert all(copy in locator for locator in shelter.locators(copy))
    columns = "workflow_id, cast(status as text), retry_attempt"
    first, second = shelter.world.rows.fetch(f"select {columns} from workflow_runs")
    assert first == second
    (due,) = shelter.world.rows.fetch("select next_retry_at from workflow_runs where id = :id", id=copy)
    assert due[0] is None
    assert shelter.safety_snapshots() == []


def test_links_are_made_once_both_runs_are_there(shelter: Shelter) -> None:
    """Whichever comes first; a link that the deletion of a run took from another is mended, too."""
    rows = shelter.world.rows
    ids = sorted(rows.add(compact({"a": number})) for number in range(3))
    chain = {ids[0]: ids[1], ids[2]: ids[1]}
    for run_id, retry_of in chain.items():
        rows.execute("update workflow_runs set retry_of = :retry_of where id = :id", id=run_id, retry_of=retry_of)
    before = shelter.rows()
    shelter.take()
    rows.execute("delete from workflow_runs where id <> :id", id=ids[2])
    outcome = shelter.restore()
    assert outcome.report.exit_code == 0
    assert shelter.rows() == before


def test_a_link_to_a_run_that_is_nowhere_is_named(shelter: Shelter) -> None:
    """The run is restored without it."""
    rows = shelter.world.rows
    parent, child = rows.add("{}"), rows.add(compact({"a": 1}))
    rows.execute("update workflow_runs set retry_of = :parent where id = :child", parent=parent, child=child)
    shelter.take(child)
    shelter.delete_runs()
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.report.summary.unlinked) == (3, 1)
    assert parent in str(outcome.items[-1].reason)
    assert shelter.values(child) == {"a": 1}


def test_runs_of_workflows_that_are_not_here_are_named(shelter: Shelter) -> None:
    """The others are restored."""
    rows = shelter.world.rows
    other = rows.add_workflow("Other")
    gone, kept = rows.add(compact({"a": 1}), workflow=other), rows.add(compact({"b": 1}))
    shelter.take()
    shelter.delete_runs()
    rows.execute("delete from workflows where id = :id", id=other)
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.actions) == (3, {gone: "fail", kept: "insert"})
    assert outcome.reasons[gone] == f"its workflow {other} is not here"


def test_what_cannot_be_meant_is_refused(shelter: Shelter) -> None:
    """Keys of a new run, or in another form than the context that they go to."""
    with pytest.raises(UsageError, match="--as-new-run"):
        shelter.restore(keys=("a",), as_new_run=True)
    with pytest.raises(UsageError, match="gives values the form"):
        shelter.restore(keys=("a",), form=RestoreForm.LEGACY)


def test_what_is_not_there_is_not_found(shelter: Shelter) -> None:
    """A snapshot, or a run in it; nothing is changed then."""
    run_id = shelter.world.rows.add(compact({"a": 1}))
    with pytest.raises(NotFoundError):
        shelter.restore()
    shelter.take()
    shelter.empty_contexts()
    with pytest.raises(NotFoundError):
        shelter.restore("latest~1")
    with pytest.raises(NotFoundError, match="has no run"):
        shelter.restore(runs=(run_id, str(uuid4())))
    assert shelter.world.rows.text(run_id) is None
    assert shelter.restore(runs=(run_id.upper(),)).actions == {run_id: "replace"}


def test_guards_come_first(shelter: Shelter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Persistence that is switched off, tables that are absent, a directory that is not the database's."""
    run_id = shelter.add_files({"a": b"[1]"})
    shelter.take()
    shelter.empty_contexts()
    with monkeypatch.context() as patch:
        patch.setitem(shelter.world.options, "persistence.enabled", "false")
        with pytest.raises(RefusedError, match="persistence"):
            shelter.restore()
    shutil.move(shelter.world.store, shelter.world.folder / "elsewhere")
    with pytest.raises(RefusedError, match="has no marker"):
        shelter.restore()
    shutil.move(shelter.world.folder / "elsewhere", shelter.world.store)
    for table in ("runtime_state", "conversion", "revision"):
        shelter.world.rows.execute(f"drop table zenctx_{table}")
    with pytest.raises(DatabaseError, match="no tables of zenctx"):
        shelter.restore()
    assert shelter.rehearse().actions == {run_id: "replace"}
    assert shelter.world.rows.text(run_id) is None


def test_the_journal_tells_what_was_done(shelter: Shelter) -> None:
    """Who restored which snapshot, with which outcome."""
    shelter.world.rows.add(compact({"a": 1}))
    taken = shelter.take()
    shelter.empty_contexts()
    shelter.restore()
    query = "select arguments, outcome, counts from zenctx_operation where command = 'restore'"
    ((arguments, outcome, counts),) = shelter.world.rows.fetch(query)
    assert (json.loads(arguments)["snapshot"], outcome, json.loads(counts)["replaced"]) == (taken, "done", 1)
