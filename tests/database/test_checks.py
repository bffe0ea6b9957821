"""The tables that are needed are there, or one sentence says which is missing and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, text

from tests.support.engine_schema import create_engine_schema
from zenctx.database.checks import (
    can_read,
    current,
    has_column,
    has_table,
    has_zenctx_tables,
    require_engine_tables,
    require_zenctx_tables,
)
from zenctx.database.engine import Database, write_transaction
from zenctx.database.revisions import upgrade
from zenctx.database.schema import METADATA
from zenctx.errors import DatabaseError


def check_engine_tables(database: Database) -> None:
    """Ask for the engine's tables over a connection of its own."""
    with database.connect() as connection:
        require_engine_tables(connection)


def check_zenctx_tables(database: Database) -> None:
    """Ask for our own tables over a connection of its own."""
    with database.connect() as connection:
        require_zenctx_tables(connection)


def run(database: Database, *statements: str) -> None:
    """Execute statements in one transaction."""
    with database.connect() as connection, write_transaction(connection):
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def asked_by(connection: Connection) -> Iterator[list[str]]:
    """Give the statements that a connection executes within the block."""
    statements = list[str]()

    def note(_connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", note)


def test_the_engines_tables_are_recognised(database: Database) -> None:
    """As its migrations make them, on both databases."""
    with database.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
    check_engine_tables(database)


def test_an_empty_database_is_not_the_engines(database: Database) -> None:
    """The table is named, and the question asked that finds the mistake."""
    with pytest.raises(DatabaseError, match="has no table workflow_runs") as caught:
        check_engine_tables(database)
    assert caught.value.exit_code == 12
    assert caught.value.hint == "is this the ZenFlow database, and the right schema?"


def test_another_table_of_that_name_is_not_the_engines(database: Database) -> None:
    """The first missing column is named."""
    run(database, "create table workflow_runs (id int, workflow_id int, status text)")
    with pytest.raises(DatabaseError, match="without a column context"):
        check_engine_tables(database)


def test_other_types_are_not_worked_with(postgresql: Database) -> None:
    """A `text` column would be compared and written in another way."""
    run(
        postgresql,
        "create table workflow_runs (id uuid, workflow_id uuid, status text, context text,"
        " started_at timestamptz, ended_at timestamptz)",
    )
    with pytest.raises(DatabaseError, match=r"workflow_runs\.context of type text, and jsonb is needed"):
        check_engine_tables(postgresql)


def test_another_schema_is_found_by_the_search_path(postgresql: Database, postgres_url: str) -> None:
    """The tables lie where `currentSchema` says, and ours go there too."""
    run(postgresql, "create schema flow")
    separator = "&" if "?" in postgres_url else "?"
    with Database.open(f"{postgres_url}{separator}currentSchema=flow", read_only=False) as flow:
        with flow.connect() as connection, write_transaction(connection):
            create_engine_schema(connection)
        upgrade(flow)
        check_engine_tables(flow)
        check_zenctx_tables(flow)
    with pytest.raises(DatabaseError, match="has no table workflow_runs"):
        check_engine_tables(postgresql)
    with postgresql.connect() as connection:
        ours = "select count(*) from pg_tables where schemaname = 'flow' and tablename like 'zenctx%'"
        assert connection.scalar(text(ours)) == len(METADATA.tables) + 1


def test_a_table_that_may_not_be_read_is_named(postgresql: Database) -> None:
    """Without an error inside the transaction, which would end it."""
    with postgresql.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
    upgrade(postgresql)
    with postgresql.connect() as connection:
        connection.execute(text("create role zenctx_test_no_rights"))
        connection.execute(text("set local role zenctx_test_no_rights"))
        assert not can_read(connection, "workflow_runs")
        with pytest.raises(DatabaseError, match="does not let this role read the table workflow_runs"):
            require_engine_tables(connection)
        assert not has_zenctx_tables(connection)
        with pytest.raises(DatabaseError, match="does not let this role read the table zenctx_revision"):
            require_zenctx_tables(connection)


def test_our_tables_are_missing_until_the_upgrade(database: Database) -> None:
    """The hint is the command that creates them; commands that only read go on without."""
    with pytest.raises(DatabaseError, match="has no tables of zenctx yet") as caught:
        check_zenctx_tables(database)
    assert caught.value.hint == "run 'zenctx db upgrade'"
    with database.connect() as connection:
        assert not has_zenctx_tables(connection)
        assert not has_table(connection, "zenctx_store")
    upgrade(database)
    check_zenctx_tables(database)
    with database.connect() as connection:
        assert has_zenctx_tables(connection)
        assert has_table(connection, "zenctx_store")


def test_tables_of_a_newer_zenctx_are_left_alone(database: Database) -> None:
    """Neither used nor upgraded: what they mean is not known here."""
    upgrade(database)
    run(database, "update zenctx_revision set version_num = '9999'")
    assert not current(database).is_known
    for attempt in (check_zenctx_tables, upgrade):
        with pytest.raises(DatabaseError, match="revision 9999, which this version does not know") as caught:
            attempt(database)
        assert caught.value.hint == "use the newer zenctx that made them"


def test_an_emptied_version_table_counts_as_no_tables(database: Database) -> None:
    """As it is after the last revision was undone."""
    upgrade(database)
    run(database, "delete from zenctx_revision")
    assert current(database).revision is None


def test_what_is_there_is_not_looked_up_again(database: Database) -> None:
    """Over the same connection; what comes later is found all the same, and so is a column that comes later."""
    with database.connect() as connection:
        assert not has_table(connection, "things")
        connection.rollback()
        run(database, "create table things (id int)")
        assert has_table(connection, "things")
        assert not has_column(connection, "things", "more")
        connection.rollback()
        run(database, "alter table things add more int")
        assert has_column(connection, "things", "more")
        with asked_by(connection) as statements:
            assert has_table(connection, "things")
            assert has_column(connection, "things", "more")
            assert has_column(connection, "things", "id")
        assert statements == []


def test_another_connection_looks_for_itself(database: Database) -> None:
    """Also one that is the same session again."""
    run(database, "create table things (id int)")
    with database.connect() as connection:
        assert has_table(connection, "things")
    run(database, "drop table things")
    with database.connect() as connection:
        assert not has_table(connection, "things")
        assert not has_column(connection, "things", "id")


def test_the_engines_tables_are_looked_at_anew_each_time(database: Database) -> None:
    """That they are as required is never taken from memory."""
    with database.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
    with database.connect() as connection:
        require_engine_tables(connection)
        connection.rollback()
        run(database, "alter table workflow_runs rename column ended_at to over_at")
        with pytest.raises(DatabaseError, match="without a column ended_at"):
            require_engine_tables(connection)
