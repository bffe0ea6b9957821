"""What verify says of files that a clean-up released and that a run without an end still names."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.operations.cleaning import DAY, Cleaner
from tests.operations.world import World
from zenctx.database import runtime_state
from zenctx.database.engine import write_transaction
from zenctx.operations.verification import rows


@pytest.fixture
def cleaner(world: World) -> Cleaner:
    """Clean up a world, on SQLite and then on PostgreSQL."""
    return Cleaner(world)


def given_up(cleaner: Cleaner, *names: str) -> dict[str, str]:
    """Make runs that nobody has heard of for 100 days, and release their files; give the runs by these names."""
    dead = {"status": "RUNNING", "ended": None, "started": datetime.now(UTC) - 100 * DAY}
    runs = {name: cleaner.run_with_file(age=100 * DAY, **dead)[0] for name in names}
    assert len(cleaner.collect(include_zombies=True).paths("removed")) == len(names)
    return runs


def show_life(cleaner: Cleaner, run_id: str, ago: timedelta) -> None:
    """Let a node of a run begin so long ago."""
    run = ":run" if cleaner.world.rows.is_sqlite else "cast(:run as uuid)"
    insert = f"insert into node_executions (workflow_run_id, node_key, status, started_at) values ({run}, 'n', 'R', :a)"
    cleaner.world.rows.execute(insert, run=run_id, a=cleaner.world.rows.moment(datetime.now(UTC) - ago))


def record(cleaner: Cleaner, run_id: str, column: str, value: object) -> None:
    """Change what is on record of the release of a run's file."""
    statement = f"update zenctx_released_file set {column} = :value where run_id = :run"
    cleaner.world.rows.execute(statement, run=run_id, value=value)


def severities(cleaner: Cleaner) -> dict[str, str]:
    """Verify; give how bad it is that a run's file is gone. Each says which clean-up took it, and how to undo that."""
    report, items = cleaner.world.verify()
    assert all(item.kind == "released" for item in items)
    assert all("zenctx gc --undo" in item.reason or "brought back since" in item.reason for item in items)
    assert report.exit_code == (4 if any(item.severity == "error" for item in items) else 0)
    return {str(item.run_id): item.severity for item in items}


def test_what_went_with_a_run_that_was_given_up_is_a_notice(cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a run that is over: somebody decided so. However many are asked about at once."""
    runs = given_up(cleaner, "a", "b", "c")
    assert severities(cleaner) == dict.fromkeys(runs.values(), "notice")
    monkeypatch.setattr(rows, "_AT_ONCE", 2)
    assert severities(cleaner) == dict.fromkeys(runs.values(), "notice")


def test_a_run_that_came_back_to_life_lacks_its_file(cleaner: Cleaner) -> None:
    """By a node, now or once; by a save of its state; by a job that will wake it. The others stay notices."""
    runs = given_up(cleaner, "dead", "old", "awake", "relapsed", "saved", "scheduled")
    rows = cleaner.world.rows
    show_life(cleaner, runs["old"], 50 * DAY)
    show_life(cleaner, runs["awake"], timedelta())
    # Silent for 40 days: a zombie again, but one that lived after its file had gone.
    record(cleaner, runs["relapsed"], "released_at", rows.moment(datetime.now(UTC) - 60 * DAY))
    show_life(cleaner, runs["relapsed"], 40 * DAY)
    with cleaner.world.database.connect() as connection, write_transaction(connection):
        runtime_state.write(connection, runs["saved"], "{}")
    rows.execute("create table qrtz_job_details (job_name text, job_group text)")
    rows.execute("insert into qrtz_job_details values (:name, 'retry-jobs')", name=f"{runs['scheduled']}:node")
    found = severities(cleaner)
    assert {name: found[run_id] for name, run_id in runs.items()} == {
        "dead": "notice",
        "old": "notice",
        "awake": "error",
        "relapsed": "error",
        "saved": "error",
        "scheduled": "error",
    }


def test_a_release_that_did_not_give_the_run_up_is_a_loss(cleaner: Cleaner) -> None:
    """Nobody named the file then (the database was put back since), or it was brought back and is gone again."""
    runs = given_up(cleaner, "dead", "unnamed", "restored")
    record(cleaner, runs["unnamed"], "reason", "no run names it, and it is older than 24 hours")
    record(cleaner, runs["restored"], "state", "restored")
    found = severities(cleaner)
    assert {name: found[run_id] for name, run_id in runs.items()} == {
        "dead": "notice",
        "unnamed": "error",
        "restored": "error",
    }
