"""What the tests of snapshots share: contexts with files, snapshots taken in few words, and what is in one."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.operations.world import World
from tests.support.rows import DAY, compact
from zenctx.database.rows import Selection
from zenctx.operations import snapshot as operation
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.operations.snapshotting.report import SnapshotItem, SnapshotReport
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.snapshots.model import SnapshotFile, SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository

PERSISTENT = "./data/context-files/persistent"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a snapshot reported, and the runs and files that it told of."""

    report: SnapshotReport
    items: list[SnapshotItem]

    @property
    def files(self) -> list[tuple[str | None, str]]:
        """Keys and actions of the files, in order."""
        return [(item.key, item.action) for item in self.items if item.key is not None]

    @property
    def runs(self) -> list[str]:
        """The runs that were taken."""
        return [item.run_id for item in self.items if item.key is None]

    @property
    def reasons(self) -> dict[str | None, str | None]:
        """What was said of each file that has something said of it."""
        return {item.key: item.reason for item in self.items if item.key is not None and item.reason}


def take(world: World, *, dry_run: bool = False, progress: Progress = SILENT, **asked: Any) -> Taken:
    """Take a snapshot: of all runs, unless it is said which."""
    items: list[SnapshotItem] = []
    work = operation.rehearse if dry_run else operation.snapshot
    report = work(world.database, world.settings, request(**asked), items.append, progress)
    return Taken(report, items)


def request(
    *, runs: tuple[str, ...] = (), statuses: tuple[str, ...] = (), workflows: tuple[str, ...] = (), **asked: Any
) -> SnapshotRequest:
    """Make a request in few words."""
    return SnapshotRequest(Selection(runs, statuses, workflows), **asked)


def repository(world: World) -> Repository:
    """Open the repository of a world."""
    return open_repository(world.settings)


def latest(world: World) -> SnapshotInfo:
    """Give the newest snapshot."""
    return repository(world).snapshots()[0]


def contents(world: World, info: SnapshotInfo | None = None) -> dict[str, SnapshotRun]:
    """Give the runs of a snapshot (of the newest one), by id, after its digest was compared."""
    found = repository(world)
    return {run.run_id: run for run in found.read(info or latest(world), verify_first=True)}


def content_of(world: World, file: SnapshotFile) -> bytes:
    """Give the bytes of a file of a snapshot, which must be what their name says."""
    with repository(world).open_object(file.checksum or "", file.size) as content:
        return content.read()


def check_repository(world: World) -> None:
    """Every snapshot can be read to its end, and each object that it names has the content of its name."""
    found = repository(world)
    assert found.damaged() == []
    for info in found.snapshots():
        found.check(info)
        for checksum, size in found.references(info):
            with found.open_object(checksum, size) as content:
                assert len(content.read()) == size


def file_descriptor(content: bytes, locator: str, **properties: object) -> dict[str, object]:
    """Give the descriptor of a file with this content, with some properties changed."""
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    plain = {"type": "FILE", "locator": locator, "mediaType": "text/plain", "size": len(content)}
    return {**plain, "checksum": checksum, "inlineValue": None, **properties}


def put_file(world: World, name: str, content: bytes) -> str:
    """Write a live file, as an engine does; give its locator."""
    path = world.store / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"{PERSISTENT}/{name}"


def add_run(world: World, files: dict[str, bytes], **row: Any) -> str:
    """Add a parked run with a file for each key."""
    descriptors = {
        key: file_descriptor(content, put_file(world, f"files/{hashlib.sha256(key.encode()).hexdigest()}", content))
        for key, content in files.items()
    }
    return add_context(world, descriptors, **row)


def add_context(world: World, context: Mapping[str, object], **row: Any) -> str:
    """Add a parked run with a context."""
    return world.rows.add(compact(context), **{"status": "RUNNING", "ended": None, **row})


def live_file(world: World, run_id: str, key: str) -> Path:
    """Give the path of the live file of a value."""
    locator = json.loads(world.rows.text(run_id) or b"")[key]["locator"]
    return world.folder / str(locator)


class BetweenRowsAndFiles(Progress):
    """Does something once the rows have been read and before a file is looked at."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    def start(self, total: int | None, unit: str) -> None:
        """The files' turn begins when runs are counted."""
        if unit == "runs":
            self._work()

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Nothing to do."""

    def note(self, text: str, **_facts: object) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""


def settle() -> None:
    """Wait until what was written last is older than the coarsest tick of a clock: only then can it be known again."""
    time.sleep(0.05)


def tree(folder: Path) -> Iterator[tuple[str, bytes | None]]:
    """Give every file below a folder with its content, and every directory."""
    for path in sorted(folder.rglob("*")):
        yield str(path), path.read_bytes() if path.is_file() else None


LONG_AGO = 40 * DAY
