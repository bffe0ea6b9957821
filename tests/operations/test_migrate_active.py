"""Beside an engine that may be alive: only what is over for good is converted, unless somebody says otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.operations.reader import as_reader
from tests.operations.world import LEGACY, World
from tests.support.engine_schema import create_quartz_tables
from zenctx.database.engine import write_transaction

NOW = datetime.now(UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CHECK_IN = 7500
"""Milliseconds between two signs of life of the scheduler."""


def add_quartz(world: World) -> None:
    """Add the scheduler's tables."""
    with world.database.connect() as connection, write_transaction(connection):
        create_quartz_tables(connection)


def check_in(world: World, ago: timedelta) -> None:
    """Let a scheduler have given a sign of life so long ago."""
    last = int((datetime.now(UTC) - ago).timestamp() * 1000)
    world.rows.execute(
        "insert into qrtz_scheduler_state values ('zenflow', 'node-1', :last, :interval)", last=last, interval=CHECK_IN
    )


def add_job(world: World, name: str, group: str = "retry-jobs") -> None:
    """Add a job of the scheduler."""
    world.rows.execute(
        "insert into qrtz_job_details values"
        " ('zenflow', :name, :group, null, 'RetryJob', true, false, false, false, null)",
        name=name,
        group=group,
    )


def add_every_kind(world: World) -> tuple[set[str], set[str]]:
    """Add runs that are over for good, and runs that an engine may still touch."""
    add = world.rows.add
    finished = {
        add('{"a":1}', status="SUCCESS", ended=6 * MINUTE),
        add('{"a":1}', status="SUCCESS", ended=400 * DAY),
        add('{"a":1}', status="ERROR", ended=25 * HOUR),
    }
    active = {
        add('{"a":1}', status="SUCCESS", ended=4 * MINUTE),
        add('{"a":1}', status="ERROR", ended=23 * HOUR),
        add('{"a":1}', status="RUNNING", ended=None),
        add('{"a":1}', status="WAITING", ended=None),
        add('{"a":1}', status="SUCCESS", ended=None, started=NOW - DAY),
        add('{"a":1}', status="RUNNING", ended=2 * DAY),
        add('{"a":1}', status="RUNNING", ended=None, started=NOW - 90 * DAY),
    }
    return finished, active


def test_only_what_is_over_for_good_is_converted_under_a_living_engine(world: World) -> None:
    """A success of five minutes ago, a failure of a day ago; the others are counted, and named with their class."""
    add_quartz(world)
    check_in(world, timedelta(seconds=5))
    finished, active = add_every_kind(world)
    world.rows.remember()
    outcome = world.migrate()
    assert set(world.rows.changed()) == finished
    assert outcome.actions == dict.fromkeys(active, "wait")
    assert all(outcome.reasons.values())
    summary = outcome.report.summary
    assert (outcome.report.exit_code, summary.waiting, summary.engine_alive) == (3, len(active), True)
    assert "node-1 checked in" in summary.engine
    assert "--include-active" in (outcome.report.next_step or "")
    assert world.migrate(LEGACY).report.summary.converted == len(finished)
    assert world.rows.changed() == []


def test_include_active_takes_all(world: World) -> None:
    """For an engine that is down, or that reads both forms."""
    add_quartz(world)
    check_in(world, timedelta(seconds=5))
    finished, active = add_every_kind(world)
    outcome = world.migrate(include_active=True)
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, len(finished | active))
    assert outcome.report.summary.engine_alive


@pytest.mark.parametrize(("seconds", "alive"), [(-60, True), (20, True), (25, False), (86_400, False)])
def test_an_engine_is_alive_for_three_check_ins(world: World, seconds: int, alive: bool) -> None:
    """Whoever missed three of them is not; a clock that runs ahead is no reason to think so."""
    add_quartz(world)
    check_in(world, timedelta(seconds=seconds))
    run_id = world.rows.add('{"a":1}', status="RUNNING", ended=None)
    outcome = world.rehearse()
    assert outcome.report.summary.engine_alive is alive
    assert outcome.actions == {run_id: "wait" if alive else "convert"}


def test_one_of_several_engines_is_enough(world: World) -> None:
    """A node that is gone says nothing of the others."""
    add_quartz(world)
    check_in(world, DAY)
    world.rows.execute("insert into qrtz_scheduler_state values ('zenflow', 'node-2', 99999999999999, 7500)")
    assert world.rehearse().report.summary.engine_alive


def test_without_a_scheduler_table_the_database_decides(world: World) -> None:
    """On PostgreSQL it counts as alive, for nothing says otherwise; an SQLite file is nobody's production database."""
    run_id = world.rows.add('{"a":1}', status="RUNNING", ended=None)
    outcome = world.rehearse()
    assert outcome.actions == {run_id: "convert" if world.rows.is_sqlite else "wait"}
    assert "qrtz_scheduler_state" in outcome.report.summary.engine or world.rows.is_sqlite


def test_what_may_not_be_seen_counts_as_alive(postgres_world: World) -> None:
    """A role without rights to the scheduler's tables cannot rule an engine out, nor a retry of a failed run."""
    add_quartz(postgres_world)
    check_in(postgres_world, DAY)
    run_id = postgres_world.rows.add('{"a":1}', status="RUNNING", ended=None)
    failed = postgres_world.rows.add('{"a":1}', status="ERROR", ended=3 * DAY)
    assert not postgres_world.rehearse().report.summary.engine_alive
    with as_reader(postgres_world) as reader:
        outcome = reader.rehearse()
    assert "does not let this role read" in outcome.report.summary.engine
    assert outcome.actions == {run_id: "wait", failed: "wait"}


def test_a_failed_run_with_a_retry_job_waits(world: World) -> None:
    """However long ago it failed: the job revives it. Jobs of other runs and of other groups do not count."""
    add_quartz(world)
    check_in(world, timedelta(seconds=5))
    retried, other, finished = (world.rows.add('{"a":1}', status="ERROR", ended=30 * DAY) for _ in range(3))
    add_job(world, f"{retried}:http-1")
    add_job(world, f"{retried}:http-2")
    add_job(world, f"{other}:http-1", group="schedules")
    add_job(world, f"{finished[:-1]}:http-1")
    outcome = world.migrate()
    assert outcome.actions == {retried: "wait"}
    assert "a retry is scheduled" in (outcome.reasons[retried] or "")
    assert outcome.report.summary.converted == 2


def test_a_status_that_nobody_knows_waits(world: World) -> None:
    """A label that a later engine adds is taken as it is, and nothing is concluded from it."""
    if not world.rows.is_sqlite:
        world.rows.execute("alter type workflow_status_enum add value 'PAUSED'")
    else:
        add_quartz(world)
        check_in(world, timedelta(seconds=5))
    run_id = world.rows.add('{"a":1}', status="PAUSED")
    outcome = world.migrate()
    assert outcome.actions == {run_id: "wait"}
    assert "PAUSED is not known" in (outcome.reasons[run_id] or "")
    assert world.migrate(include_active=True, statuses=("PAUSED",)).report.summary.converted == 1


@pytest.mark.parametrize("ended", ["yesterday", "'; drop table", "99999999999999999999"])
def test_a_time_that_cannot_be_read_waits(sqlite_world: World, ended: str) -> None:
    """A run whose end is no time may end when it likes."""
    add_quartz(sqlite_world)
    check_in(sqlite_world, timedelta(seconds=5))
    run_id = sqlite_world.rows.add('{"a":1}')
    sqlite_world.rows.execute("update workflow_runs set ended_at = :ended", ended=ended)
    outcome = sqlite_world.migrate()
    assert outcome.actions == {run_id: "wait"}
    assert "cannot be read" in (outcome.reasons[run_id] or "")


def test_a_check_is_about_all_contexts(world: World) -> None:
    """Whether an engine is alive changes nothing about what is still in the old form."""
    add_quartz(world)
    check_in(world, timedelta(seconds=5))
    world.rows.add('{"a":1}', status="RUNNING", ended=None)
    report = world.check()
    assert (report.exit_code, report.summary.waiting) == (4, 0)


def test_running_again_later_converts_what_waited(world: World) -> None:
    """Once the engine is down the rest follows, and the check says so."""
    add_quartz(world)
    check_in(world, timedelta(seconds=5))
    _, active = add_every_kind(world)
    world.migrate()
    world.rows.execute("delete from qrtz_scheduler_state")
    check_in(world, HOUR)
    assert world.migrate().report.summary.converted == len(active)
    assert world.check().exit_code == 0
