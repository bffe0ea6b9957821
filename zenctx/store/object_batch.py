"""Puts objects into a local directory, many at a time: each file is synced by itself, each directory once.

An object becomes durable in two steps. Its content is synced before it has its name (`PendingFile`), so that what has a
name is whole. Its name is synced with its directory by `flush`, also when it was there already: another writer may have
made it a moment ago, and may not have come to this step.

A damaged object is replaced by one rename of a file that is whole and synced. Others may do so at the same time: each
of them puts the same content there. Who removes objects holds the store alone, and so never meets this.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from threading import BoundedSemaphore
from types import TracebackType
from typing import BinaryIO, Self, cast

from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.store.access import Access
from zenctx.store.base import Content, ObjectContent, StoredObject
from zenctx.store.beneath import open_directory, open_file, open_root
from zenctx.store.durable import PendingFile, sync_directory
from zenctx.store.faults import translated
from zenctx.store.hashing import copy_hashed
from zenctx.store.object_names import OBJECTS, object_parts

PRIVATE = Access(0o600)
"""Files 0600, directories 0700: contexts hold secrets."""

CHUNK = 1024 * 1024
_WORKERS = 2
_REMEMBERED = 100_000
"""Of how many objects a batch remembers that it has compared them."""
_UNDER_WAY = 8
"""How many files are handed over before the caller waits: each holds a file and a chunk."""


class LocalBatch:
    """Objects on their way into `root`; an `ObjectBatch`."""

    def __init__(self, root: Path, *, compares: bool = False) -> None:
        """Opens the directory; raises `StoreError` when it is missing. `compares`: see `ObjectStore.batch`."""
        self._root = root
        self._compares = compares
        self._whole: set[bytes] = set()
        with self._writing(), closing_fd(open_root(root)) as fd:
            self._objects = open_directory(OBJECTS, fd)
        self._touched: set[str] = set()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="zenctx-object")
        self._free = BoundedSemaphore(_UNDER_WAY)
        self._pending: set[Future[StoredObject]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._pool.shutdown(cancel_futures=True)
            os.close(self._objects)

    def put_object(self, content: ObjectContent, *, checksum: str | None = None) -> StoredObject:
        """Store one object; see `ObjectBatch.put_object`."""
        size = _size_of(content)
        if checksum is not None and size is not None and self._is_there(checksum, size):
            return self._compare(content, checksum)
        with self._writing():
            pending = PendingFile(self._objects)
        with pending:
            size, found = self._fill(pending, content)
            _require(checksum, found)
            return self._publish(pending, found, size)

    def submit(self, source: Callable[[], BinaryIO], *, checksum: str | None = None) -> "Future[StoredObject]":
        """Store in the background; see `ObjectBatch.submit`."""
        self._free.acquire()
        try:
            future = self._pool.submit(self._put_source, source, checksum)
        except BaseException:
            self._free.release()
            raise
        self._pending = {pending for pending in self._pending if not pending.done()} | {future}
        future.add_done_callback(lambda _: self._free.release())
        return future

    def flush(self) -> None:
        """Make everything durable; see `ObjectBatch.flush`."""
        wait(self._pending)
        self._pending.clear()
        with self._writing():
            while self._touched:
                shard = self._touched.pop()
                try:
                    with closing_fd(open_directory(shard, self._objects)) as fd:
                        sync_directory(fd)
                except BaseException:
                    self._touched.add(shard)
                    raise
            sync_directory(self._objects)

    def _put_source(self, source: Callable[[], BinaryIO], checksum: str | None) -> StoredObject:
        with source() as file:
            return self.put_object(file, checksum=checksum)

    def _size_there(self, checksum: str) -> int | None:
        """The size of the object in the directory, None when there is none; -1 for what is no regular file."""
        shard, name = object_parts(checksum)
        with self._writing(), suppress(FileNotFoundError, NotADirectoryError):
            status = os.stat(f"{shard}/{name}", dir_fd=self._objects, follow_symlinks=False)
            return status.st_size if stat.S_ISREG(status.st_mode) else -1
        return None

    def _is_there(self, checksum: str, size: int) -> bool:
        """Whether the object is there, as far as its size says; where this batch compares, as far as its bytes do."""
        if self._size_there(checksum) != size:
            return False
        return not self._compares or self._is_whole(checksum)

    def _is_whole(self, checksum: str) -> bool:
        key = bytes.fromhex(object_parts(checksum)[1])
        if key in self._whole:
            return True
        try:
            with open_file(self._root, "/".join((OBJECTS, *object_parts(checksum)))) as file:
                is_whole = _digest(file) == checksum
        except ZenctxError:
            return False  # what cannot be read cannot be relied on either
        if is_whole and len(self._whole) < _REMEMBERED:
            self._whole.add(key)
        return is_whole

    def _compare(self, content: ObjectContent, checksum: str) -> StoredObject:
        """Read what is there already, as far as name and size say; nothing is written."""
        size, found = copy_hashed(_chunked(content), lambda _: None)
        _require(checksum, found)
        self._touched.add(object_parts(checksum)[0])
        return StoredObject(checksum, size, is_new=False)

    def _fill(self, pending: PendingFile, content: ObjectContent) -> tuple[int, str]:
        """Bring the content into the pending file; gives its size and checksum."""
        source = _fileno(content)
        if source is not None and pending.clone(source):
            with self._writing(), pending.reread() as file:
                return file.seek(0, os.SEEK_END), _digest(file)

        def write(chunk: memoryview) -> None:
            # Not around all of the copying: what the caller's source raises is not about this directory.
            with self._writing():
                pending.write(chunk)

        return copy_hashed(_chunked(content), write)

    def _publish(self, pending: PendingFile, checksum: str, size: int) -> StoredObject:
        shard, name = object_parts(checksum)
        if self._is_there(checksum, size):
            self._touched.add(shard)
            return StoredObject(checksum, size, is_new=False)
        is_new, is_repaired = True, False
        with self._writing(), closing_fd(self._shard(shard)) as fd:
            try:
                pending.publish([name], PRIVATE, fd)
            except FileExistsError:
                # Synced by now. Either another writer was faster, or what is there is damaged.
                is_new = is_repaired = not self._is_there(checksum, size)
                if is_repaired:
                    pending.replace(name, fd)
        self._touched.add(shard)
        return StoredObject(checksum, size, is_new=is_new, is_repaired=is_repaired)

    def _shard(self, shard: str) -> int:
        try:
            return open_directory(shard, self._objects)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(shard, PRIVATE.directory_mode, dir_fd=self._objects)
            return open_directory(shard, self._objects)

    def _writing(self) -> AbstractContextManager[None]:
        return translated(self._root, "written")


@contextmanager
def closing_fd(fd: int) -> Iterator[int]:
    """The open descriptor `fd`, closed at the end of the context."""
    try:
        yield fd
    finally:
        os.close(fd)


def _require(wanted: str | None, found: str) -> None:
    if wanted not in {None, found}:
        message = f"the content that should have the checksum {wanted} has {found}"
        raise DamagedFileError(message, hint="It was altered; nothing was stored.")


def _is_file(content: ObjectContent) -> bool:
    return hasattr(content, "readinto")


def _chunked(content: ObjectContent) -> Content:
    return _chunks(cast("BinaryIO", content)) if _is_file(content) else content


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    buffer = memoryview(bytearray(CHUNK))
    while size := file.readinto(buffer):  # type: ignore[attr-defined]  # typeshed's BinaryIO lacks what every one has
        yield buffer[:size]  # type: ignore[misc]  # a chunk may be a view: nobody keeps it


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return f"sha256:{hashlib.file_digest(cast('BufferedReader', file), 'sha256').hexdigest()}"


def _fileno(content: ObjectContent) -> int | None:
    """The descriptor of a regular file that stands at its beginning; None for anything else."""
    if not _is_file(content):
        return None
    file = cast("BinaryIO", content)
    try:
        fd = file.fileno()
        return fd if file.tell() == 0 and stat.S_ISREG(os.fstat(fd).st_mode) else None
    except OSError:  # also io.UnsupportedOperation: it has no descriptor, or cannot tell where it stands
        return None


def _size_of(content: ObjectContent) -> int | None:
    """How many bytes there are to come, as far as that is known beforehand."""
    if isinstance(content, bytes | bytearray | memoryview):
        return memoryview(content).nbytes
    fd = _fileno(content)
    return None if fd is None else os.fstat(fd).st_size
