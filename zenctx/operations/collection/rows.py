"""What the rows say: every run becomes what it says of the files that it names, and of all files of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from zenctx.context.classes import ZOMBIE_AGE, RunClass, RunFacts
from zenctx.context.gc_rules import GcRules, Hold, hold_of, hold_of_state, milliseconds, pinned_hold
from zenctx.context.rawjson import split_object
from zenctx.database import pins, references
from zenctx.database.columns import read_moment
from zenctx.database.engine import Connection
from zenctx.database.engine_state import last_signs, retrying_runs
from zenctx.database.reference_rows import ReferenceRow, Sources
from zenctx.database.runtime_state import FORMAT_VERSION
from zenctx.errors import InvalidContextError
from zenctx.store.mentions import Mentioned, Mentions
from zenctx.store.names import run_directory

_AT_ONCE = 500
_HOLDS_ALL = {RunClass.UNREADABLE, RunClass.PINNED, RunClass.EXECUTING}
"""What an executing run names is in the engine's memory alone: its row has no context yet."""


class Said(NamedTuple):
    """What one run says. `holds_all`: of every file in its directory, whether it names it or not.

    `joined`: what it names behind the base of the store, where nobody has looked at that yet (see `Mentions`).
    """

    run_id: str
    hold: Hold
    holds_all: bool
    found: Mentioned
    mentions: Mentions
    joined: str | None = None
    has_row: bool = True

    @property
    def directory(self) -> str:
        """The directory of the run's own files."""
        return run_directory(self.run_id)

    @property
    def names(self) -> Mentioned:
        """The names of files that it names, by directory; made anew each time."""
        return self.found if self.joined is None else self.mentions.behind_base(self.joined)


@dataclass
class RowReader:
    """Reads what rows say at one moment. `now` is the earlier of the two clocks.

    On PostgreSQL `connection` is another one than that over which rows are being read.
    """

    connection: Connection
    sources: Sources
    mentions: Mentions
    rules: GcRules
    now: datetime
    pinned: frozenset[str] = frozenset()
    retrying: frozenset[str] | None = frozenset()
    _late: list[tuple[ReferenceRow, Mentioned]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The moments between which a run must have ended to be within retention for sure."""
        self._latest = milliseconds(self.now) - 1
        self._earliest = max(0, self._latest - self.rules.retention // timedelta(milliseconds=1) + 2)

    def look_around(self) -> None:
        """Reads what is on record beside the rows: pins, and the engine's jobs."""
        if self.sources.has_own_tables:
            self.pinned = frozenset(pin.run_id for pin in pins.walk(self.connection))
        self.retrying = retrying_runs(self.connection)

    def surely_holds(self, row: ReferenceRow) -> bool:
        """Tells in few steps that a run holds what it names, as nearly all do: it ended so lately, and nothing is odd.

        Whatever its class is, it lets go of nothing before retention is over; but for one that counts as deleted.
        """
        end, start = row.stored_end, row.stored_start
        return (
            isinstance(end, float)
            and isinstance(start, float)
            and self._earliest <= end <= self._latest
            and 0 <= start <= end
            and row.deleted_at is None
            and row.is_object is True
            and row.state_version is None
            and row.run_id not in self.pinned
        )

    def read(self, row: ReferenceRow) -> Said | None:
        """Gives what a row says; None where the engine's other tables must be asked first (`may_be_zombie`)."""
        names = self.mentions.find(row.text) if row.text is not None else {}
        if row.stored_end is None and self._may_be_zombie(row):
            self._late.append((row._replace(text=None, is_object=_is_object(row)), names))
            return None
        return self._said(row, names, None)

    def at_once(self, row: ReferenceRow) -> Said:
        """Gives what a row says, asking the engine's other tables where that matters."""
        names = self.mentions.find(row.text) if row.text is not None else {}
        signs = last_signs(self.connection, [row.run_id]) if self._may_be_zombie(row) else {}
        return self._said(row, names, signs.get(row.run_id))

    def late(self, *, all_: bool) -> Iterator[Said]:
        """Yields what was put off, when there is enough of it (or `all_`); asks the database."""
        if not self._late or not (all_ or len(self._late) >= _AT_ONCE):
            return
        late, self._late = self._late, []
        for start in range(0, len(late), _AT_ONCE):
            some = late[start : start + _AT_ONCE]
            signs = last_signs(self.connection, [row.run_id for row, _ in some])
            for row, names in some:
                yield self._said(row, names, signs.get(row.run_id))

    def without_rows(self) -> Iterator[Said]:
        """Yields what is said of runs that have no row: by their runtime state, and by pins."""
        if not self.sources.has_own_tables:
            return
        for run_id, stored in references.states_without_runs(self.connection):
            hold = hold_of_state(read_moment(stored), self.rules)
            yield Said(run_id, hold, True, {}, self.mentions, has_row=False)
        for run_id in sorted(self.pinned):
            yield Said(run_id, pinned_hold(), True, {}, self.mentions, has_row=False)

    def _may_be_zombie(self, row: ReferenceRow) -> bool:
        if row.stored_end is not None or row.run_id in self.pinned:
            return False
        started = read_moment(row.stored_start)
        return started is not None and self.now - started > ZOMBIE_AGE

    def _said(self, row: ReferenceRow, names: Mentioned, last_sign: datetime | None) -> Said:
        stored = (row.stored_start, row.stored_end, row.state_at, row.deleted_at)
        started, ended, state_at, deleted_at = moments = tuple(map(read_moment, stored))
        any_failed_run = self.retrying is None and row.status != "SUCCESS"
        facts = RunFacts(
            status=row.status,
            started_at=started,
            ended_at=ended,
            has_context=row.has_context,
            pending_retry=any_failed_run or row.run_id in (self.retrying or ()) or self._is_scheduled(row),
            last_sign=last_sign,
            times_readable=moments.count(None) == stored.count(None),
            context_readable=_is_object(row) and row.state_version in (None, FORMAT_VERSION),
            pinned=row.run_id in self.pinned,
            deleted_at=deleted_at,
        )
        hold = hold_of(facts, state_at, self.rules, self.now)
        return Said(row.run_id, hold, hold.run_class in _HOLDS_ALL, names, self.mentions, row.behind_base)

    def _is_scheduled(self, row: ReferenceRow) -> bool:
        """Whether the row itself says that it will be tried again; an engine may keep its jobs in memory alone."""
        if row.status != "ERROR" or row.retry_at is None:
            return False
        moment = read_moment(row.retry_at)
        return moment is None or moment > self.now


def _is_object(row: ReferenceRow) -> bool:
    if row.is_object is not None:
        return row.is_object
    if row.text is None or not row.has_context:
        return True
    try:
        split_object(row.text)
    except InvalidContextError:
        return False
    return True


def directories_of(run_ids: Sequence[str] | frozenset[str]) -> frozenset[str]:
    """Gives the directories of some runs."""
    return frozenset(map(run_directory, run_ids))
