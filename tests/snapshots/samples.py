"""Snapshots to test with: headers, runs, and repositories that hold some."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zenctx.snapshots.model import (
    MANIFEST_FORMAT,
    RuntimeStateText,
    SeenConversions,
    SnapshotFile,
    SnapshotHeader,
    SnapshotInfo,
    SnapshotRun,
)
from zenctx.snapshots.repository import Repository
from zenctx.store.base import ObjectStore
from zenctx.store.objects import LocalObjects

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

HEADER = SnapshotHeader(
    format=MANIFEST_FORMAT,
    created_at=NOON,
    tags=("nightly", "before maintenance"),
    is_safety=False,
    version="0.1.0",
    who="operator@host",
    dialect="postgresql",
    database="postgresql://zenflow:***@db/zenflow",
    database_identity="postgresql:1/2",
    store_id="11111111-2222-3333-4444-555555555555",
    selection="every run that can still be resumed",
    conversions=SeenConversions(17, "0194d6f0-7c1e-7000-8000-000000000000", (12, 15)),
)

RUN = SnapshotRun(
    run_id="3f2b8c1e-0d4a-4b6f-9a77-5e0c1d2f3a4b",
    columns={"id": "3f2b8c1e-0d4a-4b6f-9a77-5e0c1d2f3a4b", "error": None, "started_at": "2026-11-01T00:00:00.000001Z"},
    context=b'{"a": 1.10, "b": 1e400, "a\\u0000": "\\ud800"}',
    runtime_state=RuntimeStateText(1, '{"consumers": []}'),
    form="legacy",
    run_class="parked",
    files=(),
)


def header(hours: float = 0, *, is_safety: bool = False, store_id: str | None = HEADER.store_id) -> SnapshotHeader:
    """A header of a snapshot taken so many hours after noon."""
    return replace(HEADER, created_at=NOON + timedelta(hours=hours), is_safety=is_safety, store_id=store_id)


def a_file(checksum: str, size: int, key: str = "node.output.file", locator: str = "data/run/file") -> SnapshotFile:
    """A file that was had."""
    return SnapshotFile(key, locator, size, checksum, 1_700_000_000_123_456_789, 4711, None, 1_700_000_000_123_456_789)


def local_repository(directory: Path) -> Repository:
    """A new repository on a local directory."""
    return Repository.create(LocalObjects(directory / "repository"))


def take(repository: Repository, head: SnapshotHeader = HEADER, runs: Iterable[SnapshotRun] = (RUN,)) -> SnapshotInfo:
    """Write a snapshot of some runs."""
    with repository.lock_shared(), repository.write(head) as manifest:
        for run in runs:
            manifest.add(run)
        return manifest.commit()


def take_with_files(repository: Repository, contents: Iterable[bytes], head: SnapshotHeader = HEADER) -> SnapshotInfo:
    """Write a snapshot of one run with these files."""
    with repository.lock_shared(), repository.write(head) as manifest:
        stored = [manifest.put_object(content) for content in contents]
        files = tuple(a_file(one.checksum, one.size, str(n)) for n, one in enumerate(stored))
        manifest.add(replace(RUN, files=files))
        return manifest.commit()


def manifest_path(repository: Repository, info: SnapshotInfo) -> Path:
    """Where the manifest of a snapshot lies."""
    return store_of(repository).root / info.name


def store_of(repository: Repository) -> LocalObjects:
    """The local store of a repository."""
    store: ObjectStore = repository.store
    assert isinstance(store, LocalObjects)
    return store
