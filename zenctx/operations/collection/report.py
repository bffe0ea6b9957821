"""What a clean-up gives back: an item for all that goes, stays against expectation or is in doubt; counts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from zenctx.context.datastruct import DataStruct


class Action(StrEnum):
    """What was done about an item, or would be."""

    REMOVE = "remove"
    """It would go."""
    REMOVED = "removed"
    """It was moved to the trash, or deleted where it is no value."""
    SKIPPED = "skipped"
    """It was to go, and something has changed."""
    FAILED = "failed"
    """It was to go, and could not be moved."""
    RESTORED = "restored"
    """It is back in its place."""
    MISSING = "missing"
    """A run names it, and it is not there."""
    NOTICED = "noticed"
    """Worth knowing: nobody's file, a directory that cannot be looked into, something in the trash that is needed."""


class GcItem(DataStruct, frozen=True):
    """One thing that a clean-up looked at. `age_days`: since it was last written; `path` in full."""

    action: str
    category: str
    run_id: str | None
    path: str
    bytes: int | None
    age_days: float | None
    reason: str
    gc_id: str | None = None


class Count(DataStruct, frozen=True):
    """Files and their bytes."""

    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Tally:
    """Counts that grow."""

    by_category: dict[str, Count] = field(default_factory=dict)
    listed: int = 0
    held: int = 0
    waiting: int = 0
    """Files that nobody needs and that are not old enough, or left alone by the settings."""
    left_alone: int = 0
    """Those of them that are old enough."""
    runs: int = 0
    references: int = 0
    missing: int = 0
    noticed: int = 0
    unseen: int = 0
    """Directories that could not be looked into."""
    zombies: int = 0
    pinned: int = 0
    unreadable: int = 0
    temp_files: int = 0
    temp_bytes: int = 0
    skipped: int = 0
    failed: int = 0

    def add(self, category: str, size: int, files: int = 1) -> None:
        """Counts what goes."""
        before = self.by_category.get(category, Count())
        self.by_category[category] = Count(before.files + files, before.bytes + size)


class GcSummary(DataStruct, frozen=True):
    """The counts of a clean-up. `by_class`: what goes (or went), by why; `refusals`: the guards that would stop it."""

    gc_id: str | None
    database: str
    store: str
    store_id: str | None
    removed: int
    removed_bytes: int
    by_class: dict[str, Count]
    skipped: int
    failed: int
    files_in_store: int
    held: int
    waiting: int
    left_alone: int
    missing: int
    runs: int
    zombies: int
    pinned: int
    unreadable: int
    temp_files: int
    temp_bytes: int
    plan: str | None
    refusals: tuple[str, ...]


class GcReport(DataStruct, frozen=True):
    """The outcome of a clean-up, or of a dry run."""

    dry_run: bool
    exit_code: int
    summary: GcSummary
    message: str
    next_step: str | None
    command: str = "gc"


class UndoSummary(DataStruct, frozen=True):
    """What came back, and what did not."""

    gc_id: str
    restored: int
    restored_bytes: int
    failed: int
    moved_aside: int


class UndoReport(DataStruct, frozen=True):
    """The outcome of an undo."""

    exit_code: int
    summary: UndoSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "gc"


class LogItem(DataStruct, frozen=True):
    """One past clean-up: what it did, and how much of it can still be brought back."""

    gc_id: str
    command: str
    started_at: datetime
    who: str
    outcome: str | None
    removed: int
    removed_bytes: int
    in_trash: int
    restored: int
    purged: int


class ListSummary(DataStruct, frozen=True):
    """How many are listed."""

    listed: int


class ListReport(DataStruct, frozen=True):
    """The end of a list: of past clean-ups, or of pins."""

    summary: ListSummary
    message: str
    next_step: str | None = None
    exit_code: int = 0
    dry_run: bool = False
    command: str = "gc log"


class PinItem(DataStruct, frozen=True):
    """One pinned run."""

    run_id: str
    reason: str | None
    who: str
    created_at: datetime


class PinSummary(DataStruct, frozen=True):
    """Whether a run is pinned now, and whether that is new."""

    run_id: str
    pinned: bool
    changed: bool


class PinReport(DataStruct, frozen=True):
    """The outcome of pinning a run, or of taking the pin away."""

    command: str
    summary: PinSummary
    message: str
    next_step: str | None = None
    exit_code: int = 0
    dry_run: bool = False
