"""A restoration in words, and in the numbers of its report."""

from zenctx.operations.restoring.report import RestoreReport, RestoreSummary, Tally
from zenctx.snapshots.model import SnapshotInfo

DONE, PARTIAL, REFUSED = 0, 3, 5


def summarise(
    info: SnapshotInfo, tally: Tally, *, safety: SnapshotInfo | None = None, operation_id: str | None = None
) -> RestoreSummary:
    """Gives the numbers of a report."""
    return RestoreSummary(
        snapshot_id=info.snapshot_id,
        safety_snapshot_id=safety.snapshot_id if safety else None,
        operation_id=operation_id,
        replaced=tally.replaced,
        inserted=tally.inserted,
        copied=tally.copied,
        same=tally.same,
        refused=tally.refused,
        failed=tally.failed,
        changed=tally.changed,
        partly=tally.partly,
        unlinked=tally.unlinked,
        files=tally.files,
        file_bytes=tally.file_bytes,
    )


def restored(
    info: SnapshotInfo, tally: Tally, safety: SnapshotInfo | None, operation_id: str, origin: str | None
) -> RestoreReport:
    """Gives the report of a restoration: 0 where everything is as the snapshot holds it, else 3; 5 for guards alone.

    `origin`: the database that the snapshot was taken of, where that is another one.
    """
    message = f"Restored {_written(tally)} from snapshot {info.short_id}{_of(origin)}{_rest(tally)}"
    if _is_nothing(tally):
        message = f"Nothing to restore: {_all_same(tally)} as snapshot {info.short_id} holds it"
    if safety is not None:
        but = "" if safety.is_complete else ", but for files that were missing or altered before"
        message += f"\nWhat was replaced is in the safety snapshot {safety.short_id}{but}"
    summary = summarise(info, tally, safety=safety, operation_id=operation_id)
    return RestoreReport(False, exit_code(tally), summary, message, "\n".join(_steps(tally, safety)) or None)


def rehearsed(info: SnapshotInfo, tally: Tally, origin: str | None) -> RestoreReport:
    """Gives the report of a dry run: what would be done, with the exit code of that; `origin` as in `restored`."""
    what = f"{_written(tally)} from snapshot {info.short_id}{_of(origin)}"
    message = f"Would restore {what}{_rest(tally)}; nothing was changed"
    if _is_nothing(tally):
        message = f"There is nothing to restore: {_all_same(tally)} as snapshot {info.short_id} holds it"
    steps = ["run it without --dry-run to restore them"] if tally.written else []
    return RestoreReport(
        True, exit_code(tally), summarise(info, tally), message, "\n".join([*steps, *_steps(tally, None)]) or None
    )


def _of(origin: str | None) -> str:
    return f", which is of another database ({origin})" if origin else ""


def exit_code(tally: Tally) -> int:
    """Gives the exit code: every run that is not as the snapshot holds it counts."""
    if tally.refused and not (tally.written or tally.failed or tally.changed or tally.partly):
        return REFUSED
    is_partial = tally.refused or tally.failed or tally.changed or tally.partly or tally.unlinked
    return PARTIAL if is_partial else DONE


def _is_nothing(tally: Tally) -> bool:
    return not tally.written and exit_code(tally) == DONE


def _all_same(tally: Tally) -> str:
    return f"{_counted(tally.same, 'run')} {'is' if tally.same == 1 else 'are each'}"


def _written(tally: Tally) -> str:
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (tally.replaced, "put back in place"),
            (tally.inserted, "inserted again"),
            (tally.copied, "as new runs" if tally.copied > 1 else "as a new run"),
        )
        if count
    ]
    files = f", with {_counted(tally.files, 'file')} of {tally.file_bytes:,} bytes" if tally.files else ""
    how = f" ({', '.join(parts)})" if parts else ""
    return f"{_counted(tally.written, 'run')}{how}{files}"


def _rest(tally: Tally) -> str:
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (tally.same, "as it holds them already" if tally.same > 1 else "as it holds it already"),
            (tally.partly, "in part"),
            (tally.unlinked, "without the run tried again"),
            (tally.refused, "refused"),
            (tally.failed, "failed"),
            (tally.changed, "changed meanwhile"),
        )
        if count
    ]
    return f"; {', '.join(parts)}" if parts else ""


def _steps(tally: Tally, safety: SnapshotInfo | None) -> list[str]:
    steps = []
    if tally.changed:
        steps.append("run the same command again for those that changed meanwhile")
    if tally.refused:
        steps.append("wait until the runs that are refused are parked or over, or stop the engine and use --force")
    if safety is not None:
        how = "" if safety.is_complete else " --on-missing null"
        but = "" if safety.is_complete else ", with null for each file that was missing and still is"
        steps.append(f"'zenctx restore {safety.short_id}{how}' undoes what was put back in place{but}")
    return steps


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
