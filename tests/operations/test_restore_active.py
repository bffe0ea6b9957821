"""Restoring beside an engine that may be at work: a run that it may hold is refused, unless somebody says otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.operations.restorations import Shelter
from tests.operations.test_migrate_active import add_quartz, check_in
from tests.support.rows import compact

NOW = datetime.now(UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A, B = compact({"a": 1}), compact({"a": 2})


def add_node(shelter: Shelter, run_id: str, status: str, started: datetime, ended: datetime | None) -> None:
    """Add a node of a run."""
    rows = shelter.world.rows
    rows.execute(
        "insert into node_executions (workflow_run_id, node_key, status, started_at, ended_at)"
        " values (:run_id, 'n', :status, :started, :ended)",
        run_id=run_id,
        status=status,
        started=rows.moment(started),
        ended=ended and rows.moment(ended),
    )


def parked(shelter: Shelter) -> str:
    """Add a run that halted an hour ago; take a snapshot of it; give it another context."""
    run_id = shelter.world.rows.add(A, status="RUNNING", ended=None, started=NOW - HOUR)
    shelter.take()
    shelter.world.rows.replace(run_id, B)
    return run_id


@pytest.mark.parametrize("context", [None, "{}", "{ }"])
def test_a_run_that_may_be_executing_is_refused(shelter: Shelter, context: str | None) -> None:
    """It has not ended and has no context; nothing is changed, and the exit code says that a guard said no."""
    run_id = parked(shelter)
    shelter.world.rows.replace(run_id, context)
    before = shelter.world.rows.text(run_id)
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.actions) == (5, {run_id: "refuse"})
    assert "may be executing" in (outcome.reasons[run_id] or "")
    assert shelter.world.rows.text(run_id) == before
    assert shelter.safety_snapshots() == []
    forced = shelter.restore(force=True)
    assert (forced.report.exit_code, forced.actions) == (0, {run_id: "replace"})
    assert shelter.values(run_id) == {"a": 1}


def test_beside_a_living_engine_a_parked_run_is_restored_once_it_was_left_alone(shelter: Shelter) -> None:
    """A node that is at work, or a sign of life a moment ago, says that the engine holds the run."""
    run_id = parked(shelter)
    add_quartz(shelter.world)
    check_in(shelter.world, timedelta(seconds=1))
    add_node(shelter, run_id, "RUNNING", NOW - 30 * MINUTE, None)
    outcome = shelter.rehearse()
    assert outcome.actions == {run_id: "refuse"}
    assert "a node of it is at work" in (outcome.reasons[run_id] or "")
    shelter.world.rows.execute("update node_executions set status = 'WAITING'")
    assert shelter.rehearse().actions == {run_id: "replace"}
    now = datetime.now(UTC)  # not when the tests began: what counts is the last five minutes
    add_node(shelter, run_id, "SUCCESS", now - 2 * MINUTE, now - MINUTE)
    assert "sign of life" in (shelter.rehearse().reasons[run_id] or "")
    shelter.world.rows.execute("delete from qrtz_scheduler_state")
    assert shelter.rehearse().actions == {run_id: "replace"}


def test_an_engine_that_takes_a_run_up_after_the_plan_keeps_it(shelter: Shelter) -> None:
    """What counts is what the row says when it is written; the others are restored."""
    run_id = parked(shelter)
    finished = shelter.world.rows.add(A)
    shelter.take()
    shelter.world.rows.replace(finished, B)
    shelter.world.rows.replace(run_id, None)
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.actions) == (3, {run_id: "refuse", finished: "replace"})


def test_runs_that_cannot_be_understood_are_refused(shelter: Shelter) -> None:
    """A status that zenctx does not know may mean anything."""
    if not shelter.world.rows.is_sqlite:
        shelter.world.rows.execute("alter type workflow_status_enum add value 'PAUSING'")
    run_id = shelter.world.rows.add(A, status="PAUSING")
    shelter.take()
    shelter.world.rows.replace(run_id, B)
    assert shelter.restore().actions == {run_id: "refuse"}


def test_a_run_that_is_as_it_was_is_not_refused(shelter: Shelter) -> None:
    """There is nothing that could go wrong."""
    shelter.world.rows.add(None, status="RUNNING", ended=None)
    shelter.take()
    assert shelter.restore().report.exit_code == 0


def test_it_waits_for_nobody_who_holds_a_row(shelter: Shelter) -> None:
    """On PostgreSQL the run is named, and the others are restored; SQLite's file is held as a whole."""
    rows = shelter.world.rows
    if rows.is_sqlite:
        pytest.skip("an SQLite file is held as a whole")
    held, free = rows.add(A), rows.add(A)
    shelter.take()
    rows.execute("update workflow_runs set context = null")
    with shelter.world.database.connect() as connection:
        connection.exec_driver_sql(f"select 1 from workflow_runs where id = '{held}' for update")
        outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.actions) == (3, {held: "fail", free: "replace"})
    assert "holds its row" in (outcome.reasons[held] or "")
