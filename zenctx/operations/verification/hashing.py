"""Hashes files in two threads: hashing releases the interpreter lock, so both cores of a small machine are used."""

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Event, Lock, local
from types import TracebackType
from typing import BinaryIO, Self

from zenctx.context.datastruct import DataStruct
from zenctx.errors import ZenctxError

_WORKERS = 2
_UNDER_WAY = 8
"""How many files are handed over before the oldest is waited for."""
_SMALL = 64 * 1024
"""Below this the hand-over to a thread costs more than it saves."""
_CHUNK = 512 * 1024
_TICK = 0.2
"""Seconds between two looks at how far a large file is."""


class Digest(DataStruct, frozen=True):
    """What a file holds: its size in bytes and its `sha256:<hex>`."""

    size: int
    checksum: str


Source = Callable[[], BinaryIO]
Then = Callable[[Digest | ZenctxError], None]
"""Takes what a file holds, or why it could not be read; called in the thread that submitted it."""


class Hasher:
    """Hashes files in the background, and hands each digest over in the order of submission. A context manager.

    `tick` is told the bytes that were read, while a large file is waited for.
    """

    def __init__(self) -> None:
        self.tick: Callable[[int], object] = lambda _read: None
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="zenctx-hash")
        self._pending: deque[tuple[Future[Digest | ZenctxError], Then]] = deque()
        self._stopped = Event()
        self._buffers = local()
        self._lock = Lock()
        self._read = 0

    def submit(self, source: Source, size: int, then: Then) -> None:
        """Hashes what `source` opens, about `size` bytes (-1: not known), and closes it; waits while many are ahead."""
        if 0 <= size < _SMALL:
            then(self._outcome(source))
            return
        while len(self._pending) >= _UNDER_WAY:
            self._hand_over()
        self._pending.append((self._pool.submit(self._outcome, source), then))

    def finish(self) -> None:
        """Waits for all that is under way, and hands it over."""
        while self._pending:
            self._hand_over()

    def take_read(self) -> int:
        """Gives the bytes that were read since this was asked last."""
        with self._lock:
            read, self._read = self._read, 0
        return read

    def _hand_over(self) -> None:
        future, then = self._pending.popleft()
        while not wait([future], _TICK).done:
            self.tick(self.take_read())
        then(future.result())

    def _outcome(self, source: Source) -> Digest | ZenctxError:
        try:
            with source() as file:
                return self._digest(file)
        except ZenctxError as error:
            return error

    def _digest(self, file: BinaryIO) -> Digest:
        _read_ahead(file)
        hashed, size, buffer = hashlib.sha256(), 0, self._buffer()
        # A large file must not keep an interrupted command alive.
        while not self._stopped.is_set() and (count := file.readinto(buffer)):  # type: ignore[attr-defined]
            hashed.update(buffer[:count])
            size += count
            with self._lock:
                self._read += count
        return Digest(size, f"sha256:{hashed.hexdigest()}")

    def _buffer(self) -> memoryview:
        """The buffer of this thread."""
        if not hasattr(self._buffers, "view"):
            self._buffers.view = memoryview(bytearray(_CHUNK))
        view: memoryview = self._buffers.view
        return view

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)


def _read_ahead(file: BinaryIO) -> None:
    """Says that all of it will be read, where the system wants to know."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
