"""What the tests of diff and forget share: comparing in few words, and a repository filled by hand."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.operations.world import World
from zenctx.config import Settings
from zenctx.context.patch import patch_text
from zenctx.database.engine import Database
from zenctx.operations.comparison.contexts import Showing
from zenctx.operations.comparison.reference import parse_reference
from zenctx.operations.comparison.report import DiffItem, DiffReport
from zenctx.operations.diff import DiffRequest, Sources, diff, patch
from zenctx.operations.repository import open_repository
from zenctx.snapshots.model import MANIFEST_FORMAT, SnapshotFile, SnapshotHeader, SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison reported, and its items."""

    report: DiffReport
    items: list[DiffItem]

    @property
    def told(self) -> list[tuple[str | None, str, str | None]]:
        """Key, difference and pointer of each item."""
        return [(item.key, item.difference.value, item.pointer) for item in self.items]


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares what two texts name, with some settings and perhaps a database."""

    settings: Settings
    database: Database | None = None
    stdin: bytes = b""

    def diff(self, a: str, b: str, *, keys_only: bool = False, show_secrets: bool = False) -> Compared:
        """Compares."""
        items: list[DiffItem] = []
        return Compared(diff(self._sources(), _request(a, b, keys_only, show_secrets), items.append), items)

    def patch(self, a: str, b: str, *, show_secrets: bool = False) -> tuple[bytes, DiffReport]:
        """Makes a patch."""
        operations, report = patch(self._sources(), _request(a, b, False, show_secrets))
        return patch_text(operations), report

    def _sources(self) -> Sources:
        return Sources(self.settings, self.database, lambda: io.BytesIO(self.stdin))


def _request(a: str, b: str, keys_only: bool, show_secrets: bool) -> DiffRequest:
    return DiffRequest(parse_reference(a), parse_reference(b), Showing(keys_only, show_secrets))


def comparer(world: World) -> Comparer:
    """Give what compares the runs of a world."""
    return Comparer(world.settings, world.database)


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot to be made: its runs by id (the context's text), files by run and key, and what it says of itself."""

    runs: Mapping[str, str | bytes | None] = field(default_factory=dict)
    files: Mapping[tuple[str, str], bytes | None] = field(default_factory=dict)
    created_at: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    tags: tuple[str, ...] = ()
    is_safety: bool = False
    selection: str = "all runs"
    dialect: str = "sqlite"


def repository_of(settings: Settings) -> Repository:
    """Give the repository of the settings, made if there is none."""
    return open_repository(settings, create=True)


def add_snapshot(repository: Repository, made: Made) -> SnapshotInfo:
    """Write a snapshot; a file without content could not be had."""
    header = SnapshotHeader(
        MANIFEST_FORMAT,
        made.created_at,
        made.tags,
        made.is_safety,
        "0.1.0",
        "test",
        made.dialect,
        "sqlite:///test.db",
        None,
        None,
        made.selection,
    )
    with repository.lock_shared(), repository.write(header) as manifest:
        files: dict[str, list[SnapshotFile]] = {}
        for (run_id, key), content in made.files.items():
            stored = None if content is None else manifest.put_object(content)
            size = -1 if content is None else len(content)
            problem = "missing: it was not there" if stored is None else None
            checksum = stored.checksum if stored else None
            files.setdefault(run_id, []).append(SnapshotFile(key, locator(key), size, checksum, None, None, problem))
        for run_id, context in sorted(made.runs.items()):
            text = context.encode() if isinstance(context, str) else context
            columns: dict[str, str | None] = {"id": run_id, "status": "RUNNING"}
            found = tuple(files.get(run_id, ()))
            manifest.add(SnapshotRun(run_id, columns, text, None, "descriptors", "parked", found))
        return manifest.commit()


def locator(key: str) -> str:
    """Give the locator of a key's file."""
    return f"./data/context-files/persistent/x/{key}.json"


def write_all(folder: Path, files: Mapping[str, str | bytes]) -> list[str]:
    """Write some files; gives their paths."""
    paths = [folder / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [str(path) for path in paths]


def numbered(count: int) -> Iterable[str]:
    """Give ids of runs in their order."""
    return (f"00000000-0000-4000-8000-{number:012d}" for number in range(count))
