"""When a clean-up refuses: each guard with its sentence and the way past it, and nothing changed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.database.conftest import opened
from tests.operations.cleaning import DAY, Cleaner
from tests.operations.world import World
from tests.support.rows import Rows
from tests.support.tables import create_all_tables
from zenctx.database import locks
from zenctx.database.engine import Database, write_transaction
from zenctx.database.locks import Lock
from zenctx.database.schema import REVISIONS
from zenctx.errors import DamagedFileError, DatabaseError, LockedError, NotFoundError, RefusedError, UsageError
from zenctx.operations import gc as operation
from zenctx.operations.collection.clocks import Clocks
from zenctx.operations.collection.request import Limit
from zenctx.operations.db import bind_directory

ROLE = f"zenctx_test_gc_{os.getpid()}"


@pytest.fixture
def cleaner(world: World) -> Cleaner:
    """Clean up a world with one file of a finished run, and one that is needed."""
    cleaner = Cleaner(world)
    cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    cleaner.run_with_file(status="RUNNING", ended=None)
    return cleaner


def refused(cleaner: Cleaner, **asked: Any) -> RefusedError:
    """Clean up in vain; compare that nothing changed, and that a dry run says the same."""
    before = cleaner.world.files()
    with pytest.raises(RefusedError) as caught:
        cleaner.collect(**asked)
    assert (caught.value.exit_code, cleaner.world.files(), cleaner.trashed()) == (5, before, [])
    dry = cleaner.rehearse(**asked)
    assert dry.report.exit_code == 5
    assert caught.value.message in dry.report.message
    assert caught.value.hint in (dry.report.next_step or "").splitlines()
    return caught.value


def test_a_store_that_belongs_to_another_database(cleaner: Cleaner) -> None:
    """Its marker has another id than the database knows."""
    marker = cleaner.world.store / ".zenctx-store.json"
    marker.chmod(0o600)
    marker.write_text(json.dumps({"format": 1, "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}))
    error = refused(cleaner)
    assert "belongs to another" in error.message
    assert "zenctx db bind --replace" in str(error.hint)


def test_a_store_whose_marker_is_gone(cleaner: Cleaner) -> None:
    """As when a volume is not mounted."""
    (cleaner.world.store / ".zenctx-store.json").unlink()
    assert "has no marker" in refused(cleaner).message


def test_a_directory_that_is_not_there(cleaner: Cleaner) -> None:
    """The database knows that there is one."""
    cleaner.world.store.rename(cleaner.world.folder / "unmounted")
    assert "has no marker" in refused(cleaner).message


def test_a_database_that_was_never_bound(cleaner: Cleaner) -> None:
    """Somebody else's files may lie there."""
    cleaner.world.rows.execute("delete from zenctx_store")
    error = refused(cleaner)
    assert "bound to no store" in error.message
    assert "zenctx db bind" in str(error.hint)


def test_a_copy_of_the_database(cleaner: Cleaner) -> None:
    """Its rows may be older than those that the files belong to; on purpose it can take the other's place."""
    cleaner.world.rows.execute("update zenctx_store set database_identity = 'another'")
    error = refused(cleaner)
    assert "this database is a copy" in error.message
    assert "zenctx db bind --replace" in str(error.hint)
    bind_directory(cleaner.world.database, cleaner.world.settings, replace=True)
    assert cleaner.rehearse().report.exit_code == 0


def test_a_lock_that_a_pooler_lets_go(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the session that took it is somebody else's by now, nothing is removed."""
    cleaner = Cleaner(postgres_world)
    _, file = cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    cleaner.run_with_file(status="RUNNING", ended=None)
    with monkeypatch.context() as patched:
        patched.setattr(locks, "_try_advisory", lambda *_, **_named: True)
        with pytest.raises(RefusedError, match="a pooler between it and the database"):
            cleaner.collect()
    assert (cleaner.there(file), cleaner.trashed()) == (True, [])
    cleaner.collect()
    assert not cleaner.there(file)


def test_an_empty_database_beside_a_full_store(world: World) -> None:
    """A fresh database, a thousand files, the very binding: it is the wrong one, unless somebody says otherwise."""
    cleaner = Cleaner(world)
    for number in range(110):
        directory = world.store / f"00000000-0000-4000-8000-{number:012}"
        directory.mkdir()
        for name in range(10):
            (directory / f"f{name}").write_bytes(b"x")
    cleaner.ahead = 3 * DAY
    error = refused(cleaner)
    assert "has no run at all, and there are 1,100 files" in error.message
    assert "--accept-no-references" in str(error.hint)
    world.rows.add('{"a":1}')
    assert "has no run that names a file" in refused(cleaner).message
    cleaned = cleaner.collect(accept_no_references=True)
    assert cleaned.report.summary.by_class["deleted"].files == 1100


def test_an_empty_database_beside_files_of_the_engine(world: World) -> None:
    """Nothing says what is needed, though the store itself holds nothing."""
    cleaner = Cleaner(world)
    file = world.settings.file_storage_dir.path / "zenflow-ctx-1"
    file.write_bytes(b"x")
    cleaner.ahead = 3 * DAY
    assert cleaner.collect().report.exit_code == 0
    error = refused(cleaner, temp_age=DAY)
    assert "no run at all, so nothing says what may be needed" in error.message
    assert cleaner.collect(temp_age=DAY, accept_no_references=True).report.exit_code == 0
    assert not file.exists()


@pytest.mark.parametrize(("limit", "allowed"), [(Limit(), True), (Limit(percent=49), False), (Limit(0, None), False)])
def test_more_than_a_part_of_the_files(cleaner: Cleaner, limit: Limit, *, allowed: bool) -> None:
    """One of two is half of them."""
    if allowed:
        assert cleaner.collect(limit=limit).report.summary.removed == 1
        return
    error = refused(cleaner, limit=limit)
    assert "1 of 2 files would go" in error.message
    assert "--max-delete" in str(error.hint)


def test_clocks_that_disagree(cleaner: Cleaner) -> None:
    """By more than five minutes; the earlier one counts where that is ignored."""
    now = datetime.now(UTC)
    apart = Clocks(lambda: now + 400 * DAY, lambda _connection: now)
    error = refused(cleaner, clocks=apart)
    assert "the clocks of this machine and of the database are 9600 hours apart" in error.message
    assert "--ignore-clocks" in str(error.hint)
    near = Clocks(lambda: now + timedelta(minutes=4), lambda _connection: now)
    assert cleaner.rehearse(clocks=near).report.exit_code == 0
    dry = cleaner.rehearse(clocks=apart, ignore_clocks=True)
    assert (dry.report.exit_code, dry.report.summary.removed) == (0, 1)


def test_a_second_clean_up(cleaner: Cleaner) -> None:
    """And a writer beside it: the lock is somebody else's."""
    with cleaner.world.database.connect() as connection:
        for exclusive in (True, False):
            with locks.held(cleaner.world.database, connection, Lock.CONTENT, exclusive=exclusive):
                with pytest.raises(LockedError) as caught:
                    cleaner.collect()
                assert caught.value.exit_code == 11
                assert cleaner.rehearse().report.exit_code == 0
    assert cleaner.collect().report.summary.removed == 1


def test_persistence_that_is_switched_off(cleaner: Cleaner) -> None:
    """Nothing is written at all then."""
    cleaner.world.options["persistence.enabled"] = "false"
    for call in (cleaner.collect, cleaner.undo):
        with pytest.raises(RefusedError, match="switched off"):
            call()
    assert cleaner.rehearse().report.summary.removed == 1


def test_tables_of_an_older_revision(cleaner: Cleaner) -> None:
    """Pins could not be read."""
    cleaner.world.rows.execute("update zenctx_revision set version_num = '0001'")
    with pytest.raises(DatabaseError, match=f"{REVISIONS[-1]} is needed"):
        cleaner.rehearse()


@contextmanager
def limited(world: World, *grants: str) -> Iterator[Database]:
    """The database as a role sees it that has these rights alone."""
    with world.database.connect() as connection, write_transaction(connection):
        connection.exec_driver_sql(f"create role {ROLE}")
        connection.exec_driver_sql(f"grant usage on schema public to {ROLE}")
        for grant in grants:
            connection.exec_driver_sql(f"grant {grant} to {ROLE}")
    try:
        url = world.database.engine.url.update_query_dict({"options": f"-c role={ROLE}"})
        with Database.open(url.render_as_string(hide_password=False), read_only=True) as database:
            yield database
    finally:
        with world.database.connect() as connection, write_transaction(connection):
            connection.exec_driver_sql(f"drop owned by {ROLE}")
            connection.exec_driver_sql(f"drop role {ROLE}")


@pytest.fixture
def postgres_cleaner(postgres_world: World) -> Cleaner:
    """The same on PostgreSQL alone."""
    cleaner = Cleaner(postgres_world)
    cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    cleaner.run_with_file(status="RUNNING", ended=None)
    return cleaner


def as_seen(cleaner: Cleaner, database: Database) -> Cleaner:
    """The same clean-up by another role, which binds nothing."""
    other = object.__new__(Cleaner)
    other.world = World(database, cleaner.world.folder, cleaner.world.rows, cleaner.world.options)
    other.ahead = cleaner.ahead
    return other


ALL_TABLES = "select on all tables in schema public"


def test_the_right_to_read_is_enough_for_a_dry_run(postgres_cleaner: Cleaner) -> None:
    """On a replica, too: the session is read-only."""
    with limited(postgres_cleaner.world, ALL_TABLES) as database:
        cleaned = as_seen(postgres_cleaner, database).rehearse()
    assert (cleaned.report.exit_code, cleaned.report.summary.removed) == (0, 1)


@pytest.mark.parametrize(
    ("grants", "what"),
    [
        (("select (id, workflow_id, status, started_at, ended_at) on workflow_runs",), "workflow_runs.context"),
        (("select on workflow_runs, zenctx_revision, zenctx_store, zenctx_pin",), "zenctx_runtime_state"),
        (("select on workflow_runs, zenctx_revision, zenctx_store, zenctx_runtime_state",), "zenctx_pin"),
    ],
)
def test_a_source_that_cannot_be_read(postgres_cleaner: Cleaner, grants: tuple[str, ...], what: str) -> None:
    """What cannot be seen counts as needed: it is refused, even to make a plan."""
    with limited(postgres_cleaner.world, *grants) as database, pytest.raises(RefusedError, match=what) as caught:
        as_seen(postgres_cleaner, database).rehearse()
    assert caught.value.hint


def test_rows_that_are_hidden(postgres_cleaner: Cleaner) -> None:
    """Row-level security shows a role some of the rows: the others' files would look unneeded."""
    postgres_cleaner.world.rows.execute("alter table workflow_runs enable row level security")
    with (
        limited(postgres_cleaner.world, ALL_TABLES) as database,
        pytest.raises(RefusedError, match="row-level security"),
    ):
        as_seen(postgres_cleaner, database).rehearse()


@pytest.mark.parametrize("name", ["zenctx_pin", "zenctx_runtime_state"])
def test_records_that_are_hidden(postgres_cleaner: Cleaner, name: str) -> None:
    """As rows are: a pin that is not seen would keep nothing."""
    postgres_cleaner.world.rows.execute(f"alter table {name} enable row level security")
    with limited(postgres_cleaner.world, ALL_TABLES) as database, pytest.raises(RefusedError, match=name):
        as_seen(postgres_cleaner, database).rehearse()


def test_jobs_that_cannot_be_read_keep_failed_runs(postgres_cleaner: Cleaner) -> None:
    """Any of them may be retried."""
    _, name = postgres_cleaner.run_with_file(status="ERROR", ended=400 * DAY, age=400 * DAY)
    postgres_cleaner.world.rows.execute("create table qrtz_job_details (job_name text, job_group text)")
    tables = "select on workflow_runs, zenctx_revision, zenctx_store, zenctx_pin, zenctx_runtime_state"
    with limited(postgres_cleaner.world, tables) as database:
        cleaned = as_seen(postgres_cleaner, database).rehearse()
    postgres_cleaner.world.rows.execute("alter table qrtz_job_details enable row level security")
    with limited(postgres_cleaner.world, ALL_TABLES) as database:
        hidden = as_seen(postgres_cleaner, database).rehearse()
    assert hidden.paths("remove") == cleaned.paths("remove")
    assert name not in cleaned.paths("remove")
    assert cleaned.report.summary.removed == 1


def test_a_database_without_our_tables_can_be_rehearsed(cleaner: Cleaner) -> None:
    """Nothing else: what is released must be on record."""
    rows = cleaner.world.rows
    for (name,) in rows.fetch(_TABLES[cleaner.world.database.dialect]):
        rows.execute(f"drop table {name}")
    assert cleaner.rehearse().report.summary.removed == 1
    with pytest.raises(DatabaseError, match="no tables of zenctx yet"):
        cleaner.collect()


_TABLES = {
    "sqlite": "select name from sqlite_master where type = 'table' and name like 'zenctx%'",
    "postgresql": "select tablename from pg_tables where tablename like 'zenctx%'",
}


def plan_file(cleaner: Cleaner, **asked: Any) -> Path:
    """Save a plan."""
    path = cleaner.world.folder / "gc.plan"
    report = cleaner.rehearse(save_plan=path, **asked).report
    assert report.summary.plan == str(path)
    return path


def test_a_saved_plan_is_carried_out_and_never_exceeded(cleaner: Cleaner) -> None:
    """What came after it stays, what it says is looked at again, and why something is skipped is said."""
    _, kept = cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    _, changed = cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    gone_run, gone = cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    path = plan_file(cleaner)
    assert path.stat().st_mode & 0o777 == 0o600
    cleaner.world.rows.execute("update workflow_runs set ended_at = null where cast(id as text) = :id", id=kept[:36])
    cleaner.make_older(changed, 399 * DAY)
    (cleaner.world.store / gone).unlink()
    _, later = cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    cleaned = cleaner.apply(path)
    assert list(cleaned.paths("removed").values()) == ["finished"]
    assert set(cleaned.paths("skipped")) == {kept, changed, gone}
    assert all(cleaner.there(name) for name in (kept, changed, later))
    assert all(cleaned.reasons("skipped"))
    assert gone_run in gone
    assert cleaner.apply(path).report.summary.removed == 0


def test_a_plan_is_for_one_store_and_one_database(cleaner: Cleaner, tmp_path: Path) -> None:
    """Whatever else looks like them; and it must be whole."""
    path = plan_file(cleaner)
    text = path.read_text()
    for old, new in (('"finished"', '"deleted"'), ("\n", "\n\n"), ('"bytes":3', '"bytes":4')):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(DamagedFileError, match="not a whole plan"):
            cleaner.apply(path)
    path.write_text(text[: len(text) // 2])
    with pytest.raises(DamagedFileError):
        cleaner.apply(path)
    path.write_text(text)
    with pytest.raises(NotFoundError, match="there is no plan"):
        cleaner.apply(tmp_path / "none")
    elsewhere = tmp_path / "elsewhere"
    with opened(f"sqlite:///{tmp_path / 'other.db'}") as database:
        create_all_tables(database)
        other = Cleaner(make_other(database, elsewhere))
        with pytest.raises(RefusedError, match="made for another store"):
            other.apply(path)


def make_other(database: Database, folder: Path) -> World:
    """Make a world on a database that has its tables."""
    folder.mkdir()
    return World(database, folder, Rows(database))


def test_a_plan_replaces_an_older_one_and_nothing_else(cleaner: Cleaner) -> None:
    """A file of another kind stays; a plan that would be refused is not saved."""
    path = plan_file(cleaner)
    assert plan_file(cleaner) == path
    path.write_text("mine")
    with pytest.raises(RefusedError, match="is no plan"):
        cleaner.rehearse(save_plan=path)
    assert path.read_text() == "mine"
    path.unlink()
    assert cleaner.rehearse(save_plan=path, limit=Limit(0, None)).report.exit_code == 5
    assert not path.exists()


def test_what_cannot_be_undone_is_said(cleaner: Cleaner) -> None:
    """An unknown id, or one of several."""
    with pytest.raises(NotFoundError, match="holds nothing"):
        cleaner.undo("nothing")
    with pytest.raises(NotFoundError):
        cleaner.undo()
    cleaner.collect()
    cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)
    cleaner.collect()
    with pytest.raises(UsageError, match="the beginning of 2 ids"):
        cleaner.undo("2")
    assert cleaner.undo()[0].summary.restored == 1


def test_nobody_else_reads_the_trash(cleaner: Cleaner) -> None:
    """It is its owner's alone."""
    gc_id = cleaner.collect().report.summary.gc_id
    trash = cleaner.world.store / ".trash"
    assert [path.stat().st_mode & 0o777 for path in (trash, trash / str(gc_id))] == [0o700, 0o700]
    assert operation.log(cleaner.world.database, lambda _item: None).summary.listed == 1


def test_the_trash_beside_an_empty_database(cleaner: Cleaner) -> None:
    """Nothing says what in it may be needed."""
    cleaner.collect()
    cleaner.world.rows.execute("delete from workflow_runs")
    with pytest.raises(RefusedError, match="has no run at all") as caught:
        cleaner.collect(only_trash=True)
    assert "--accept-no-references" in str(caught.value.hint)
    assert len(cleaner.trashed()) == 1
    assert cleaner.collect(only_trash=True, accept_no_references=True).report.exit_code == 0
    assert cleaner.trashed() == []
