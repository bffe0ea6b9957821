"""A repository of snapshots: its marker, its manifests, and the objects that they name.

```
zenctx-repository.json        format version and id
objects/ab/abcd...            immutable bytes, named by their SHA-256
snapshots/<time>-<id>.zst     one manifest a snapshot, written last
imported/<id>                 an empty file for each snapshot that came in an archive
```

Who takes, restores or verifies a snapshot holds the lock together with others; who removes anything holds it alone.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from typing import BinaryIO, Self

from zenctx.errors import DataError, NotFoundError, ZenctxError
from zenctx.snapshots.file_state import KnownFiles
from zenctx.snapshots.layout import FOLDER, id_in_name
from zenctx.snapshots.model import DamagedManifest, SnapshotHeader, SnapshotInfo, SnapshotRun
from zenctx.snapshots.reader import (
    read_files,
    read_info,
    read_references,
    read_run_objects,
    read_runs,
    verify_digest,
)
from zenctx.snapshots.references import find
from zenctx.snapshots.repository_marker import create_marker, read_marker
from zenctx.snapshots.verified import open_verified
from zenctx.snapshots.writer import ManifestWriter
from zenctx.store.base import Leftovers, ObjectContent, ObjectEntry, ObjectStore, StoredObject

_RECENT = 30
"""Among how many of the latest snapshots of a store the one that knows most files is looked for."""
_IMPORTED = "imported/"
"""Where an empty blob with its id tells of each snapshot that came in an archive."""


class Repository:
    """Snapshots in an `ObjectStore`. Made by `open` or `create`."""

    def __init__(self, objects: ObjectStore, repository_id: str) -> None:
        self.store = objects
        self.repository_id = repository_id

    @classmethod
    def open(cls, objects: ObjectStore) -> Self:
        """The repository in a store; creates nothing.

        Raises `NotFoundError` when there is none, `RefusedError` for one of a future format, `StoreError` for one that
        cannot be read.
        """
        return cls(objects, read_marker(objects))

    @classmethod
    def create(cls, objects: ObjectStore) -> Self:
        """The repository in a store, made when there is none.

        Raises as `open` does, and `RefusedError` for a directory that holds something else.
        """
        try:
            return cls.open(objects)
        except NotFoundError:
            objects.prepare()
            return cls(objects, create_marker(objects))

    @property
    def location(self) -> str:
        """Where it is, as it may stand in a sentence."""
        return self.store.location

    def snapshots(self) -> list[SnapshotInfo]:
        """Every snapshot that can be read, newest first. Reads the two ends of each manifest alone."""
        return [found for found in self._listing() if isinstance(found, SnapshotInfo)]

    def damaged(self) -> list[DamagedManifest]:
        """Every manifest whose ends cannot be read, newest first; `check` looks at all of one."""
        return [found for found in self._listing() if isinstance(found, DamagedManifest)]

    def find(self, reference: str) -> SnapshotInfo:
        """The snapshot that `reference` means: an id, a unique prefix of one, `latest`, or `latest~N` (N before it).

        Safety snapshots do not count for `latest`. Raises `NotFoundError` for none or several, `DamagedFileError` when
        it is damaged, or when a damaged manifest is newer than what `latest` would otherwise mean.
        """
        return find(reference, self._names(), self._look)

    @contextmanager
    def write(self, header: SnapshotHeader, *, compares: bool = False) -> Iterator[ManifestWriter]:
        """A new snapshot: put its objects, add its runs, then `commit`; without that nothing stays but objects.

        `compares`: objects that are put and are there are read, and damaged ones replaced; see `ObjectStore.batch`.

        Holds the lock together with others; take it before what earlier snapshots know is read, so that it stays true.

        ```
        with repository.lock_shared(), repository.write(header) as manifest:
            stored = manifest.put_object(file)
            manifest.add(SnapshotRun(...))
            info = manifest.commit()
        ```
        """
        with self.store.lock_shared(), self.store.batch(compares=compares) as batch, self.store.spool() as spool:
            yield ManifestWriter(self.store, batch, spool, header)

    def read(self, info: SnapshotInfo, *, verify_first: bool = False) -> Iterator[SnapshotRun]:
        """The runs of a snapshot, streamed; raises `DamagedFileError` at the latest at the end when anything is wrong.

        With `verify_first` the digest of the manifest is compared before the first run is handed out.
        """
        if verify_first:
            verify_digest(self.store, info)
        yield from read_runs(self.store, info)

    def check(self, info: SnapshotInfo) -> None:
        """Read all of a manifest; raises `DamagedFileError` when anything in it is wrong. Objects are not looked at."""
        for _ in read_runs(self.store, info):
            pass

    def references(self, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
        """The (checksum, size) of every object that a snapshot needs, those of large runs too, with repetitions.

        Raises as `read` does: what was given before that is not all.
        """
        return read_references(self.store, info)

    def run_objects(self, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
        """The (checksum, size) of the objects among `references` that hold runs too long for the manifest."""
        return read_run_objects(self.store, info)

    def open_manifest(self, info: SnapshotInfo) -> BinaryIO:
        """The bytes of a manifest, to be read and closed; `NotFoundError` when it was removed."""
        return self.store.open_named(info.name)

    def put_manifest(self, info: SnapshotInfo, content: Iterable[bytes]) -> bool:
        """Store the manifest of a snapshot from elsewhere; False where it is there already.

        All objects that it names are stored. Raises `DamagedFileError` where the one that is there is damaged.
        """
        if info.name in self.store.names(info.name):
            verify_digest(self.store, info)
            return False
        # First: what somebody else says of live files is never taken for what was seen here.
        self.store.put_named(f"{_IMPORTED}{info.snapshot_id}", b"")
        is_new = self.store.put_named(info.name, content)
        if not is_new:
            verify_digest(self.store, info)
        return is_new

    def remove(self, info: SnapshotInfo | DamagedManifest) -> bool:
        """Delete a manifest; its objects stay for gc. False when it was gone. Hold the exclusive lock."""
        removed = self.store.remove_named(info.name)
        if info.snapshot_id is not None:
            self.store.remove_named(f"{_IMPORTED}{info.snapshot_id}")
        return removed

    def known_files(self, store_id: str | None) -> KnownFiles:
        """What recent snapshots of the same store of live files know, so that unchanged files are not read again."""
        sources = list(self._sources(store_id))
        known = KnownFiles(self.store, sum(info.totals.files for info in sources))
        for info in sources:
            # A manifest that is damaged knows nothing; that is for others to report.
            with suppress(DataError, NotFoundError):
                for files in read_files(self.store, info):
                    known.add(files, info.created_at)
        return known

    def put_object(self, content: ObjectContent, *, checksum: str | None = None) -> StoredObject:
        """Store an object outside of a snapshot being written; see `ObjectStore.put_object`."""
        return self.store.put_object(content, checksum=checksum)

    def open_object(self, checksum: str, size: int | None = None) -> BinaryIO:
        """The content of an object, compared while it is read.

        Raises `DamagedFileError` at once when it is missing or has another size than `size`, and at its end when it is
        not what its name says: nothing that was read may be used before the end was seen.
        """
        return open_verified(self.store, checksum, size)

    def has_object(self, checksum: str, size: int | None = None) -> bool:
        """Whether there is such an object, of that size when one is given; `DamagedFileError` for a malformed name."""
        entry = self.store.stat_object(checksum)
        return entry is not None and size in {None, entry.size}

    def objects(self) -> Iterator[ObjectEntry]:
        """Every object; see `ObjectStore.objects`."""
        return self.store.objects()

    def remove_object(self, checksum: str) -> bool:
        """Delete an object; see `ObjectStore.remove`. Hold the exclusive lock."""
        return self.store.remove(checksum)

    def clean(self) -> Leftovers:
        """Delete the temporaries of killed writers; see `ObjectStore.clean`. Hold the exclusive lock."""
        return self.store.clean()

    def spool(self) -> BinaryIO:
        """A new empty file without a name, private, near the repository, for rows that wait to be written."""
        return self.store.spool()

    def lock_shared(self) -> AbstractContextManager[None]:
        """Hold the repository with others who take, restore or verify; `LockedError` while somebody removes."""
        return self.store.lock_shared()

    def lock_exclusive(self) -> AbstractContextManager[None]:
        """Hold the repository alone, to remove something; `LockedError` while anybody else is at work."""
        return self.store.lock_exclusive()

    def _names(self) -> list[str]:
        """The names of the manifests, newest first."""
        return sorted(self.store.names(FOLDER), reverse=True)

    def _listing(self) -> Iterator[SnapshotInfo | DamagedManifest]:
        """Every manifest, newest first; one that is removed meanwhile is left out."""
        for name in self._names():
            with suppress(NotFoundError):
                yield self._look(name)

    def _look(self, name: str) -> SnapshotInfo | DamagedManifest:
        """What a manifest says at its ends, or why it cannot; whatever is wrong with one never hides the others."""
        try:
            return read_info(self.store, name)
        except NotFoundError:
            raise
        except ZenctxError as error:
            return DamagedManifest(name, id_in_name(name), error.message)

    def _sources(self, store_id: str | None) -> Iterator[SnapshotInfo]:
        """The snapshots to learn from: the latest of the store, and another one of the latest if that has more files.

        What is damaged knows nothing; that is for others to report.
        """
        imported = frozenset(self.store.names(_IMPORTED))
        own = (found for found in self._listing() if _is_own(found, imported))
        recent = _with_files(own, store_id)
        latest = next(filter(self._is_whole, recent), None)
        if latest is not None:
            yield latest
            larger = [info for info in recent if _files(info) > _files(latest)]
            largest = next(filter(self._is_whole, sorted(larger, key=_files, reverse=True)), None)
            if largest is not None:
                yield largest

    def _is_whole(self, info: SnapshotInfo) -> bool:
        try:
            verify_digest(self.store, info)
        except DataError:
            return False
        return True


def _files(info: SnapshotInfo) -> int:
    """How many files of a snapshot were had."""
    return info.totals.files - info.totals.missing


def _is_own(found: SnapshotInfo | DamagedManifest, imported: frozenset[str]) -> bool:
    return f"{_IMPORTED}{found.snapshot_id}" not in imported


def _with_files(listing: Iterable[SnapshotInfo | DamagedManifest], store_id: str | None) -> list[SnapshotInfo]:
    """The latest snapshots of a store that have files."""
    infos = (found for found in listing if isinstance(found, SnapshotInfo) and _files(found) > 0)
    own = (info for info in infos if store_id is not None and info.header.store_id == store_id)
    return list(islice(own, _RECENT))
