"""The engine's tables as the demo and the tests make them behave as the engine's do."""

from uuid import UUID

import pytest
from sqlalchemy import select, text

from tests.support.engine_schema import create_engine_schema, create_quartz_tables
from zenctx.database.columns import utc_now
from zenctx.database.engine import Database, write_transaction
from zenctx.database.schema import ENGINE, node_executions, workflow_runs, workflows


@pytest.fixture
def database(database: Database) -> Database:
    """Give a database with the engine's tables and the scheduler's."""
    with database.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
        create_quartz_tables(connection)
    return database


def test_defaults_are_the_engines(database: Database) -> None:
    """Ids, times and counters come from the database, and read as such in Python."""
    with database.connect() as connection, write_transaction(connection):
        workflow_id = connection.scalar(text("insert into workflows (name) values ('w') returning cast(id as text)"))
        run_id = connection.scalar(
            text(f"insert into workflow_runs (workflow_id, status) values ('{workflow_id}', 'RUNNING') returning id")
        )
        run = connection.execute(select(workflow_runs)).one()
    assert UUID(str(run.id)) == UUID(str(run_id))
    assert run.id[14] == "4"
    assert run.workflow_id == workflow_id
    assert abs((utc_now() - run.started_at).total_seconds()) < 60
    assert (run.ended_at, run.context, run.retry_attempt) == (None, None, 0)


def test_deleting_a_workflow_takes_its_runs_along(database: Database) -> None:
    """And their node executions, by foreign keys."""
    with database.connect() as connection, write_transaction(connection):
        workflow_id = connection.scalar(text("insert into workflows (name) values ('w') returning cast(id as text)"))
        run_id = connection.scalar(
            text(
                "insert into workflow_runs (workflow_id, status, context)"
                f" values ('{workflow_id}', 'SUCCESS', '{{}}') returning cast(id as text)"
            )
        )
        connection.execute(
            text(f"insert into node_executions (workflow_run_id, node_key, status) values ('{run_id}', 'n', 'SUCCESS')")
        )
        connection.execute(text("delete from workflows"))
        assert connection.scalar(text("select count(*) from workflow_runs")) == 0
        assert connection.scalar(text("select count(*) from node_executions")) == 0


@pytest.mark.parametrize("table", [workflows, workflow_runs, node_executions], ids=str)
def test_the_tables_have_every_column_that_we_read(database: Database, table: object) -> None:
    """What the code names is there."""
    assert table in ENGINE.tables.values()
    with database.connect() as connection:
        assert connection.execute(select(table)).all() == []  # type: ignore[call-overload]


def test_contexts_stay_as_they_are_in_sqlite(sqlite: Database) -> None:
    """Also one that is a bare number: the column's type must not make a number of the text."""
    with sqlite.connect() as connection, write_transaction(connection):
        create_engine_schema(connection)
        connection.execute(text("insert into workflows (id, name) values ('w', 'w')"))
        connection.execute(
            text("insert into workflow_runs (workflow_id, status, context) values ('w', 'SUCCESS', '1.10')")
        )
        assert connection.scalar(text("select cast(context as blob) from workflow_runs")) == b"1.10"
