"""A database knows its store, and a copy of the database is noticed."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from zenctx.database.engine import Database, write_transaction
from zenctx.database.revisions import upgrade
from zenctx.database.store_binding import BoundKind, bind, bindings, bound_store, database_identity
from zenctx.errors import RefusedError


@pytest.fixture
def database(database: Database) -> Database:
    """Give a database with our tables."""
    upgrade(database)
    return database


def test_the_bond_is_recorded_once(database: Database) -> None:
    """With the place for those who look for it; binding the same store again changes nothing."""
    with database.connect() as connection:
        assert bound_store(connection) is None
        bind(connection, BoundKind.STORE, "id-1", "./data")
        first = bound_store(connection)
        bind(connection, BoundKind.STORE, "id-1", "./moved")
        assert first is not None
        assert (first.store_id, first.location) == ("id-1", "./data")
        assert bound_store(connection) == first


def test_a_database_has_one_store(database: Database) -> None:
    """A second one is refused: the first is named, so that the wrong setting is found."""
    with database.connect() as connection:
        bind(connection, BoundKind.STORE, "id-1", "./data")
        with pytest.raises(RefusedError, match=r"bound to another store, last seen at \./data"):
            bind(connection, BoundKind.STORE, "id-2", "./other")
        assert len(bindings(connection, BoundKind.STORE)) == 1


def test_there_may_be_several_repositories(database: Database) -> None:
    """They are listed in the order of their binding, apart from the store."""
    with database.connect() as connection:
        bind(connection, BoundKind.STORE, "id-1", "./data")
        bind(connection, BoundKind.REPOSITORY, "r-2", "/a")
        bind(connection, BoundKind.REPOSITORY, "r-1", "/b")
        assert [binding.store_id for binding in bindings(connection, BoundKind.REPOSITORY)] == ["r-2", "r-1"]


def test_a_copied_sqlite_file_is_another_database(sqlite: Database, tmp_path: Path) -> None:
    """A gc of the copy would take the files of the original for garbage."""
    upgrade(sqlite)
    with sqlite.connect() as connection:
        bind(connection, BoundKind.STORE, "id-1", "./data")
    copy = tmp_path / "copy.db"
    shutil.copy(str(sqlite.sqlite_path), copy)
    with (
        Database.open(f"sqlite:///{copy}", read_only=False) as copied,
        copied.connect() as connection,
        pytest.raises(RefusedError, match="is a copy"),
    ):
        bind(connection, BoundKind.STORE, "id-1", "./data")


def test_a_copied_postgresql_database_is_another_one(postgresql: Database) -> None:
    """The record came along with the rest; server and number of the database do not match it."""
    upgrade(postgresql)
    with postgresql.connect() as connection:
        bind(connection, BoundKind.STORE, "id-1", "./data")
        with write_transaction(connection):
            connection.execute(text("update zenctx_store set database_identity = 'postgresql:1/2'"))
        with pytest.raises(RefusedError, match="is a copy"):
            bind(connection, BoundKind.STORE, "id-1", "./data")


def test_an_identity_that_is_kept_secret_is_no_obstacle(postgresql: Database) -> None:
    """Hosted servers may not tell theirs: then only the store's own id is compared."""
    upgrade(postgresql)
    with postgresql.connect() as connection:
        identity = database_identity(connection)
        assert identity is not None
        assert identity.startswith("postgresql:")
        connection.execute(text("create role zenctx_test_uninformed"))
        connection.execute(text("revoke execute on function pg_control_system() from public"))
        connection.execute(text("set local role zenctx_test_uninformed"))
        assert database_identity(connection) is None
