"""Runs in PostgreSQL: what only it can do, and what only it can refuse."""

import pytest
from sqlalchemy import text

from tests.support.rows import Rows
from zenctx.database import postgresql
from zenctx.database.engine import write_transaction
from zenctx.database.errors import DatabaseBusyError
from zenctx.database.rows import BatchLimits, ContextChange, RunRow, Selection


def read_all(rows: Rows) -> list[RunRow]:
    """Give all runs."""
    with rows.database.connect() as connection:
        return postgresql.read_batch(connection, None, BatchLimits(rows=1000), Selection())


@pytest.mark.parametrize("bad", [{0}, {9}, {3, 4}, set(range(10)), set[int]()])
def test_a_refused_value_is_found_and_the_rest_is_written(postgresql_rows: Rows, bad: set[int]) -> None:
    """By halving the batch in savepoints; the transaction goes on."""
    rows = postgresql_rows
    rows.add_all(f'{{"n":{number}}}' for number in range(10))
    read = read_all(rows)
    changes = [ContextChange(row, rb'{"a":"\u0000"}' if place in bad else b'{"b":1}') for place, row in enumerate(read)]
    with rows.database.connect() as connection, write_transaction(connection):
        written = postgresql.write_batch(connection, changes, "the database")
        connection.execute(text("select 1"))
    assert {rejection.change.row.run_id for rejection in written.rejected} == {read[place].run_id for place in bad}
    assert all("\\u0000" in rejection.reason for rejection in written.rejected)
    assert len(written.run_ids) == 10 - len(bad)
    for place, row in enumerate(read):
        assert (rows.text(row.run_id) == b'{"b": 1}') is (place not in bad)


@pytest.mark.parametrize("value", ["1e200000", "1e-20000"])
def test_values_past_its_limits_are_refused_as_values(postgresql_rows: Rows, value: str) -> None:
    """Numbers of too many digits: a matter of the value, not of the database."""
    rows = postgresql_rows
    rows.add('{"n":1}')
    (row,) = read_all(rows)
    with rows.database.connect() as connection, write_transaction(connection):
        written = postgresql.write_batch(connection, [ContextChange(row, f'{{"a":{value}}}'.encode())], "the database")
    assert [rejection.change.row.run_id for rejection in written.rejected] == [row.run_id]


def test_a_written_row_holds_up_nobody_who_refers_to_it(postgresql_rows: Rows) -> None:
    """An engine may record a node of the run, or a run that retries it, while the batch is not committed."""
    rows = postgresql_rows
    run_id = rows.add('{"n":1}')
    (row,) = read_all(rows)
    settings = {"lock_timeout": "200ms"}
    with (
        rows.database.connect() as writer,
        rows.database.connect(settings) as engine,
        write_transaction(writer),
    ):
        postgresql.write_batch(writer, [ContextChange(row, b'{"b":1}')], "the database")
        with write_transaction(engine):
            insert = "insert into node_executions (workflow_run_id, node_key, status) values (:run, 'n', 'x')"
            engine.execute(text(insert), {"run": run_id})
            retry = "insert into workflow_runs (workflow_id, status, retry_of) values (:workflow, 'RUNNING', :run)"
            engine.execute(text(retry), {"run": run_id, "workflow": rows.workflow_id})


def test_a_held_row_is_waited_for_half_a_second(postgresql_rows: Rows) -> None:
    """Then the batch fails as busy, and its transaction is undone."""
    rows = postgresql_rows
    rows.add('{"n":1}')
    (row,) = read_all(rows)
    with rows.database.connect() as engine, write_transaction(engine):
        engine.execute(text("select * from workflow_runs for update"))
        with (
            pytest.raises(DatabaseBusyError),
            rows.database.connect(postgresql.WRITER_SETTINGS) as writer,
            write_transaction(writer),
        ):
            postgresql.write_batch(writer, [ContextChange(row, b"{}")], "the database")
    assert rows.text(row.run_id) == b'{"n": 1}'


def test_a_version_is_that_of_the_row(postgresql_rows: Rows) -> None:
    """Every write gives another one, also of the same text; who only looks or locks changes nothing."""
    rows = postgresql_rows
    run_id = rows.add('{"n":1}')
    (first,) = read_all(rows)
    with rows.database.connect() as connection, write_transaction(connection):
        connection.execute(text("select * from workflow_runs for update"))
    (second,) = read_all(rows)
    rows.replace(run_id, '{"n":1}')
    (third,) = read_all(rows)
    assert first.version == second.version != third.version
    assert first.text == third.text


def test_times_without_end_are_no_times(postgresql_rows: Rows) -> None:
    """PostgreSQL has infinite ones, which say nothing that could be relied on."""
    rows = postgresql_rows
    rows.add("{}")
    rows.execute("update workflow_runs set ended_at = 'infinity'")
    (row,) = read_all(rows)
    assert (row.ended_at, row.times_readable) == (None, False)


def test_the_schema_of_the_search_path_is_read(postgresql_rows: Rows) -> None:
    """A table of the same name in another schema is another one."""
    rows = postgresql_rows
    rows.add('{"n":1}')
    rows.execute("create schema other")
    rows.execute("create table other.workflow_runs (like public.workflow_runs including all)")
    assert len(read_all(rows)) == 1
    with rows.database.connect({"search_path": "other"}) as connection:
        assert postgresql.count(connection, Selection()) == 0


def test_a_count_of_all_may_be_an_estimate(postgresql_rows: Rows) -> None:
    """Once the planner has statistics, they are the answer; a selection is counted."""
    rows = postgresql_rows
    rows.add_all("{}" for _ in range(10))
    rows.execute("analyze workflow_runs")
    rows.add("{}", status="ERROR")
    with rows.database.connect() as connection:
        assert postgresql.count(connection, Selection()) == 10
        assert postgresql.count(connection, Selection(statuses=("ERROR", "SUCCESS"))) == 11


def test_rows_of_known_versions_are_counted_and_left_out(postgresql_rows: Rows) -> None:
    """The others come as they are; the part ends where the last row of either kind is."""
    rows = postgresql_rows
    ids = sorted(rows.add(f'{{"n":{number}}}') for number in range(10))
    with rows.database.connect() as connection, write_transaction(connection):
        connection.execute(text("update workflow_runs set error = 'x' where id = any(:ids)"), {"ids": ids[3:]})
    read = {row.run_id: row for row in read_all(rows)}
    with rows.database.connect() as connection:
        part = postgresql.read_unknown(connection, None, BatchLimits(rows=8), Selection(), [read[ids[5]].version])
        rest = postgresql.read_unknown(connection, part.last, BatchLimits(rows=8), Selection(), [read[ids[5]].version])
        end = postgresql.read_unknown(connection, rest.last, BatchLimits(rows=8), Selection(), ["3"])
    assert ([row.run_id for row in part.rows], part.known, part.last) == (ids[:3], 5, ids[7])
    assert part.rows == [read[run_id] for run_id in ids[:3]]
    assert rest == ([], 2, ids[9])
    assert end == ([], 0, None)
