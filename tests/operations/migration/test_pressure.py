"""What a real server with a real replica says of itself: what is too much is a reason to wait until it is over."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest

from tests.conftest import NEWEST, _bin_of
from tests.database.conftest import opened
from tests.operations.world import LEGACY, World, make_world
from tests.support.postgres import Server
from tests.support.replication import Notes, Standby, connected, run, running_pair, until
from tests.support.rows import compact
from zenctx.database.engine import Database
from zenctx.database.pressure import pressure
from zenctx.database.sessions import Session
from zenctx.operations.migration import throttle
from zenctx.operations.migration.status import show_status
from zenctx.operations.migration.throttle import Gauge, Limits

RELOAD = "select pg_reload_conf()"
WRITE = "select pg_logical_emit_message(true, 'x', repeat('x', 300000))"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Standby]]:
    """A primary with an archive that works, and a standby of it."""
    with running_pair(_bin_of(NEWEST)) as (primary, standby):
        configure(primary, archive_command="true")
        yield primary, standby


@pytest.fixture(scope="module")
def world(pair: tuple[Server, Standby], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world on the primary, with some runs whose values are out of line."""
    with opened(pair[0].url()) as database:
        made = make_world(database, tmp_path_factory.mktemp("world"))
        made.rows.add_all(compact({"n": number}) for number in range(200))
        run(pair[0], "analyze workflow_runs")
        yield made


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_LOOK_SECONDS", 0.0)


def configure(server: Server, **settings: str) -> None:
    """Change settings of a running server."""
    for name, value in settings.items():
        run(server, f"alter system set {name} = '{value}'")
    run(server, RELOAD)


@contextmanager
def gauge(database: Database, **limits: float) -> Iterator[Gauge]:
    """Give a gauge with limits that are soon reached."""
    with Session(database, {}) as session:
        yield Gauge(database, session, Limits(**limits))  # type: ignore[arg-type]


@contextmanager
def transaction(server: Server, *statements: str, database: str = "postgres") -> Iterator[None]:
    """Leave a transaction open within the block."""
    with connected(server, database, autocommit=False) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield
        connection.rollback()


@contextmanager
def vacuum(server: Server) -> Iterator[None]:
    """Have a vacuum at work on the table within the block, which would take hours."""

    def work() -> None:
        with connected(server) as connection, suppress(psycopg.errors.QueryCanceled):
            connection.execute("set vacuum_cost_delay = 100")
            connection.execute("set vacuum_cost_limit = 1")
            connection.execute("vacuum workflow_runs")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        run(server, "select pg_cancel_backend(pid) from pg_stat_progress_vacuum")
        thread.join()


@contextmanager
def stopped(standby: Standby) -> Iterator[None]:
    """Have a standby be away within the block."""
    standby.stop()
    try:
        yield
    finally:
        standby.start()


@contextmanager
def slot(server: Server, name: str, *, logical: bool) -> Iterator[None]:
    """Have a slot that nobody reads from within the block."""
    kind = (
        f"logical_replication_slot('{name}', 'pgoutput')" if logical else f"physical_replication_slot('{name}', true)"
    )
    run(server, f"select pg_create_{kind}")
    try:
        yield
    finally:
        run(server, f"select pg_drop_replication_slot('{name}')")


@contextmanager
def no_archive(server: Server) -> Iterator[None]:
    """Have an archiver that fails within the block."""
    configure(server, archive_command="false")
    run(server, WRITE)
    run(server, "select pg_switch_wal()")
    try:
        yield
    finally:
        configure(server, archive_command="true")


TROUBLES: dict[str, tuple[str, dict[str, float]]] = {
    "paused, by bytes": ("MiB behind (more than 0 MiB)", {"lag_bytes": 200_000}),
    "paused, by seconds": ("a replica is 1 s behind (more than 1 s)", {"lag_seconds": 0.6}),
    "deaf": ("s behind (more than 1 s)", {"lag_seconds": 0.6}),
    "stopped": ("a replica that was there is gone", {}),
    "physical slot": ("a replication slot keeps", {"slot_bytes": 200_000}),
    "logical slot": ("a replication slot keeps", {"slot_bytes": 200_000}),
    "archive": ("the server fails to archive its WAL", {}),
}


@pytest.mark.parametrize("trouble", list(TROUBLES))
def test_replicas_slots_and_archive(pair: tuple[Server, Standby], world: World, trouble: str) -> None:
    """A reason to wait as long as it lasts, and none once it is over; the database is written to all the while."""
    primary, standby = pair
    expected, limits = TROUBLES[trouble]
    troubles: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "paused, by bytes": standby.paused,
        "paused, by seconds": standby.paused,
        "deaf": standby.deaf,
        "stopped": lambda: stopped(standby),
        "physical slot": lambda: slot(primary, "left", logical=False),
        "logical slot": lambda: slot(primary, "left", logical=True),
        "archive": lambda: no_archive(primary),
    }
    with gauge(world.database, **limits) as look:
        until(lambda: look() is None)
        with troubles[trouble]():

            def is_said() -> bool:
                run(primary, WRITE)
                return expected in (look() or "")

            until(is_said)
        until(lambda: look() is None)


def test_a_slot_that_is_about_to_be_lost(pair: tuple[Server, Standby], world: World) -> None:
    """Before the server gives it up there is a reason to wait; one that is given up keeps nothing any more."""
    primary, standby = pair
    size = int(str(run(primary, "select setting::bigint from pg_settings where name = 'wal_segment_size'")[0][0]))
    configure(primary, max_slot_wal_keep_size=f"{2 * size // 1024**2}MB")
    try:
        with slot(primary, "left", logical=False), gauge(world.database) as look:
            for _ in range(4):
                run(primary, WRITE)
                run(primary, "select pg_switch_wal()")
                if "a replication slot keeps" in (look() or ""):
                    break
            assert f"(more than {size // 1024**2} MiB)" in str(look())
            for _ in range(3):
                run(primary, WRITE)
                run(primary, "select pg_switch_wal()")
            standby.catch_up()  # or its slot were lost, too
            run(primary, "checkpoint")
            assert run(primary, "select wal_status from pg_replication_slots where slot_name = 'left'") == [("lost",)]
            until(lambda: look() is None)  # the other slot, once the standby has told how far it is
    finally:
        configure(primary, max_slot_wal_keep_size="-1")


@pytest.mark.parametrize("kind", ["reads", "has written", "is prepared", "is of another database"])
def test_transactions_that_keep_dead_rows(pair: tuple[Server, Standby], world: World, kind: str) -> None:
    """Whether they read or have written, also without a session; but none of another database, nor a vacuum."""
    primary, _ = pair
    statements = {
        "reads": ("set transaction isolation level repeatable read", "select 1"),
        "has written": ("select pg_current_xact_id()",),
        "is prepared": ("select pg_current_xact_id()", "prepare transaction 'left'"),
        "is of another database": ("set transaction isolation level repeatable read", "select 1"),
    }[kind]
    elsewhere = kind == "is of another database"
    opened_there = transaction(primary, *statements, database="template1" if elsewhere else "postgres")
    with world.database.connect() as looker, vacuum(primary):
        assert pressure(looker).oldest_seconds is None
        with opened_there:
            assert (pressure(looker).oldest_seconds is None) is elsewhere
        if kind == "is prepared":
            assert pressure(looker).oldest_seconds is not None
            run(primary, "rollback prepared 'left'")
        assert pressure(looker).oldest_seconds is None


def test_dead_rows_and_a_vacuum(pair: tuple[Server, Standby], world: World) -> None:
    """Of the table and its large values: too many are a reason, fewer while a vacuum runs or is kept from its work."""
    primary, _ = pair
    text = "(select string_agg(md5(n::text || id::text), '') from generate_series(1, 300) n)"
    large = f"update workflow_runs set context = jsonb_build_object('a', {text})"
    for _ in range(2):
        run(primary, large)
    few = {"dead_rows": 50, "dead_share": 1e9, "dead_share_under_vacuum": 1e9, "oldest_seconds": 1e9}
    with (
        gauge(world.database, **few | {"dead_share": 0.5}) as many,
        gauge(world.database, **few | {"dead_share_under_vacuum": 0.2}) as vacuumed,
        gauge(world.database, **few | {"oldest_seconds": 0}) as kept,
    ):
        until(lambda: "workflow_runs has 400 dead rows: it needs a vacuum" in str(many()))
        with world.database.connect() as looker:
            seen = pressure(looker)
        assert seen.pieces is not None
        assert seen.pieces.dead >= 200
        assert vacuumed() is kept() is None
        with vacuum(primary):
            until(lambda: "a vacuum of workflow_runs is at work on 400 dead rows" in str(vacuumed()))
        with transaction(primary, "select pg_current_xact_id()"):
            assert "a transaction of 0.0 h keeps 400 dead rows" in str(kept())
        run(primary, "vacuum workflow_runs")
        assert many() is vacuumed() is kept() is None


def test_what_a_role_may_not_see_is_said(pair: tuple[Server, Standby], world: World) -> None:
    """At once, and at the end: without pg_monitor there is a replica, and nothing to be seen of it."""
    primary, _ = pair
    run(primary, "create role blind login")
    try:
        run(primary, "grant all on all tables in schema public to blind")
        progress = Notes()
        with Database.open(primary.url(user="blind"), read_only=False) as database:
            with database.connect() as looker:
                assert pressure(looker).replicas == ()
            report = replace(world, database=database).migrate(limit=1, limits=Limits(), progress=progress).report
        assert progress.told[0] == report.summary.unseen == throttle.UNSEEN
    finally:
        run(primary, "drop owned by blind")
        run(primary, "drop role blind")
        assert world.migrate(LEGACY).report.exit_code == 0
    with world.database.connect() as looker:
        assert len(pressure(looker).replicas) == 1


def test_a_migration_waits_and_goes_on(
    pair: tuple[Server, Standby], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells why, also elsewhere; nothing is written meanwhile; at the end nothing is left to convert."""
    _, standby = pair
    monkeypatch.setattr("zenctx.operations.migration.status.EVERY_SECONDS", 0.05)
    progress, codes = Notes(), list[int]()
    limits = Limits(lag_bytes=20_000)

    def work() -> None:
        codes.append(world.migrate(batch_rows=20, limits=limits, progress=progress).report.exit_code)

    def converted() -> int:
        (count,) = world.rows.fetch("select count(*) from workflow_runs where context::text like '%locator%'")[0]
        return int(count)

    def shown() -> list[str | None]:
        notes: list[str | None] = []
        with opened(pair[0].url(), read_only=True) as reader:
            show_status(reader, lambda item: notes.append(item.note))
        return notes

    thread = threading.Thread(target=work)
    with standby.paused():
        thread.start()
        until(lambda: any("a replica is " in note for note in progress.told))
        until(lambda: any("a replica is " in (note or "") for note in shown()))
        before = converted()
        time.sleep(0.3)
        assert converted() - before <= 40, "what was under way at that moment, and no more"
        assert before < 200
    thread.join()
    assert codes == [0]
    assert converted() == 200
    assert world.check().exit_code == 0
