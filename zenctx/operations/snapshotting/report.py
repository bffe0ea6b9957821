"""What a snapshot gives back: an item for each run and each of its files, and counts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from zenctx.context.datastruct import DataStruct


class Action(StrEnum):
    """What becomes of a run or a file. The last four are problems: they leave a snapshot incomplete."""

    TAKE = "take"
    """The row of a run goes into the snapshot."""
    COPY = "copy"
    """The file is read, and its bytes are kept unless the repository has them."""
    UNCHANGED = "unchanged"
    """The file has not changed since an earlier snapshot, and is not read again."""
    REPAIRED = "repaired"
    """The repository's object of the file, or of the run, was damaged, and has been written anew."""
    MISSING = "missing"
    ALTERED = "altered"
    """The file is not what its descriptor says. Its bytes are kept as they are."""
    REFUSED = "refused"
    """The locator leads out of the directories, or to a link: nothing is opened."""
    UNREADABLE = "unreadable"


PROBLEMS = frozenset({Action.MISSING, Action.ALTERED, Action.REFUSED, Action.UNREADABLE})
NAMED = PROBLEMS | {Action.REPAIRED}
"""What a person is to be told of, one by one."""


class SnapshotItem(DataStruct, frozen=True):
    """A run (without a key), or one of its files. `bytes` are those of the context or of the file; None: not known."""

    run_id: str
    key: str | None
    action: str
    form: str
    run_class: str
    bytes: int | None
    path: str | None
    reason: str | None


@dataclass(slots=True)
class Tally:
    """Counts that grow while a snapshot is taken; sizes in bytes."""

    runs: int = 0
    context_bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    unchanged: int = 0
    repaired: int = 0
    left_out: int = 0
    """Runs that have not ended, have a context, and showed no sign of life for long."""
    problems: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(sorted(PROBLEMS), 0))

    @property
    def missing(self) -> int:
        """How many files were not had as their descriptors say."""
        return sum(self.problems.values())


class SnapshotSummary(DataStruct, frozen=True):
    """The counts of a snapshot, and where it is.

    `snapshot_id` is None where none was made, and in a dry run. `files` counts all that the runs name, `copied` those
    that were read (in a dry run: would be), `unchanged` those that had not changed. `repaired` objects were damaged and
    have been written anew; `zombies` were left out. `journal` says where it was recorded, or why it was not.
    """

    snapshot_id: str | None
    created_at: datetime | None
    repository: str
    complete: bool
    tags: tuple[str, ...]
    selection: str
    runs: int
    context_bytes: int
    files: int
    file_bytes: int
    copied: int
    copied_bytes: int
    unchanged: int
    repaired: int
    missing: int
    altered: int
    refused: int
    unreadable: int
    zombies: int
    journal: str


class SnapshotReport(DataStruct, frozen=True):
    """The outcome of a snapshot, or of a dry run of it: 3 where a file was not had as its descriptor says."""

    dry_run: bool
    exit_code: int
    summary: SnapshotSummary
    message: str
    next_step: str | None
    command: str = "snapshot"
