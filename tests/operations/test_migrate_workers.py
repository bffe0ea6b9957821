"""Several workers, and several hosts: they share the work, none of it is done twice, and none of it is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.operations.test_migrate_concurrent import Recorder
from tests.operations.world import LEGACY, World
from tests.support.rows import compact
from zenctx.errors import UsageError, ZenctxError
from zenctx.operations.migration import crew
from zenctx.operations.migration.brakes import Terms
from zenctx.operations.migration.worker import Job

CHECKOUT = Path(__file__).parents[2]
ROWS = 1000


@pytest.fixture
def shared_world(postgres_world: World) -> World:
    """A world with rows enough for several parts, whose database the workers can open by its URL."""
    postgres_world.options = {"db": url(postgres_world), "memory-threshold-bytes": "3000"}
    contexts = [{"a": "x" * (number % 50), "n": number} for number in range(ROWS)]
    for large in contexts[::500]:
        large["large"] = "l" * 5000
    postgres_world.rows.add_all(map(compact, contexts))
    postgres_world.rows.execute("analyze workflow_runs")
    postgres_world.rows.remember()
    return postgres_world


@pytest.fixture(scope="module", autouse=True)
def _ready_workers() -> Iterator[None]:
    """Workers that are forked from a process that has imported what they need; those of `host` start from nothing."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["zenctx.operations.migration.worker", "zenctx.database.connect_postgresql"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "get_context", lambda _method: context)
        yield


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the worker processes that were started."""
    numbers: list[int] = []
    real = crew._start

    def start(method: str, others: Sequence[Connection]) -> object:
        made = real(method, others)
        numbers.append(made.process.pid or 0)
        return made

    monkeypatch.setattr(crew, "_start", start)
    return numbers


def url(world: World) -> str:
    """Give the URL of the database, with its password."""
    return world.database.engine.url.render_as_string(hide_password=False)


def send_elsewhere(monkeypatch: pytest.MonkeyPatch, db: str) -> None:
    """Have workers find another database in the job that they are told."""
    real = crew._tell

    def tell(each: crew._Worker, what: object) -> None:
        if isinstance(what, Job):
            what = replace(what, settings=replace(what.settings, db=db))
        real(each, what)

    monkeypatch.setattr(crew, "_tell", tell)


def recorded(world: World) -> int:
    """Give how many conversions are on record."""
    count: int = world.rows.fetch("select coalesce(sum(run_count), 0) from zenctx_conversion")[0][0]
    return count


def finish_and_compare(world: World) -> None:
    """Everything is as wanted, verifies, and comes back as it was."""
    assert world.check().exit_code == 0
    assert world.verify()[0].exit_code == 0
    assert world.migrate(LEGACY).report.exit_code == 0
    assert world.rows.changed() == []


def test_two_workers_share_the_parts(shared_world: World) -> None:
    """Each row is converted once; counts, named rows and progress come back to whoever began it."""
    odd = shared_world.rows.add("[1]")
    shared_world.rows.remember()
    outcome = shared_world.migrate(workers=2)
    summary = outcome.report.summary
    assert (outcome.report.exit_code, summary.converted, recorded(shared_world)) == (3, ROWS, ROWS)
    assert summary.census is not None
    assert (summary.census.total, summary.census.descriptors, summary.files) == (ROWS + 1, ROWS, ROWS // 500)
    assert outcome.actions == {odd: "quarantine"}
    shares = shared_world.rows.fetch("select count(*), count(distinct after_id) from zenctx_part where sweep = 1")
    assert shares == [(16, 15)]
    assert shared_world.migrate(LEGACY, workers=2).report.summary.converted == ROWS
    assert shared_world.rows.changed() == []


def test_a_worker_that_is_killed_leaves_its_part_to_the_others(shared_world: World, started: list[int]) -> None:
    """What it had converted is on record, the rest is done by whoever is left."""
    killed: list[int] = []

    def kill() -> None:
        if not killed:
            killed.append(started[0])
            os.kill(started[0], signal.SIGKILL)

    outcome = shared_world.migrate(workers=2, batch_rows=10, progress=Recorder(on_batch=kill))
    assert outcome.report.exit_code == 0
    assert (len(killed), recorded(shared_world), outcome.report.summary.converted) == (1, ROWS, ROWS)
    finish_and_compare(shared_world)


def test_workers_that_are_all_killed_leave_the_work_to_who_began_it(shared_world: World, started: list[int]) -> None:
    """As soon as they have begun; nothing is left."""

    def kill() -> None:
        while started:
            os.kill(started.pop(), signal.SIGKILL)

    outcome = shared_world.migrate(workers=3, batch_rows=10, progress=Recorder(on_batch=kill))
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, ROWS)
    assert recorded(shared_world) == ROWS
    finish_and_compare(shared_world)


def test_what_a_worker_fails_with_is_what_the_migration_fails_with(
    shared_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After whole batches, with its sentence."""
    send_elsewhere(monkeypatch, "sqlite:////nowhere/none.db")
    recorder = Recorder(on_batch=lambda: time.sleep(0.1))
    with pytest.raises(ZenctxError, match="nowhere") as caught:
        shared_world.migrate(workers=2, batch_rows=10, progress=recorder)
    assert caught.value.exit_code == 3
    assert 0 < recorded(shared_world) < ROWS
    assert shared_world.migrate().report.exit_code == 0


def test_an_interruption_ends_the_workers_after_whole_batches(shared_world: World) -> None:
    """And says how many contexts were converted."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        shared_world.migrate(workers=2, batch_rows=10, progress=Recorder(on_batch=interrupt))
    assert str(caught.value).startswith(f"{recorded(shared_world):,} contexts were converted")
    assert shared_world.migrate(workers=2).report.exit_code == 0
    finish_and_compare(shared_world)


def test_workers_stop_together(shared_world: World) -> None:
    """When the time is over, or the first of them has too many poisoned rows."""
    outcome = shared_world.migrate(workers=2, batch_rows=10, terms=Terms(max_seconds=0.5, max_rate=1000))
    assert (outcome.report.exit_code, outcome.report.summary.stopped) == (3, "--max-duration is over")
    assert 0 < outcome.report.summary.converted == recorded(shared_world) < ROWS
    assert shared_world.migrate(workers=2).report.exit_code == 0


@contextmanager
def host(world: World, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """Migrate by the command line, as from another host."""
    command = [sys.executable, "-m", "zenctx", "migrate", "--include-active", "--json", "--batch-size", "10", *more]
    with subprocess.Popen(
        [*command, "--db", url(world), "--persistent-file-dir", str(world.store)],
        cwd=CHECKOUT,
        env={**os.environ, "ZENCTX_MEMORY_THRESHOLD_BYTES": "3000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_rows(world: World, count: int) -> None:
    """Wait until so many rows are converted."""
    deadline = time.monotonic() + 30
    while recorded(world) < count:
        assert time.monotonic() < deadline, "nothing is converted"
        time.sleep(0.02)


def test_two_hosts_share_the_work_and_one_is_killed(shared_world: World) -> None:
    """Workers whose parent is killed end by themselves; the other host finishes, and nothing is done twice."""
    with host(shared_world, "--workers", "2") as first:
        wait_for_rows(shared_world, 20)
        with host(shared_world, "--workers", "2") as second:
            wait_for_rows(shared_world, ROWS // 4)
            first.kill()
            document, _ = second.communicate(timeout=60)
    assert '"exit_code":0' in document
    assert recorded(shared_world) == ROWS
    assert shared_world.rows.fetch("select count(*) from zenctx_migration") == [(1,)]
    finish_and_compare(shared_world)


def test_what_was_left_half_done_is_gone_on_with(shared_world: World) -> None:
    """Parts that are done are not looked at again before the next sweep, and every row is looked at in the last one."""
    shared_world.migrate(workers=2, batch_rows=10, terms=Terms(max_seconds=0.6, max_rate=1000))
    assert 0 < recorded(shared_world) < ROWS
    outcome = shared_world.migrate(workers=2)
    assert outcome.report.exit_code == 0
    assert outcome.report.summary.census is not None
    assert outcome.report.summary.census.descriptors == ROWS
    assert shared_world.rows.fetch("select count(*) from zenctx_migration where finished_at is null") == [(0,)]
    finish_and_compare(shared_world)


def test_a_worker_that_finds_no_connection_leaves_the_work_to_the_others(
    shared_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done all the same."""
    notes = list[str]()
    send_elsewhere(monkeypatch, "postgresql://nobody@127.0.0.1:1/none")
    recorder = Recorder()
    monkeypatch.setattr(recorder, "note", lambda text, **_facts: notes.append(text))
    outcome = shared_world.migrate(workers=2, batch_rows=10, progress=recorder)
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, ROWS)
    assert any("cannot be reached" in note for note in notes)


def test_sqlite_has_one_worker(sqlite_world: World) -> None:
    """A file has one lock for all who write to it."""
    with pytest.raises(UsageError, match="one worker"):
        sqlite_world.migrate(workers=2)


def test_a_limit_is_counted_by_one(postgres_world: World) -> None:
    """Several could only guess."""
    with pytest.raises(UsageError, match="--limit"):
        postgres_world.migrate(workers=2, limit=5)


def test_what_an_engine_puts_back_is_a_regression(world: World) -> None:
    """Counted, whether this migration or an earlier one had converted it; with what to do."""
    first, second = world.rows.add('{"a":1}'), world.rows.add('{"b":1}')
    assert world.migrate().report.summary.regressions == 0
    world.rows.replace(first, '{"a":2}')
    world.rows.add('{"c":1}')
    outcome = world.migrate(
        progress=Recorder(lambda sweep: world.rows.replace(second, '{"b":2}') if sweep == 2 else None)
    )
    assert (outcome.report.summary.converted, outcome.report.summary.regressions) == (3, 2)
    assert "2 of the converted found in legacy form again" in outcome.report.message
    assert "update or stop it" in (outcome.report.next_step or "")
    assert world.migrate().report.summary.regressions == 0
