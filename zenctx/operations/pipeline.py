"""Reading ahead and writing behind, so that a program and its database work at the same time."""

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

_MANY_OBJECTS = 20_000
"""New objects between two searches for cycles. Rows come and go by the hundred, and none of them is part of a cycle."""

_TURN_SECONDS = 0.0005
"""How long one thread may keep the others from the interpreter. They need it for a moment at a time, to hand the
database its next statement, and it waits as long as they do."""


class Pipeline(Generic[T]):
    """Yields items, and carries out in threads what is handed over for each, at most `behind` steps behind.

    With a `reader` the next item is read at any time; without one it is read only while nothing is carried out, for a
    database in which readers and writers exclude each other.
    """

    def __init__(
        self, source: Iterator[T], writer: ThreadPoolExecutor, reader: ThreadPoolExecutor | None, behind: int
    ) -> None:
        self._source = source
        self._writer = writer
        self._reader = reader
        self._behind = behind
        self._ahead: Future[T | None] | None = None
        self._pending: deque[tuple[Future[None], Callable[[], None]]] = deque()

    def __iter__(self) -> Iterator[T]:
        """Yields the items; they are read as described above. Raises what reading raises."""
        while (item := self._take()) is not None:
            yield item

    def do(self, work: Callable[[], None], then: Callable[[], None] = lambda: None) -> None:
        """Starts `work` once there is a thread for it; raises what earlier work raised.

        `then` is called in the thread that calls us, once this work and all that was handed over before it are done.
        """
        self._wait_for(self._behind - 1)
        if self._reader is None:
            self._ahead = self._read()
        self._pending.append((self._writer.submit(work), then))

    def wait(self) -> None:
        """Waits until everything is done; raises what the first work that failed raised."""
        self._wait_for(0)

    def _wait_for(self, left: int) -> None:
        while len(self._pending) > left:
            work, then = self._pending.popleft()
            work.result()
            then()

    def _take(self) -> T | None:
        if self._ahead is None:
            self.wait()
            self._ahead = self._read()
        item = self._ahead.result()
        self._ahead = self._read() if self._reader and item is not None else None
        return item

    def _read(self) -> Future[T | None]:
        if self._reader is not None:
            return self._reader.submit(next, self._source, None)
        read: Future[T | None] = Future()
        read.set_result(next(self._source, None))
        return read


@contextmanager
def pipeline(source: Iterator[T], *, writers: int) -> Iterator[Pipeline[T]]:
    """Gives a pipeline; at the end of the block all that was handed over is done. Raises what the first failure raised.

    `writers` work at once while the source is read; with 0 there is one, and it and the source take turns.
    """
    with ExitStack() as stack:
        stack.enter_context(_short_turns())
        stack.enter_context(_few_collections())
        reader = stack.enter_context(ThreadPoolExecutor(1, "zenctx-read")) if writers else None
        behind = max(writers, 1)
        line = Pipeline(source, stack.enter_context(ThreadPoolExecutor(behind, "zenctx-write")), reader, behind)
        yield line
        line.wait()


@contextmanager
def _few_collections() -> Iterator[None]:
    before = gc.get_threshold()
    # What was there before the first row is not looked through again and again.
    gc.freeze()
    gc.set_threshold(max(before[0], _MANY_OBJECTS) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
