"""The snapshot of what a restoration replaces, so that another restoration can undo it."""

from collections.abc import Iterable

from zenctx.config import Settings
from zenctx.database.engine import Database
from zenctx.database.rows import Selection
from zenctx.operations.progress import Progress
from zenctx.operations.snapshot import snapshot
from zenctx.operations.snapshotting.report import SnapshotItem
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository

TAG = "safety"


def take_safety_snapshot(
    database: Database, settings: Settings, repository: Repository, run_ids: Iterable[str], progress: Progress
) -> SnapshotInfo | None:
    """Takes a snapshot of runs that are about to be replaced; None where none of them is there any more.

    It is complete when this returns, but for files that are gone already. Raises as `snapshot` does.
    """
    selection = Selection(run_ids=tuple(run_ids))
    if not selection.run_ids:
        return None
    # Paranoid: once the rows are replaced, what it holds may be all that is left of their values.
    request = SnapshotRequest(selection, tags=(TAG,), is_safety=True, paranoid=True)
    report = snapshot(database, settings, request, _ignore, progress)
    snapshot_id = report.summary.snapshot_id
    return None if snapshot_id is None else repository.find(snapshot_id)


def _ignore(_item: SnapshotItem) -> None:
    """What is in the safety snapshot is told by the items of the restoration."""
