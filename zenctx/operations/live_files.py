"""The live files of a database's runs: values put into files, descriptors read back from them, checked."""

import hashlib
from collections.abc import Iterator, Sequence
from os import SEEK_END
from typing import BinaryIO

from zenctx.config import Settings
from zenctx.context.convert import MAX_LEGACY_BYTES, LargeValue, StoredContent
from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import (
    UNKNOWN_SIZE,
    ChecksumState,
    RefValueDescriptor,
    compare_checksum,
    sha256_checksum,
)
from zenctx.database.engine import Connection
from zenctx.database.store_binding import BoundKind, bind, bound_store
from zenctx.errors import AlteredFileError, InvalidDescriptorError, RefusedError
from zenctx.store.base import EntryKind, NewFile
from zenctx.store.local import LocalStore
from zenctx.store.locators import Locators

CHUNK = 1024 * 1024


class LiveFiles(DataStruct, frozen=True):
    """The store of live files, and the way between its names and the engine's locators."""

    store: LocalStore
    locators: Locators

    def put(self, run_id: str, values: Sequence[LargeValue]) -> list[StoredContent]:
        """Stores values as files of a run; when it returns, they are durable and may be named by the row.

        They are those of many runs, which nobody is about to read.
        """
        files = [NewFile(run_id, value.key, value.content, ".json", is_read_soon=False) for value in values]
        return [
            StoredContent(self.locators.locator_for(stored.name), stored.size, stored.checksum)
            for stored in self.store.put_many(files)
        ]

    def open(self, descriptor: RefValueDescriptor) -> BinaryIO:
        """Opens the file that a descriptor names; raises as `Locators.open` does."""
        return self.locators.open(descriptor.locator or "")

    def read(self, descriptor: RefValueDescriptor, limit: int = MAX_LEGACY_BYTES) -> bytes:
        """Reads the file of a descriptor, its size and checksum compared.

        Raises DamagedFileError for a file that is missing, short, long or altered, LocatorRefusedError for a locator
        that leaves the directories, InvalidDescriptorError for more than `limit` bytes (as many as a value in the
        database can have).
        """
        with self.open(descriptor) as file:
            is_large = file.seek(0, SEEK_END) > limit
            file.seek(0)
            content = b"" if is_large else file.read(limit + 1)
        if is_large or len(content) > limit:
            raise InvalidDescriptorError(f"the file {descriptor.locator!r} has more than {limit:,} bytes")
        check_content(descriptor, len(content), sha256_checksum(content))
        return content


def check_content(descriptor: RefValueDescriptor, size: int, checksum: str | None) -> None:
    """Raises AlteredFileError unless content of this size and checksum (None: not known) is what a descriptor says."""
    if descriptor.size not in (UNKNOWN_SIZE, size):
        raise AlteredFileError(
            f"the file {descriptor.locator!r} has {size} bytes, its descriptor says {descriptor.size}"
        )
    if checksum is not None and compare_checksum(descriptor.checksum, checksum) is ChecksumState.MISMATCH:
        raise AlteredFileError(f"the file {descriptor.locator!r} does not have the checksum of its descriptor")


def digest(file: BinaryIO) -> tuple[int, str]:
    """Reads a file to its end in constant memory; gives its size in bytes and its checksum."""
    hashed, size = hashlib.sha256(), 0
    for chunk in chunks(file):
        hashed.update(chunk)
        size += len(chunk)
    return size, f"sha256:{hashed.hexdigest()}"


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yields the content of an open file in pieces of at most `CHUNK` bytes."""
    while chunk := file.read(CHUNK):
        yield chunk


def live_files(settings: Settings) -> LiveFiles:
    """Makes the live files of the settings; opens nothing."""
    persistent, storage = settings.persistent_file_dir, settings.file_storage_dir
    return LiveFiles(
        LocalStore(persistent.path, file_mode=settings.file_mode, file_group=settings.file_group),
        Locators(
            (persistent.text, persistent.path),
            (storage.text, storage.path),
            settings.engine_dir,
            settings.locator_root,
        ),
    )


def bind_store(live: LiveFiles, connection: Connection) -> None:
    """Makes sure that the store belongs to the database before anything is written to it.

    The first time the store is made, and bound; an interruption in between leaves a store that the next run binds.
    Raises RefusedError where the directory is not the one that the database is bound to, and where the database is
    bound to none while the directory has values of whoever made its marker: two databases in one directory would take
    each other's files for files that nobody needs any more.
    """
    if not check_store(live, connection):
        live.store.prepare()
        _refuse_used(live)
        bind(connection, BoundKind.STORE, live.store.create_id(), str(live.store.root))


def check_usable(live: LiveFiles, connection: Connection) -> None:
    """Raises RefusedError, as `bind_store` would, before anything is written; makes and binds nothing."""
    if not check_store(live, connection):
        _refuse_used(live)


def _refuse_used(live: LiveFiles) -> None:
    """Raises RefusedError for a directory that somebody has made a store, and put values into."""
    if live.store.read_id() and any(entry.kind is EntryKind.VALUE for entry in live.store.scan()):
        raise RefusedError(
            f"the directory {live.store.root} has files of another database, and this one is bound to none",
            hint="set persistent-file-dir to another directory; where this database has taken the other one's place, "
            "'zenctx db bind' says so",
        )


def check_store(live: LiveFiles, connection: Connection) -> bool:
    """Tells whether the database is bound to a store; no transaction stays open.

    Raises RefusedError where the directory is not that store: a volume that is not mounted looks just like an empty
    directory, in which every file is missing.
    """
    bound = bound_store(connection)
    connection.rollback()
    if bound is None:
        return False
    found = live.store.read_id()
    if found != bound.store_id:
        what = "has no marker" if found is None else "belongs to another store"
        raise RefusedError(
            f"the directory {live.store.root} {what}, and the database is bound to the store {bound.store_id}",
            hint="check that the right volume is mounted; 'zenctx db bind --replace' takes another directory for good",
        )
    return True
