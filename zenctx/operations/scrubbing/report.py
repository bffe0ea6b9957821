"""What an audit and a scrub tell: items, counts, reports. No value, and no part of one, is ever in them."""

from dataclasses import dataclass, field
from enum import StrEnum

from zenctx.context.classes import RunClass


@dataclass(frozen=True, slots=True)
class AuditItem:
    """Secrets of one kind in one part of a run.

    `place` is context, file, error, state, node output or node error; `key` that of the context, or the node's;
    `pointer` leads to the first of `places`. `kind`: by a reserved key, by a name, or by the same value. `reason`: what
    keeps a scrub from it; then there may be nothing else.
    """

    run_id: str
    workflow_id: str
    status: str
    run_class: str
    place: str | None
    key: str | None
    pointer: str | None
    kind: str | None
    places: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Runs searched; those with secrets, of which `finished` are over; places by kind; runs not searched to the end.

    `names`: whether what stands under a name that `redact-keys` matches was looked for, too.

    Outside of the database: `snapshots` of the repository and `trash_files`, which may hold secrets, too; None where
    that cannot be seen. `unsearched`: a table that this role may not read.
    """

    searched: int
    with_secrets: int
    finished: int
    by_kind: dict[str, int]
    unreadable: int
    more: bool
    snapshots: int | None
    trash_files: int | None
    unsearched: str | None
    names: bool = False


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The outcome of an audit: 4 where there are secrets, 3 where something could not be searched."""

    exit_code: int
    summary: AuditSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "audit"


class Action(StrEnum):
    """What becomes of a run."""

    SCRUB = "scrub"
    SCRUBBED = "scrubbed"
    LEFT = "left"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ScrubItem:
    """A run with secrets: what becomes of it, in how many places they are, how many nodes and files change, and why."""

    action: str
    run_id: str
    workflow_id: str
    status: str
    places: int
    by_kind: dict[str, int]
    nodes: int
    files: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class ScrubSummary:
    """Runs and places that were scrubbed (or would be), files written anew, and runs that were not, by why.

    `left_out` are runs that are not over, whatever they hold; `foreign_files` are files that no scrubbed run names any
    more and that gc removes, since they are not the run's own or could not be deleted.
    """

    operation_id: str | None
    safety_snapshot_id: str | None
    searched: int
    scrubbed: int
    places: int
    by_kind: dict[str, int]
    nodes: int
    files: int
    foreign_files: int
    left: int
    changed: int
    failed: int
    left_out: dict[str, int]
    more: bool
    snapshots: int | None
    trash_files: int | None


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """The outcome of a scrub: 3 where a run with secrets was left."""

    exit_code: int
    summary: ScrubSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "scrub"


@dataclass
class Tally:
    """What a scrub has counted so far."""

    searched: int = 0
    scrubbed: int = 0
    places: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    nodes: int = 0
    files: int = 0
    foreign_files: int = 0
    left: int = 0
    changed: int = 0
    failed: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    more: bool = False

    def leave_out(self, run_class: RunClass) -> None:
        """Counts a run that is not over."""
        self.left_out[run_class.value] = self.left_out.get(run_class.value, 0) + 1

    def count(self, item: ScrubItem, foreign_files: int) -> None:
        """Counts what becomes of a run."""
        if item.action in (Action.SCRUB, Action.SCRUBBED):
            self.scrubbed += 1
            self.places += item.places
            self.nodes += item.nodes
            self.files += item.files
            self.foreign_files += foreign_files
            for kind, count in item.by_kind.items():
                self.by_kind[kind] = self.by_kind.get(kind, 0) + count
        self.left += item.action == Action.LEFT
        self.changed += item.action == Action.CHANGED
        self.failed += item.action == Action.FAILED
