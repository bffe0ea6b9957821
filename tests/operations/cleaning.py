"""Cleaning up in the world of a test: with clocks that may be set, on files whose times may be set."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.operations.world import World
from tests.support.rows import compact
from zenctx.operations import gc as operation
from zenctx.operations.collection.clocks import Clocks
from zenctx.operations.collection.report import GcItem, GcReport, LogItem, UndoReport
from zenctx.operations.collection.request import GcRequest, Limit
from zenctx.operations.gc import Given
from zenctx.operations.live_files import bind_store, live_files
from zenctx.operations.progress import SILENT

ALL = Limit(percent=100)
DAY = timedelta(days=1)


@dataclass
class Cleaned:
    """What a clean-up reported, and what it told of."""

    report: GcReport
    items: list[GcItem]

    def paths(self, action: str) -> dict[str, str]:
        """What was told with this action: why, by the last two parts of the path."""
        return {"/".join(Path(item.path).parts[-2:]): item.category for item in self.items if item.action == action}

    def reasons(self, action: str) -> list[str]:
        """The reasons that were told with this action."""
        return [item.reason for item in self.items if item.action == action]


@dataclass
class Cleaner:
    """Cleans up a world; `ahead` is how far its clocks go ahead of the real ones."""

    world: World
    ahead: timedelta = field(default_factory=timedelta)

    def __post_init__(self) -> None:
        """Binds the store, as the first value that is written does."""
        with self.world.database.connect() as connection:
            bind_store(live_files(self.world.settings), connection)

    def now(self) -> datetime:
        """The time by these clocks."""
        return datetime.now(UTC) + self.ahead

    @property
    def clocks(self) -> Clocks:
        """Both clocks, alike."""
        return Clocks(self.now, lambda _connection: self.now())

    def given(self, items: list[GcItem], **asked: Any) -> Given:
        """What a clean-up works with; without a limit unless one is asked for."""
        confirm = asked.pop("confirm", lambda _summary: True)
        clocks = asked.pop("clocks", self.clocks)
        request = GcRequest(**{"limit": ALL, **asked})
        return Given(
            self.world.database, self.world.settings, request, items.append, SILENT, clocks=clocks, confirm=confirm
        )

    def collect(self, **asked: Any) -> Cleaned:
        """Cleans up."""
        items: list[GcItem] = []
        return Cleaned(operation.collect(self.given(items, **asked)), items)

    def rehearse(self, **asked: Any) -> Cleaned:
        """Makes the plan."""
        items: list[GcItem] = []
        return Cleaned(operation.rehearse(self.given(items, **asked)), items)

    def apply(self, path: Path, **asked: Any) -> Cleaned:
        """Carries out a saved plan."""
        items: list[GcItem] = []
        return Cleaned(operation.apply(self.given(items, **asked), path), items)

    def undo(self, reference: str = "latest") -> tuple[UndoReport, list[GcItem]]:
        """Brings back."""
        items: list[GcItem] = []
        return operation.undo_gc(self.world.database, self.world.settings, reference, items.append), items

    def log(self) -> list[LogItem]:
        """What is on record."""
        items: list[LogItem] = []
        operation.log(self.world.database, items.append, limit=None)
        return items

    def put(self, run_id: str | None, content: bytes = b'"x"', *, age: timedelta = timedelta()) -> str:
        """Writes a file as a save does; gives its name below the store."""
        stored = live_files(self.world.settings).store.put(run_id or str(uuid4()), "a", content, suffix=".json")
        if age:
            self.make_older(stored.name, age)
        return stored.name

    def make_older(self, name: str, age: timedelta) -> None:
        """Sets the time of change of a file; that of its inode stays."""
        then = (datetime.now(UTC) - age).timestamp()
        os.utime(self.world.store / name, (then, then))

    def entry(self, name: str, size: int = 3) -> dict[str, object]:
        """A descriptor that names a file."""
        locator = live_files(self.world.settings).locators.locator_for(name)
        return {
            "type": "FILE",
            "locator": locator,
            "mediaType": "application/json",
            "size": size,
            "checksum": None,
            "inlineValue": None,
        }

    def run_with_file(self, *, age: timedelta = timedelta(), **row: Any) -> tuple[str, str]:
        """Adds a run that names one file of its own; gives both."""
        run_id = str(uuid4())
        name = self.put(run_id, age=age)
        self.world.rows.add(compact({"a": self.entry(name)}), run_id=run_id, **row)
        return run_id, name

    def there(self, name: str) -> bool:
        """Whether a file lies in its place."""
        return (self.world.store / name).is_file()

    def trashed(self) -> list[str]:
        """The names in the trash, without the ids of clean-ups."""
        trash = self.world.store / ".trash"
        return sorted(str(path.relative_to(trash)).partition("/")[2] for path in trash.rglob("*") if path.is_file())


class Crash(BaseException):
    """The process stops here: nothing that would tidy up in a living one may be relied on."""


def crashing(function: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    """The function, until the count is used up: then the process stops instead of calling it."""

    def call(*arguments: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise Crash
        return function(*arguments, **options)

    return call
