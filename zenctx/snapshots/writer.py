"""Writes one manifest: the objects that its runs need, a line a run, and at last its name."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import BinaryIO

from zenctx.errors import DamagedFileError, RefusedError
from zenctx.snapshots import encoding
from zenctx.snapshots.frames import FrameWriter
from zenctx.snapshots.layout import INLINE_LINE, MAX_HEADER, MAX_RUN, manifest_name, pack_footer
from zenctx.snapshots.model import SnapshotHeader, SnapshotInfo, SnapshotRun, SnapshotTotals
from zenctx.snapshots.reader import verify_digest
from zenctx.store.base import ObjectBatch, ObjectContent, ObjectStore, StoredObject

_CHUNK = 1024 * 1024


class ManifestWriter:
    """A snapshot being written, given by `Repository.write`. Not to be shared between threads.

    Until `commit` it lies in a file without a name, which vanishes with the process.
    """

    def __init__(self, store: ObjectStore, batch: ObjectBatch, spool: BinaryIO, header: SnapshotHeader) -> None:
        """`ValueError` for a header without a time zone, `RefusedError` for one that is too long."""
        if header.created_at.utcoffset() is None:
            message = "the time of a snapshot needs a time zone"
            raise ValueError(message)
        self._store, self._batch, self._spool = store, batch, spool
        self._frames = FrameWriter(spool)
        self._digest, self._length = hashlib.sha256(), 0
        self._totals = SnapshotTotals(0, 0, 0, 0, 0)
        self._is_finished = False
        line = encoding.encode_header(header)
        if len(line) > MAX_HEADER:
            message = f"the tags and the selection take {len(line):,} bytes, and a snapshot has room for {MAX_HEADER:,}"
            raise RefusedError(message, hint="Give fewer or shorter ones.")
        self._header = encoding.decode_header(line)
        self._write(line)
        self._frames.end()

    def put_object(self, content: ObjectContent, *, checksum: str | None = None) -> StoredObject:
        """Store an object (bytes, chunks, or an open file); durable with `commit`. See `ObjectStore.put_object`."""
        return self._batch.put_object(content, checksum=checksum)

    def submit_object(self, source: Callable[[], BinaryIO], *, checksum: str | None = None) -> "Future[StoredObject]":
        """Store in the background what `source` opens; see `ObjectBatch.submit`. Faster for many files."""
        return self._batch.submit(source, checksum=checksum)

    def add(self, run: SnapshotRun) -> bool:
        """Append a run; each object that it names was put by this writer, or is known from an earlier snapshot.

        Gives whether the run itself is kept as an object that was damaged, and has been written anew.

        Raises `DamagedFileError` when an object that it names is not stored, or has another size, and `RefusedError`
        for a run of more than 2 GiB; the snapshot is then without it, and can go on.
        """
        self._refuse_finished()
        for file in run.files:
            if file.checksum is not None:
                self._require(file.checksum, file.size)
        line, is_repaired = encoding.encode_run(run), False
        if len(line) > INLINE_LINE:
            stored = self._put_elsewhere(line, run.run_id)
            line, is_repaired = encoding.encode_elsewhere(stored.checksum, stored.size), stored.is_repaired
        self._write(line)
        self._totals = encoding.add_run(self._totals, run)
        return is_repaired

    @property
    def totals(self) -> SnapshotTotals:
        """The counts so far."""
        return self._totals

    def commit(self) -> SnapshotInfo:
        """Make the objects durable, then the manifest under its name: the snapshot exists when this returns.

        Raises `StoreError`, and then there is no snapshot. Nothing can be added, nor committed, a second time. Where
        the same snapshot is there already it stays as it is; `DamagedFileError` when that is damaged.
        """
        self._refuse_finished()
        self._is_finished = True
        info = self._finish()
        self._batch.flush()
        self._spool.seek(0)
        if not self._store.put_named(info.name, self._content()):
            # The same bytes have this name already, for it holds their digest; unless they were damaged since.
            verify_digest(self._store, info)
        return info

    def _finish(self) -> SnapshotInfo:
        self._frames.end()
        trailer = encoding.encode_trailer(self._totals, self._length, f"sha256:{self._digest.hexdigest()}")
        self._frames.write(trailer)
        self._frames.write_raw(pack_footer(self._frames.end()))
        snapshot_id = self._frames.digest
        name = manifest_name(self._header.created_at, snapshot_id)
        return SnapshotInfo(snapshot_id, name, self._header, self._totals)

    def _refuse_finished(self) -> None:
        if self._is_finished:
            message = "the snapshot is finished"
            raise ValueError(message)

    def _write(self, line: bytes) -> None:
        self._frames.write(line)
        self._digest.update(line)
        self._length += len(line)

    def _require(self, checksum: str, size: int) -> None:
        entry = self._store.stat_object(checksum)
        if entry is None or entry.size != size:
            found = "is not in the repository" if entry is None else f"has {entry.size} bytes, not {size}"
            raise DamagedFileError(f"the object {checksum} {found}")

    def _put_elsewhere(self, line: bytes, run_id: str) -> StoredObject:
        if len(line) > MAX_RUN:
            raise RefusedError(
                f"the run {run_id[:100]!a} takes {len(line):,} bytes, more than a snapshot can hold of one"
            )
        return self._batch.put_object(line)

    def _content(self) -> Iterator[bytes]:
        while chunk := self._spool.read(_CHUNK):
            yield chunk
