"""Both sets of tables for tests, made quickly: ours from the script that is printed for those who apply it by hand."""

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Connection

from tests.support import shelved
from tests.support.engine_schema import create_engine_schema
from zenctx.database import revisions
from zenctx.database.engine import Database, Dialect, write_transaction


def create_all_tables(database: Database) -> None:
    """Make the engine's tables and ours in an empty database: from the second time on a copy of what the first made."""
    with database.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.dialect == "sqlite":
            _in_sqlite(connection, driver)
        else:
            _in_postgresql(connection, driver)


@cache
def _model() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")


def _in_sqlite(connection: Connection, driver: sqlite3.Connection) -> None:
    if _model().execute("select 1 from sqlite_schema").fetchone():
        _model().backup(driver)
        return
    _create(connection, driver.executescript, "sqlite")
    driver.backup(_model())


def _in_postgresql(connection: Connection, driver: Any) -> None:
    def run(statement: str) -> list[tuple[Any, ...]]:
        cursor = driver.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        driver.commit()
        return rows

    if not shelved.unshelve(run):
        _create(connection, driver.execute, "postgresql")
        driver.commit()
        shelved.note(run)


def _create(connection: Connection, run: Callable[[str], object], dialect: Dialect) -> None:
    with write_transaction(connection):
        create_engine_schema(connection)
    run(_script(dialect))


@cache
def _script(dialect: Dialect) -> str:
    return revisions.upgrade_sql(dialect)
