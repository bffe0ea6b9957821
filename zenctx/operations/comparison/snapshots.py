"""Two snapshots, run by run: both are read side by side, so that memory does not grow with the number of runs."""

from collections.abc import Iterator

from zenctx.errors import DamagedFileError
from zenctx.operations.comparison.contexts import ContextPair, Showing, Tally
from zenctx.operations.comparison.report import Difference, DiffItem, OnItem
from zenctx.operations.comparison.sides import SideMaker
from zenctx.operations.progress import Progress
from zenctx.snapshots.model import SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository

_Pair = tuple[SnapshotRun | None, SnapshotRun | None]


class SnapshotPair:
    """Two snapshots of one repository that are compared."""

    def __init__(self, repository: Repository, sides: SideMaker, showing: Showing) -> None:
        self._repository = repository
        self._sides = sides
        self._showing = showing

    def tell(self, a: SnapshotInfo, b: SnapshotInfo, on_item: OnItem, tally: Tally, progress: Progress) -> None:
        """Hands out every difference, run by run, and counts. Raises DamagedFileError for a damaged snapshot."""
        progress.start(max(a.totals.runs, b.totals.runs), "runs")
        for old, new in _side_by_side(self._runs(a), self._runs(b)):
            progress.advance(1)
            if old is None or new is None:
                self._tell_one(old, new, on_item, tally)
            elif old.context == new.context and _files(old) == _files(new):
                tally.runs += 1
            else:
                side_a = self._sides.of_snapshot(f"run {old.run_id} in A", old, self._repository)
                side_b = self._sides.of_snapshot(f"run {new.run_id} in B", new, self._repository)
                ContextPair(side_a, side_b, self._showing, old.run_id).tell(on_item, tally)
        progress.finish()

    def _runs(self, info: SnapshotInfo) -> Iterator[SnapshotRun]:
        last = ""
        for run in self._repository.read(info):
            if run.run_id <= last:
                raise DamagedFileError(f"the runs of the snapshot {info.short_id} are not in the order of their ids")
            last = run.run_id
            yield run

    def _tell_one(self, old: SnapshotRun | None, new: SnapshotRun | None, on_item: OnItem, tally: Tally) -> None:
        run = old or new
        if run is None:
            return
        kind = Difference.REMOVED if new is None else Difference.ADDED
        tally.runs += 1
        tally.runs_different += 1
        tally.differences[kind] += 1
        on_item(DiffItem(run.run_id, None, kind, reason=f"the whole run, form {run.form}"))


def _side_by_side(a: Iterator[SnapshotRun], b: Iterator[SnapshotRun]) -> Iterator[_Pair]:
    """Yields the runs of two streams, each in the order of ids, in pairs of the same id."""
    old, new = next(a, None), next(b, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.run_id < new.run_id):
            yield old, None
            old = next(a, None)
        elif old is None or new.run_id < old.run_id:
            yield None, new
            new = next(b, None)
        else:
            yield old, new
            old, new = next(a, None), next(b, None)


def _files(run: SnapshotRun) -> list[tuple[str, int, str | None, str | None]]:
    return [(file.key, file.size, file.checksum, file.problem) for file in run.files]
