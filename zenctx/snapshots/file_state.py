"""What earlier snapshots know of live files, so that a file that has not changed is not read again.

A table of fixed slots in anonymous memory: 48 bytes for a file, where a dictionary takes 250. What does not fit is
forgotten, and forgetting costs a reading, never a value.
"""

import hashlib
import mmap
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

from zenctx.snapshots.model import SnapshotFile
from zenctx.store.base import ObjectStore

MAX_FILES = 2_000_000
"""How many files are remembered at most: 128 MB."""

_KEY, _DIGEST = 16, 32
_SLOT = _KEY + _DIGEST
_EMPTY = bytes(_KEY)
_SPARE = 16
_SECOND = 1_000_000_000
# A file that is written twice within one tick of its file system's clock looks the same both times. The kernel's ticks
# are 10 ms at most; a file system whose times have no fraction counts seconds, or two of them.
_TICK, _COARSE_TICK = 20_000_000, 2 * _SECOND


class KnownFiles:
    """Checksums of live files by what tells that they have not changed. A context manager; not for several threads."""

    def __init__(self, store: ObjectStore, files: int) -> None:
        """Room for so many `files`, or `MAX_FILES`; `store` has the objects."""
        self._store = store
        self._room = min(files, MAX_FILES)
        self._slots = self._room * 4 // 3 + _SPARE
        self._table = mmap.mmap(-1, self._slots * _SLOT)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._table.close()

    def __len__(self) -> int:
        """How many files are known."""
        return self._count

    def add(self, files: Iterable[SnapshotFile], read_after: datetime) -> None:
        """Take in files that were read after a moment.

        Those that had changed so shortly before it that they may have changed once more without a trace are left out.
        """
        moment = int(read_after.timestamp() * 1_000_000) * 1000
        for file in files:
            if self._count == self._room:
                return
            if file.checksum is None or file.mtime_ns is None or file.inode is None or not _settled(file, moment):
                continue
            key = _key(file.locator, file.size, file.mtime_ns, file.inode, file.ctime_ns)
            at = self._find(key)
            if self._table[at : at + _KEY] == _EMPTY:
                self._table[at : at + _SLOT] = key + bytes.fromhex(file.checksum.removeprefix("sha256:"))
                self._count += 1

    def find(self, locator: str, size: int, mtime_ns: int, inode: int, ctime_ns: int | None = None) -> str | None:
        """The `sha256:<hex>` of a file that was read before and has not changed since; None for any other.

        Its object is in the repository, with that size. Give what the earlier snapshot recorded, `ctime_ns` too when it
        has: a file that is changed and given its old mtime again has a new one.
        """
        key = _key(locator, size, mtime_ns, inode, ctime_ns)
        at = self._find(key)
        if self._table[at : at + _KEY] == _EMPTY:
            return None
        checksum = f"sha256:{self._table[at + _KEY : at + _SLOT].hex()}"
        entry = self._store.stat_object(checksum)
        return checksum if entry is not None and entry.size == size else None

    def _find(self, key: bytes) -> int:
        """Where the slot of a key begins, or the free one where it would be."""
        table, end = self._table, self._slots * _SLOT
        at = int.from_bytes(key[:8]) % self._slots * _SLOT
        while (found := table[at : at + _KEY]) != key and found != _EMPTY:
            at += _SLOT
            if at == end:
                at = 0
        return at


def _key(locator: str, size: int, mtime_ns: int, inode: int, ctime_ns: int | None) -> bytes:
    text = f"{size}:{mtime_ns}:{inode}:{ctime_ns}:{locator}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


def _settled(file: SnapshotFile, read_after: int) -> bool:
    """Whether a file that was read after a moment had its last change so long before it that another one would show."""
    modified = file.mtime_ns or 0
    changed = modified if file.ctime_ns is None else file.ctime_ns
    tick = _TICK if modified % _SECOND or changed % _SECOND else _COARSE_TICK
    return max(modified, changed) < read_after - tick
