"""A snapshot in words, and in the numbers of its report."""

from datetime import datetime

from zenctx.context.datastruct import DataStruct
from zenctx.operations.snapshotting.report import Action, SnapshotReport, SnapshotSummary, Tally

_PROBLEM_WORDS = {
    Action.MISSING: "missing",
    Action.ALTERED: "altered (kept as found)",
    Action.REFUSED: "refused",
    Action.UNREADABLE: "unreadable",
}


class Told(DataStruct, frozen=True):
    """What a report says beside the counts."""

    repository: str
    selection: str
    tags: tuple[str, ...]
    journal: str
    snapshot_id: str | None = None
    short_id: str | None = None
    created_at: datetime | None = None
    is_of_replica: bool = False


def summarise(tally: Tally, told: Told) -> SnapshotSummary:
    """Gives the numbers of a report."""
    return SnapshotSummary(
        snapshot_id=told.snapshot_id,
        created_at=told.created_at,
        repository=told.repository,
        complete=not tally.missing,
        tags=told.tags,
        selection=told.selection,
        runs=tally.runs,
        context_bytes=tally.context_bytes,
        files=tally.files,
        file_bytes=tally.file_bytes,
        copied=tally.copied,
        copied_bytes=tally.copied_bytes,
        unchanged=tally.unchanged,
        repaired=tally.repaired,
        missing=tally.problems[Action.MISSING],
        altered=tally.problems[Action.ALTERED],
        refused=tally.problems[Action.REFUSED],
        unreadable=tally.problems[Action.UNREADABLE],
        zombies=tally.left_out,
        journal=told.journal,
    )


def taken(tally: Tally, told: Told) -> SnapshotReport:
    """Gives the report of a snapshot that was taken."""
    message = f"Took snapshot {told.short_id} of {_extent(tally)}{_how(tally, '')}{_incomplete(tally)}"
    step = f"'zenctx restore {told.short_id} --dry-run' shows what it would put back"
    message += _repaired(tally) + _of_replica(told)
    return _report(tally, told, _with_zombies(tally, message), step, dry_run=False)


def rehearsed(tally: Tally, told: Told) -> SnapshotReport:
    """Gives the report of a dry run."""
    message = f"Would take {_extent(tally)}{_how(tally, 'to be ')}{_incomplete(tally)}; nothing was written"
    message += _of_replica(told)
    return _report(tally, told, _with_zombies(tally, message), "run it without --dry-run to take it", dry_run=True)


def nothing(tally: Tally, told: Told, *, resumable: bool, dry_run: bool) -> SnapshotReport:
    """Gives the report where no run belongs to the snapshot."""
    message = f"Nothing to take: no {'run can still be resumed' if resumable else 'run matches'}; no snapshot was made"
    step = "'zenctx snapshot --all' takes every run" if resumable else None
    return _report(tally, told, _with_zombies(tally, message), step, dry_run=dry_run)


def _report(tally: Tally, told: Told, message: str, step: str | None, *, dry_run: bool) -> SnapshotReport:
    return SnapshotReport(dry_run, 3 if tally.missing else 0, summarise(tally, told), message, step)


def _extent(tally: Tally) -> str:
    runs = _counted(tally.runs, "run")
    if not tally.files:
        return f"{runs} ({tally.context_bytes:,} bytes) without files"
    return f"{runs} ({tally.context_bytes:,} bytes) with {_counted(tally.files, 'file')} ({tally.file_bytes:,} bytes)"


def _how(tally: Tally, future: str) -> str:
    if not tally.unchanged:
        return ""
    return f": {tally.copied:,} {future}copied, {tally.unchanged:,} unchanged since an earlier snapshot"


def _incomplete(tally: Tally) -> str:
    if not tally.missing:
        return ""
    found = ", ".join(
        f"{tally.problems[action]:,} {words}" for action, words in _PROBLEM_WORDS.items() if tally.problems[action]
    )
    return f"; it is incomplete, files are named above: {found}"


def _repaired(tally: Tally) -> str:
    if not tally.repaired:
        return ""
    what = f"{_counted(tally.repaired, 'object')} of the repository"
    was = "was damaged, and has" if tally.repaired == 1 else "were damaged, and have"
    return f"\n{what} {was} been written anew; see to the device: 'zenctx verify' reads all of it"


def _of_replica(told: Told) -> str:
    if not told.is_of_replica:
        return ""
    return "\nIt is of a read replica: what the primary had changed, and the replica had not applied yet, is not in it"


def _with_zombies(tally: Tally, message: str) -> str:
    if not tally.left_out:
        return message
    runs = f"{_counted(tally.left_out, 'run')} that showed no sign of life for 30 days"
    were = "was" if tally.left_out == 1 else "were"
    return f"{message}\n{runs} {were} left out; '--all', '--status' or their ids take them"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
