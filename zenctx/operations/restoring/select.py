"""Which runs of a snapshot are meant."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from zenctx.errors import NotFoundError
from zenctx.snapshots.model import SnapshotInfo, SnapshotRun


def selected(runs: Iterable[SnapshotRun], run_ids: Iterable[str], info: SnapshotInfo) -> Iterator[SnapshotRun]:
    """Yields the runs of these ids, or all where none is given.

    Raises NotFoundError at the end for an id that no run had.
    """
    wanted = {_spelled(run_id): run_id for run_id in run_ids}
    if not wanted:
        yield from runs
        return
    missing = dict(wanted)
    for run in runs:
        run_id = _spelled(run.run_id)
        if run_id in wanted:
            missing.pop(run_id, None)
            yield run
    if missing:
        raise NotFoundError(
            f"the snapshot {info.short_id} has no run {', '.join(missing.values())}",
            hint=f"'zenctx restore {info.short_id} --dry-run' names those that it has",
        )


def _spelled(run_id: str) -> str:
    """An id as it is compared: a UUID in its usual spelling, whatever case it was typed in."""
    try:
        return str(UUID(run_id))
    except ValueError:
        return run_id
