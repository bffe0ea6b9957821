"""Opening databases: sessions as they should be, transactions as we mean them, nothing created by looking."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import InvalidRequestError

from tests.database.conftest import opened
from zenctx.database.engine import Database, write_transaction
from zenctx.database.errors import DatabaseBusyError
from zenctx.errors import DatabaseError, SettingsError


def setting(connection: Connection, name: str) -> str:
    """Give a run-time parameter of PostgreSQL."""
    return str(connection.scalar(text("select current_setting(:name)"), {"name": name}))


def rows(database: Database) -> int:
    """Count the rows of the table `t`."""
    with database.connect() as connection:
        return int(connection.scalar(text("select count(*) from t")) or 0)


def make_table(database: Database) -> None:
    """Create the table `t`, empty."""
    with database.connect() as connection, write_transaction(connection):
        connection.execute(text("create table t (v text)"))


def insert_and_fail(connection: Connection) -> None:
    """Write, and then fail for a reason that is not the database's."""
    connection.execute(text("insert into t values ('undone')"))
    raise ZeroDivisionError


def test_a_database_knows_its_kind_and_place(postgres_url: str, sqlite_url: str) -> None:
    """For messages, for the choice of SQL, and for the lock beside an SQLite file."""
    with opened(sqlite_url) as sqlite, opened(postgres_url) as postgresql:
        assert (sqlite.dialect, postgresql.dialect) == ("sqlite", "postgresql")
        assert sqlite.sqlite_path == Path(str(make_url(sqlite_url).database))
        assert postgresql.sqlite_path is None
        assert postgresql.description.startswith('PostgreSQL database "')


def test_a_url_that_cannot_be_read_is_refused_at_once() -> None:
    """Before anything is opened."""
    with pytest.raises(SettingsError):
        Database.open("oracle://x", read_only=True)


def test_postgresql_sessions_have_fixed_settings(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times come in UTC, text in UTF-8, transactions are as we reason about them, whatever the server's defaults."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGOPTIONS", "-c TimeZone=Asia/Tokyo -c work_mem=5MB")
    with Database.open(postgres_url, read_only=True) as database, database.connect() as connection:
        assert setting(connection, "TimeZone") == "UTC"
        assert setting(connection, "work_mem") == "5MB"
        assert setting(connection, "client_encoding") == "UTF8"
        assert setting(connection, "default_transaction_isolation") == "read committed"
        assert setting(connection, "default_transaction_read_only") == "on"
        assert setting(connection, "idle_in_transaction_session_timeout") == "5min"
        assert setting(connection, "application_name") == "zenctx"


def test_parameters_of_the_url_win(postgres_url: str) -> None:
    """Save for read-only, which is ours to say."""
    url = make_url(postgres_url).update_query_dict(
        {
            "application_name": "mine",
            "options": "-c idle_in_transaction_session_timeout=1s -c default_transaction_read_only=off",
            "currentSchema": '"my schema",public',
        }
    )
    text_of_url = url.render_as_string(hide_password=False)
    with (
        Database.open(text_of_url, read_only=True, application_name="other") as database,
        database.connect() as connection,
    ):
        assert setting(connection, "application_name") == "mine"
        assert setting(connection, "idle_in_transaction_session_timeout") == "1s"
        assert setting(connection, "search_path") == '"my schema",public'
        assert setting(connection, "default_transaction_read_only") == "on"


def test_a_database_that_is_opened_to_write_respects_a_read_only_role(postgres_url: str) -> None:
    """Where the owner made a role read-only, we do not switch that off."""
    url = make_url(postgres_url).update_query_dict({"options": "-c default_transaction_read_only=on"})
    with (
        Database.open(url.render_as_string(hide_password=False), read_only=False) as database,
        pytest.raises(DatabaseError, match="is read-only"),
    ):
        make_table(database)


def test_settings_hold_for_one_connection(postgresql: Database, sqlite: Database) -> None:
    """Through commits and rollbacks, and not beyond."""
    with postgresql.connect({"lock_timeout": "500ms", "enable_hashjoin": "off"}) as connection:
        connection.rollback()
        assert setting(connection, "lock_timeout") == "500ms"
        assert setting(connection, "enable_hashjoin") == "off"
    with postgresql.connect() as connection:
        assert setting(connection, "lock_timeout") == "0"
    with sqlite.connect({"busy_timeout": "7"}) as connection:
        assert connection.scalar(text("pragma busy_timeout")) == 7
    with sqlite.connect() as connection:
        assert connection.scalar(text("pragma busy_timeout")) == 5000


def test_settings_are_no_way_in_for_statements(sqlite: Database, postgresql: Database) -> None:
    """A pragma is one word and its value another; PostgreSQL takes both as parameters."""
    with pytest.raises(ValueError, match="not a pragma"), sqlite.connect({"busy_timeout": "1; drop table t"}):
        pass
    with pytest.raises(DatabaseError, match="nope"), postgresql.connect({"nope": "1"}):
        pass


def test_sqlite_connections_enforce_keys_and_durability(sqlite: Database) -> None:
    """Foreign keys on, and every commit on the disk."""
    with sqlite.connect() as connection:
        assert connection.scalar(text("pragma foreign_keys")) == 1
        assert connection.scalar(text("pragma synchronous")) == 2


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "what?.db", "a#b.db", "ü.db"])
def test_any_file_name_can_be_opened(tmp_path: Path, name: str) -> None:
    """Names with characters that mean something in a URI, in both forms of URL where they can be written."""
    path = tmp_path / name
    with Database.create_sqlite(path) as database:
        make_table(database)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    if "?" not in name:
        with Database.open(f"jdbc:sqlite:{path}", read_only=True) as database:
            assert rows(database) == 0


def test_a_write_transaction_commits_or_undoes(database: Database) -> None:
    """All of it at the end, nothing of it after an error."""
    make_table(database)
    with database.connect() as connection:
        with write_transaction(connection):
            connection.execute(text("insert into t values ('x')"))
        with pytest.raises(ZeroDivisionError), write_transaction(connection):
            insert_and_fail(connection)
    assert rows(database) == 1


def test_savepoints_work_inside_a_write_transaction(database: Database) -> None:
    """A part can be undone without the rest: how bad rows are isolated."""
    make_table(database)
    with database.connect() as connection, write_transaction(connection):
        connection.execute(text("insert into t values ('kept')"))
        with pytest.raises(ZeroDivisionError), connection.begin_nested():
            insert_and_fail(connection)
        connection.execute(text("insert into t values ('kept')"))
    assert rows(database) == 2


def test_what_is_not_committed_is_undone(database: Database) -> None:
    """The end of the block commits nothing by itself."""
    make_table(database)
    with database.connect() as connection:
        connection.execute(text("insert into t values ('x')"))
    assert rows(database) == 0


def test_a_write_transaction_needs_the_connection_for_itself(database: Database) -> None:
    """A transaction that a read has begun must be ended first: its view of the data may be old."""
    with database.connect() as connection:
        connection.execute(text("select 1"))
        with pytest.raises(InvalidRequestError), write_transaction(connection):
            pass
        connection.rollback()
        with write_transaction(connection):
            pass


def test_sqlite_takes_the_write_lock_at_the_start(sqlite: Database) -> None:
    """The second writer waits at its beginning, before it has read what may change; a reader is not held up."""
    make_table(sqlite)
    with sqlite.connect() as first, write_transaction(first), sqlite.connect({"busy_timeout": "10"}) as second:
        assert second.scalar(text("select count(*) from t")) == 0
        second.rollback()
        with pytest.raises(DatabaseBusyError), sqlite.translated_errors(), write_transaction(second):
            pass
        # The same connection can go on.
        assert second.scalar(text("select count(*) from t")) == 0


def test_an_sqlite_read_transaction_sees_one_state(sqlite: Database) -> None:
    """Reading begins a real transaction: what others commit meanwhile does not show (in WAL mode, which lets them)."""
    make_table(sqlite)
    with closing(sqlite3.connect(str(sqlite.sqlite_path), isolation_level=None)) as other:
        other.execute("pragma journal_mode = wal")
        with sqlite.connect() as reader:
            assert reader.scalar(text("select count(*) from t")) == 0
            other.execute("insert into t values ('x')")
            assert reader.scalar(text("select count(*) from t")) == 0
            reader.rollback()
            assert reader.scalar(text("select count(*) from t")) == 1


def test_sqlite_text_can_be_read_as_its_bytes(sqlite: Database) -> None:
    """`cast(... as blob)` gives the UTF-8 bytes as they are stored, and no text is decoded on the way."""
    make_table(sqlite)
    value = '{"k":1.10,"ü":"\U0001f600"}'
    with sqlite.connect() as connection, write_transaction(connection):
        connection.execute(text("insert into t values (:v)"), {"v": value})
        assert connection.scalar(text("select cast(v as blob) from t")) == value.encode()


def test_a_reader_of_sqlite_leaves_no_trace(sqlite: Database) -> None:
    """Neither a change of the file nor a new one beside it."""
    make_table(sqlite)
    assert sqlite.sqlite_path is not None
    before = (sqlite.sqlite_path.read_bytes(), sqlite.sqlite_path.stat().st_mtime_ns)
    with Database.open(f"sqlite:///{sqlite.sqlite_path}", read_only=True) as reader:
        assert rows(reader) == 0
    assert (sqlite.sqlite_path.read_bytes(), sqlite.sqlite_path.stat().st_mtime_ns) == before
    assert list(sqlite.sqlite_path.parent.iterdir()) == [sqlite.sqlite_path]
