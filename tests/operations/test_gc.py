"""Cleaning up: what goes and what stays, by which rules, and how it is told."""

import dataclasses
import errno
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.operations.cleaning import DAY, Cleaned, Cleaner
from tests.operations.world import World
from tests.support.engine_schema import create_quartz_tables
from tests.support.rows import compact
from zenctx.database.engine import write_transaction
from zenctx.errors import DamagedFileError, DatabaseError, StoreError
from zenctx.operations import gc as operation
from zenctx.operations.cat import cat
from zenctx.operations.collection.report import GcItem
from zenctx.operations.inspect import inspect_key
from zenctx.store import trash
from zenctx.store.base import EntryKind, FileEntry, FileStat
from zenctx.store.listing import Directory, list_directories, stat_names

HOUR = timedelta(hours=1)


@pytest.fixture
def cleaner(world: World) -> Cleaner:
    """Clean up a world, on SQLite and then on PostgreSQL."""
    return Cleaner(world)


def test_files_of_a_finished_run_go_after_retention(cleaner: Cleaner) -> None:
    """Not a day earlier; its row stays as it is."""
    run_id, name = cleaner.run_with_file(ended=29 * DAY, age=40 * DAY)
    _, old = cleaner.run_with_file(ended=31 * DAY, age=40 * DAY)
    cleaner.world.rows.remember()
    cleaned = cleaner.collect()
    assert cleaned.paths("removed") == {old: "finished"}
    assert (cleaner.there(name), cleaner.there(old)) == (True, False)
    assert cleaner.world.rows.changed() == []
    assert cleaned.report.exit_code == 0
    cleaner.ahead = 2 * DAY
    assert cleaner.collect().paths("removed") == {name: "finished"}
    assert run_id in name


def test_the_later_of_end_and_change_counts(cleaner: Cleaner) -> None:
    """To convert an old run does not doom its new files."""
    _, name = cleaner.run_with_file(ended=400 * DAY)
    cleaned = cleaner.collect()
    assert cleaned.paths("removed") == {}
    assert "1 of 1 file is needed" in cleaned.report.message
    cleaner.ahead = 31 * DAY
    assert cleaner.collect().paths("removed") == {name: "finished"}


@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("status", ["RUNNING", "WAITING"])
def test_a_run_that_is_not_over_holds_its_files(cleaner: Cleaner, status: str, *, context: bool) -> None:
    """However old they are; without a context all of its own, for what it names may be in the engine's memory."""
    run_id = str(uuid4())
    name = cleaner.put(run_id, age=900 * DAY)
    text = compact({"a": cleaner.entry(name)}) if context else None
    started = datetime.now(UTC) - 10 * DAY
    cleaner.world.rows.add(text, run_id=run_id, status=status, ended=None, started=started)
    cleaner.run_with_file(ended=DAY)
    cleaner.ahead = 2 * DAY
    assert cleaner.collect().paths("removed") == {}


def test_a_run_with_a_context_holds_what_it_names_alone(cleaner: Cleaner) -> None:
    """What else lies in its directory is an orphan."""
    run_id = str(uuid4())
    named, other = cleaner.put(run_id, age=900 * DAY), cleaner.put(run_id, age=900 * DAY)
    cleaner.world.rows.add(compact({"a": cleaner.entry(named)}), run_id=run_id, status="RUNNING", ended=None)
    cleaner.run_with_file(ended=DAY)
    cleaner.ahead = 2 * DAY
    assert cleaner.collect().paths("removed") == {other: "orphan"}


def test_a_run_that_failed_may_be_retried(cleaner: Cleaner) -> None:
    """Within a day by itself, and as long as a job of the engine says so."""
    with cleaner.world.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)
    first, name = cleaner.run_with_file(status="ERROR", ended=400 * DAY, age=400 * DAY)
    _, other = cleaner.run_with_file(status="ERROR", ended=HOUR, age=400 * DAY)
    columns = "sched_name, job_name, job_group, job_class_name, is_durable, is_nonconcurrent, is_update_data"
    values = "'s', :name, 'retry-jobs', 'c', true, true, true, true"
    insert = f"insert into qrtz_job_details ({columns}, requests_recovery) values ({values})"
    cleaner.world.rows.execute(insert, name=f"{first}:node")
    assert cleaner.collect(retention_days=0).paths("removed") == {}
    cleaner.world.rows.execute("delete from qrtz_job_details")
    later = cleaner.world.rows.moment(datetime.now(UTC) + DAY)
    cleaner.world.rows.execute("update workflow_runs set next_retry_at = :at", at=later)
    assert cleaner.collect(retention_days=0).paths("removed") == {}
    past = cleaner.world.rows.moment(datetime.now(UTC) - DAY)
    cleaner.world.rows.execute("update workflow_runs set next_retry_at = :at", at=past)
    assert cleaner.collect(retention_days=0).paths("removed") == {name: "finished"}
    assert cleaner.there(other)


def test_files_of_deleted_runs_and_orphans_go_after_a_day(cleaner: Cleaner) -> None:
    """The later of both times of a file counts: a rename keeps the one and sets the other."""
    run_id, _ = cleaner.run_with_file(ended=DAY)
    orphan, deleted = cleaner.put(run_id, age=90 * DAY), cleaner.put(None, age=90 * DAY)
    assert cleaner.collect().paths("removed") == {}
    cleaner.ahead = DAY - HOUR
    assert cleaner.collect().paths("removed") == {}
    cleaner.ahead = DAY + HOUR
    assert cleaner.collect().paths("removed") == {orphan: "orphan", deleted: "deleted"}
    assert not (cleaner.world.store / deleted).parent.exists()


def test_orphans_stay_where_the_settings_say_so(cleaner: Cleaner) -> None:
    """Unless they are asked for."""
    cleaner.world.options["orphan-cleanup-enabled"] = "false"
    cleaner.run_with_file(ended=DAY)
    deleted = cleaner.put(None)
    cleaner.ahead = 3 * DAY
    cleaned = cleaner.collect()
    assert (cleaned.paths("removed"), cleaned.report.summary.waiting) == ({}, 1)
    assert cleaner.collect(orphans=True).paths("removed") == {deleted: "deleted"}


FORMS: dict[str, Any] = {
    "legacy": lambda entry: {"x": {"deep": [1, entry["locator"]]}},
    "a string": lambda entry: {"x": entry["locator"]},
    "mixed": lambda entry: {"a": entry, "b": 1},
    "ambiguous": lambda entry: {"a": {"type": "FILE", "locator": entry["locator"]}},
    "contradiction": lambda entry: {"a": {**entry, "size": -5}},
    "wrapped": lambda entry: {"a": {"type": "MEMORY", "inlineValue": entry}},
    "absolute": lambda entry: {"a": {**entry, "locator": entry["absolute"]}},
    "roundabout": lambda entry: {
        "a": {**entry, "locator": entry["locator"].replace("/persistent/", "/x/../persistent//./")}
    },
    "a list": lambda entry: [entry],
    "text": lambda entry: entry["locator"],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_row_holds_the_files_that_it_names_in_any_form(cleaner: Cleaner, form: str) -> None:
    """Also files in another run's directory, which has no row."""
    name = cleaner.put(None)
    entry = {**cleaner.entry(name), "absolute": str(cleaner.world.store / name)}
    cleaner.world.rows.add(compact(FORMS[form](entry)), status="RUNNING", ended=None)
    cleaner.run_with_file(ended=DAY)
    cleaner.ahead = 3 * DAY
    assert cleaner.collect().paths("removed") == {}
    assert cleaner.there(name)


def test_a_name_in_another_place_holds_its_file(cleaner: Cleaner) -> None:
    """A directory that has moved, or that the engine sees elsewhere: only what its run needs no more goes."""
    ids = [str(uuid4()) for _ in range(2)]
    names = [cleaner.put(run_id) for run_id in ids]
    other = cleaner.put(ids[0])
    for run_id, name, ended in zip(ids, names, (None, 400 * DAY), strict=True):
        entry = {**cleaner.entry(name), "locator": f"/app/before/{name}"}
        status = "RUNNING" if ended is None else "SUCCESS"
        cleaner.world.rows.add(compact({"a": entry}), run_id=run_id, status=status, ended=ended)
    cleaner.run_with_file(ended=DAY)
    cleaner.ahead = 2 * DAY
    cleaned = cleaner.collect()
    assert cleaned.paths("removed") == {names[1]: "orphan", other: "orphan"}
    assert cleaned.paths("noticed") == {names[0]: "elsewhere"}
    assert "locator-root" in cleaned.reasons("noticed")[0]


def test_a_large_context_holds_the_files_that_it_names(cleaner: Cleaner) -> None:
    """It is read by itself, so that memory stays flat."""
    name = cleaner.put(None)
    cleaner.world.rows.add(compact({"x": "é" * 100_000, "a": cleaner.entry(name)}), status="RUNNING", ended=None)
    cleaner.run_with_file(ended=DAY)
    cleaner.ahead = 3 * DAY
    assert cleaner.rehearse().paths("remove") == {}
    cleaner.world.rows.execute("delete from workflow_runs where ended_at is null")
    assert cleaner.rehearse().paths("remove") == {name: "deleted"}


def test_a_value_in_base64_holds_the_files_that_it_names(cleaner: Cleaner) -> None:
    """A descriptor that was taken for a value, and stored as JSON."""
    name = cleaner.put(None)
    for pad in range(3):
        inner = compact({"p" * pad: cleaner.entry(name)}).encode()
        entry = {
            **cleaner.entry(name),
            "type": "JSON",
            "locator": None,
            "inlineValue": _base64(inner),
            "size": len(inner),
        }
        run_id = cleaner.world.rows.add(compact({"a": entry}), status="RUNNING", ended=None)
        cleaner.run_with_file(ended=DAY)
        cleaner.ahead = 3 * DAY
        assert cleaner.rehearse().paths("remove") == {}, pad
        cleaner.world.rows.execute("delete from workflow_runs where id = :id", id=run_id)


def _base64(data: bytes) -> str:
    import base64  # noqa: PLC0415

    return base64.b64encode(data).decode()


def test_escapes_do_not_hide_a_name(sqlite_world: World) -> None:
    """SQLite keeps the text of a context as it was written."""
    cleaner = Cleaner(sqlite_world)
    name = cleaner.put(None)
    locator = str(cleaner.entry(name)["locator"])
    hidden = "".join(f"\\u{ord(letter):04x}" for letter in locator)
    slashes = locator.replace("/", "\\/")
    cleaner.run_with_file(ended=DAY)
    cleaner.ahead = 3 * DAY
    for text in (f'{{"a":"{hidden}"}}', f'{{"a":"{slashes}"}}', f'{{"b":"\\"","a":"{slashes}"}}'):
        run_id = sqlite_world.rows.add(text, status="RUNNING", ended=None)
        assert cleaner.rehearse().paths("remove") == {}, text
        sqlite_world.rows.execute("delete from workflow_runs where id = :id", id=run_id)
    assert cleaner.rehearse().paths("remove") == {name: "deleted"}


def test_a_row_that_cannot_be_read_holds_everything_of_its_run(sqlite_world: World) -> None:
    """Whatever it names, and whatever lies in its directory."""
    cleaner = Cleaner(sqlite_world)
    cleaner.run_with_file(ended=DAY)
    names = []
    for text in ('{"a":', "[]", '{"a":1,"a":2}', b"\xff\xfe", '"x"'):
        run_id = sqlite_world.rows.add(text, ended=400 * DAY)
        names.append(cleaner.put(run_id, age=400 * DAY))
    cleaner.ahead = 100 * DAY
    cleaned = cleaner.collect()
    assert [name for name in names if not cleaner.there(name)] == []
    assert cleaned.report.summary.unreadable == 5


def test_a_status_that_nobody_knows_holds_everything(sqlite_world: World) -> None:
    """It may mean anything."""
    cleaner = Cleaner(sqlite_world)
    _, name = cleaner.run_with_file(status="PAUSED", ended=400 * DAY, age=400 * DAY)
    cleaner.ahead = 100 * DAY
    cleaner.collect()
    assert cleaner.there(name)


def test_a_pinned_run_keeps_its_files(cleaner: Cleaner) -> None:
    """Whatever becomes of its row, until the pin is taken away."""
    run_id, name = cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    orphan = cleaner.put(run_id, age=400 * DAY)
    cleaner.run_with_file(ended=DAY)
    database, settings = cleaner.world.database, cleaner.world.settings
    assert operation.pin(database, settings, run_id, "audit").summary.changed
    assert not operation.pin(database, settings, run_id, None).summary.changed
    cleaner.ahead = 3 * DAY
    assert cleaner.collect().paths("removed") == {}
    cleaner.world.rows.execute("delete from workflow_runs where cast(id as text) = :id", id=run_id)
    assert cleaner.collect().paths("removed") == {}
    pins: list[Any] = []
    operation.list_pins(database, pins.append)
    assert [(each.run_id, each.reason) for each in pins] == [(run_id, "audit")]
    assert operation.unpin(database, settings, run_id).summary.changed
    assert cleaner.collect().paths("removed") == {name: "deleted", orphan: "deleted"}


def test_a_runtime_state_holds_the_files_of_a_run_whose_row_is_gone(cleaner: Cleaner) -> None:
    """For the retention after it was saved."""
    run_id, name = cleaner.run_with_file(ended=DAY)
    cleaner.run_with_file(ended=DAY)
    cleaner.world.rows.execute(
        "insert into zenctx_runtime_state (run_id, format_version, state, updated_at) values (:id, 1, '{}', :now)",
        id=run_id,
        now=cleaner.world.rows.moment(datetime.now(UTC)),
    )
    cleaner.world.rows.execute("delete from workflow_runs where cast(id as text) = :id", id=run_id)
    cleaner.ahead = 20 * DAY
    assert cleaner.collect().paths("removed") == {}
    cleaner.ahead = 31 * DAY
    assert cleaner.collect().paths("removed")[name] == "deleted"


def test_zombies_are_told_and_go_only_when_asked(cleaner: Cleaner) -> None:
    """A sign of life of a node keeps them."""
    started = datetime.now(UTC) - 100 * DAY
    dead, name = cleaner.run_with_file(status="RUNNING", ended=None, started=started, age=100 * DAY)
    alive, other = cleaner.run_with_file(status="RUNNING", ended=None, started=started, age=100 * DAY)
    moment = cleaner.world.rows.moment(datetime.now(UTC) - DAY)
    run = ":run" if cleaner.world.rows.is_sqlite else "cast(:run as uuid)"
    insert = (
        f"insert into node_executions (workflow_run_id, node_key, status, started_at) values ({run}, 'n', 'R', :at)"
    )
    cleaner.world.rows.execute(insert, run=alive, at=moment)
    cleaned = cleaner.collect()
    assert (cleaned.paths("removed"), cleaned.report.summary.zombies) == ({}, 1)

    def schedule(_summary: object) -> bool:
        rows = cleaner.world.rows
        rows.execute("create table qrtz_job_details (job_name text, job_group text)")
        rows.execute("insert into qrtz_job_details values (:name, 'retry-jobs')", name=f"{dead}:node")
        return True

    late = cleaner.collect(include_zombies=True, confirm=schedule)
    assert (late.paths("removed"), late.paths("skipped")) == ({}, {name: "zombie"})
    cleaner.world.rows.execute("drop table qrtz_job_details")
    assert cleaner.collect(include_zombies=True).paths("removed") == {name: "zombie"}
    assert cleaner.there(other)
    assert dead in name


def test_a_deleted_workflow_counts_when_asked(cleaner: Cleaner) -> None:
    """A day after it, or its project, was marked; not where the mark is taken away in the last moment."""
    rows, kind = cleaner.world.rows, "text" if cleaner.world.rows.is_sqlite else "uuid"
    workflow, other, project = rows.add_workflow("Old"), rows.add_workflow("Other"), str(uuid4())
    _, name = cleaner.run_with_file(ended=DAY, workflow=workflow)
    _, of_project = cleaner.run_with_file(ended=DAY, workflow=other)
    cleaner.run_with_file(ended=DAY)
    rows.execute("update workflows set deleted_at = :now where name = 'Old'", now=rows.moment(datetime.now(UTC)))
    rows.execute(f"create table projects (id {kind} primary key)")
    cleaner.ahead = 2 * DAY
    assert cleaner.collect().paths("removed") == {}

    def unmark(_summary: object) -> bool:
        rows.execute("update workflows set deleted_at = null where name = 'Old'")
        return True

    late = cleaner.collect(include_soft_deleted=True, confirm=unmark)
    assert (late.paths("removed"), late.paths("skipped")) == ({}, {name: "deleted"})
    rows.execute(f"alter table projects add column deleted_at {'text' if rows.is_sqlite else 'timestamptz'}")
    deleted = f"insert into projects values (cast(:project as {kind}), :now)"
    rows.execute(deleted, project=project, now=rows.moment(datetime.now(UTC)))
    rows.execute(f"update workflows set project_id = cast(:id as {kind}) where name = 'Other'", id=project)
    assert cleaner.collect(include_soft_deleted=True).paths("removed") == {of_project: "deleted"}
    rows.execute("alter table workflows drop column deleted_at")
    with pytest.raises(DatabaseError, match=r"no column workflows\.deleted_at"):
        cleaner.rehearse(include_soft_deleted=True)


def test_left_overs_and_empty_directories_go(cleaner: Cleaner) -> None:
    """When they are a day old; what is nobody's is told and left."""
    run_id, name = cleaner.run_with_file(ended=DAY)
    directory = cleaner.world.store / run_id
    (directory / "zenctx-tmp-0123").write_bytes(b"x")
    (cleaner.world.store / "zenctx-tmp-9").mkdir()
    (cleaner.world.store / str(uuid4())).mkdir()
    (directory / "link").symlink_to("/etc/passwd")
    (directory / ".hidden").write_bytes(b"x")
    assert cleaner.collect().paths("removed") == {}
    cleaner.ahead = 2 * DAY
    cleaned = cleaner.collect()
    assert sorted(cleaned.paths("removed").values()) == ["directory", "directory", "temporary"]
    assert list(cleaned.paths("noticed").values()) == ["unknown"]
    assert sorted(path.name for path in directory.iterdir()) == sorted([".hidden", "link", name.rpartition("/")[2]])


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_temporary_files_of_the_engine_are_told_and_go_only_when_asked(
    cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch, is_elsewhere: bool
) -> None:
    """Not those that a run names; they can be brought back, too; the store may be on a volume of its own."""
    if is_elsewhere:

        def refuse(*_arguments: object, **_options: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(trash, "_rename_within", refuse)
        monkeypatch.setattr(trash, "_link_within", refuse)
    run_id, _ = cleaner.run_with_file(ended=DAY)
    storage = cleaner.world.settings.file_storage_dir.path
    (storage / "zenflow-ctx-1").write_bytes(b"one")
    (storage / "zenflow-ctx-2").write_bytes(b"two")
    (storage / "other").write_bytes(b"x")
    entry = {**cleaner.entry("a/b"), "locator": "./data/context-files/zenflow-ctx-2"}
    cleaner.world.rows.add(compact({"a": entry}), status="RUNNING", ended=None)
    cleaner.ahead = 8 * DAY
    cleaned = cleaner.collect()
    assert cleaned.paths("removed") == {}
    assert (cleaned.report.summary.temp_files, cleaned.report.summary.temp_bytes) == (2, 6)
    assert list(cleaner.collect(temp_age=7 * DAY).paths("removed").values()) == ["application"]
    assert sorted(path.name for path in storage.iterdir()) == ["other", "persistent", "zenflow-ctx-2"]
    cleaner.undo()
    assert (storage / "zenflow-ctx-1").read_bytes() == b"one"
    assert run_id


def test_a_dry_run_changes_nothing_and_says_the_same(cleaner: Cleaner) -> None:
    """What it would remove is what is removed then."""
    cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    cleaner.run_with_file(ended=DAY)
    cleaner.put(None)
    cleaner.ahead = 2 * DAY
    before = sorted(path for path in cleaner.world.folder.rglob("*") if "zenctx.db" not in path.name)
    dry = cleaner.rehearse()
    assert sorted(path for path in cleaner.world.folder.rglob("*") if "zenctx.db" not in path.name) == before
    assert cleaner.world.rows.fetch("select * from zenctx_operation") == []
    done = cleaner.collect()
    assert dry.paths("remove") == done.paths("removed")
    assert dry.report.summary.by_class == done.report.summary.by_class
    assert dry.reasons("remove") == done.reasons("removed")


def test_a_released_file_is_on_record_and_can_be_brought_back(cleaner: Cleaner) -> None:
    """Byte for byte, with its times and its mode, and its directory; the log tells of it."""
    run_id, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    cleaner.run_with_file(ended=DAY)
    before = (cleaner.world.store / name).stat()
    gc_id = cleaner.collect().report.summary.gc_id
    assert cleaner.trashed() == [name]
    (row,) = cleaner.world.rows.fetch("select gc_id, path, run_id, bytes, state, reason from zenctx_released_file")
    assert tuple(row)[:5] == (gc_id, name, run_id, 3, "trashed")
    assert [(each.gc_id, each.removed, each.in_trash) for each in cleaner.log()] == [(gc_id, 1, 1)]
    report, items = cleaner.undo(gc_id[:12] if gc_id else "")
    after = (cleaner.world.store / name).stat()
    assert (report.exit_code, [item.action for item in items]) == (0, ["restored"])
    assert (cleaner.world.store / name).read_bytes() == b'"x"'
    assert (before.st_mtime_ns, before.st_mode, before.st_ino) == (after.st_mtime_ns, after.st_mode, after.st_ino)
    assert cleaner.trashed() == []
    assert [(each.command, each.restored) for each in cleaner.log()] == [("gc --undo", 0), ("gc", 1)]


def test_undo_where_the_place_is_taken(cleaner: Cleaner) -> None:
    """What lies there goes to the trash itself, and can be brought back in turn."""
    _, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    cleaner.run_with_file(ended=DAY)
    cleaner.collect()
    (cleaner.world.store / name).parent.mkdir()
    (cleaner.world.store / name).write_bytes(b"other")
    report, _ = cleaner.undo()
    assert (report.exit_code, report.summary.moved_aside) == (0, 1)
    assert (cleaner.world.store / name).read_bytes() == b'"x"'
    assert cleaner.trashed() == [name]
    cleaner.undo()
    assert (cleaner.world.store / name).read_bytes() == b"other"


def test_the_trash_is_purged_after_its_time(cleaner: Cleaner) -> None:
    """And at once when that is asked for; the record says so."""
    _, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    cleaner.run_with_file(ended=DAY)
    cleaner.collect()
    cleaner.ahead = 6 * DAY
    assert cleaner.collect().paths("removed") == {}
    assert cleaner.trashed() == [name]
    cleaner.ahead = 8 * DAY
    cleaned = cleaner.collect()
    assert (list(cleaned.paths("removed").values()), cleaner.trashed()) == (["trash"], [])
    assert [each.purged for each in cleaner.log() if each.removed] == [1]
    cleaner.ahead = 100 * DAY
    cleaner.collect()
    assert len(cleaner.trashed()) == 1
    orphan = cleaner.put(None, age=3 * DAY)
    assert list(cleaner.collect(only_trash=True).paths("removed").values()) == ["trash"]
    assert (cleaner.trashed(), cleaner.there(orphan)) == ([], True)


def test_what_a_run_names_in_the_trash_is_not_purged(cleaner: Cleaner) -> None:
    """A database that was put back to an older state needs it."""
    run_id, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    cleaner.run_with_file(ended=DAY)
    cleaner.collect()
    cleaner.world.rows.execute("update workflow_runs set ended_at = null where cast(id as text) = :id", id=run_id)
    status = "'RUNNING'" if cleaner.world.rows.is_sqlite else "'RUNNING'::workflow_status_enum"
    started = cleaner.world.rows.moment(datetime.now(UTC) + 19 * DAY)
    statement = f"update workflow_runs set status = {status}, started_at = :at where cast(id as text) = :id"
    cleaner.world.rows.execute(statement, id=run_id, at=started)
    cleaner.ahead = 20 * DAY
    cleaned = cleaner.collect()
    assert "trash" not in cleaned.paths("removed").values()
    assert cleaner.trashed() == [name]
    assert any("zenctx gc --undo" in reason for reason in cleaned.reasons("noticed"))
    (missing,) = cleaned.reasons("missing")
    assert "released it" in missing
    cleaner.undo()
    assert cleaner.there(name)


def test_a_needed_file_that_is_missing_is_told(cleaner: Cleaner) -> None:
    """It is no reason to remove others, or to keep them."""
    _, name = cleaner.run_with_file(status="RUNNING", ended=None)
    _, old = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    (cleaner.world.store / name).unlink()
    cleaned = cleaner.collect()
    assert cleaned.paths("missing") == {name: "missing"}
    assert (cleaned.paths("removed"), cleaned.report.exit_code) == ({old: "finished"}, 0)


def test_a_file_that_cannot_be_removed_is_named_and_the_rest_done(
    cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3; it stays, and is not on record as released."""
    _, stuck = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    _, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    real = os.rename

    def refusing(source: str, target: str, **options: Any) -> None:
        if source == stuck.rpartition("/")[2]:
            raise PermissionError(13, "Permission denied")
        real(source, target, **options)

    monkeypatch.setattr(os, "rename", refusing)
    cleaned = cleaner.collect()
    assert (cleaned.report.exit_code, cleaned.report.summary.failed) == (3, 1)
    assert (cleaned.paths("failed"), cleaned.paths("removed")) == ({stuck: "finished"}, {name: "finished"})
    assert "lacks the rights" in cleaned.reasons("failed")[0]
    assert [path for (path,) in cleaner.world.rows.fetch("select path from zenctx_released_file")] == [name]


def test_a_directory_that_may_not_be_looked_into(cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named; what runs name there is not called missing, and the rest is done: exit code 3."""
    _, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    closed, hidden = cleaner.run_with_file(status="RUNNING", ended=None)

    def listed(root: Path) -> Iterator[Directory]:
        for directory in list_directories(root):
            is_closed = directory.name == closed
            yield Directory(closed, others=[FileEntry(closed, EntryKind.UNREADABLE)]) if is_closed else directory

    def looked_at(root: Path, directory: str, names: Iterable[str]) -> Iterator[tuple[str, FileStat | None]]:
        if directory == closed:
            raise StoreError("this user lacks the rights")
        return stat_names(root, directory, names)

    monkeypatch.setattr("zenctx.operations.collection.comparison.stat_names", looked_at)
    items: list[GcItem] = []
    given = dataclasses.replace(cleaner.given(items), list_store=listed)
    cleaned = Cleaned(operation.collect(given), items)
    assert (cleaned.report.exit_code, cleaned.report.summary.missing) == (3, 0)
    assert cleaned.paths("removed") == {name: "finished"}
    assert list(cleaned.paths("noticed").values()) == ["unreadable"]
    assert cleaner.there(hidden)


def test_a_run_that_goes_on_in_the_last_moment_keeps_its_files(cleaner: Cleaner) -> None:
    """Between the plan and its execution: the row is looked at again when its turn comes."""
    run_id, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    other, gone = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    orphan = cleaner.put(None)
    cleaner.ahead = 2 * DAY

    def meanwhile(_summary: object) -> bool:
        cleaner.world.rows.execute("update workflow_runs set ended_at = null where cast(id as text) = :id", id=run_id)
        cleaner.world.rows.add(compact({"copy": cleaner.entry(orphan)}), status="RUNNING", ended=None)
        return True

    cleaned = cleaner.collect(confirm=meanwhile)
    assert cleaned.paths("removed") == {gone: "finished"}
    assert cleaned.paths("skipped") == {name: "finished", orphan: "deleted"}
    assert (cleaner.there(name), cleaner.there(orphan), other in gone) == (True, True, True)


def test_a_row_that_somebody_is_writing_keeps_its_files(postgres_world: World) -> None:
    """Nobody waits for it; the next clean-up decides."""
    cleaner = Cleaner(postgres_world)
    run_id, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    with postgres_world.database.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"select 1 from workflow_runs where id = '{run_id}' for update")
        cleaned = cleaner.collect()
    assert cleaned.paths("skipped") == {name: "finished"}
    assert cleaner.collect().paths("removed") == {name: "finished"}


def test_a_row_that_names_a_file_while_it_is_moved_has_it_back(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are looked at once more after the moves."""
    cleaner = Cleaner(postgres_world)
    cleaner.run_with_file(ended=DAY)
    orphan = cleaner.put(None)
    cleaner.ahead = 2 * DAY
    real = os.rename

    def and_named(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        if arguments[0] == orphan.rpartition("/")[2]:
            postgres_world.rows.add(compact({"a": cleaner.entry(orphan)}), status="RUNNING", ended=None)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", and_named)
        cleaned = cleaner.collect()
    assert cleaned.paths("skipped") == {orphan: "deleted"}
    assert cleaner.there(orphan)


def test_a_file_that_changed_meanwhile_stays(cleaner: Cleaner) -> None:
    """Its size or its time is another than it was when it was looked at."""
    _, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)

    def meanwhile(_summary: object) -> bool:
        cleaner.make_older(name, 39 * DAY)
        return True

    cleaned = cleaner.collect(confirm=meanwhile)
    assert cleaned.paths("skipped") == {name: "finished"}
    assert cleaner.there(name)


def test_whoever_says_no_changes_nothing(cleaner: Cleaner) -> None:
    """The question is asked with the plan at hand."""
    _, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    asked: list[Any] = []

    def no(summary: object) -> bool:
        asked.append(summary)
        return False

    cleaned = cleaner.collect(confirm=no)
    assert (cleaned.report.exit_code, cleaned.report.message) == (0, "Nothing was changed")
    assert asked[0].removed == 1
    assert cleaner.there(name)


def test_names_in_a_later_inspection_explain_themselves(cleaner: Cleaner) -> None:
    """Verify, inspect and cat say which clean-up released a file, and why."""
    run_id, name = cleaner.run_with_file(ended=40 * DAY, age=40 * DAY)
    gc_id = cleaner.collect().report.summary.gc_id
    _, findings = cleaner.world.verify()
    reason = next(item.reason for item in findings if item.run_id == run_id)
    assert f"gc {gc_id} released it" in reason
    assert f"zenctx gc --undo {gc_id}" in reason
    database, settings = cleaner.world.database, cleaner.world.settings
    with pytest.raises(DamagedFileError, match=f"gc {gc_id} released it"):
        inspect_key(database, settings, run_id, "a", None, show_secrets=False)
    with (
        pytest.raises(DamagedFileError, match=f"gc {gc_id} released it"),
        cat(database, settings, run_id, "a", show_secrets=False),
    ):
        pass
    assert json.loads(cleaner.world.rows.text(run_id) or b"")["a"]["locator"].endswith(name)
