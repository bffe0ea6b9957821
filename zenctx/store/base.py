"""The contracts of stores: what a backend promises, and the small types it speaks in.

Two kinds of store, and a suite of tests for each, which runs over every backend: live values (`ValueStore`,
`tests/store/test_contract.py`) and the objects of snapshots (`ObjectStore`, `tests/store/test_objects_contract.py`).

A `ValueStore` keeps bytes under names of its own making. What every backend guarantees:

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

An `ObjectStore` keeps immutable bytes: *objects* under the SHA-256 of their content, and small *named* blobs (the
marker and the manifests of a repository) under names of the caller's. Guarantees 2, 5 and 6 hold here too, and:

7. **Written once.** An object that exists with the size it should have is never written again, and no named blob is
   ever replaced. What stands in an object's place with another size is damage: content with the right hash replaces it.
   So it does where a batch that `compares` reads what is there, and finds other content of the same size. Whoever has
   the damaged object open goes on reading that, and sees at its end that it is damaged.
8. **Durable when it says so.** After `put_object`, `put_named` and the end of an `ObjectBatch` what was stored survives
   a power cut. A caller writes what names an object only after that; so a crash leaves at worst objects that nothing
   names, and temporaries.
9. **Names are checked.** A checksum is `sha256:` and 64 lower-case hexadecimal digits, and a name is ASCII, in at most
   two parts, with nothing in it that could lead elsewhere. Anything else is refused before it becomes a path or an
   address.
10. **Private.** Nobody but the owner may read what is kept (0700, 0600): contexts hold secrets.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol

from zenctx.context.datastruct import DataStruct

if TYPE_CHECKING:
    # Loads logging; who lists a store needs neither.
    from concurrent.futures import Future

Content = bytes | bytearray | memoryview | Iterable[bytes]
"""The bytes of a value: at once, or in chunks, of which one at a time is held in memory."""


class NewFile(DataStruct, frozen=True):
    """A value to be stored: the run and key it belongs to, its bytes, and a suffix such as `.json` (or none).

    `is_read_soon`: whether it pays to keep it in the system's memory, where the database's own pages may be.
    """

    run_id: str
    key: str
    content: Content
    suffix: str = ""
    is_read_soon: bool = True


class StoredFile(DataStruct, frozen=True):
    """A value that is stored durably: `name` below the root, `size` in bytes, `checksum` as `sha256:<hex>`."""

    name: str
    size: int
    checksum: str


class FileStat(DataStruct, frozen=True):
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


class FileEntry(DataStruct, frozen=True):
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


class StoredObject(DataStruct, frozen=True):
    """An object that is stored: its `sha256:<hex>`, its size in bytes, and whether it had to be written.

    `is_repaired`: something else stood under its name, of another size or no file at all, or (where a batch compares)
    with other content, and has been replaced.
    """

    checksum: str
    size: int
    is_new: bool
    is_repaired: bool = False


class ObjectEntry(DataStruct, frozen=True):
    """One object of a store: `mtime` is when it was written, in seconds since 1970."""

    checksum: str
    size: int
    mtime: float


class Leftovers(DataStruct, frozen=True):
    """Temporaries of writers that were killed: how many, and their bytes."""

    files: int
    bytes: int


ObjectContent = Content | BinaryIO
"""The bytes of an object: at once, in chunks, or an open file, which is read from where it stands to its end."""


class ObjectBatch(Protocol):
    """Objects that become durable together, which is cheaper than one by one. Not to be shared between threads."""

    def put_object(self, content: ObjectContent, *, checksum: str | None = None) -> StoredObject:
        """Store as `ObjectStore.put_object` does; durable only after `flush`."""

    def submit(self, source: Callable[[], BinaryIO], *, checksum: str | None = None) -> "Future[StoredObject]":
        """Store in the background what `source` opens, and close it; durable only after `flush`.

        `source` is called in another thread. Waits while many are under way. The future raises what `source` or
        `put_object` raised.
        """

    def flush(self) -> None:
        """Wait for what is under way, then make all that was stored durable; raises `StoreError`.

        What a submitted source failed for is in its future alone.
        """


class ObjectStore(Protocol):
    """A store of immutable blobs; see the module's text for what every method guarantees."""

    @property
    def location(self) -> str:
        """The directory or address, without credentials, as it may stand in a sentence."""

    def prepare(self) -> None:
        """Create the store, durably, when it is missing. `RefusedError` for a place that holds something else."""

    def exists(self) -> bool:
        """Whether there is a store at all; `StoreError` when that cannot be known."""

    def put_object(self, content: ObjectContent, *, checksum: str | None = None) -> StoredObject:
        """Store content under its SHA-256, hashed in the pass that copies it; durable on return.

        `checksum` is the `sha256:<hex>` that it must have: `DamagedFileError`, and nothing is kept, when it has not.
        Where that object exists already, the content is read and hashed, but not written.
        """

    def batch(self, *, compares: bool = False) -> AbstractContextManager[ObjectBatch]:
        """A batch of objects, flushed by a clean end of the context; otherwise they may stay without a name.

        With `compares` an object that is there already is read before it is relied on, and replaced if it is damaged.
        """

    def has(self, checksum: str) -> bool:
        """Whether there is an object of this name, whatever its size. `DamagedFileError` for a malformed checksum."""

    def stat_object(self, checksum: str) -> ObjectEntry | None:
        """The size and time of an object, None when there is none. `DamagedFileError` for a malformed checksum."""

    def open(self, checksum: str) -> BinaryIO:
        """The content of an object, to be read and closed; not compared with its name.

        `DamagedFileError` when it is missing or the checksum is malformed.
        """

    def objects(self) -> Iterator[ObjectEntry]:
        """Every object, lazily and in no order. `StoreError` when the store is missing or cannot be read."""

    def remove(self, checksum: str) -> bool:
        """Delete an object; False when there was none. Hold the exclusive lock."""

    def put_named(self, name: str, content: Content) -> bool:
        """Store a small blob under a name that does not exist, durably; False, and nothing is changed, when it does.

        A name is `<part>` or `<part>/<part>`, of ASCII letters, digits, `.`, `-` and `_`, each part beginning with a
        letter or digit; another one is a `ValueError`.
        """

    def open_named(self, name: str) -> BinaryIO:
        """The content of a named blob, to be read, sought and closed; `NotFoundError` when there is none."""

    def names(self, prefix: str) -> list[str]:
        """The names of blobs (never of objects) that begin with `prefix`, sorted. `StoreError` without a store.

        What is none but stands among them is listed too, so that nothing is passed over in silence: a link, a directory
        in a folder, a name that `put_named` would refuse.
        """

    def remove_named(self, name: str) -> bool:
        """Delete a named blob, durably; False when there was none."""

    def spool(self) -> BinaryIO:
        """A new empty file without a name, near the store, for what must be whole before its name is known."""

    def clean(self) -> Leftovers:
        """Delete the temporaries of writers that were killed. Only under the exclusive lock."""

    def lock_shared(self) -> AbstractContextManager[None]:
        """Hold the store with others who read or write; `LockedError` while somebody holds it exclusively."""

    def lock_exclusive(self) -> AbstractContextManager[None]:
        """Hold the store alone, to remove something; `LockedError` while anybody else holds it."""
