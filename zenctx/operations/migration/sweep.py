"""One sweep over the selected runs: read, decide, hand over; a sweep that converts nothing is the census."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Self

from zenctx.context.direction import Direction
from zenctx.context.forms import LocatorCheck
from zenctx.database import conversions, quarantine, runs
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import database_time, pending_retries
from zenctx.database.rows import BatchLimits, RunRow, UnknownRows
from zenctx.database.versions import WrittenVersions
from zenctx.operations.migration.decide import Action, Circumstances, Decision, decide
from zenctx.operations.migration.report import MigrationItem, Tally
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.migration.write import Executor
from zenctx.operations.pipeline import pipeline
from zenctx.operations.progress import Progress

FIRST_ROWS, MAX_ROWS = 200, 5000
TARGET_SECONDS = 0.25
WRITERS = 2
"""Batches that are written at once, where the database can."""

OnItem = Callable[[MigrationItem], None]
_NAMED = (Action.WAIT, Action.LEAVE, Action.QUARANTINE, Action.QUARANTINED)


class BatchSizer:
    """Finds how many rows to take at once, so that writing them takes about `TARGET_SECONDS`."""

    def __init__(self, fixed_rows: int | None) -> None:
        self._fixed = fixed_rows is not None
        self._rows = fixed_rows or FIRST_ROWS

    def limits(self) -> BatchLimits:
        """Gives the limits for the next batch."""
        return BatchLimits(rows=self._rows)

    def took(self, seconds: float, rows: int) -> None:
        """Takes how long a batch took to write, and how many rows it was read with."""
        if self._fixed:
            return
        # A batch that its bytes kept small says nothing about more rows: asking for them would only be in vain.
        if seconds < TARGET_SECONDS / 2 and rows >= self._rows:
            self._rows = min(2 * self._rows, MAX_ROWS)
        elif seconds > 2 * TARGET_SECONDS:
            self._rows = max(self._rows // 2, 1)


@dataclass(frozen=True, slots=True)
class SweepTools:
    """Two connections: one walks, the other looks things up (on SQLite they are one), and what decides locators.

    `has_records` tells whether zenctx's own tables are there; who only reads does without them.
    """

    database: Database
    walker: Connection
    looker: Connection
    locator_ok: LocatorCheck
    has_records: bool

    @classmethod
    def open(cls, stack: ExitStack, database: Database, locator_ok: LocatorCheck) -> Self:
        """Opens the connections; they are closed with the stack."""
        walker = stack.enter_context(database.connect())
        looker = stack.enter_context(database.connect()) if runs.works_in_parallel(database) else walker
        has_records = has_zenctx_tables(looker)
        looker.rollback()
        return cls(database, walker, looker, locator_ok, has_records)


class Sweeper:
    """Goes over the selected runs as often as it is told."""

    def __init__(self, tools: SweepTools, plan: MigrationPlan, executor: Executor, on_item: OnItem) -> None:
        self._tools = tools
        self._plan = plan
        self._executor = executor
        self._on_item = on_item
        self._sizer = BatchSizer(plan.request.batch_rows)
        self._directions = self._direction_lookup()

    def sweep(self, progress: Progress, *, name_left: bool, limit: int | None) -> Tally:
        """Goes over the runs once, and stops early when `limit` rows are handed over.

        `name_left`: rows that are not converted become items (the first sweep names them, later ones need not).
        """
        known = self._executor.known
        if known is not None and (census := known.census()) is not None:
            progress.advance(census.rows)
            return census
        tally = Tally()
        if known is not None:
            known.sweep_begins()
        self._sweep(tally, progress, name_left=name_left, limit=limit)
        self._report_executed()
        if known is not None and limit is None:
            known.sweep_ended(tally)
        return tally

    def _sweep(self, tally: Tally, progress: Progress, *, name_left: bool, limit: int | None) -> None:
        parallel = runs.works_in_parallel(self._tools.database)
        with pipeline(self._batches(), writers=WRITERS if parallel else 0) as line:
            for (rows, known, _), around in line:
                decisions = _limited(self._decide(rows, around), limit)
                line.do(partial(self._carry_out, decisions, tally, len(rows) + known))
                self._count(decisions, tally, name_left=name_left)
                tally.count_known(known)
                progress.advance(len(rows) + known, sum(len(row.text or b"") for row in rows))
                if limit is not None:
                    limit -= sum(decision.action is Action.CONVERT for decision in decisions)
                    if limit <= 0:
                        break

    def _batches(self) -> Iterator[tuple[UnknownRows, Circumstances]]:
        tools, known = self._tools, self._executor.known
        versions = known.versions if known is not None else WrittenVersions()
        selection = self._plan.request.selection
        for part in runs.walk_unknown(tools.database, tools.walker, selection, self._sizer.limits, versions):
            yield part, self._circumstances(part.rows)

    def _carry_out(self, batch: Sequence[Decision], tally: Tally, rows: int) -> None:
        started = monotonic()
        self._executor.apply(batch, tally)
        self._sizer.took(monotonic() - started, rows)

    def _decide(self, rows: Sequence[RunRow], around: Circumstances) -> list[Decision]:
        return [decide(row, self._plan, around, self._tools.locator_ok) for row in rows]

    def _circumstances(self, rows: Sequence[RunRow]) -> Circumstances:
        looker = self._tools.looker
        ids = [row.run_id for row in rows]
        failed = [row.run_id for row in rows if row.status == "ERROR"] if self._plan.only_finished else []
        circumstances = Circumstances(
            now=database_time(looker),
            quarantined=self._quarantined(ids),
            converted=self._directions(ids),
            retries=pending_retries(looker, failed),
        )
        looker.rollback()
        return circumstances

    def _quarantined(self, ids: Sequence[str]) -> dict[str, quarantine.Quarantined]:
        looker = self._tools.looker
        if not self._tools.has_records or not quarantine.has_any(looker):
            return {}
        return quarantine.find(looker, ids, self._plan.request.direction)

    def _direction_lookup(self) -> conversions.Lookup:
        request = self._plan.request
        needed = request.direction is Direction.LEGACY or request.assume is not None
        if needed and self._tools.has_records:
            look_up = conversions.lookup(self._tools.looker)
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
