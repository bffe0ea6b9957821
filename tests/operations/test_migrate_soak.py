"""Migrations under load and under fire, for minutes: nothing is lost, nothing is done twice, nobody is kept waiting."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import psycopg
import pytest

from tests.conftest import NEWEST, _bin_of
from tests.database.conftest import opened
from tests.operations.world import DESCRIPTORS, LEGACY, Outcome, World, make_world
from tests.support.postgres import Server, running_server
from tests.support.rows import compact
from zenctx.errors import ZenctxError
from zenctx.operations.migration import crew

pytestmark = pytest.mark.soak

CHECKOUT = Path(__file__).parents[2]
RUNS, ENGINES, ENGINE_SECONDS = 4000, 4, 6.0
FAULTS = 50
MANY_ROWS = 1_000_000
MOST_MEMORY = 150 * 1024 * 1024


def url(world: World) -> str:
    """Give the URL of the database, with its password."""
    return world.database.engine.url.render_as_string(hide_password=False)


def connected(world: World) -> psycopg.Connection:
    """Connect as an engine does, without anything of ours."""
    return psycopg.connect(url(world).replace("+psycopg", ""), autocommit=True)


class Engine:
    """An engine of old: it has loaded its runs, works on them, and writes each as a whole, in the legacy form."""

    def __init__(self, world: World, run_ids: list[str], seed: int) -> None:
        self.states = dict.fromkeys(run_ids, 0)
        self._world = world
        self._chance = random.Random(seed)  # noqa: S311 - which run comes next, nothing secret
        self._thread = threading.Thread(target=self._work)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        ids = list(self.states)
        until = time.monotonic() + ENGINE_SECONDS
        with connected(self._world) as connection:
            while time.monotonic() < until and not self._over.is_set():
                run_id = self._chance.choice(ids)
                time.sleep(self._chance.uniform(0, 0.01))
                state = self.states[run_id] + 1
                connection.execute(
                    "update workflow_runs set context = %s, error = %s where id = %s",
                    (compact({"n": state, "text": "x" * 500}), str(state), run_id),
                )
                self.states[run_id] = state


def test_old_engines_write_beside_it(postgres_world: World) -> None:
    """Every write that they committed is there at the end, and each one that was converted again is counted."""
    world = postgres_world
    world.options = {"db": url(world)}
    ids = world.rows.add_all(compact({"n": 0, "text": "x" * 500}) for _ in range(RUNS))
    world.rows.execute("analyze workflow_runs")
    engines = [Engine(world, ids[place::ENGINES], place) for place in range(ENGINES)]
    outcomes: list[Outcome] = []
    with engines[0], engines[1], engines[2], engines[3]:
        while not outcomes or outcomes[-1].report.exit_code:
            assert len(outcomes) < 10, "it does not converge"
            outcomes.append(world.migrate(workers=2, include_active=True))
    outcomes.append(world.migrate(workers=2, include_active=True))
    assert outcomes[-1].report.exit_code == 0
    assert world.check().exit_code == 0
    last = {run_id: state for engine in engines for run_id, state in engine.states.items()}
    found = dict(world.rows.fetch("select id::text, (context->'n'->>'inlineValue')::int from workflow_runs"))
    assert found == last
    (total,) = world.rows.fetch("select sum(run_count) from zenctx_conversion")[0]
    reported = sum(outcome.report.summary.regressions for outcome in outcomes)
    assert sum(outcome.report.summary.converted for outcome in outcomes) == total
    assert reported == total - RUNS > 0


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that the test may kill; what it has committed is then still there."""
    with running_server(_bin_of(NEWEST), settings={"synchronous_commit": "on", "fsync": "on"}) as server:
        yield server


@pytest.fixture
def lonely_world(own_server: Server, tmp_path: Path) -> Iterator[World]:
    """A world on that server."""
    with opened(own_server.url()) as database:
        yield make_world(database, tmp_path)


class Migrations:
    """Migrations one after the other, there and back, in a thread: servers die with the thread that started them."""

    def __init__(self, world: World) -> None:
        self.errors: list[ZenctxError] = []
        self.over = threading.Event()
        self._world = world
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join()

    def _work(self) -> None:
        direction = DESCRIPTORS
        while not self.over.is_set():
            try:
                if self._world.migrate(direction, workers=2, batch_rows=50).report.exit_code == 0:
                    direction = LEGACY if direction is DESCRIPTORS else DESCRIPTORS
            except ZenctxError as error:
                self.errors.append(error)
                time.sleep(0.1)


def test_faults_at_random_moments(lonely_world: World, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers killed, sessions ended, the server crashed, fifty times: values are equal, the census adds up."""
    world, started = lonely_world, list[int]()
    real = crew._start

    def start(method: str, others: Sequence[Connection]) -> object:
        made = real(method, others)
        started.append(made.process.pid or 0)
        return made

    monkeypatch.setattr(crew, "_start", start)
    world.options = {"db": url(world), "memory-threshold-bytes": "3000"}
    world.rows.add_all(
        compact({"n": number, "large": "l" * (4000 if number % 100 == 0 else 9)}) for number in range(RUNS)
    )
    odd = world.rows.add("[]")
    world.rows.execute("analyze workflow_runs")
    world.rows.remember()
    chance = random.Random()  # noqa: S311 - moments, nothing secret

    def kill_worker() -> None:
        if started:
            try:
                os.kill(started[-1 - chance.randrange(min(2, len(started)))], signal.SIGKILL)
            except ProcessLookupError:
                return

    def end_sessions() -> None:
        with connected(world) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'zenctx' and random() < 0.7"
            )

    def crash() -> None:
        own_server.kill()
        own_server.start()

    faults: tuple[Callable[[], None], ...] = (kill_worker, end_sessions, end_sessions, crash)
    with Migrations(world) as migrations:
        for _ in range(FAULTS):
            time.sleep(chance.uniform(0.2, 1.5))
            chance.choice(faults)()
        migrations.over.set()
    assert {error.exit_code for error in migrations.errors} <= {3, 11, 12}
    outcome = world.migrate(workers=2)
    assert outcome.report.exit_code == 3
    census = outcome.report.summary.census
    assert census is not None
    assert (census.total, census.descriptors, census.invalid) == (RUNS + 1, RUNS, 1)
    assert [row.run_id for row in world.quarantined()] == [odd]
    assert world.verify()[0].exit_code in {0, 4}
    assert world.migrate(LEGACY, workers=2).report.summary.census
    assert world.rows.changed() == []


def test_nobody_is_kept_waiting(postgres_world: World) -> None:
    """Who reads and inserts executions of nodes of the runs under conversion waits for half a second at most."""
    world = postgres_world
    world.options = {"db": url(world)}
    ids = world.rows.add_all(compact({"n": number, "text": "x" * 1500}) for number in range(5 * RUNS))
    over, waits = threading.Event(), list[float]()

    def insert_and_read() -> None:
        with connected(world) as connection:
            while not over.is_set():
                run_id = random.choice(ids)  # noqa: S311 - which run, nothing secret
                started = time.monotonic()
                connection.execute(
                    "insert into node_executions (workflow_run_id, node_key, status) values (%s, 'n', 'SUCCESS')",
                    (run_id,),
                )
                connection.execute("select * from node_executions where workflow_run_id = %s limit 1", (run_id,))
                waits.append(time.monotonic() - started)

    thread = threading.Thread(target=insert_and_read)
    thread.start()
    try:
        outcome = world.migrate(workers=2, include_active=True)
    finally:
        over.set()
        thread.join()
    assert outcome.report.exit_code == 0
    assert len(waits) > 100
    assert max(waits) < 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of other processes is read from /proc")
def test_memory_is_flat(postgres_world: World) -> None:
    """A million rows need no more than a hundred thousand, in each worker, and in the one that began it."""
    world = postgres_world
    peaks: list[int] = []
    insert = (
        "insert into workflow_runs (workflow_id, status, started_at, ended_at, context) "
        "select :workflow, 'SUCCESS', now() - interval '3 d', now() - interval '2 d', "
        "jsonb_build_object('a', repeat('x', 200), 'n', n) from generate_series(1, :rows) n"
    )
    for rows in (MANY_ROWS // 10, MANY_ROWS):
        # To delete them would look for the nodes of each, in a table without an index for it.
        world.rows.execute("truncate workflow_runs, zenctx_conversion cascade")
        world.rows.execute(insert, workflow=world.rows.workflow_id, rows=rows)
        world.rows.execute("analyze workflow_runs")
        peaks.append(_peak_of_workers(world))
    assert peaks[1] < MOST_MEMORY
    assert peaks[1] < 1.2 * peaks[0]


def _peak_of_workers(world: World) -> int:
    """Migrate by the command line; give the most memory that a process of it had at any time, in bytes."""
    command = [sys.executable, "-m", "zenctx", "migrate", "--workers", "2", "--db", url(world), "--quiet"]
    with subprocess.Popen([*command, "--include-active"], cwd=CHECKOUT) as process:
        peak = 0
        while process.poll() is None:
            peak = max([peak, *map(_peak, (process.pid, *_children(process.pid)))])
            time.sleep(0.1)
    assert process.returncode == 0
    return peak


def _children(parent: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
