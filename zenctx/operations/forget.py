"""Removing snapshots by a policy or by name; their objects go with the next gc.

The plan says what is kept and why; it is carried out under the repository's lock, and only while all that it keeps is
still there.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum

from msgspec import field

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.context.retention import Candidate, Policy, decide
from zenctx.database.engine import Database
from zenctx.errors import DamagedFileError, NotFoundError, PartialError, RefusedError, UsageError, ZenctxError
from zenctx.operations.guards import require_persistence
from zenctx.operations.record import recorded
from zenctx.snapshots.model import DamagedManifest, SnapshotHeader, SnapshotInfo
from zenctx.snapshots.repository import Repository

_NAMED_RUNS = re.compile(r"\bnamed runs?\b")
_GIVEN = "given"


class Action(StrEnum):
    """What becomes of a snapshot."""

    KEEP = "keep"
    REMOVE = "remove"


class ForgetRequest(DataStruct, frozen=True):
    """Which snapshots are meant, and what is to become of them.

    `snapshots` names those to remove; else `policy` decides about those that have all of `tags` and, if `run_ids` are
    given, hold nothing but these runs. `remove_all` lets none be left.
    """

    snapshots: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    tags: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    remove_all: bool = False


class ForgetItem(DataStruct, frozen=True):
    """One snapshot and what becomes of it; `bytes` are those of its contexts and files, which others may share."""

    snapshot_id: str | None
    short_id: str | None
    created_at: datetime | None
    action: Action
    tags: tuple[str, ...]
    runs: int | None
    bytes: int | None
    state: str
    is_safety: bool
    name: str
    reason: str


class ForgetPlan(DataStruct, frozen=True):
    """What is to be done: every snapshot that was looked at, and the manifests of those that go."""

    request: ForgetRequest
    items: tuple[ForgetItem, ...]
    removed: tuple[SnapshotInfo | DamagedManifest, ...]
    kept: frozenset[str]


class ForgetSummary(DataStruct, frozen=True):
    """The counts; `left` is how many snapshots there are afterwards, `recorded` says whether the journal knows."""

    kept: int
    removed: int
    left: int
    damaged: int
    recorded: str


class ForgetReport(DataStruct, frozen=True):
    """The outcome."""

    exit_code: int
    summary: ForgetSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "forget"


def check_request(request: ForgetRequest) -> None:
    """Raises RefusedError where nothing says what to remove, UsageError where two things do."""
    if request.snapshots and not request.policy.is_empty:
        raise UsageError(
            "snapshots are named, and there is a policy too", hint="name the snapshots, or give --keep-..., not both"
        )
    if request.snapshots and (request.tags or request.run_ids):
        raise UsageError("--tag and --run choose what a policy decides about", hint="leave them out to remove by name")
    if not request.snapshots and request.policy.is_empty:
        raise RefusedError(
            "nothing says which snapshots to keep, and so none is removed",
            hint="give --keep-last, --keep-daily or another rule, or name the snapshots to remove",
        )


def plan(repository: Repository, request: ForgetRequest, now: datetime) -> ForgetPlan:
    """Decides about every snapshot; removes nothing.

    Raises what `check_request` does, NotFoundError for a snapshot that is not there, and RefusedError where no complete
    snapshot would be left, unless the request allows that.
    """
    check_request(request)
    found = repository.snapshots()
    items, removed = _by_name(repository, request) if request.snapshots else _by_policy(repository, request, found, now)
    gone = {each.snapshot_id for each in removed}
    kept = frozenset(info.snapshot_id for info in found if info.snapshot_id not in gone)
    made = ForgetPlan(request, tuple(items), tuple(removed), kept)
    _refuse_to_remove_all(made, found)
    return made


def rehearse(repository: Repository, made: ForgetPlan) -> ForgetReport:
    """Reports what carrying out the plan would do."""
    summary = _summary(repository, made, len(made.removed), len(made.kept), "not recorded: nothing was removed")
    return _report(summary, made, dry_run=True)


def execute(repository: Repository, made: ForgetPlan, settings: Settings, database: Database | None) -> ForgetReport:
    """Removes what the plan says, under the repository's lock.

    Raises RefusedError where persistence is switched off or a snapshot that the plan keeps is gone meanwhile,
    LockedError while others use the repository, PartialError where it failed after the first removal.
    """
    require_persistence(settings)
    with recorded(database, "forget", _arguments(made)) as record, repository.lock_exclusive():
        now = {info.snapshot_id for info in repository.snapshots()}
        if not made.kept <= now:
            raise RefusedError(
                "snapshots that were to be kept are gone meanwhile, and so nothing was removed",
                hint="run it again: it decides anew",
            )
        removed = 0
        for manifest in made.removed:
            try:
                removed += repository.remove(manifest)
            except ZenctxError as error:
                raise _half_way(error, removed) from None
            finally:
                record.counts = {"removed": removed}
        left = len(now - {each.snapshot_id for each in made.removed})
        summary = _summary(repository, made, removed, left, record.note)
        record.counts = asdict(summary)
    return _report(summary, made, dry_run=False)


def _by_name(
    repository: Repository, request: ForgetRequest
) -> tuple[list[ForgetItem], list[SnapshotInfo | DamagedManifest]]:
    named: dict[str, SnapshotInfo | DamagedManifest] = {}
    for reference in request.snapshots:
        found = _find(repository, reference)
        named[found.name] = found
    return [_item(each, Action.REMOVE, "named") for each in named.values()], list(named.values())


def _find(repository: Repository, reference: str) -> SnapshotInfo | DamagedManifest:
    """Finds a snapshot, or a damaged manifest by the beginning of its id or by its name."""
    damaged = repository.damaged()
    matches = [
        each
        for each in damaged
        if reference == each.name or (each.snapshot_id is not None and each.snapshot_id.startswith(reference.lower()))
    ]
    try:
        return repository.find(reference)
    except (NotFoundError, DamagedFileError):
        if len(matches) != 1:
            raise
        return matches[0]


def _by_policy(
    repository: Repository, request: ForgetRequest, found: Sequence[SnapshotInfo], now: datetime
) -> tuple[list[ForgetItem], list[SnapshotInfo | DamagedManifest]]:
    unreadable: dict[str, str] = {}
    candidates: dict[str, SnapshotInfo] = {}
    groups: dict[str, object] = {}
    for info in found:
        if not set(request.tags) <= set(info.tags):
            continue
        try:
            if not _holds_only(repository, info, request.run_ids):
                continue
            groups[info.snapshot_id] = _group(repository, info)
        except (DamagedFileError, NotFoundError) as error:
            unreadable[info.snapshot_id] = error.message
        candidates[info.snapshot_id] = info
    decisions = decide(
        [_candidate(info, groups[key]) for key, info in candidates.items() if key in groups], request.policy, now
    )
    verdicts = {verdict.snapshot_id: verdict for verdict in decisions}
    items = [_item(each, Action.KEEP, f"damaged: {each.reason}") for each in repository.damaged()]
    removed: list[SnapshotInfo | DamagedManifest] = []
    for key, info in candidates.items():
        verdict = verdicts.get(key)
        if verdict is None:
            items.append(_item(info, Action.KEEP, f"it cannot be read: {unreadable[key]}"))
        else:
            items.append(_item(info, Action.KEEP if verdict.kept else Action.REMOVE, "; ".join(verdict.reasons)))
            removed += [] if verdict.kept else [info]
    return items, removed


def _candidate(info: SnapshotInfo, group: object) -> Candidate:
    return Candidate(
        info.snapshot_id,
        info.created_at,
        info.tags,
        is_safety=info.is_safety,
        is_complete=info.is_complete,
        group=group,
    )


def _group(repository: Repository, info: SnapshotInfo) -> object:
    """Gives what tells snapshots that compete from others: database, selection, and the runs where they were named."""
    header = info.header
    runs: frozenset[str] = frozenset()
    if not info.is_safety and (header.dialect == _GIVEN or is_of_named_runs(header)):
        runs = frozenset(run.run_id for run in repository.read(info))
    return header.database_identity or header.database, header.selection, runs


def is_of_named_runs(header: SnapshotHeader) -> bool:
    """Tells whether the runs of a snapshot were named one by one: by its words where it does not say how many were."""
    if header.named_runs is not None:
        return header.named_runs > 0
    return _NAMED_RUNS.search(header.selection) is not None


def _holds_only(repository: Repository, info: SnapshotInfo, run_ids: Sequence[str]) -> bool:
    """Tells whether a snapshot holds nothing but some runs; any does where none are asked for."""
    if not run_ids:
        return True
    wanted = {run_id.lower() for run_id in run_ids}
    if not 0 < info.totals.runs <= len(wanted):
        return False
    return all(run.run_id.lower() in wanted for run in repository.read(info))


def _refuse_to_remove_all(made: ForgetPlan, found: Sequence[SnapshotInfo]) -> None:
    """Safety snapshots do not count as what is left; nor do incomplete ones where there was a complete one."""
    counting = [info for info in found if not info.is_safety]
    complete = [info for info in counting if info.is_complete]
    before = complete or counting
    goes = any(isinstance(each, SnapshotInfo) and not each.is_safety for each in made.removed)
    left = any(info.snapshot_id in made.kept for info in before)
    if before and goes and not left and not made.request.remove_all:
        what = "complete snapshot" if complete else "snapshot"
        raise RefusedError(
            f"no {what} would be left", hint="--unsafe-remove-all does it all the same; --dry-run shows what would go"
        )


def _arguments(made: ForgetPlan) -> dict[str, object]:
    asked = asdict(made.request)
    asked["policy"] = {name: value for name, value in asked["policy"].items() if value}
    asked["removed"] = [each.snapshot_id or each.name for each in made.removed]
    return {name: value for name, value in asked.items() if value}


def _half_way(error: ZenctxError, removed: int) -> ZenctxError:
    if not removed:
        return error
    return PartialError(
        f"stopped after {removed:,} removed snapshots: {error.message}", hint="run the same command again to go on"
    )


def _item(each: SnapshotInfo | DamagedManifest, action: Action, reason: str) -> ForgetItem:
    if isinstance(each, DamagedManifest):
        short_id = each.snapshot_id and each.snapshot_id[:12]
        return ForgetItem(
            each.snapshot_id, short_id, None, action, (), None, None, "damaged", False, each.name, reason
        )  # fmt: skip
    totals = each.totals
    return ForgetItem(
        snapshot_id=each.snapshot_id,
        short_id=each.short_id,
        created_at=each.created_at,
        action=action,
        tags=each.tags,
        runs=totals.runs,
        bytes=totals.context_bytes + totals.file_bytes,
        state="complete" if each.is_complete else "incomplete",
        is_safety=each.is_safety,
        name=each.name,
        reason=reason,
    )


def _summary(repository: Repository, made: ForgetPlan, removed: int, left: int, recorded: str) -> ForgetSummary:
    kept = Counter(item.action for item in made.items)[Action.KEEP]
    return ForgetSummary(kept, removed, left, len(repository.damaged()), recorded)


def _report(summary: ForgetSummary, made: ForgetPlan, *, dry_run: bool) -> ForgetReport:
    would = "would be " if dry_run else ""
    lines = [f"{_counted(summary.removed)} {would}removed, {summary.kept:,} kept; {summary.left:,} left"]
    if not made.request.snapshots and summary.damaged:
        lines.append(f"Damaged manifests are kept until they are named: {summary.damaged:,}")
    step = "without --dry-run it removes them" if dry_run and summary.removed else None
    if not dry_run and summary.removed:
        step = "'zenctx gc' removes the objects that no snapshot names any more"
    return ForgetReport(0, summary, "\n".join(lines), step, dry_run=dry_run)


def _counted(count: int) -> str:
    return f"{count:,} snapshot" if count == 1 else f"{count:,} snapshots"


OnItem = Callable[[ForgetItem], None]
