"""Letting go of values that are out of a context: at once, or later while somebody still has to read them."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zenctx.context.counters import Failure, Stage, ValueCounters
from zenctx.context.values import RefValue

_log = logging.getLogger("zenctx")


class Releasing:
    """Releases the values of one context, and counts them. Threads may share it."""

    def __init__(self, counters: ValueCounters) -> None:
        self._counters = counters
        self._one_at_a_time = threading.RLock()
        self._lock = threading.Lock()
        self._holders = 0
        self._put_off: list[RefValue] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Until the end of the block nothing is released that was to be had at its beginning; one thread at a time."""
        with self._one_at_a_time:
            with self._lock:
                self._holders += 1
            try:
                yield
            finally:
                with self._lock:
                    self._holders -= 1
                    released: list[RefValue] = []
                    if not self._holders:
                        released, self._put_off = self._put_off, released
                self.let_go(released)

    def let_go(self, values: list[RefValue]) -> list[Exception]:
        """Releases values, later if they are held; gives what went wrong, which is counted and logged, too.

        Raises nothing: who only reads or puts a value must not be stopped by a file that cannot be deleted, for that
        would cost them the value. The file stays as one more that is stale.
        """
        with self._lock:
            if self._holders:
                self._put_off += values
                return []
        errors = (self._release(value) for value in values)
        return [error for error in errors if error is not None]

    def _release(self, value: RefValue) -> Exception | None:
        try:
            if value.release():
                self._counters.released(value)
        except Exception as error:  # noqa: BLE001 - whatever a file of somebody else's making raises
            self._counters.released(value)
            self._counters.failed([Failure("", Stage.RELEASE, str(error), getattr(error, "kind", "other"))])
            _log.warning("the file of a value that was released stays: %s", error)
            return error
        return None
