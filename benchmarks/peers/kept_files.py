"""A snapshot of files as zenctx takes one: objects, a manifest that names them, all of it durable."""

import sys
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from zenctx.snapshots.file_state import KnownFiles
from zenctx.snapshots.model import MANIFEST_FORMAT, SnapshotFile, SnapshotHeader, SnapshotRun
from zenctx.snapshots.repository import Repository
from zenctx.snapshots.writer import ManifestWriter
from zenctx.store.base import StoredObject
from zenctx.store.objects import LocalObjects

STORE = "the store"


def main() -> None:
    """Takes the folder of the files and that of the repository; prints the seconds that it took."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    start = time.perf_counter()
    repository = Repository.create(LocalObjects(target))
    header = SnapshotHeader(
        format=MANIFEST_FORMAT,
        created_at=datetime.now(UTC),
        tags=(),
        is_safety=False,
        version="",
        who="",
        dialect="",
        database="",
        database_identity=None,
        store_id=STORE,
        selection="",
    )
    with (
        repository.lock_shared(),
        repository.known_files(STORE) as known,
        repository.write(header) as manifest,
    ):
        kept = [(path, keep(path, known, manifest)) for path in sorted(source.iterdir())]
        files = tuple(described(path, checksum) for path, checksum in kept)
        manifest.add(SnapshotRun("run", {}, b"{}", None, "descriptors", "parked", files))
        manifest.commit()
    print(time.perf_counter() - start)


def keep(path: Path, known: KnownFiles, manifest: ManifestWriter) -> "str | Future[StoredObject]":
    """Gives the checksum of a file that is known, or stores it in the background."""
    status = path.stat()
    checksum = known.find(str(path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
    return checksum or manifest.submit_object(lambda: path.open("rb"))


def described(path: Path, kept: "str | Future[StoredObject]") -> SnapshotFile:
    """Gives the line of a file, once it is stored."""
    status = path.stat()
    checksum = kept if isinstance(kept, str) else kept.result().checksum
    return SnapshotFile(
        path.name, str(path), status.st_size, checksum, status.st_mtime_ns, status.st_ino, None, status.st_ctime_ns
    )


main()
