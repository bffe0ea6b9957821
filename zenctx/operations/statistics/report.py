"""What `stats` gives back: items in sections, and a summary."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from zenctx.context.datastruct import DataStruct


class Section(StrEnum):
    """What an item is about, in the order in which they are told."""

    CLASS = "class"
    FORM = "form"
    STATUS = "status"
    TYPE = "type"
    """How values are stored."""
    WORKFLOW = "workflow"
    AGE = "age"
    RUN = "run"
    """The largest runs."""
    KEY = "key"
    """The largest values."""
    DEAD_KEY = "dead key"
    FORECAST = "forecast"
    GROWTH = "growth"


TITLES = {
    Section.CLASS: "Runs by class",
    Section.FORM: "Runs by form of the context",
    Section.STATUS: "Storage by status",
    Section.TYPE: "Storage by type",
    Section.WORKFLOW: "Storage by workflow",
    Section.AGE: "Age: since the run ended, or began",
    Section.RUN: "Largest runs",
    Section.KEY: "Largest values",
    Section.DEAD_KEY: "Dead keys: no node of the workflow reads them",
    Section.FORECAST: "What gc would remove",
    Section.GROWTH: "Growth",
}


class StatItem(DataStruct, frozen=True):
    """One line of a section. What does not apply is None.

    `bytes` are in the database, `file_bytes` in files; of a dead key `bytes` are what it holds in both. `share` is the
    part that this line has of the largest of its section (0 to 1). Of growth all counts are differences, and may be
    negative.
    """

    section: str
    name: str
    run_id: str | None = None
    workflow_id: str | None = None
    key: str | None = None
    runs: int | None = None
    entries: int | None = None
    bytes: int | None = None
    files: int | None = None
    file_bytes: int | None = None
    share: float = 0.0


OnItem = Callable[[StatItem], None]


class Sums(DataStruct, frozen=True):
    """The figures that are kept to tell growth from: of one moment."""

    at: datetime
    runs: int
    context_bytes: int
    files: int
    file_bytes: int


class StatsSummary(DataStruct, frozen=True):
    """The sums. `files` lie in the directory, `referenced_files` are named by descriptors; None where not known.

    `dead_bytes` are held by dead keys; `unjudged_workflows` have no definition that says who reads what. `recorded`:
    whether these figures are kept for growth. `html`: the page that was written.
    """

    taken_at: datetime
    database: str
    runs: int
    context_bytes: int
    entries: int
    referenced_files: int
    referenced_file_bytes: int
    files: int | None
    file_bytes: int | None
    orphans: int | None
    orphan_bytes: int | None
    dangling: int | None
    trash_files: int | None
    trash_bytes: int | None
    secret_runs: int
    quarantined: int | None
    dead_keys: int
    dead_bytes: int
    unjudged_workflows: int
    recorded: bool
    store_problem: str | None
    html: str | None = None


class StatsReport(DataStruct, frozen=True):
    """The outcome. `items` by section, and `history`: earlier figures and these, oldest first."""

    exit_code: int
    summary: StatsSummary
    message: str
    next_step: str | None
    items: tuple[StatItem, ...]
    history: tuple[Sums, ...]
    dry_run: bool = False
    command: str = "stats"
