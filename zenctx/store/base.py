"""The contract of a store of live values: what a backend promises, and the small types it speaks in.

A backend keeps bytes under names of its own making. `tests/store/test_contract.py` runs the same tests over each.

What every backend guarantees:

1. **Durable before named.** When `put` or `put_many` returns, the content, its mode and its name survive a power cut.
   Nothing that has been returned may be referenced from a database before.
2. **All or nothing.** A name holds the whole content or does not exist. A crash at any point leaves at worst a
   temporary, or a whole file that nobody references; an error leaves nothing under a final name.
3. **Written once.** No name is ever written again or replaced; the same key put twice gives two names, so that no two
   descriptors share a file.
4. **Harmless names.** ASCII, at most 120 characters, `<run directory>/<file>`; whatever the run id and the key are, a
   name stays below the root. Different run ids have different directories.
5. **Reading creates nothing**, follows no link below the root, waits for no FIFO, and reads regular files only.
6. **Errors are sentences.** Only errors of `zenctx.errors` come out, with one exception: what the caller's own iterable
   raises while it is being read passes through unchanged (and nothing is kept).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

Content = bytes | bytearray | memoryview | Iterable[bytes]
"""The bytes of a value: at once, or in chunks, of which one at a time is held in memory."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A value to be stored: the run and key it belongs to, its bytes, and a suffix such as `.json` (or none)."""

    run_id: str
    key: str
    content: Content
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A value that is stored durably: `name` below the root, `size` in bytes, `checksum` as `sha256:<hex>`."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells whether a file is still the one that was seen: size in bytes, times in nanoseconds, inode."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class EntryKind(StrEnum):
    """What an entry of a store is."""

    VALUE = "value"
    """A regular file with a name that a value may have."""
    TEMPORARY = "temporary"
    """A file or directory of zenctx that was on its way to a final name."""
    RESERVED = "reserved"
    """Something else that begins with `.` or `zenctx-`: marker, lock, trash (whose content is not listed)."""
    EMPTY_DIRECTORY = "empty_directory"
    """A directory below the root that held nothing when it was looked at."""
    UNREADABLE = "unreadable"
    """A directory whose content this user may not see: what it holds is unknown."""
    UNKNOWN = "unknown"
    """No value and nothing of zenctx: a link, a device, a name that is not UTF-8, a directory nested too deep."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One entry of a scan: `name` below the root and what it is."""

    name: str
    kind: EntryKind


class ValueStore(Protocol):
    """A store of live values; see the module's text for what every method guarantees."""

    def prepare(self) -> None:
        """Create the store, durably, when it is missing.

        `put` does not do that, so that values are never written below the mount point of a volume that is not there.
        """

    def exists(self) -> bool:
        """Whether there is a store at all; `StoreError` when that cannot be known."""

    def put(self, run_id: str, key: str, content: Content, *, suffix: str = "") -> StoredFile:
        """Store one value durably under a new name.

        `suffix` is empty, or a dot and one to eight ASCII letters or digits; another one is a `ValueError`. Raises
        `StoreError` when the store cannot be written.
        """

    def put_many(self, files: Iterable[NewFile]) -> list[StoredFile]:
        """Store several values; returns them in the same order.

        Nothing is returned before all of them are durable. When one fails, the others of the call are removed again as
        far as possible, and its error is raised. `files` may be lazy; one content at a time is held.
        """

    def discard(self, names: Iterable[str]) -> None:
        """Delete values that no row names any more. What cannot be deleted stays, and is gc's to find."""

    def open(self, name: str) -> BinaryIO:
        """The content of `name`, to be read and closed.

        Raises `DamagedFileError` when it is missing or no regular file, `LocatorRefusedError` for a name or a link that
        could lead out of the store, `StoreError` when it, or the store as a whole, cannot be read.
        """

    def stat(self, name: str) -> FileStat:
        """Size, times and identity of `name`; raises as `open` does."""

    def scan(self) -> Iterator[FileEntry]:
        """Every entry, lazily and in no order; what vanishes meanwhile is left out.

        Raises `StoreError` when the store is missing or cannot be read.
        """

    def read_id(self) -> str | None:
        """The store's id from its marker; None when there is none (or no store), `StoreError` when it is malformed."""

    def create_id(self) -> str:
        """The store's id, from its marker, which is written durably first unless there is one; never replaced."""
