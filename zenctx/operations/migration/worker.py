"""A process that converts for another one, which tells it what to do and hears of it through a pipe.

It ends after whole batches when it is told to, and when nobody is at the other end of the pipe any more.
"""

import pickle
import signal
import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection as Pipe
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.database.engine import Database
from zenctx.database.parts import State
from zenctx.errors import PartialError, ZenctxError
from zenctx.operations.live_files import live_files
from zenctx.operations.migration.brakes import Brakes, Stop
from zenctx.operations.migration.hands import Hands
from zenctx.operations.migration.report import MigrationItem
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.migration.shares import Shared
from zenctx.operations.migration.solo import Solo
from zenctx.operations.progress import Progress

ABANDONED = Stop("the process that began it is gone", 130)
_TELL_SECONDS = 0.1


class Job(DataStruct, frozen=True):
    """What a worker is to do; it goes through a pipe, for it holds the password of the database."""

    settings: Settings
    plan: MigrationPlan
    state: State


def main(pipe: Pipe, inherited: Sequence[Pipe] = ()) -> None:
    """Takes a job from the pipe, and works until it is told to end. `inherited`: other ends, which are not its own."""
    # Ctrl-C reaches every process of the terminal; the one at the other end says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for each in inherited:
        each.close()
    try:
        job = pipe.recv()
        if isinstance(job, Job):
            _work(pipe, job)
    except ZenctxError as error:
        _say(pipe, ("error", _sendable(error)))
    except (BrokenPipeError, EOFError):
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told at the other end
        place = traceback.extract_tb(error.__traceback__)[-1]
        _say(pipe, ("error", PartialError(f"a worker failed: {type(error).__name__} ({place.name}:{place.lineno})")))


def _work(pipe: Pipe, job: Job) -> None:
    told = _Told(pipe)
    with ExitStack() as stack:
        database = stack.enter_context(Database.open(job.settings.db, read_only=False))
        live = live_files(job.settings)
        hands = Hands.open(stack, database, live, job.plan.request.direction)
        tools, writers = hands.readers(stack, job.plan.request), hands.writers(job.plan)
        brakes = tools.brakes
        orders = _listen(pipe, brakes)
        shares = Shared(database, hands.sessions[0], job.state, job.plan.operation_id)
        solo = Solo(tools, writers, job.plan, told.item)
        while (order := orders.get()) is not None:
            shares.state, is_first = order
            counted = solo.sweep(shares, told, is_first=is_first)
            told.finish()
            _say(pipe, ("swept", (counted, brakes.stop)))


def _listen(pipe: Pipe, brakes: Brakes) -> "SimpleQueue[tuple[State, bool] | None]":
    """Hears orders while the work goes on: a sweep to do, or a reason to stop. Its end is one, too."""
    orders: SimpleQueue[tuple[State, bool] | None] = SimpleQueue()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while (order := pipe.recv()) is not None:
                if isinstance(order, Stop):
                    brakes.stop = brakes.stop or order
                else:
                    orders.put(order)
        brakes.stop = brakes.stop or ABANDONED
        orders.put(None)

    Thread(target=listen, daemon=True).start()
    return orders


class _Told(Progress):
    """Passes on what a sweep tells, ten times a second at most."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._rows = self._bytes = 0
        self._told_at = 0.0

    def item(self, item: MigrationItem) -> None:
        """A row is named."""
        _say(self._pipe, ("item", item))

    def start(self, total: int | None, unit: str) -> None:
        """Counted at the other end."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Adds up."""
        self._rows += n
        self._bytes += bytes_
        if monotonic() - self._told_at >= _TELL_SECONDS:
            self.finish()

    def note(self, text: str, **facts: object) -> None:
        """Passed on."""
        _say(self._pipe, ("note", (text, facts)))

    def finish(self) -> None:
        """Passes on what is added up."""
        _say(self._pipe, ("advance", (self._rows, self._bytes)))
        self._rows = self._bytes = 0
        self._told_at = monotonic()


def _say(pipe: Pipe, message: tuple[str, Any]) -> None:
    # Whoever is gone hears nothing; that the pipe has ended is noticed where orders are heard.
    with suppress(BrokenPipeError, OSError):
        pipe.send(message)


def _sendable(error: ZenctxError) -> ZenctxError:
    """Gives the error as it survives the pipe."""
    try:
        copy: ZenctxError = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was written a moment ago
    except Exception:  # noqa: BLE001 - an error with arguments of its own
        return PartialError(error.message, hint=error.hint)
    return copy if copy.message == error.message else PartialError(error.message, hint=error.hint)
