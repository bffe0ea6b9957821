"""What one pass over the runs and the live files counts; plain numbers, nothing of any value."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import field

from zenctx.context.datastruct import DataStruct
from zenctx.context.shapes import StorageKind

__all__ = ["StorageKind"]


class Age(StrEnum):
    """How long ago a run ended, or began where it has not ended. The shortest first."""

    DAY = "up to 1 day"
    WEEK = "up to 7 days"
    MONTH = "up to 30 days"
    QUARTER = "up to 90 days"
    YEAR = "up to 365 days"
    OLDER = "more than 365 days"
    UNKNOWN = "unknown"
    """The row's times cannot be read."""


class Wanted(DataStruct, frozen=True):
    """What a pass is to count. Runs, forms, classes, files, orphans and dangling locators it always counts.

    `entries`: what the entries of contexts take, by how they are stored (a pass without is quicker). `top`: how many of
    the largest runs and entries are kept. `dead_keys`: compares with the definitions of the workflows. `forecast_days`:
    for which moments it is told what a clean-up would remove.
    """

    entries: bool = True
    top: int = 0
    dead_keys: bool = False
    forecast_days: tuple[int, ...] = ()


class RunCount(DataStruct, frozen=True):
    """Runs that are alike. `workflow_id` is None for the workflows beyond the first ten thousand that were met.

    `run_class` and `form` are the texts of `RunClass` and `Form`; `context_bytes` the lengths of the contexts as text;
    `files` the descriptors with a locator, `file_bytes` what those say of their files' sizes.
    """

    workflow_id: str | None
    status: str
    run_class: str
    form: str
    age: str
    runs: int
    context_bytes: int
    files: int
    file_bytes: int


class StorageCount(DataStruct, frozen=True):
    """Entries that are stored alike: how many, the bytes of their values in the rows, and those in files.

    `files` and `file_bytes` as in `RunCount`. In a pass without `Wanted.entries` there is none of these.
    """

    workflow_id: str | None
    status: str
    kind: str
    entries: int
    inline_bytes: int
    files: int
    file_bytes: int


class FileFigures(DataStruct, frozen=True):
    """What lies in the directory of live files. Times are seconds since 1970.

    `orphans`: files of any age that no row names, with their bytes; `oldest_orphan`: when the oldest of them was last
    changed (None: there is none). `unseen`: directories that this user may not look into.
    """

    files: int
    bytes: int
    orphans: int
    orphan_bytes: int
    oldest_orphan: float | None
    temporaries: int
    unseen: int


class Dangling(DataStruct, frozen=True):
    """Descriptors whose file is not there: of all runs, and of parked ones, which need theirs to be resumed."""

    all_: int
    parked: int


class TrashFigures(DataStruct, frozen=True):
    """What clean-ups have removed and not yet deleted."""

    files: int
    bytes: int


class LargeRun(DataStruct, frozen=True):
    """One of the largest runs: `bytes` are those of its context and of the files that it names."""

    run_id: str
    workflow_id: str
    status: str
    form: str
    bytes: int
    context_bytes: int
    file_bytes: int


class LargeEntry(DataStruct, frozen=True):
    """One of the largest entries: `bytes` are those of its value in the row, and of its file."""

    run_id: str
    workflow_id: str
    key: str
    kind: str
    bytes: int


class DeadKey(DataStruct, frozen=True):
    """A key that no node of its workflow consumes: in how many runs it stands, and the bytes it holds there."""

    workflow_id: str
    key: str
    runs: int
    bytes: int


class DeadKeys(DataStruct, frozen=True):
    """The dead keys that hold most, how many there are, and the bytes of all of them.

    `is_complete` is False where there are more keys than are counted. `unjudged_workflows` have runs, and a definition
    that says nothing of consumers, or cannot be read: none of their keys is called dead.
    """

    largest: tuple[DeadKey, ...] = ()
    keys: int = 0
    is_complete: bool = True
    bytes: int = 0
    unjudged_workflows: int = 0


class Forecast(DataStruct, frozen=True):
    """What a clean-up in so many days would remove of what is there now: files of runs, and files without a run.

    By the rules of gc with its clock moved; the sizes of the files of runs are those of their descriptors.
    """

    days: int
    runs: int
    files: int
    bytes: int
    orphans: int
    orphan_bytes: int


class Figures(DataStruct, frozen=True):
    """All that a pass has counted.

    `files`, `dangling` and `trash` are None where the directory is not there, or is not the one that the database is
    bound to (`store_problem` says why): then nothing can be said of files. `secret_keys`: for each reserved key that
    holds secrets the number of finished runs whose context has it; `secret_runs`: the runs with any of them.
    `quarantined` is None without the tables of zenctx.
    """

    taken_at: datetime
    runs: tuple[RunCount, ...]
    storage: tuple[StorageCount, ...] = ()
    files: FileFigures | None = None
    store_problem: str | None = None
    dangling: Dangling | None = None
    trash: TrashFigures | None = None
    secret_runs: int = 0
    secret_keys: Mapping[str, int] = field(default_factory=dict)
    quarantined: int | None = None
    largest_runs: tuple[LargeRun, ...] = ()
    largest_entries: tuple[LargeEntry, ...] = ()
    dead_keys: DeadKeys | None = None
    forecast: tuple[Forecast, ...] = ()

    @property
    def run_count(self) -> int:
        """The number of runs."""
        return sum(each.runs for each in self.runs)

    @property
    def context_bytes(self) -> int:
        """The length of all contexts as text."""
        return sum(each.context_bytes for each in self.runs)

    def runs_by(self, what: Literal["form", "run_class", "status", "age", "workflow_id"]) -> dict[str | None, int]:
        """Gives the number of runs for each form, class, status, age or workflow that there is."""
        counted: Counter[str | None] = Counter()
        for each in self.runs:
            counted[getattr(each, what)] += each.runs
        return dict(counted)
