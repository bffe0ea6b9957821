"""Fixtures of the database tests: the database of a URL, opened."""

import atexit
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.rows import Rows
from tests.support.tables import create_all_tables
from zenctx.database.engine import Database
from zenctx.database.url import parse_database_url


def opened(url: str, *, read_only: bool = False) -> Database:
    """Open the database of a test's URL; an SQLite file is created first where it is not there.

    Of a database of PostgreSQL it is the same object each time, whose sessions are kept: new ones, and to find out how
    statements are written, take longer than what most tests do with them.
    """
    parsed = parse_database_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not Path(str(parsed.database)).exists():
            Database.create_sqlite(Path(str(parsed.database))).close()
        return Database.open(url, read_only=read_only)
    return _postgresql(url, read_only, os.environ.get("PGOPTIONS"))


class _Kept(Database):
    """A database that other tests use, too."""

    def close(self) -> None:
        """Keep the sessions that nobody uses: they are empty."""


@cache
def _postgresql(url: str, read_only: bool, _options: str | None) -> Database:
    database = _Kept.open(url, read_only=read_only)
    atexit.register(database.engine.dispose)
    return database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give an empty database to write to, on SQLite and then on PostgreSQL."""
    with opened(database_url) as database:
        yield database


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Database]:
    """Give an empty PostgreSQL database to write to."""
    with opened(postgres_url) as database:
        yield database


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """Give an empty SQLite database to write to."""
    with opened(sqlite_url) as database:
        yield database


@pytest.fixture
def rows(database: Database) -> Rows:
    """Give the runs of a database with the engine's tables and ours, on SQLite and then on PostgreSQL."""
    return with_tables(database)


@pytest.fixture
def postgresql_rows(postgresql: Database) -> Rows:
    """Give the runs of a PostgreSQL database with all tables."""
    return with_tables(postgresql)


@pytest.fixture
def sqlite_rows(sqlite: Database) -> Rows:
    """Give the runs of an SQLite database with all tables."""
    return with_tables(sqlite)


def with_tables(database: Database) -> Rows:
    """Make the engine's tables and ours in an empty database."""
    create_all_tables(database)
    return Rows(database)
