"""Several workers on one host: this process, and others that are started, told what to do, heard, and ended with us."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from zenctx.config import Settings
from zenctx.database.engine import Database
from zenctx.database.errors import TransientDatabaseError
from zenctx.database.parts import State
from zenctx.errors import ZenctxError
from zenctx.operations.migration import worker
from zenctx.operations.migration.brakes import Stop
from zenctx.operations.migration.report import Tally
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.migration.shares import Shares
from zenctx.operations.migration.solo import Solo
from zenctx.operations.migration.sweep import OnItem
from zenctx.operations.progress import SILENT, Progress

_PATIENCE_SECONDS = 30.0
"""How long workers may take to end after a whole batch; then they are ended."""

_LISTEN_SECONDS = 1.0
_INTERRUPTED = Stop("it was interrupted", 130)


@dataclass(eq=False, slots=True)
class _Worker:
    process: BaseProcess
    pipe: Pipe
    is_busy: bool = False


class Crew:
    """Workers, this process among them, that share the parts of each sweep. `total`: what all of them did.

    A worker that is killed leaves its part to the others; what it had converted is on record.
    """

    def __init__(self, solo: Solo, workers: list[_Worker], on_item: OnItem) -> None:
        self.total = Tally()
        self._solo = solo
        self._workers = workers
        self._on_item = on_item
        self._counted = Tally()
        self._progress = SILENT
        self._error: ZenctxError | None = None
        self._told: Stop | None = None

    @property
    def stop(self) -> Stop | None:
        """Why it had to end early, if it had."""
        return self._solo.stop

    def sweep(self, shares: Shares, progress: Progress, *, is_first: bool) -> Tally:
        """Does parts, and lets every worker do some, until all are done; gives what was counted in those.

        Raises what a worker failed with, once all have ended their batches.
        """
        self._counted, self._progress = Tally(), progress
        for each in self._workers:
            each.is_busy = True
            _tell(each, (shares.state, is_first))
        shares.while_waiting = self._listen
        mine = self._solo.sweep(shares, _Listening(progress, self._listen), is_first=is_first)
        while any(each.is_busy for each in self._workers):
            self._listen(_LISTEN_SECONDS)
        if self._error is not None:
            raise self._error
        self._counted.add_all(mine)
        self.total.add(self._counted)
        return self._counted

    def _listen(self, seconds: float = 0) -> None:
        """Hears what the workers have to say; and tells them where this process had to stop."""
        if self.stop is not None and self._told is None:
            self._told = self.stop
            self._tell_all(self.stop)
        busy = [each for each in self._workers if each.is_busy]
        ready = wait([each.pipe for each in busy], seconds)
        for each in busy:
            if each.pipe in ready:
                self._hear_all(each)

    def _hear_all(self, each: _Worker) -> None:
        while each.is_busy:
            try:
                message = each.pipe.recv() if each.pipe.poll() else None
            except (EOFError, OSError):
                self._lose(each, "a worker was ended from outside")
                return
            if message is None:
                return
            self._hear(each, *message)

    def _lose(self, each: _Worker, why: str) -> None:
        each.is_busy = False
        self._workers.remove(each)
        self._progress.note(f"{why}; the others go on")

    def _hear(self, each: _Worker, kind: str, content: Any) -> None:
        match kind:
            case "item":
                self._on_item(content)
            case "advance":
                self._progress.advance(*content)
            case "note":
                text, facts = content
                self._progress.note(text, **facts)
            case "error" if isinstance(content, TransientDatabaseError):
                # It found no connection when it began. What is being done already finds its own way out of that.
                self._lose(each, content.message)
            case "error":
                each.is_busy = False
                self._error = self._error or content
                self._solo.end(Stop(content.message, content.exit_code))
            case "swept":
                each.is_busy = False
                tally, stop = content
                self._counted.add_all(tally)
                if stop is not None:
                    self._solo.end(stop)

    def _tell_all(self, stop: Stop) -> None:
        for each in self._workers:
            _tell(each, stop)


class _Listening(Progress):
    """Passes on what is told, and listens to the workers at each batch."""

    def __init__(self, inner: Progress, listen: Callable[[], None]) -> None:
        self._inner = inner
        self._listen = listen

    def start(self, total: int | None, unit: str) -> None:
        """Passed on."""
        self._inner.start(total, unit)

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Passed on; then it is the workers' turn."""
        self._inner.advance(n, bytes_)
        self._listen()

    def note(self, text: str, **facts: object) -> None:
        """Passed on."""
        self._inner.note(text, **facts)

    def finish(self) -> None:
        """Passed on."""
        self._inner.finish()


@contextmanager
def recruited(count: int, database: Database) -> Iterator["Staff"]:
    """Starts so many processes, which wait for a job; at the end of the block they are gone, whatever happened in it.

    They are forked where nothing is open or under way in this process yet: in a hundredth of the time that a new
    process takes to import what it needs. Neither connections nor threads survive that; where there is any, and
    elsewhere than on Linux, processes are started anew.
    """
    can_fork = sys.platform == "linux" and threading.active_count() == 1 and not database.is_open
    workers: list[_Worker] = []
    try:
        with _without_interruption():
            for _ in range(count):
                workers.append(_start("fork" if can_fork else "spawn", [each.pipe for each in workers]))
        yield Staff(workers)
    finally:
        _dismiss(workers)


class Staff:
    """Workers that were recruited, and have no job yet."""

    def __init__(self, workers: list[_Worker]) -> None:
        self._workers = workers

    def crew(self, settings: Settings, plan: MigrationPlan, state: State, solo: Solo, on_item: OnItem) -> Crew:
        """Gives them the job.

        This process is one of those that the plan asks for: it is at work while the others make ready.
        """
        # A mapping that cannot be changed cannot be sent, either.
        job = worker.Job(replace(settings, origins=dict(settings.origins)), plan, state)
        for each in self._workers:
            _tell(each, job)
        return Crew(solo, self._workers, on_item)

    def dismiss(self) -> None:
        """Has all end after the batches that they are at; those that do not are ended. Afterwards there are none."""
        _dismiss(self._workers)


def _start(method: str, others: Sequence[Pipe]) -> _Worker:
    context: Any = get_context(method)
    ours, theirs = context.Pipe()
    # A forked process has our ends of the pipes, too: as long as it had, nobody would hear that we are gone.
    inherited = (ours, *others) if method == "fork" else ()
    process = context.Process(target=worker.main, args=(theirs, inherited), name="zenctx-worker", daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _dismiss(workers: list[_Worker]) -> None:
    with _without_interruption():
        _end(workers)


def _end(workers: list[_Worker]) -> None:
    for each in workers:
        _tell(each, _INTERRUPTED)
        _tell(each, None)
    for each in workers:
        # Nobody waits for a listener that is gone.
        while each.process.is_alive() and each.pipe.poll(_PATIENCE_SECONDS):
            try:
                each.pipe.recv()
            except (EOFError, OSError):
                break
        each.process.join(_PATIENCE_SECONDS)
        if each.process.is_alive():
            each.process.terminate()
            each.process.join()
        each.pipe.close()
    workers.clear()


def _tell(each: _Worker, what: object) -> None:
    with suppress(BrokenPipeError, OSError):
        each.pipe.send(what)


@contextmanager
def _without_interruption() -> Iterator[None]:
    """Ctrl-C is for later, and for us alone: processes that are started within the block never hear of it."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # Not in the main thread, which alone is interrupted.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
