"""The store of live values on a local directory."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from zenctx.store.access import Access, resolve_access
from zenctx.store.base import Content, FileEntry, FileStat, NewFile, StoredFile
from zenctx.store.beneath import open_directory, open_file, open_root, stat_file
from zenctx.store.directories import make_with_parents, sync_upwards
from zenctx.store.durable import PendingFile, make_directory, sync_directory
from zenctx.store.faults import translated
from zenctx.store.hashing import copy_hashed
from zenctx.store.locks import hold
from zenctx.store.marker import create_marker, read_marker, replace_marker
from zenctx.store.names import file_name, run_directory
from zenctx.store.scan import scan_directory

_ATTEMPTS = 5
"""How often a run's directory is made anew when somebody removes it while it is still empty."""


class LocalStore:
    """A `ValueStore` below one directory, with locks. Keeps no state, so threads may share one.

    `file_mode` and `file_group` (a name or a number, None to leave it) are given to every file; the mode of directories
    follows from them, so that the group that reads the files may also remove them (`Access.directory_mode`).
    """

    def __init__(self, root: Path, *, file_mode: int, file_group: str | None) -> None:
        """Nothing is opened yet; an unknown group is found when something is first written (`SettingsError`)."""
        self.root = root
        self._file_mode = file_mode
        self._file_group = file_group

    def prepare(self) -> None:
        """Create the root and the directories above it where they are missing, durably."""
        access = self._access()
        with self._writing():
            make_with_parents(self.root, access)
            sync_upwards(self.root)

    def exists(self) -> bool:
        """Whether the root is a directory; `StoreError` when that cannot be known."""
        with translated(self.root, "read"):
            try:
                os.close(open_root(self.root))
            except (FileNotFoundError, NotADirectoryError):
                return False
            return True

    def put(self, run_id: str, key: str, content: Content, *, suffix: str = "") -> StoredFile:
        """Store one value; see `ValueStore.put`."""
        return self.put_many([NewFile(run_id, key, content, suffix)])[0]

    def put_many(self, files: Iterable[NewFile]) -> list[StoredFile]:
        """Store several values; see `ValueStore.put_many`. Each file is synced by itself, each directory once."""
        access = self._access()
        stored: list[StoredFile] = []
        with self._writing():
            root = open_root(self.root)
        try:
            for file in files:
                stored.append(self._write(root, file, access))  # noqa: PERF401  one by one: what is there must be known
            with self._writing():
                _sync_names(root, stored)
        except BaseException:
            _discard(root, stored)
            raise
        finally:
            os.close(root)
        return stored

    def discard(self, names: Iterable[str]) -> None:
        """Delete values that no row names any more, as far as possible; see `ValueStore.discard`."""
        files = [StoredFile(name, 0, "") for name in names]
        if files:
            with self._writing():
                root = open_root(self.root)
            try:
                _discard(root, files)
            finally:
                os.close(root)

    def open(self, name: str) -> BinaryIO:
        """The content of `name`; see `ValueStore.open`."""
        return open_file(self.root, name)

    def stat(self, name: str) -> FileStat:
        """Size, times and identity of `name`; see `ValueStore.stat`."""
        status = stat_file(self.root, name)
        return FileStat(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def scan(self) -> Iterator[FileEntry]:
        """Every entry; see `ValueStore.scan`."""
        return scan_directory(self.root)

    def read_id(self) -> str | None:
        """The store's id; see `ValueStore.read_id`."""
        return read_marker(self.root)

    def create_id(self) -> str:
        """The store's id, made when there is none; see `ValueStore.create_id`."""
        return create_marker(self.root, self._access())

    def replace_id(self) -> str:
        """Another id for the store in the place of the one that it had; see `marker.replace_marker`."""
        return replace_marker(self.root, self._access())

    def lock_shared(self) -> AbstractContextManager[None]:
        """Hold the store together with others who write; `LockedError` while somebody holds it exclusively."""
        return hold(self.root, self._access(), exclusive=False)

    def lock_exclusive(self) -> AbstractContextManager[None]:
        """Hold the store alone; `LockedError` while anybody else holds it."""
        return hold(self.root, self._access(), exclusive=True)

    def _access(self) -> Access:
        return resolve_access(self._file_mode, self._file_group)

    def _writing(self, below: str = "") -> AbstractContextManager[None]:
        return translated(self.root / below, "written")

    def _write(self, root: int, file: NewFile, access: Access) -> StoredFile:
        """One file under its final name, whole and durable; its directory entry is not yet."""
        run = run_directory(file.run_id)
        names = [file_name(file.key, file.suffix) for _ in range(2)]
        with self._pending(root, run, access) as pending:

            def write(chunk: memoryview) -> None:
                # Not around all of the copying: what the caller's iterable raises is not about this directory.
                with self._writing(run):
                    pending.write(chunk)

            size, checksum = copy_hashed(file.content, write)
            with self._writing(run):
                name = pending.publish(names, access)
            if not file.is_read_soon:
                pending.leave_memory()
        return StoredFile(f"{run}/{name}", size, checksum)

    def _pending(self, root: int, run: str, access: Access) -> PendingFile:
        """A temporary file in the run's directory, which is made when it is missing.

        An empty directory may be removed by the engine or by gc at any moment; with a file in it, it stays.
        """
        with self._writing(run):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    with _run_directory(root, run, access) as directory:
                        return PendingFile(directory)
                except FileNotFoundError:
                    if attempt == _ATTEMPTS:
                        raise
        raise AssertionError  # the loop returns or raises


@contextmanager
def _run_directory(root: int, run: str, access: Access) -> Iterator[int]:
    try:
        fd = open_directory(run, root)
    except FileNotFoundError:
        make_directory(root, run, access)
        fd = open_directory(run, root)
    try:
        yield fd
    finally:
        os.close(fd)


def _sync_names(root: int, stored: Iterable[StoredFile]) -> None:
    """Make the names of `stored` durable: in their directories, and the directories' own in the root."""
    for run in {file.name.partition("/")[0] for file in stored}:
        fd = open_directory(run, root)
        try:
            sync_directory(fd)
        finally:
            os.close(fd)
    sync_directory(root)


def _discard(root: int, stored: Iterable[StoredFile]) -> None:
    """Remove files whose names nobody was told, as far as possible; what stays is unreferenced, and gc finds it."""
    for file in stored:
        run, _, name = file.name.partition("/")
        with contextlib.suppress(OSError):
            fd = open_directory(run, root)
            try:
                os.unlink(name, dir_fd=fd)
            finally:
                os.close(fd)
