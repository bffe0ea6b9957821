"""Reading ahead and writing behind, one step each, so that client and server work at the same time."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def read_ahead(source: Iterator[T]) -> Iterator[T]:
    """Yields what `source` yields, fetching the next item in a thread while the caller handles this one."""
    with ThreadPoolExecutor(1, "zenctx-read") as pool:
        pending = pool.submit(next, source, None)
        while (item := pending.result()) is not None:
            pending = pool.submit(next, source, None)
            yield item


class Behind:
    """Calls one function after the other in a thread, at most one step behind the caller."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._pending: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Starts `work` once the work before it is done; raises what that one raised."""
        self.wait()
        self._pending = self._pool.submit(work)

    def wait(self) -> None:
        """Waits until everything is done; raises what the last work raised."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()


class AtOnce:
    """The same without a thread, for a database with one writer and no reader beside it."""

    def do(self, work: Callable[[], None]) -> None:
        """Does the work."""
        work()

    def wait(self) -> None:
        """Nothing is ever behind."""


@contextmanager
def behind(*, parallel: bool) -> Iterator[Behind | AtOnce]:
    """Gives what work is handed to; at the end of the block all of it is done."""
    if not parallel:
        yield AtOnce()
        return
    with ThreadPoolExecutor(1, "zenctx-write") as pool:
        worker = Behind(pool)
        yield worker
        worker.wait()
