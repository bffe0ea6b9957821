"""How far a migration is, for those who look from elsewhere."""

import time

import pytest

from tests.operations.test_migrate_concurrent import Recorder
from tests.operations.world import World
from zenctx.database import journal
from zenctx.operations import migrate
from zenctx.operations.migration import status, sweep
from zenctx.operations.migration.brakes import Terms
from zenctx.operations.migration.report import Range
from zenctx.operations.migration.request import MigrationRequest
from zenctx.operations.migration.status import Status, StatusItem, seconds_left, show_status
from zenctx.operations.progress import SILENT


def shown(world: World) -> tuple[list[StatusItem], int]:
    """Give what is shown, and how many migrations have not ended."""
    items: list[StatusItem] = []
    report = show_status(world.database, items.append)
    return items, report.summary.running


def test_without_any_there_is_nothing_to_show(world: World) -> None:
    """Nor is that an error."""
    assert shown(world) == ([], 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the seconds that have gone by, to be changed."""
    seconds = [0.0]
    monkeypatch.setattr(status, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def told(world: World, clock: list[float]) -> Status:
    """Give the status of a migration that has just begun."""
    del clock
    with world.database.connect() as connection:
        plan = migrate.plan(world.database, connection, world.settings, MigrationRequest())
    return Status(SILENT, plan)


def test_the_time_left_goes_by_two_speeds(told: Status, clock: list[float]) -> None:
    """That since the sweep began, and that of the last half minute; who waits has neither."""
    told.start(10_000, "rows")
    counts = told.counts()
    for _ in range(20):
        clock[0] += 3
        told.advance(30 if clock[0] <= 30 else 60)
        counts = told.counts()
    # 900 rows in a minute, 600 of them in its second half.
    assert seconds_left(counts) == Range(9100 // 20, round(9100 / 15))
    for none in (None, 0.0, -20.0):
        assert seconds_left({**counts, "recent_rows_per_second": none}) == Range(round(9100 / 15), round(9100 / 15))
    told.note("waiting", waits_for="a lock")
    assert seconds_left(told.counts()) is None


def test_what_was_done_before_says_little_of_the_time_left(told: Status, clock: list[float]) -> None:
    """It is passed over at once, which is not the speed of the rest."""
    told.start(1000, "rows")
    told.advance(600)
    for now in (3.0, 6.0):
        told.counts()
        clock[0] = now
        told.advance(30)
    assert seconds_left(told.counts()) == Range(round(340 / (660 / 6)), 34)


def test_of_one_without_a_sign_of_life_nobody_says_how_long_it_takes(world: World) -> None:
    """It may have been killed; what it had done is shown all the same."""
    with world.database.connect() as connection:
        operation_id = journal.begin(connection, "migrate", {})
        journal.progress(connection, operation_id, {"rows": 50, "total": 100, "seconds": 10})
    (item,), _ = shown(world)
    assert (item.rows, item.seconds_left) == (50, Range(10, 10))
    is_sqlite = world.database.dialect == "sqlite"
    past = "'2026-01-01T00:00:00.000000Z'" if is_sqlite else "now() - interval '2 min'"
    world.rows.execute(f"update zenctx_operation set updated_at = {past}")
    (item,), _ = shown(world)
    assert (item.rows, item.seconds_left) == (50, None)


def test_the_last_one_is_shown_when_none_is_running(world: World) -> None:
    """With what it did, and how it ended."""
    world.rows.add_all(['{"a":1}'] * 5)
    world.migrate(limit=2)
    world.migrate()
    (item,), running = shown(world)
    assert (running, item.outcome, item.converted) == (0, "done", 3)
    assert item.finished_at is not None


def test_one_that_is_under_way_is_shown(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows of how many, in which sweep, at which rate, and why it waits."""
    monkeypatch.setattr(status, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(sweep, "_TELL_SECONDS", 0)
    postgres_world.rows.add_all(['{"a":1}'] * 20)
    seen: list[StatusItem] = []

    def look() -> None:
        time.sleep(0.2)
        items, running = shown(postgres_world)
        assert running == 1
        seen.extend(items)

    outcome = postgres_world.migrate(progress=Recorder(on_batch=look), batch_rows=5)
    assert outcome.report.exit_code == 0
    third = seen[2]
    assert (third.outcome, third.sweep, third.rows, third.total, third.workers) == (None, 1, 15, 20, 1)
    assert (third.batch_rows, third.waits_for) == (5, None)
    assert third.converted is not None
    assert 10 <= third.converted <= 20
    assert third.rows_per_second
    assert third.seconds_left is not None
    assert 0 <= third.seconds_left.low <= third.seconds_left.high <= 5
    (item,), _ = shown(postgres_world)
    assert (item.operation_id, item.outcome, item.converted) == (third.operation_id, "done", 20)


def test_a_lost_connection_of_the_record_is_replaced(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migration goes on whatever happens to it, and the outcome is on record."""
    monkeypatch.setattr(status, "EVERY_SECONDS", 0.02)
    postgres_world.rows.add_all(['{"a":1}'] * 20)
    end = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    ends = iter(range(2))

    def cut() -> None:
        time.sleep(0.1)
        if next(ends, None) is not None:
            postgres_world.rows.execute(f"{end} and application_name = 'zenctx'")

    outcome = postgres_world.migrate(progress=Recorder(on_batch=cut), batch_rows=5, terms=Terms())
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, 20)
    with postgres_world.database.connect() as connection:
        assert journal.latest(connection)[0].outcome == "done"
