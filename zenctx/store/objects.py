"""The store of immutable objects and named blobs on a local directory."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO, cast

from zenctx.errors import NotFoundError, RefusedError
from zenctx.store.base import Content, Leftovers, ObjectContent, ObjectEntry, StoredObject
from zenctx.store.beneath import open_directory, open_file, open_root
from zenctx.store.directories import make_with_parents, sync_upwards
from zenctx.store.durable import PendingFile, sync_directory
from zenctx.store.faults import SpeakingFile, shown, store_error, translated
from zenctx.store.hashing import copy_hashed
from zenctx.store.locks import hold
from zenctx.store.names import TEMPORARY_PREFIX
from zenctx.store.object_batch import PRIVATE, LocalBatch, closing_fd
from zenctx.store.object_names import OBJECTS, blob_parts, checksum_of, is_blob_name, is_listed, object_parts

_ATTEMPTS = 5
"""How often the root is made anew when another first user replaces it while it is still empty."""


class LocalObjects:
    """An `ObjectStore` below one directory. Keeps no state, so threads may share one."""

    def __init__(self, root: Path) -> None:
        """Nothing is opened yet."""
        self.root = root

    @property
    def location(self) -> str:
        """The directory."""
        return shown(self.root)

    def prepare(self) -> None:
        """Create the root, the directories above it and that of the objects; see `ObjectStore.prepare`."""
        with self._writing():
            for attempt in range(1, _ATTEMPTS + 1):
                make_with_parents(self.root, PRIVATE)
                self._refuse_foreign()
                try:
                    self._make_objects()
                except FileNotFoundError:
                    if attempt == _ATTEMPTS:
                        raise
                else:
                    break
            sync_upwards(self.root)

    def exists(self) -> bool:
        """Whether the root is a directory; `StoreError` when that cannot be known."""
        with self._reading():
            try:
                os.close(open_root(self.root))
            except (FileNotFoundError, NotADirectoryError):
                return False
            return True

    def put_object(self, content: ObjectContent, *, checksum: str | None = None) -> StoredObject:
        """Store one object; see `ObjectStore.put_object`."""
        with self.batch() as batch:
            return batch.put_object(content, checksum=checksum)

    def batch(self, *, compares: bool = False) -> LocalBatch:
        """A batch of objects; see `ObjectStore.batch`."""
        return LocalBatch(self.root, compares=compares)

    def has(self, checksum: str) -> bool:
        """Whether there is such an object; see `ObjectStore.has`."""
        return self.stat_object(checksum) is not None

    def stat_object(self, checksum: str) -> ObjectEntry | None:
        """Size and time of an object; see `ObjectStore.stat_object`."""
        path = self._path(checksum)
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise store_error(error, self.root, "read") from error
        return ObjectEntry(checksum, status.st_size, status.st_mtime) if S_ISREG(status.st_mode) else None

    def open(self, checksum: str) -> BinaryIO:
        """The content of an object; see `ObjectStore.open`."""
        return open_file(self.root, "/".join((OBJECTS, *object_parts(checksum))))

    def objects(self) -> Iterator[ObjectEntry]:
        """Every object; see `ObjectStore.objects`."""
        with self._reading(), os.scandir(self.root / OBJECTS) as shards:
            for shard in shards:
                if len(shard.name) == 2 and shard.is_dir(follow_symlinks=False):
                    yield from self._objects_in(shard)

    def remove(self, checksum: str) -> bool:
        """Delete an object; see `ObjectStore.remove`."""
        path = self._path(checksum)
        with self._writing():
            try:
                Path(path).unlink()
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def put_named(self, name: str, content: Content) -> bool:
        """Store a blob under a new name; see `ObjectStore.put_named`."""
        folder, last = blob_parts(name)
        with self._writing():
            fd = self._folder(folder)
        with closing_fd(fd):
            with self._writing():
                pending = PendingFile(fd)
            with pending:
                is_new = self._fill(pending, content, last)
            with self._writing():
                sync_directory(fd)  # also for a name that somebody else has just taken
        return is_new

    def open_named(self, name: str) -> BinaryIO:
        """The content of a blob; see `ObjectStore.open_named`."""
        blob_parts(name)
        try:
            os.lstat(self.root / name)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"there is no {name} in {self.location}") from None
        except OSError:
            pass  # open_file says it in a sentence
        return open_file(self.root, name)

    def names(self, prefix: str) -> list[str]:
        """The names of blobs; see `ObjectStore.names`."""
        folder = prefix.rpartition("/")[0]
        if folder and not is_blob_name(folder):
            return []
        above = f"{folder}/" if folder else ""
        with self._reading():
            os.close(open_root(self.root))  # without a store there is no answer; without the folder there is
            try:
                found = [path.name for path in (self.root / folder).iterdir()]
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = (above + name for name in found)
        return sorted(name for name in names if name.startswith(prefix) and is_listed(name) and self._is_entry(name))

    def remove_named(self, name: str) -> bool:
        """Delete a blob; see `ObjectStore.remove_named`."""
        folder, last = blob_parts(name)
        with self._writing():
            try:
                with closing_fd(open_root(self.root / folder)) as fd:
                    os.unlink(last, dir_fd=fd)
                    sync_directory(fd)
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def spool(self) -> BinaryIO:
        """A file without a name in the root; see `ObjectStore.spool`."""
        with (
            self._writing(),
            tempfile.TemporaryFile(dir=self.root, prefix=TEMPORARY_PREFIX, buffering=0) as file,
        ):
            fd = os.dup(file.fileno())
        return cast("BinaryIO", io.BufferedRandom(SpeakingFile(fd, self.root, "r+")))

    def clean(self) -> Leftovers:
        """Delete what killed writers left; see `ObjectStore.clean`."""
        files = size = 0
        with self._writing():
            for path in self._temporaries():
                size += path.lstat().st_size
                path.unlink()
                files += 1
        return Leftovers(files, size)

    def lock_shared(self) -> AbstractContextManager[None]:
        """Hold the store with others; see `ObjectStore.lock_shared`."""
        return hold(self.root, PRIVATE, exclusive=False)

    def lock_exclusive(self) -> AbstractContextManager[None]:
        """Hold the store alone; see `ObjectStore.lock_exclusive`."""
        return hold(self.root, PRIVATE, exclusive=True)

    def _path(self, checksum: str) -> str:
        # Text, for this is asked for every file of a snapshot, and making a Path takes longer than looking at a file.
        shard, name = object_parts(checksum)
        return f"{self.root}/{OBJECTS}/{shard}/{name}"

    def _reading(self) -> AbstractContextManager[None]:
        return translated(self.root, "read")

    def _writing(self) -> AbstractContextManager[None]:
        return translated(self.root, "written")

    def _refuse_foreign(self) -> None:
        """Refuse a directory that holds something else: a mistyped setting must not fill somebody's home directory."""
        found = [path.name for path in self.root.iterdir()]
        if OBJECTS not in found and not all(name == "lost+found" or name.startswith("zenctx-") for name in found):
            message = f"the directory {self.location} holds files that are not of a repository"
            raise RefusedError(message, hint="Name an empty directory, or one that does not exist yet.")

    def _make_objects(self) -> None:
        with closing_fd(open_root(self.root)) as root:
            with suppress(FileExistsError):
                os.mkdir(OBJECTS, PRIVATE.directory_mode, dir_fd=root)
            with closing_fd(open_directory(OBJECTS, root)) as objects:
                sync_directory(objects)

    def _objects_in(self, shard: "os.DirEntry[str]") -> Iterator[ObjectEntry]:
        try:
            entries = os.scandir(shard.path)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                checksum = checksum_of(shard.name, entry.name)
                if checksum is None or not entry.is_file(follow_symlinks=False):
                    continue
                with suppress(FileNotFoundError):  # removed since it was listed
                    status = entry.stat(follow_symlinks=False)
                    yield ObjectEntry(checksum, status.st_size, status.st_mtime)

    def _folder(self, folder: str) -> int:
        """The open directory of blobs, made durably when it is missing."""
        with closing_fd(open_root(self.root)) as root:
            if not folder:
                return os.dup(root)
            with suppress(FileExistsError):
                os.mkdir(folder, PRIVATE.directory_mode, dir_fd=root)
            sync_directory(root)  # also for one that somebody made who was killed before this step
            return open_directory(folder, root)

    def _fill(self, pending: PendingFile, content: Content, name: str) -> bool:
        def write(chunk: memoryview) -> None:
            with self._writing():
                pending.write(chunk)

        copy_hashed(content, write)
        with self._writing():
            try:
                pending.publish([name], PRIVATE)
            except FileExistsError:
                return False
        return True

    def _is_entry(self, name: str) -> bool:
        """Whether a name is no folder of blobs, nor the directory of the objects."""
        return "/" in name or not S_ISDIR((self.root / name).lstat().st_mode)

    def _temporaries(self) -> Iterator[Path]:
        below = [path for path in self.root.iterdir() if S_ISDIR(path.lstat().st_mode)]
        for directory in (self.root, *below):
            for path in directory.iterdir():
                if path.name.startswith(TEMPORARY_PREFIX) and not S_ISDIR(path.lstat().st_mode):
                    yield path
