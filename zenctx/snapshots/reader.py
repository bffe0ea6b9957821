"""Reads manifests: their two ends for a listing, or all of them, line by line, with everything checked."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import BinaryIO, Protocol, TypeVar, cast

from zenctx.errors import DamagedFileError, NotFoundError
from zenctx.snapshots import encoding
from zenctx.snapshots.frames import LineReader, unpack_line
from zenctx.snapshots.layout import (
    FOOTER,
    MAX_HEADER,
    MAX_RUN,
    MAX_TRAILER,
    damaged,
    id_in_name,
    manifest_name,
    reading,
    unpack_footer,
)
from zenctx.snapshots.model import SnapshotFile, SnapshotInfo, SnapshotRun, SnapshotTotals
from zenctx.store.base import ObjectEntry

_T = TypeVar("_T")


class ReadableStore(Protocol):
    """As much of an `ObjectStore` as reading a snapshot takes."""

    def open_named(self, name: str) -> BinaryIO:
        """See `ObjectStore.open_named`."""

    def open(self, checksum: str) -> BinaryIO:
        """See `ObjectStore.open`."""

    def stat_object(self, checksum: str) -> ObjectEntry | None:
        """See `ObjectStore.stat_object`."""


# A frame of a line that cannot be compressed is a little longer than the line.
_MAX_HEADER_FRAME = MAX_HEADER + 1024
_ALTERED = "it does not have the digest that its name says"
_MISCOUNTED = "its lines are not those that its end counts"


def read_info(store: ReadableStore, name: str) -> SnapshotInfo:
    """What a manifest says at its two ends.

    Raises `NotFoundError` when it is gone, `DamagedFileError` when it is not what zenctx writes, `StoreError`.
    """
    snapshot_id = id_in_name(name)
    if snapshot_id is None:
        raise damaged(name, "its name is not one that zenctx gives", hint="Move it elsewhere.")
    with store.open_named(name) as file, reading(name):
        _, _, trailer_at, trailer_end = _measure(file)
        totals = _trailer(file, trailer_at, trailer_end)[0]
        file.seek(0)
        header = encoding.decode_header(unpack_line(file.read(_MAX_HEADER_FRAME), MAX_HEADER))
    if manifest_name(header.created_at, snapshot_id) != name:
        raise damaged(name, "its name has another time than its header")
    return SnapshotInfo(snapshot_id, name, header, totals)


def verify_digest(store: ReadableStore, info: SnapshotInfo) -> None:
    """Compare the digest of a manifest with its name; raises `DamagedFileError`."""
    with _opened(store, info) as file:
        if _digest(file) != info.snapshot_id:
            raise damaged(info.name, _ALTERED)


def read_runs(store: ReadableStore, info: SnapshotInfo) -> Iterator[SnapshotRun]:
    """Every run, streamed and checked; raises `DamagedFileError` at the latest at the end."""
    totals = SnapshotTotals(0, 0, 0, 0, 0)
    for run in _decoded(store, info, encoding.decode_run):
        totals = encoding.add_run(totals, run)
        yield run
    if totals != info.totals:
        raise damaged(info.name, _MISCOUNTED)


def read_files(store: ReadableStore, info: SnapshotInfo) -> Iterator[tuple[SnapshotFile, ...]]:
    """The files of every run, without unpacking the rest of it; raises as `read_runs` does."""
    yield from _decoded(store, info, encoding.decode_files)


def read_references(store: ReadableStore, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
    """Checksum and size of each object that a snapshot needs, with repetitions; raises as `read_runs` does."""
    for line in _run_lines(store, info):
        with reading(info.name):
            elsewhere = encoding.decode_elsewhere(line)
            if elsewhere is not None:
                yield elsewhere.object, elsewhere.size
            files = encoding.decode_files(_resolved(store, info, line))
        for file in files:
            if file.checksum is not None:
                yield file.checksum, file.size


def read_run_objects(store: ReadableStore, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
    """Checksum and size of each object that holds the line of a long run; raises as `read_runs` does."""
    for line in _run_lines(store, info):
        with reading(info.name):
            elsewhere = encoding.decode_elsewhere(line)
        if elsewhere is not None:
            yield elsewhere.object, elsewhere.size


def _decoded(store: ReadableStore, info: SnapshotInfo, decode: Callable[[bytes], _T]) -> Iterator[_T]:
    for line in _run_lines(store, info):
        with reading(info.name):
            value = decode(_resolved(store, info, line))
        yield value


def _run_lines(store: ReadableStore, info: SnapshotInfo) -> Iterator[bytes]:
    """The lines of the runs as they stand in the manifest; the end of it is reached only if all of it is right."""
    with _opened(store, info) as file, reading(info.name):
        size, start, trailer_at, trailer_end = _measure(file)
        totals, trailer = _trailer(file, trailer_at, trailer_end)
        file.seek(start)
        reader = LineReader(file, trailer_end, trailer.length)
        unpacked, length, count, last = hashlib.sha256(), 0, -1, b""
        for line in reader.lines():
            if last:
                unpacked.update(last)
                length += len(last)
                count += 1
                if count > totals.runs:
                    raise ValueError(_MISCOUNTED)
                if count:
                    yield last
            last = line
        reader.packed.update(file.read(size - trailer_end))
        found = (count, length, f"sha256:{unpacked.hexdigest()}")
        if totals != info.totals or found != (totals.runs, trailer.length, trailer.digest):
            raise ValueError(_MISCOUNTED)
        if encoding.decode_trailer(last)[1] != trailer:
            raise ValueError(_MISCOUNTED)
        if reader.packed.hexdigest() != info.snapshot_id:
            raise ValueError(_ALTERED)


def _resolved(store: ReadableStore, info: SnapshotInfo, line: bytes) -> bytes:
    """The line of a run, from its object when it is too long for the manifest."""
    elsewhere = encoding.decode_elsewhere(line)
    if elsewhere is None:
        return line
    entry = store.stat_object(elsewhere.object)
    if entry is None or entry.size != elsewhere.size or entry.size > MAX_RUN:
        raise damaged(info.name, f"the object {elsewhere.object}, which holds a run, is missing or has another size")
    with store.open(elsewhere.object) as file:
        # Hashed first: a file of zeros takes neither room on the disk nor, so, in memory.
        if f"sha256:{_digest(file)}" != elsewhere.object:
            raise damaged(info.name, f"the object {elsewhere.object}, which holds a run, is altered")
        file.seek(0)
        return file.read(elsewhere.size + 1)


def _digest(file: BinaryIO) -> str:
    return hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()


@contextmanager
def _opened(store: ReadableStore, info: SnapshotInfo) -> Iterator[BinaryIO]:
    """The open manifest of a snapshot that was listed."""
    try:
        file = store.open_named(info.name)
    except NotFoundError:
        raise DamagedFileError(f"the manifest {info.name} is gone: another zenctx has removed it") from None
    with file:
        yield file


def _measure(file: BinaryIO) -> tuple[int, int, int, int]:
    """The size of an open manifest, and where its frames begin, its trailer begins, and that ends."""
    size = file.seek(0, os.SEEK_END)
    trailer_end = size - FOOTER.size
    file.seek(max(trailer_end, 0))
    trailer_at = trailer_end - unpack_footer(file.read(FOOTER.size))
    if trailer_at <= 0:
        message = "it is cut off"
        raise ValueError(message)
    return size, 0, trailer_at, trailer_end


def _trailer(file: BinaryIO, start: int, end: int) -> tuple[SnapshotTotals, encoding.Trailer]:
    file.seek(start)
    return encoding.decode_trailer(unpack_line(file.read(end - start), MAX_TRAILER))
