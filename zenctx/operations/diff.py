"""Comparing two contexts, JSON documents or snapshots: what differs, or the patch that leads from A to B.

Values are compared, wherever they are kept and however they are spelled: a value that has moved from the row to a file
is the same. Other columns of a run are no part of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from zenctx.config import Settings
from zenctx.context.convert import MAX_LEGACY_BYTES
from zenctx.context.patch import PatchOperation
from zenctx.context.rawjson import RawJson, quoted
from zenctx.database import runs
from zenctx.database.checks import require_engine_tables
from zenctx.database.engine import Database
from zenctx.errors import DataError, NotFoundError, RefusedError, StoreError, UsageError
from zenctx.operations.comparison.contexts import ContextPair, PatchPair, Showing, Tally
from zenctx.operations.comparison.reference import Reference, SideKind, check_pair
from zenctx.operations.comparison.report import Difference, DiffReport, DiffSummary, OnItem, PatchItem
from zenctx.operations.comparison.sides import Side, SideMaker
from zenctx.operations.comparison.snapshots import SnapshotPair
from zenctx.operations.live_files import live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.snapshots.model import SnapshotRun
from zenctx.snapshots.repository import Repository

DIFFERENT = 4


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What is compared, and what is shown of it."""

    a: Reference
    b: Reference
    showing: Showing = field(default_factory=Showing)

    @property
    def needs_database(self) -> bool:
        """Whether a side is a run of the database."""
        return SideKind.RUN in (self.a.kind, self.b.kind)

    @property
    def is_of_snapshots(self) -> bool:
        """Whether two whole snapshots are compared."""
        return self.a.kind is SideKind.SNAPSHOT


class Sources:
    """Where sides come from; each is opened when the first side needs it, and only then."""

    def __init__(self, settings: Settings, database: Database | None, stdin: Callable[[], BinaryIO]) -> None:
        self._settings = settings
        self._database = database
        self._stdin = stdin
        self._repository: Repository | None = None
        self.sides = SideMaker(live_files(settings), settings.redact_keys)

    @property
    def repository(self) -> Repository:
        """The repository of the settings. Raises NotFoundError where there is none."""
        if self._repository is None:
            self._repository = open_repository(self._settings)
        return self._repository

    def side(self, reference: Reference) -> Side:
        """Reads one side. Raises NotFoundError where there is none, InvalidContextError for a file that is not JSON."""
        match reference.kind:
            case SideKind.RUN:
                return self._run(reference.run_id)
            case SideKind.SNAPSHOT_RUN:
                return self._run_of_snapshot(reference)
            case SideKind.FILE:
                return self.sides.of_document(f"the file {reference.path}", _content(Path(reference.path)))
            case _:
                return self.sides.of_document("standard input", _bounded(self._stdin(), "standard input"))

    def _run(self, run_id: str) -> Side:
        if self._database is None:
            raise UsageError("a run can be compared only with a database")
        with self._database.connect() as connection:
            require_engine_tables(connection)
            row = runs.read_run(self._database, connection, run_id)
        return self.sides.of_text(f"run {_spelled(row.run_id)}", row.text)

    def _run_of_snapshot(self, reference: Reference) -> Side:
        info = self.repository.find(reference.snapshot)
        wanted = _normalised(reference.run_id)
        for run in self.repository.read(info, verify_first=True):
            if run.run_id in (wanted, reference.run_id):
                return self._of_snapshot(info.short_id, run)
        raise NotFoundError(
            f"the snapshot {info.short_id} does not hold the run {reference.run_id}",
            hint=f"'zenctx restore {info.short_id} --dry-run' names those that it has",
        )

    def _of_snapshot(self, short_id: str, run: SnapshotRun) -> Side:
        return self.sides.of_snapshot(f"run {_spelled(run.run_id)} of snapshot {short_id}", run, self.repository)


def diff(sources: Sources, request: DiffRequest, on_item: OnItem, progress: Progress = SILENT) -> DiffReport:
    """Compares two sides; hands out each difference as it is found.

    The report has the code 4 where any value differs, or cannot be compared; one that only moved does not.
    """
    check_pair(request.a, request.b)
    tally = Tally()
    if request.is_of_snapshots:
        a, b = (sources.repository.find(each.snapshot) for each in (request.a, request.b))
        pair = SnapshotPair(sources.repository, sources.sides, request.showing)
        pair.tell(a, b, on_item, tally, progress)
        return _report(f"snapshot {a.short_id}", f"snapshot {b.short_id}", tally)
    side_a, side_b = sources.side(request.a), sources.side(request.b)
    ContextPair(side_a, side_b, request.showing).tell(on_item, tally)
    return _report(side_a.label, side_b.label, tally)


def patch(sources: Sources, request: DiffRequest) -> tuple[list[PatchOperation], DiffReport]:
    """Gives the operations that turn the values of A into those of B, in the legacy form: keys and plain values.

    Raises RefusedError where a secret differs (unless secrets are shown), for two snapshots, and where something
    differs that is not JSON or too large.
    """
    check_pair(request.a, request.b)
    if request.is_of_snapshots:
        raise RefusedError("a patch is of one context, and a snapshot may hold many", hint="give SNAPSHOT:RUN twice")
    side_a, side_b = sources.side(request.a), sources.side(request.b)
    operations = list(PatchPair(side_a, side_b, request.showing).patch())
    tally = Tally(runs=1, runs_different=int(bool(operations)))
    for operation in operations:
        tally.differences[_DIFFERENCES[operation.verb.value]] += 1
    return operations, _report(side_a.label, side_b.label, tally)


_DIFFERENCES = {"add": Difference.ADDED, "remove": Difference.REMOVED, "replace": Difference.CHANGED}


def patch_item(operation: PatchOperation) -> PatchItem:
    """Gives an operation of a patch as an item of the output."""
    value = None if operation.value is None else RawJson(operation.value)
    return PatchItem(operation.verb.value, operation.path, value)


def _report(a: str, b: str, tally: Tally) -> DiffReport:
    counts = tally.differences
    summary = DiffSummary(
        a=a,
        b=b,
        equal=tally.equal,
        runs=tally.runs,
        runs_different=tally.runs_different,
        keys=tally.keys,
        added=counts[Difference.ADDED],
        removed=counts[Difference.REMOVED],
        changed=counts[Difference.CHANGED],
        moved=counts[Difference.MOVED],
        unknown=counts[Difference.UNKNOWN],
        hidden=tally.hidden,
    )
    message = "\n".join([_message(summary), *tally.remarks])
    step = "--show-secrets shows the hidden values" if tally.hidden else None
    return DiffReport(0 if tally.equal else DIFFERENT, summary, message, step, failures=tally.failures)


def _message(summary: DiffSummary) -> str:
    names = ("added", "removed", "changed", "unknown", "moved")
    counts = [f"{getattr(summary, name):,} {name}" for name in names if getattr(summary, name)]
    runs = f" in {summary.runs_different:,} of {summary.runs:,} runs" if summary.runs > 1 else ""
    if summary.equal:
        moved = f" ({summary.moved:,} kept elsewhere)" if summary.moved else ""
        return f"A ({summary.a}) and B ({summary.b}) have equal values{moved}"
    return f"A ({summary.a}) and B ({summary.b}) differ: {', '.join(counts)}{runs}"


def _spelled(run_id: str) -> str:
    """An id as a sentence names it: a database may hold ones that would break its line."""
    return run_id if run_id.isprintable() else quoted(run_id)


def _normalised(run_id: str) -> str:
    try:
        return str(UUID(run_id))
    except ValueError:
        return run_id


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file, f"the file {path}")
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}", hint="a run is named by its id") from None
    except OSError as error:
        raise StoreError(f"the file {path} cannot be read: {error.strerror}") from None


def _bounded(file: BinaryIO, label: str) -> bytes:
    content = file.read(MAX_LEGACY_BYTES + 1)
    if len(content) > MAX_LEGACY_BYTES:
        raise DataError(f"{label} has more than {MAX_LEGACY_BYTES:,} bytes, which no context can have")
    return content
