"""A session of PostgreSQL that is kept for the next block begins as a new one does."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from tests.database.conftest import opened
from zenctx.database import locks
from zenctx.database.engine import Connection, Database
from zenctx.database.locks import Lock
from zenctx.errors import DatabaseError

BACKEND = "select pg_backend_pid()"


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Database]:
    """Give a database that has no session yet."""
    with Database.open(postgres_url, read_only=False) as database:
        yield database


def ask(connection: Connection, statement: str) -> object:
    """Give the one value that a statement gives."""
    return connection.execute(text(statement)).scalar_one()


def assert_soon(connection: Connection, statement: str, wanted: object) -> None:
    """A server takes a moment to end a session whose client has gone."""
    deadline = time.monotonic() + 10
    while (found := ask(connection, statement)) != wanted and time.monotonic() < deadline:
        connection.rollback()
        time.sleep(0.01)
    assert found == wanted


def test_the_next_block_has_the_same_session(postgresql: Database) -> None:
    """One after the other, they need one."""
    with postgresql.connect() as connection:
        first = ask(connection, BACKEND)
    with postgresql.connect() as connection:
        assert ask(connection, BACKEND) == first


def test_it_inherits_nothing(postgresql: Database) -> None:
    """No setting, no lock, no temporary table, no open transaction; what the URL and we set is as at the start."""
    with postgresql.connect({"lock_timeout": "123ms"}) as connection:
        first = ask(connection, BACKEND)
        connection.execute(text("set time zone 'Asia/Tokyo'"))
        connection.execute(text("select pg_advisory_lock(7)"))
        connection.execute(text("create temporary table mine (a int)"))
        connection.commit()
        connection.execute(text("create table undone (a int)"))
    with postgresql.connect() as connection:
        assert ask(connection, BACKEND) == first
        assert ask(connection, "show lock_timeout") == "0"
        assert ask(connection, "show time zone") == "UTC"
        assert ask(connection, "select count(*) from pg_locks where locktype = 'advisory'") == 0
        assert ask(connection, "select to_regclass('mine')::text") is None
        assert ask(connection, "select to_regclass('undone')::text") is None


def test_a_failed_statement_is_left_behind(postgresql: Database) -> None:
    """A transaction that the server has given up is undone."""
    with pytest.raises(DatabaseError), postgresql.connect() as connection:
        connection.execute(text("select 1 from nowhere"))
    with postgresql.connect() as connection:
        assert ask(connection, "select 1") == 1


def test_a_lock_ends_with_its_block(postgresql: Database, postgres_url: str) -> None:
    """Also where nobody could release it: another process may have it at once."""
    with opened(postgres_url) as other, other.connect() as theirs:
        with postgresql.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": locks.advisory_key(Lock.CONTENT)})
        with locks.held(other, theirs, Lock.CONTENT, exclusive=True):
            pass


def test_a_session_that_died_meanwhile_is_replaced(postgresql: Database, postgres_url: str) -> None:
    """The server was restarted, or somebody ended it: the next block gets a new one."""
    with postgresql.connect() as connection:
        first = ask(connection, BACKEND)
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid = %s", [first])
    with postgresql.connect() as connection:
        assert ask(connection, BACKEND) != first


def test_a_session_at_work_is_not_kept(postgresql: Database) -> None:
    """Whoever was interrupted in the middle of a statement leaves it to end with its session."""
    with postgresql.connect() as connection:
        first = ask(connection, BACKEND)
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.pgconn.send_query(b"select pg_sleep(60)")
    with postgresql.connect() as connection:
        assert ask(connection, BACKEND) != first


def test_none_is_kept_after_the_end(postgres_url: str) -> None:
    """A server has not many to give; meanwhile no more are kept than were open at once."""
    count = "select count(*) from pg_stat_activity where application_name = 'kept'"
    with opened(postgres_url) as watcher, watcher.connect() as watching:
        with Database.open(postgres_url, read_only=True, application_name="kept") as database:
            for _ in range(3):
                with database.connect() as one, database.connect() as two:
                    assert ask(one, BACKEND) != ask(two, BACKEND)
                    assert ask(watching, count) == 2
                    watching.rollback()
            assert ask(watching, count) == 2
        assert_soon(watching, count, 0)
