"""What a restoration gives back: an item for each run, in a dry run also for each key, and counts."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What became, or in a dry run would become, of a run."""

    REPLACE = "replace"
    """The context of its row is put back."""
    INSERT = "insert"
    """Its row is gone, and is put back whole."""
    COPY = "copy"
    """It becomes a new run."""
    SAME = "same"
    """It is as the snapshot holds it."""
    REFUSE = "refuse"
    """A guard said no."""
    FAIL = "fail"
    """It cannot be restored."""
    CHANGED = "changed"
    """Somebody has written it meanwhile; it was left as it is."""
    UNLINKED = "unlinked"
    """It is there again, and the run that it tried again is not."""


@dataclass(frozen=True, slots=True)
class RestoreItem:
    """One run (`key` is None), or in a dry run one key of it.

    The `action` of a key is added, removed, changed, converted (an equal value in another form or place) or same.
    `new_run_id`: the id that a copy got. `bytes`: the length of the context or of the value as JSON text; `files` and
    `file_bytes`: what is put into files. `reason`: why not, or what is not as it was.
    """

    run_id: str
    key: str | None
    action: str
    new_run_id: str | None
    bytes: int | None
    files: int
    file_bytes: int
    reason: str | None


@dataclass(slots=True)
class Tally:
    """Counts that grow while a restoration goes on."""

    replaced: int = 0
    inserted: int = 0
    copied: int = 0
    same: int = 0
    refused: int = 0
    failed: int = 0
    changed: int = 0
    partly: int = 0
    unlinked: int = 0
    files: int = 0
    file_bytes: int = 0
    with_keys: int = 0
    """Runs that had any of the keys that were asked for; all where none were."""

    @property
    def written(self) -> int:
        """How many runs were, or would be, written."""
        return self.replaced + self.inserted + self.copied

    def count(self, action: Action, *, files: int = 0, file_bytes: int = 0) -> None:
        """Counts one run."""
        name = _COUNTERS[action]
        setattr(self, name, getattr(self, name) + 1)
        self.files += files
        self.file_bytes += file_bytes


_COUNTERS = {
    Action.REPLACE: "replaced",
    Action.INSERT: "inserted",
    Action.COPY: "copied",
    Action.SAME: "same",
    Action.REFUSE: "refused",
    Action.FAIL: "failed",
    Action.CHANGED: "changed",
    Action.UNLINKED: "unlinked",
}


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """The counts of a restoration.

    `safety_snapshot_id`: the snapshot of what was replaced; None where nothing was. `partly`: runs that were written,
    and lack something that they had; `unlinked`: those that were written, but for the run that they tried again.
    """

    snapshot_id: str
    safety_snapshot_id: str | None
    operation_id: str | None
    replaced: int
    inserted: int
    copied: int
    same: int
    refused: int
    failed: int
    changed: int
    partly: int
    unlinked: int
    files: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The outcome of a restoration or of a dry run."""

    dry_run: bool
    exit_code: int
    summary: RestoreSummary
    message: str
    next_step: str | None
    command: str = "restore"


@dataclass(frozen=True, slots=True)
class ValuesSummary:
    """What was written as JSON: runs, values, bytes."""

    snapshot_id: str
    path: str
    runs: int
    values: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ValuesReport:
    """The outcome of writing values to a file."""

    exit_code: int
    summary: ValuesSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "restore"
