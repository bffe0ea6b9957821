"""Both sets of tables for tests, made quickly: ours from the script that is printed for those who apply it by hand."""

from functools import cache

from tests.support.engine_schema import create_engine_schema
from zenctx.database import revisions
from zenctx.database.engine import Database, Dialect, write_transaction


def create_all_tables(database: Database) -> None:
    """Make the engine's tables and ours in an empty database."""
    with database.connect() as connection:
        with write_transaction(connection):
            create_engine_schema(connection)
        driver = connection.connection.driver_connection
        assert driver is not None
        run = driver.executescript if database.dialect == "sqlite" else driver.execute
        run(_script(database.dialect))
        driver.commit()


@cache
def _script(dialect: Dialect) -> str:
    return revisions.upgrade_sql(dialect)
