"""A snapshot from an archive before it is in the repository: its manifest and its long runs, in files without names."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from zenctx.errors import DamagedFileError, NotFoundError, StoreError
from zenctx.snapshots.archive import Part
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.reader import read_info, read_references
from zenctx.store.base import ObjectEntry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_RESERVE = 64 * 1024 * 1024
"""Bytes that stay free on the device."""
_CHUNK = 256 * 1024


class StagedSnapshot:
    """A `ReadableStore` of one manifest and the objects of its long runs. A context manager."""

    def __init__(self, spool: Callable[[], BinaryIO]) -> None:
        """`spool` makes an empty file without a name."""
        self._file = spool()
        self._runs: dict[str, tuple[int, int]] = {}
        self._manifest = (0, 0)
        self._name = ""

    def add_run(self, part: Part, pieces: Iterable[bytes]) -> None:
        """Takes the object of a long run."""
        self._runs[part.checksum] = (self._append(part, pieces), part.size)

    def set_manifest(self, name: str, part: Part, pieces: Iterable[bytes]) -> SnapshotInfo:
        """Takes the manifest; gives what it says at its ends. Raises `DamagedFileError`."""
        self._manifest = (self._append(part, pieces), part.size)
        self._name = name
        return read_info(self, name)

    def references(self, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
        """See `Repository.references`."""
        return read_references(self, info)

    def manifest(self) -> Iterator[bytes]:
        """Yields the bytes of the manifest."""
        with self.open_named(self._name) as file:
            while piece := file.read(_CHUNK):
                yield piece

    def require_room(self, size: int) -> None:
        """Raises `StoreError` where the device has not so many bytes free: an archive may claim anything."""
        with suppress(OSError):
            free = os.fstatvfs(self._file.fileno())
            if size > free.f_bavail * free.f_frsize - _RESERVE:
                message = (
                    f"the archive unpacks to {size:,} bytes, and the device of the repository has no room for them"
                )
                raise StoreError(message, hint="free some space, then run the command again; nothing was stored")

    def open_named(self, name: str) -> BinaryIO:
        """See `ObjectStore.open_named`."""
        if name != self._name:
            raise NotFoundError(f"the archive has no {name}")
        return self._open(self._manifest)

    def open(self, checksum: str) -> BinaryIO:
        """See `ObjectStore.open`."""
        if checksum not in self._runs:
            raise DamagedFileError(f"the archive does not have the object {checksum}")
        return self._open(self._runs[checksum])

    def stat_object(self, checksum: str) -> ObjectEntry | None:
        """See `ObjectStore.stat_object`."""
        found = self._runs.get(checksum)
        return None if found is None else ObjectEntry(checksum, found[1], 0)

    def _append(self, part: Part, pieces: Iterable[bytes]) -> int:
        self.require_room(part.size)
        start = self._file.seek(0, os.SEEK_END)
        for piece in pieces:
            self._file.write(piece)
        self._file.flush()
        return start

    def _open(self, place: tuple[int, int]) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_Slice(self._file, *place), _CHUNK))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


class _Slice(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._at)
        piece = self._file.read(max(min(len(view), self._size - self._at), 0))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
