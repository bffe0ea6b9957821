"""zenctx's own tables and the bond to the store: made, looked at, replaced on purpose only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.world import World
from tests.support.engine_schema import create_engine_schema
from tests.support.rows import compact
from zenctx.config import Settings, load_settings
from zenctx.database.engine import Database, write_transaction
from zenctx.database.store_binding import bound_store
from zenctx.errors import DatabaseError, RefusedError
from zenctx.operations import db
from zenctx.operations.db import BindingSummary, RevisionSummary
from zenctx.operations.live_files import check_store, live_files


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give an empty database."""
    with opened(database_url) as database:
        yield database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with directories of the test's own."""
    return load_settings({"db": "sqlite:///unused.db"}, config_file=None, environ={}, cwd=tmp_path)


def test_upgrade_makes_our_tables_and_no_others(world: World) -> None:
    """They are there, at the newest revision; the engine's are as they were."""
    run_id = world.rows.add('{"a":1}')
    for _ in range(2):
        report = db.upgrade(world.database, world.settings)
        assert isinstance(report.summary, RevisionSummary)
        assert (report.exit_code, report.summary.is_current) == (0, True)
        assert "already" in report.message
    assert db.current(world.database).exit_code == 0
    assert (world.rows.text(run_id) or b"").replace(b" ", b"") == b'{"a":1}'


def test_an_empty_database_has_none_yet(database: Database, settings: Settings) -> None:
    """Which `current` says with 4 and what to run; upgrade then makes them, and misses the engine's."""
    before = db.current(database)
    assert (before.exit_code, before.next_step) == (4, "run 'zenctx db upgrade'")
    report = db.upgrade(database, settings)
    assert "now at revision" in report.message
    assert "workflow_runs" in (report.next_step or "")
    with database.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
    assert "migrate --dry-run" in (db.upgrade(database, settings).next_step or "")


def test_a_newer_revision_is_left_alone(world: World) -> None:
    """Tables that a newer zenctx made are not touched by this one."""
    world.rows.execute("update zenctx_revision set version_num = '9999'")
    report = db.current(world.database)
    assert (report.exit_code, "newer" in (report.next_step or "")) == (4, True)
    with pytest.raises(DatabaseError, match="9999"):
        db.upgrade(world.database, world.settings)
    with pytest.raises(DatabaseError, match="9999"):
        world.migrate()


def test_the_sql_makes_the_same_tables(database: Database) -> None:
    """The script for those who apply SQL by hand ends where `upgrade` ends."""
    script = db.sql(database.dialect)
    with database.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.executescript(script) if database.dialect == "sqlite" else raw.execute(script)
        connection.connection.commit()
    assert db.current(database).exit_code == 0


def test_switched_off_persistence_refuses(world: World) -> None:
    """Tables and bonds are written, too."""
    world.options = {"persistence.enabled": "false"}
    with pytest.raises(RefusedError):
        db.upgrade(world.database, world.settings)
    with pytest.raises(RefusedError):
        db.bind_directory(world.database, world.settings, replace=False)
    assert db.current(world.database).exit_code == 0


def test_a_database_is_bound_once(world: World) -> None:
    """To the configured directory, which is made with its marker; again is the same; the migration finds it so."""
    first = db.bind_directory(world.database, world.settings, replace=False)
    again = db.bind_directory(world.database, world.settings, replace=False)
    assert isinstance(first.summary, BindingSummary)
    assert first.summary == again.summary
    assert first.summary.path == str(world.store)
    assert first.summary.store_id in (world.store / ".zenctx-store.json").read_text()
    world.options = {"memory-threshold-bytes": "50"}
    world.rows.add(compact({"f": "x" * 60}))
    assert world.migrate().report.exit_code == 0
    assert world.rows.fetch("select store_id from zenctx_store") == [(first.summary.store_id,)]


def test_another_directory_takes_a_decision(world: World) -> None:
    """It is refused without --replace, and nothing is made there; with it, it is the store from then on."""
    db.bind_directory(world.database, world.settings, replace=False)
    world.options = {"persistent-file-dir": "./other"}
    with pytest.raises(RefusedError) as caught:
        db.bind_directory(world.database, world.settings, replace=False)
    assert "--replace" in (caught.value.hint or "")
    assert not (world.folder / "other").exists()
    report = db.bind_directory(world.database, world.settings, replace=True)
    assert isinstance(report.summary, BindingSummary)
    assert world.rows.fetch("select store_id from zenctx_store") == [(report.summary.store_id,)]
    assert world.verify()[0].exit_code == 0


@pytest.mark.parametrize("how", ["a copy", "another one"])
def test_a_directory_has_one_database(world: World, how: str) -> None:
    """Where one takes the other's place, the other is refused: what it does not know it would take for nobody's."""
    db.bind_directory(world.database, world.settings, replace=False)
    name = live_files(world.settings).store.put("3f2504e0-4f89-41d3-9a0c-0305e82c3301", "a", b"1").name
    with world.database.connect() as connection:
        bound = bound_store(connection)
    assert bound is not None
    copied = how == "a copy"
    if copied:
        world.rows.execute("update zenctx_store set database_identity = 'another'")
        with pytest.raises(RefusedError, match="is a copy"):
            db.bind_directory(world.database, world.settings, replace=False)
    else:
        world.rows.execute("delete from zenctx_store")
    taken = db.bind_directory(world.database, world.settings, replace=copied)
    assert isinstance(taken.summary, BindingSummary)
    assert live_files(world.settings).store.read_id() == taken.summary.store_id != bound.store_id
    assert db.bind_directory(world.database, world.settings, replace=True).summary == taken.summary
    assert world.verify()[0].exit_code == 0
    assert world.files() == [name]
    # As the other one has it.
    world.rows.execute(f"update zenctx_store set store_id = '{bound.store_id}'")
    with world.database.connect() as connection, pytest.raises(RefusedError, match="belongs to another store"):
        check_store(live_files(world.settings), connection)


def test_binding_needs_our_tables(database: Database, settings: Settings) -> None:
    """Without them there is nowhere to record it, and no directory is made."""
    with pytest.raises(DatabaseError, match="no tables of zenctx"):
        db.bind_directory(database, settings, replace=False)
