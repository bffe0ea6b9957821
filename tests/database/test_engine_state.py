"""What the engine's own tables say of it: whether it is alive, what it will retry, when a run last gave a sign."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.engine_schema import create_quartz_tables
from tests.support.rows import DAY, Rows
from zenctx.database.engine import write_transaction
from zenctx.database.engine_state import (
    Liveness,
    all_scheduled_retries,
    database_time,
    engine_liveness,
    last_signs,
    pending_retries,
    scheduled_retries,
)

INTERVAL = 7500


@pytest.fixture
def quartz(rows: Rows) -> Rows:
    """Give the runs of a database that has the scheduler's tables, too."""
    with rows.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)
    return rows


def liveness(rows: Rows) -> Liveness:
    """Ask whether an engine is alive."""
    with rows.database.connect() as connection:
        return engine_liveness(connection)


def check_in(rows: Rows, name: str, ago: timedelta) -> None:
    """Let a scheduler have checked in so long ago."""
    last = int((datetime.now(UTC) - ago).timestamp() * 1000)
    insert = "insert into qrtz_scheduler_state values ('zenflow', :name, :last, :interval)"
    rows.execute(insert, name=name, last=last, interval=INTERVAL)


def test_the_time_is_the_databases(rows: Rows) -> None:
    """Aware, and about now."""
    with rows.database.connect() as connection:
        now = database_time(connection)
    assert now.tzinfo is not None
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (22, True), (23, False), (-3600, True)])
def test_three_check_ins_make_a_life(quartz: Rows, seconds: int, alive: bool) -> None:
    """Whoever missed them is gone; one that is ahead of us is not."""
    check_in(quartz, "node-1", timedelta(seconds=seconds))
    found = liveness(quartz)
    assert found.alive is alive
    assert ("node-1" in found.reason) is alive


def test_any_living_node_is_enough(quartz: Rows) -> None:
    """However many are gone."""
    for number in range(3):
        check_in(quartz, f"gone-{number}", DAY)
    assert not liveness(quartz).alive
    check_in(quartz, "alive", timedelta(seconds=1))
    assert "alive" in liveness(quartz).reason


@pytest.mark.parametrize("last", ["yesterday", b"\xff", float("inf")])
def test_a_check_in_that_cannot_be_read_counts_as_one_just_now(sqlite_rows: Rows, last: object) -> None:
    """SQLite keeps anything in a column of numbers: neither that nor what is no moment stops anybody who asks."""
    with sqlite_rows.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)
    insert = "insert into qrtz_scheduler_state values ('zenflow', 'node-1', :last, :interval)"
    sqlite_rows.execute(insert, last=last, interval=INTERVAL)
    found = liveness(sqlite_rows)
    assert found.alive
    assert "node-1" in found.reason
    sqlite_rows.execute("update qrtz_scheduler_state set last_checkin_time = 0, checkin_interval = 'often'")
    assert liveness(sqlite_rows).alive


def test_without_the_table_postgresql_counts_as_alive(rows: Rows) -> None:
    """And an SQLite file does not."""
    assert liveness(rows).alive is not rows.is_sqlite
    assert "scheduler" in liveness(rows).reason


def test_jobs_name_the_runs_that_will_be_retried(quartz: Rows) -> None:
    """By the first part of their name; of the group of retries alone, and of the runs that were asked for."""
    first, second, third = (str(uuid4()) for _ in range(3))
    insert = "insert into qrtz_job_details values ('z', :name, :group, null, 'J', true, false, false, false, null)"
    for name, group in (
        (f"{first}:a:b", "retry-jobs"),
        (f"{first}:c", "retry-jobs"),
        (f"{second}:a", "other"),
        (f"{third}:a", "retry-jobs"),
        ("no id", "retry-jobs"),
    ):
        quartz.execute(insert, name=name, group=group)
    with quartz.database.connect() as connection:
        assert pending_retries(connection, [first, second]) == {first}
        assert pending_retries(connection, []) == frozenset()


def test_without_jobs_nothing_is_retried(rows: Rows) -> None:
    """A database without the scheduler has none."""
    with rows.database.connect() as connection:
        assert pending_retries(connection, [str(uuid4())]) == frozenset()


def test_the_row_of_a_run_says_when_it_will_be_retried(rows: Rows) -> None:
    """A time to come, not one that is past; a table without that column says it of none."""
    soon, past, never = (rows.add("{}", status="ERROR") for _ in range(3))
    for run_id, moment in ((soon, DAY), (past, -DAY)):
        at = rows.moment(datetime.now(UTC) + moment)
        rows.execute("update workflow_runs set next_retry_at = :at where id = :id", at=at, id=run_id)
    with rows.database.connect() as connection:
        assert scheduled_retries(connection, [soon, past, never]) == {soon}
        assert scheduled_retries(connection, [past, never]) == frozenset()
        assert all_scheduled_retries(connection) == {soon}
    rows.execute("alter table workflow_runs drop column next_retry_at")
    with rows.database.connect() as connection:
        assert scheduled_retries(connection, [soon]) == all_scheduled_retries(connection) == frozenset()


def test_the_last_sign_of_a_run_is_its_latest_node(rows: Rows) -> None:
    """Begun or ended, whichever is later; a run without nodes is absent."""
    now = datetime.now(UTC).replace(microsecond=0)
    busy, idle = rows.add("{}", status="RUNNING", ended=None), rows.add("{}", status="RUNNING", ended=None)
    insert = (
        "insert into node_executions (workflow_run_id, node_key, status, started_at, ended_at)"
        " values (:run, 'n', 'x', :started, :ended)"
    )
    for started, ended in ((now - 5 * DAY, now - 4 * DAY), (now - 3 * DAY, None), (now - 9 * DAY, now - 8 * DAY)):
        rows.execute(insert, run=busy, started=rows.moment(started), ended=ended and rows.moment(ended))
    with rows.database.connect() as connection:
        assert last_signs(connection, [busy, idle]) == {busy: now - 3 * DAY}
        assert last_signs(connection, []) == {}


def test_without_the_table_there_are_no_signs(rows: Rows) -> None:
    """That is a database without nodes, not one that hides them."""
    rows.execute("drop table node_executions")
    with rows.database.connect() as connection:
        assert last_signs(connection, [str(uuid4())]) == {}


def test_what_may_not_be_read_counts_as_the_dangerous_case(postgresql_rows: Rows) -> None:
    """Alive, about to be retried, and with a sign of life just now."""
    rows = postgresql_rows
    with rows.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)
    run_id = str(uuid4())
    rows.execute("create role zenctx_blind")
    try:
        with rows.database.connect() as connection:
            connection.exec_driver_sql("set role zenctx_blind")
            assert "does not let this role read" in engine_liveness(connection).reason
            assert engine_liveness(connection).alive
            assert pending_retries(connection, [run_id]) == {run_id}
            assert datetime.now(UTC) - last_signs(connection, [run_id])[run_id] < timedelta(minutes=1)
    finally:
        rows.execute("drop role zenctx_blind")
