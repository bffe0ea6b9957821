"""One sweep over the selected runs: read, decide, hand over; a sweep that converts nothing is the census."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Self

import msgspec

from zenctx.context.datastruct import DataStruct
from zenctx.context.direction import Direction
from zenctx.context.forms import LocatorCheck
from zenctx.database import conversions, quarantine, runs
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Database
from zenctx.database.engine_state import database_time, pending_retries, scheduled_retries
from zenctx.database.errors import LostConnectionError, TransientDatabaseError
from zenctx.database.rows import BatchLimits, Position, RunRow, Span, UnknownRows
from zenctx.database.sessions import Session
from zenctx.database.versions import WrittenVersions
from zenctx.operations.migration.brakes import Brakes, Terms
from zenctx.operations.migration.decide import Action, Circumstances, Decision, decide_all
from zenctx.operations.migration.patience import Patience
from zenctx.operations.migration.report import MigrationItem, Tally
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.migration.sizing import MAX_BYTES, MAX_BYTES_IN_A_FILE, BatchSizer
from zenctx.operations.migration.write import Executor
from zenctx.operations.pipeline import pipeline
from zenctx.operations.progress import Progress

WRITERS = 2
"""Batches that are written at once, where the database can."""

WHOLE = Span()
_TELL_SECONDS = 2.0
"""How often the size of the batches is told."""

OnItem = Callable[[MigrationItem], None]
_NAMED = (Action.WAIT, Action.LEAVE, Action.QUARANTINE, Action.QUARANTINED)


class SweepTools(DataStruct, frozen=True):
    """Two sessions: one walks, the other looks things up (on SQLite they are one), and what decides locators.

    `has_records` tells whether zenctx's own tables are there; who only reads does without them.
    """

    database: Database
    walker: Session
    looker: Session
    locator_ok: LocatorCheck
    has_records: bool
    brakes: Brakes
    patience: Patience = msgspec.field(default_factory=Patience)

    @classmethod
    def open(cls, stack: ExitStack, database: Database, locator_ok: LocatorCheck, brakes: Brakes | None = None) -> Self:
        """Opens the sessions; they are closed with the stack."""
        walker = stack.enter_context(Session(database, {}))
        looker = stack.enter_context(Session(database, {})) if runs.works_in_parallel(database) else walker
        has_records = has_zenctx_tables(looker.connection)
        looker.connection.rollback()
        return cls(database, walker, looker, locator_ok, has_records, brakes or Brakes(Terms()))

    def recover(self) -> None:
        """Replaces the connections, whose state nobody knows. Raises TransientDatabaseError where it is too early."""
        self.walker.reopen()
        if self.looker is not self.walker:
            self.looker.reopen()


@dataclass(slots=True)
class Sweep:
    """A sweep under way: over which part, how far it has come for good, and what it counted."""

    span: Span
    name_left: bool
    limit: int | None
    progress: Progress
    tally: Tally
    after: Position | None
    """Up to here every row is looked at, and written where it was to be."""
    quarantined: int = 0
    """How many rows the batches so far had to quarantine."""
    told_at: float = field(default_factory=monotonic)


class Sweeper:
    """Goes over the selected runs as often as it is told."""

    def __init__(self, tools: SweepTools, plan: MigrationPlan, executor: Executor, on_item: OnItem) -> None:
        self._tools = tools
        self._plan = plan
        self._executor = executor
        self._on_item = on_item
        rate = plan.request.terms.max_rate
        most_bytes = MAX_BYTES if runs.works_in_parallel(tools.database) else MAX_BYTES_IN_A_FILE
        self._sizer = BatchSizer(plan.request.batch_rows, None if rate is None else max(int(rate), 1), most_bytes)
        self._directions = self._direction_lookup()
        self.is_whole = True
        """Whether the last sweep went over all rows of its part."""

    def sweep(self, progress: Progress, *, name_left: bool, limit: int | None, span: Span = WHOLE) -> Tally:
        """Goes over the runs of a part once, and stops early when `limit` rows are handed over, or by the brakes.

        `name_left`: rows that are not converted become items (the first sweep names them, later ones need not).
        What fails for a passing reason is gone on with behind the last batch that is done; raises DatabaseError
        where it goes on failing.
        """
        known = self._executor.known
        if known is not None and span == WHOLE and (census := known.census()) is not None:
            progress.advance(census.rows)
            return census
        sweep = Sweep(span, name_left, limit, progress, Tally(), span.after)
        self._executor.sweep_begins()
        self.is_whole = True
        self._sweep_patiently(sweep)
        self._report_executed()
        if known is not None and span == WHOLE and self.is_whole:
            known.sweep_ended(sweep.tally)
        return sweep.tally

    def _sweep_patiently(self, sweep: Sweep) -> None:
        error: TransientDatabaseError | None = None
        while True:
            try:
                with self._tools.database.translated_errors():
                    if error is not None:
                        self._recover(error, sweep)
                        error = None
                    self._sweep(sweep)
                return
            except TransientDatabaseError as failure:
                error = _worse(error, failure)
                self._sizer.held_up()
                sweep.progress.note(f"waiting: {failure.message}", waits_for=failure.message)
                self._tools.patience.wait(failure)

    def _recover(self, error: TransientDatabaseError, sweep: Sweep) -> None:
        """Goes back to where all is known. What was read before is read again: a crash may have undone what we saw."""
        if isinstance(error, LostConnectionError) or runs.works_in_parallel(self._tools.database):
            self._executor.recover(sweep.tally)
            self._tools.recover()
            self._directions = self._direction_lookup()
        else:
            self._tools.walker.connection.rollback()
        sweep.progress.note("going on", waits_for=None)

    def _sweep(self, sweep: Sweep) -> None:
        parallel = runs.works_in_parallel(self._tools.database)
        left = None if sweep.limit is None else sweep.limit - sweep.tally.converted
        with pipeline(self._batches(sweep), writers=WRITERS if parallel else 0) as line:
            for part, around in line:
                decisions = _limited(self._decide(part.rows, around), left)
                to_write = sum(decision.action is Action.CONVERT for decision in decisions)
                if not self._tools.brakes.lets_go_on(to_write, lambda reason: _tell(sweep.progress, reason)):
                    self.is_whole = False
                    break
                carry_out = partial(self._carry_out, decisions, sweep.tally, len(part.rows) + part.known)
                line.do(carry_out, partial(self._landed, sweep, part, decisions))
                if left is not None:
                    left -= to_write
                    if left <= 0:
                        self.is_whole = False
                        break

    def _batches(self, sweep: Sweep) -> Iterator[tuple[UnknownRows, Circumstances]]:
        tools, known = self._tools, self._executor.known
        versions = known.versions if known is not None else WrittenVersions()
        walker, selection = tools.walker.connection, self._plan.request.selection

        def limits() -> BatchLimits:
            return replace(self._sizer.limits(), up_to=sweep.span.up_to)

        for part in runs.walk_unknown(tools.database, walker, selection, limits, versions, after=sweep.after):
            yield part, self._circumstances(part.rows)

    def _carry_out(self, batch: Sequence[Decision], tally: Tally, rows: int) -> None:
        started = monotonic()
        was_free = self._executor.apply(batch, tally)
        seconds = monotonic() - started
        self._tools.brakes.took(seconds)
        if was_free:
            self._sizer.took(seconds, rows)
        else:
            self._sizer.held_up()

    def _landed(self, sweep: Sweep, part: UnknownRows, decisions: Sequence[Decision]) -> None:
        """Counts a batch that is done, once all before it are: it will not be looked at again in this sweep."""
        self._count(decisions, sweep.tally, name_left=sweep.name_left)
        sweep.tally.count_known(part.known)
        sweep.after = part.last
        self._tools.patience.progressed()
        quarantined = sweep.tally.newly_quarantined
        self._tools.brakes.landed(len(decisions) + part.known, quarantined - sweep.quarantined)
        sweep.quarantined = quarantined
        if monotonic() - sweep.told_at >= _TELL_SECONDS:
            sweep.told_at = monotonic()
            doing = "converting" if sweep.name_left else "looking again"
            sweep.progress.note(f"{doing}, {self._sizer.rows:,} rows a batch", batch_rows=self._sizer.rows)
        sweep.progress.advance(len(part.rows) + part.known, sum(len(row.text or b"") for row in part.rows))

    def _decide(self, rows: Sequence[RunRow], around: Circumstances) -> list[Decision]:
        return decide_all(rows, self._plan, around, self._tools.locator_ok)

    def _circumstances(self, rows: Sequence[RunRow]) -> Circumstances:
        looker = self._tools.looker.connection
        ids = [row.run_id for row in rows]
        failed = [row.run_id for row in rows if row.status == "ERROR"] if self._plan.only_finished else []
        circumstances = Circumstances(
            now=database_time(looker),
            quarantined=self._quarantined(ids),
            converted=self._directions(ids),
            retries=pending_retries(looker, failed) | scheduled_retries(looker, failed),
        )
        looker.rollback()
        return circumstances

    def _quarantined(self, ids: Sequence[str]) -> dict[str, quarantine.Quarantined]:
        looker = self._tools.looker.connection
        if not self._tools.has_records or not quarantine.has_any(looker):
            return {}
        return quarantine.find(looker, ids, self._plan.request.direction)

    def _direction_lookup(self) -> conversions.Lookup:
        request = self._plan.request
        needed = request.direction is Direction.LEGACY or request.assume is not None
        if needed and self._tools.has_records:
            look_up = conversions.lookup(self._tools.looker.connection)
            return lambda ids: look_up([run_id for run_id in ids if conversions.is_run_id(run_id)])
        return lambda _ids: {}

    def _count(self, decisions: Sequence[Decision], tally: Tally, *, name_left: bool) -> None:
        self._report_executed()
        # Rows of one kind stand together, nearly always: they are counted together.
        for (form, action), alike in groupby(decisions, key=attrgetter("form", "action")):
            group = list(alike)
            tally.rows += len(group)
            tally.forms[form] += len(group)
            tally.to_convert[form] += len(group) * (action is Action.CONVERT)
            tally.waiting += len(group) * (action is Action.WAIT)
            tally.left += len(group) * (action is Action.LEAVE)
            tally.quarantined += len(group) * (action in (Action.QUARANTINE, Action.QUARANTINED))
            if action is Action.QUARANTINE or (name_left and action in _NAMED):
                for decision in group:
                    self._on_item(MigrationItem(decision.row.run_id, form, action, decision.reason))

    def _report_executed(self) -> None:
        items = self._executor.items
        while items:
            self._on_item(items.popleft())


def _tell(progress: Progress, reason: str | None) -> None:
    progress.note(reason or "going on", waits_for=reason)


def _worse(one: TransientDatabaseError | None, other: TransientDatabaseError) -> TransientDatabaseError:
    """A lost connection stays lost, whatever fails while it is being replaced."""
    return one if isinstance(one, LostConnectionError) else other


def _limited(decisions: list[Decision], limit: int | None) -> list[Decision]:
    """Cuts a batch behind the row that uses up the limit; what is cut off is not looked at."""
    if limit is None:
        return decisions
    for place, decision in enumerate(decisions):
        if decision.action is Action.CONVERT:
            limit -= 1
            if limit <= 0:
                return decisions[: place + 1]
    return decisions
