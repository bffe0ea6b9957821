"""One run's context and state, read as of one moment and written whole, on either database."""

from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.world import World, make_world
from zenctx.database import saving
from zenctx.database.engine import Connection, Database, write_transaction
from zenctx.database.errors import DatabaseBusyError, RejectedValueError
from zenctx.database.saving import StoredContext, lock_run, read_stored, refused_keys, require_run_id, write_stored
from zenctx.errors import DatabaseError, NotFoundError

NO_RUN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    """Give a database with all tables."""
    return make_world(database, tmp_path)


def read(world: World, run_id: str) -> StoredContext:
    """Read what is stored of a run."""
    with world.database.connect() as connection:
        return read_stored(connection, run_id, "the database")


def write(world: World, run_id: str, context: bytes, state: str) -> StoredContext:
    """Write a context and a state."""
    with world.database.connect() as connection, write_transaction(connection):
        lock_run(connection, run_id)
        return write_stored(connection, run_id, context, state)


def test_what_is_written_is_read(world: World) -> None:
    """By the fingerprint that the writer was given, also where the database spells JSON in its own way."""
    run_id = world.rows.add(None)
    assert read(world, run_id) == StoredContext(None)
    written = write(world, run_id, '{"b":1.10,"a":"é"}'.encode(), '{"x":"\\u0000"}')
    assert read(world, run_id) == written
    assert read(world, run_id).fingerprint == written.fingerprint
    assert written.text == world.rows.text(run_id)
    again = write(world, run_id, b"{}", "{}")
    assert (again.is_empty, again.state, read(world, run_id)) == (True, "{}", again)


def test_fingerprints_tell_contexts_and_states_apart() -> None:
    """Whatever is moved from one to the other."""
    stored = [
        StoredContext(None),
        StoredContext(b""),
        StoredContext(b"{}"),
        StoredContext(b"{}", "{}", 1),
        StoredContext(b"{}{}"),
        StoredContext(None, "{}", 1),
        StoredContext(b"", "{}", 1),
    ]
    assert len({one.fingerprint for one in stored}) == len(stored)
    assert [one.is_empty for one in stored[:3]] == [True, False, True]


def _fail_after_writing(connection: Connection, run_id: str) -> None:
    with pytest.raises(ZeroDivisionError), write_transaction(connection):  # noqa: PT012 - the transaction fails
        lock_run(connection, run_id)
        write_stored(connection, run_id, b'{"a":2}', "{}")
        raise ZeroDivisionError


def test_nothing_is_written_when_the_transaction_fails(world: World) -> None:
    """Neither context nor state."""
    run_id = world.rows.add('{"a":1}')
    before = read(world, run_id)
    with world.database.connect() as connection:
        _fail_after_writing(connection, run_id)
    assert read(world, run_id) == before


def test_a_run_that_is_not_there_is_not_found(world: World) -> None:
    """Nor created."""
    with pytest.raises(NotFoundError, match=f"^the database has no run {NO_RUN}$"):
        read(world, NO_RUN)
    with world.database.connect() as connection, write_transaction(connection):
        lock_run(connection, NO_RUN)


def test_the_id_is_the_databases(world: World) -> None:
    """PostgreSQL has one spelling of each, and no run whose id is no UUID; SQLite takes any text as it is."""
    if world.database.dialect == "sqlite":
        assert require_run_id(world.database, "ANY") == "ANY"
        return
    assert require_run_id(world.database, "{" + NO_RUN.upper() + "}") == NO_RUN
    with pytest.raises(NotFoundError):
        require_run_id(world.database, "any")


def test_tables_of_a_newer_zenctx_may_hold_a_state(world: World) -> None:
    """So the context is not read without it; where there are no such tables at all it is."""
    run_id = world.rows.add("{}")
    world.rows.execute("update zenctx_revision set version_num = '9999'")
    with pytest.raises(DatabaseError, match="does not know"):
        read(world, run_id)
    world.rows.execute("drop table zenctx_revision")
    world.rows.execute("drop table zenctx_runtime_state")
    assert read(world, run_id) == StoredContext(b"{}")


def test_keys_that_are_refused_are_named(world: World) -> None:
    """By PostgreSQL; the transaction goes on."""
    run_id = world.rows.add("{}")
    members = [("fine", b'{"fine":1}'), ("value", b'{"value":"\\u0000"}'), ("key\0", b'{"key\\u0000":1}')]
    expected = [] if world.database.dialect == "sqlite" else ["value", "key\0"]
    with world.database.connect() as connection, write_transaction(connection):
        lock_run(connection, run_id)
        assert refused_keys(connection, members, "the database") == expected
        write_stored(connection, run_id, b'{"a":1}', "{}")
    assert read(world, run_id).state == "{}"


def test_a_refused_value_is_not_quoted(postgres_url: str, tmp_path: Path) -> None:
    """Nor is it written."""
    with opened(postgres_url) as database:
        world = make_world(database, tmp_path)
        run_id = world.rows.add("{}")
        with pytest.raises(RejectedValueError, match=r"the character \\u0000") as caught:
            write(world, run_id, b'{"a":"secret\\u0000"}', "{}")
        assert "secret" not in str(caught.value)
        assert read(world, run_id) == StoredContext(b"{}")


def test_a_row_that_is_held_is_not_waited_for_without_end(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a locked row lets others refer to it."""
    monkeypatch.setattr(saving, "_PATIENT", {"lock_timeout": "50ms"})
    with opened(postgres_url) as database:
        world = make_world(database, tmp_path)
        run_id = world.rows.add("{}")
        insert = """
            insert into workflow_runs (workflow_id, status, retry_of)
            values (cast(:w as uuid), 'RUNNING', cast(:r as uuid))"""
        with database.connect() as connection, write_transaction(connection):
            lock_run(connection, run_id)
            world.rows.execute(insert, w=world.rows.workflow_id, r=run_id)
            with (
                pytest.raises(DatabaseBusyError),
                database.connect(saving.session_settings(database)) as other,
                write_transaction(other),
            ):
                lock_run(other, run_id)
