"""Snapshots that are taken and restored in the world of a test."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.operations.world import World
from tests.support.rows import compact
from zenctx.database.rows import Selection
from zenctx.operations import db
from zenctx.operations import restore as operation
from zenctx.operations.live_files import bind_store, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.operations.restoring.report import RestoreItem, RestoreReport
from zenctx.operations.restoring.request import RestoreRequest
from zenctx.operations.snapshot import snapshot
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.snapshots.model import SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository


def descriptor(value: object) -> dict[str, object]:
    """Give the descriptor of a value that stays in the row."""
    return {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": value}


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restoration reported, and what it named."""

    report: RestoreReport
    items: list[RestoreItem]

    @property
    def actions(self) -> dict[str, str]:
        """What became of each run that was named."""
        return {item.run_id: item.action for item in self.items if item.key is None}

    @property
    def reasons(self) -> dict[str, str | None]:
        """Why."""
        return {item.run_id: item.reason for item in self.items if item.key is None}

    def keys(self, run_id: str) -> dict[str | None, str]:
        """What would become of the keys of a run."""
        return {item.key: item.action for item in self.items if item.key is not None and item.run_id == run_id}


@dataclass
class Shelter:
    """Takes snapshots of a world, and restores them."""

    world: World

    def take(self, *run_ids: str, **asked: Any) -> str:
        """Takes a snapshot of some runs, or of all; gives its id."""
        request = SnapshotRequest(Selection(run_ids=run_ids), **asked)
        report = snapshot(self.world.database, self.world.settings, request, lambda _item: None)
        assert report.summary.snapshot_id is not None
        return report.summary.snapshot_id

    def add_files(self, contents: Mapping[str, bytes], values: Mapping[str, object] | None = None, **row: Any) -> str:
        """Adds a run whose values lie in files of these contents, beside values in the row; gives its id."""
        live = live_files(self.world.settings)
        with self.world.database.connect() as connection:
            bind_store(live, connection)
        run_id = str(uuid4())
        entries = {key: descriptor(value) for key, value in (values or {}).items()}
        for key, content in contents.items():
            stored = live.store.put(run_id, key, content, suffix=".json")
            locator = live.locators.locator_for(stored.name)
            entries[key] = {
                "type": "FILE", "locator": locator, "mediaType": "application/json", "size": stored.size,
                "checksum": stored.checksum, "inlineValue": None,
            }  # fmt: skip
        return self.world.rows.add(compact(entries), run_id=run_id, **row)

    def live_paths(self, run_id: str) -> list[Path]:
        """The files of a run's values."""
        return [self.world.folder / locator for locator in self.locators(run_id)]

    def object_path(self, content: bytes) -> Path:
        """The file of an object in the repository."""
        name = hashlib.sha256(content).hexdigest()
        (found,) = Path(self.world.settings.snapshots).glob(f"objects/**/{name}")
        return found

    def restore(self, reference: str = "latest", **asked: Any) -> Restored:
        """Restores a snapshot."""
        return self._outcome(operation.restore, reference, asked)

    def rehearse(self, reference: str = "latest", **asked: Any) -> Restored:
        """Restores dryly."""
        return self._outcome(operation.rehearse, reference, asked)

    @property
    def repository(self) -> Repository:
        """The repository."""
        return open_repository(self.world.settings)

    def safety_snapshots(self) -> list[SnapshotInfo]:
        """The safety snapshots."""
        return [info for info in self.repository.snapshots() if info.is_safety]

    def runs(self, reference: str = "latest") -> dict[str, SnapshotRun]:
        """The runs of a snapshot."""
        repository = self.repository
        return {run.run_id: run for run in repository.read(repository.find(reference))}

    def empty_contexts(self) -> None:
        """Takes every context away."""
        self.world.rows.execute("update workflow_runs set context = null")

    def delete_runs(self) -> None:
        """Deletes every run."""
        self.world.rows.execute("delete from workflow_runs")

    def lose_store(self) -> None:
        """Deletes the whole persistent directory, and tells the database that another takes its place."""
        shutil.rmtree(self.world.store)
        db.bind_directory(self.world.database, self.world.settings, replace=True)

    def rows(self) -> list[Sequence[object]]:
        """Every run with all its columns but the context, as text."""
        names = ("id", "workflow_id", "status", "error", "trigger_type", "started_at", "ended_at", "retry_of",
                 "retry_attempt", "next_retry_at")  # fmt: skip
        columns = ", ".join(f"cast({name} as text)" for name in names)
        return [tuple(row) for row in self.world.rows.fetch(f"select {columns} from workflow_runs order by id")]

    def values(self, run_id: str) -> dict[str, Any]:
        """The values of a context, wherever they lie; files as their bytes."""
        text = self.world.rows.text(run_id)
        assert text is not None
        return self.plain(text)

    def plain(self, text: bytes | str) -> dict[str, Any]:
        """The values of the text of a context."""
        return {key: self._value(value) for key, value in json.loads(text).items()}

    def texts(self) -> dict[str, str | None]:
        """The text of every context."""
        query = "select cast(id as text), cast(context as text) from workflow_runs"
        return {str(row[0]): row[1] for row in self.world.rows.fetch(query)}

    def locators(self, run_id: str) -> list[str]:
        """The locators of a context's files."""
        text = self.world.rows.text(run_id)
        entries = json.loads(text or b"{}").values()
        return [entry["locator"] for entry in entries if isinstance(entry, dict) and entry.get("locator")]

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict) and value.get("locator"):
            return (self.world.folder / value["locator"]).read_bytes()
        return value

    def _outcome(self, work: Callable[..., RestoreReport], reference: str, asked: Mapping[str, Any]) -> Restored:
        items: list[RestoreItem] = []
        named = dict(asked)
        progress: Progress = named.pop("progress", SILENT)
        request = RestoreRequest(reference, run_ids=named.pop("runs", ()), **named)
        report = work(self.world.database, self.world.settings, request, items.append, progress)
        return Restored(report, items)


class Interruption(Progress):
    """Does something once the plan is made, before the first row is written."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def start(self, total: int | None, unit: str) -> None:
        """Nothing to do."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Nothing to do."""

    def note(self, text: str, **_facts: object) -> None:
        """Acts between plan and execution."""
        if text == "restoring":
            self._act()

    def finish(self) -> None:
        """Nothing to do."""
