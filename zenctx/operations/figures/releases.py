"""What a clean-up would remove of the files of runs, at a moment to come: by gc's rules, with the clock moved.

Runs that ended in the same hour are taken together: memory does not grow with the number of runs, and what is told of a
moment is right to the hour.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from zenctx.context.classes import RunClass, RunFacts
from zenctx.context.gc_rules import GcRules, hold_of, is_over, milliseconds
from zenctx.database.scanning import Scanned

_HOUR = 3600.0
_STAYS = {RunClass.PINNED, RunClass.UNREADABLE}


class Releases:
    """The files of runs that have ended, by status, class and hour."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, bool, float], list[float]] = {}

    def add(self, row: Scanned, run_class: RunClass, files: int, file_bytes: int) -> None:
        """Takes the files of a run that has ended."""
        ended, state_at = row[4] or 0.0, row[5]
        if run_class in _STAYS:
            return
        latest = ended if state_at is None else max(ended, state_at)
        # Where a retry is scheduled the class says so, however long ago the run ended.
        key = row[2], run_class is RunClass.RETRYING, latest // _HOUR
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = [0, 0, 0, latest]
        held[0] += 1
        held[1] += files
        held[2] += file_bytes
        held[3] = max(held[3], latest)

    def at(self, moments: Sequence[datetime], rules: GcRules) -> list[tuple[int, int, int]]:
        """Gives for each moment the runs whose files would go, their files, and the bytes of these."""
        found = []
        for moment in moments:
            sums = [0, 0, 0]
            for (status, _, _), (runs, files, bytes_, latest) in self._held.items():
                if _is_released(status, latest, rules, moment):
                    for at, each in enumerate((runs, files, bytes_)):
                        sums[at] += int(each)
            found.append((sums[0], sums[1], sums[2]))
        return found


def _is_released(status: str, ended: float, rules: GcRules, moment: datetime) -> bool:
    ended_at = datetime.fromtimestamp(ended, UTC)
    facts = RunFacts(status=status, started_at=ended_at, ended_at=ended_at, has_context=True)
    return is_over(hold_of(facts, None, rules, moment), 0, milliseconds(moment))
