"""What the server may have to bear: reasons for waiting, from values alone; and what a real server says of itself."""

import threading
import time

import pytest

from tests.operations.world import World
from zenctx.database import locks
from zenctx.database.engine import write_transaction
from zenctx.database.locks import Lock
from zenctx.database.pressure import Pressure, Replica, Table, may_see_all, pressure
from zenctx.database.sessions import Session
from zenctx.operations.migration.throttle import GIB, MIB, Gauge, Limits, too_much

CALM = Pressure()
BLOATED = Table(3_000_000, 10_000_000)


def lagging(size: int = 0, seconds: float | None = None) -> Pressure:
    """A replica that is behind, beside one that is not."""
    return Pressure(replicas=(Replica(1, 0.0, size, seconds), Replica(2, 0.0, 0, None)))


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (lagging(seconds=31), "a replica is 31 s behind (more than 30 s)"),
        (lagging(2 * GIB), "a replica is 2.0 GiB behind"),
        (Pressure(missing=1), "a replica that was there is gone: it is waited for, 300 s at most"),
        (Pressure(slot_bytes=9 * GIB), "a replication slot keeps 9.0 GiB of WAL (more than 8.0 GiB)"),
        (Pressure(slot_bytes=600 * MIB, slot_limit=GIB), "keeps 600 MiB of WAL (more than 512 MiB)"),
        (Pressure(archiver_fails=True), "fails to archive"),
        (Pressure(archive_bytes=3 * GIB), "3.0 GiB of WAL is not archived yet"),
        (Pressure(rows=Table(6_000_000, 10_000_000)), "workflow_runs has 6,000,000 dead rows: it needs a vacuum"),
        (
            Pressure(rows=Table(2_000_000, 3_000_000), pieces=Table(0, 90_000_000)),
            "workflow_runs has 2,000,000 dead rows",
        ),
        (Pressure(rows=Table(0, 9), pieces=Table(6_000_000, 9_000_000)), "the TOAST table of workflow_runs has 6,000,"),
        (Pressure(rows=BLOATED, vacuum_runs=True), "a vacuum of workflow_runs is at work on 3,000,000 dead rows"),
        (Pressure(rows=BLOATED, oldest_seconds=7200), "a transaction of 2.0 h keeps 3,000,000 dead rows of workflow_r"),
        (Pressure(blocked=1), "1 other session waits for a lock of ours"),
        (Pressure(blocked=2), "2 other sessions wait for a lock of ours"),
    ],
)
def test_what_is_too_much_is_named(seen: Pressure, reason: str) -> None:
    """One reason at a time, with its figures."""
    assert reason in (too_much(seen, Limits()) or "")


@pytest.mark.parametrize(
    "seen",
    [
        CALM,
        lagging(GIB, 29),
        Pressure(rows=BLOATED, pieces=BLOATED),
        Pressure(slot_bytes=GIB, archiver_fails=False, archive_bytes=GIB),
        Pressure(slot_bytes=GIB, slot_limit=4 * GIB),
        Pressure(rows=Table(900_000, 1), vacuum_runs=True, oldest_seconds=1e6),
    ],
)
def test_what_is_bearable_is_no_reason(seen: Pressure) -> None:
    """Nor is what may not be seen, or a small table with many dead rows."""
    assert too_much(seen, Limits()) is None


def test_a_limit_can_be_moved() -> None:
    """The lag is the one that differs most from one place to another."""
    assert too_much(lagging(seconds=31), Limits(lag_seconds=60)) is None


def test_a_calm_server(postgres_world: World) -> None:
    """It has no replicas, no slots, no archive, and nobody waits."""
    with postgres_world.database.connect() as connection:
        seen = pressure(connection)
        assert may_see_all(connection)
    assert (seen.replicas, seen.slot_bytes, seen.archiver_fails, seen.archives, seen.blocked) == (
        (),
        None,
        None,
        False,
        0,
    )
    assert too_much(seen, Limits()) is None


def test_a_role_without_rights_sees_what_it_may(postgres_world: World) -> None:
    """Nothing fails for it."""
    with postgres_world.database.connect() as connection:
        with write_transaction(connection):
            connection.exec_driver_sql("create role zenctx_blind")
        try:
            with write_transaction(connection):
                connection.exec_driver_sql("set role zenctx_blind")
            assert not may_see_all(connection)
            assert pressure(connection).blocked == 0
        finally:
            with write_transaction(connection):
                connection.exec_driver_sql("reset role")
                connection.exec_driver_sql("drop role zenctx_blind")


def test_those_whom_we_block_are_seen(postgres_world: World) -> None:
    """A session that waits for a row that one of our sessions has written; those who wait for others are not ours."""
    run_id = postgres_world.rows.add('{"a":1}')
    database = postgres_world.database
    change = "update workflow_runs set error = 'x' where id = %s"

    def wait_for_it() -> None:
        with database.connect() as connection, write_transaction(connection):
            connection.exec_driver_sql(change, (run_id,))

    waiting = threading.Thread(target=wait_for_it)
    with database.connect() as looker, database.connect() as ours:
        with locks.held(database, ours, Lock.CONTENT, exclusive=False), write_transaction(ours):
            ours.exec_driver_sql(change, (run_id,))
            waiting.start()
            deadline = time.monotonic() + 10
            while pressure(looker).blocked != 1:
                assert time.monotonic() < deadline, "nobody is seen to wait"
                time.sleep(0.02)
        waiting.join()
        assert pressure(looker).blocked == 0


def test_a_gauge_looks_now_and_then(postgres_world: World) -> None:
    """Not before every batch; a lost connection is replaced, and a server that is away is a reason to wait."""
    moment = [0.0]
    with Session(postgres_world.database, {}) as session:
        gauge = Gauge(postgres_world.database, session, Limits(), clock=lambda: moment[0])
        assert gauge() is None
        end = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        postgres_world.rows.execute(f"{end} and datname = current_database() and application_name = 'zenctx'")
        assert gauge() is None
        moment[0] = 3
        assert gauge() is None
