"""Migration of contexts: legacy to descriptors and back, in place, beside a running engine, as often as needed.

Stateless: a row is in one form or the other, atomically. Killed at any point nothing is lost; running it again
finishes the work.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from zenctx.config import Settings
from zenctx.database import conversions, journal, quarantine, runs
from zenctx.database.checks import has_table, require_engine_tables, require_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import engine_liveness
from zenctx.database.errors import TransientDatabaseError
from zenctx.database.quarantine import Quarantined
from zenctx.database.schema import REVISION_TABLE
from zenctx.database.sessions import Session
from zenctx.errors import PartialError, UsageError, ZenctxError
from zenctx.operations.guards import go_on, require_persistence
from zenctx.operations.live_files import LiveFiles, check_usable, live_files
from zenctx.operations.migration import wording
from zenctx.operations.migration.brakes import Stop
from zenctx.operations.migration.decide import Action
from zenctx.operations.migration.estimate import Estimator, estimate
from zenctx.operations.migration.estimate import lines as estimate_lines
from zenctx.operations.migration.hands import Hands
from zenctx.operations.migration.report import (
    MigrationItem,
    MigrationReport,
    QuarantinedItem,
    QuarantineReport,
    QuarantineSummary,
    Tally,
)
from zenctx.operations.migration.request import ALL_RUNS, MigrationPlan, MigrationRequest, shared_by_workers
from zenctx.operations.migration.shares import MAX_SWEEPS, Alone, Shared, Shares, join
from zenctx.operations.migration.solo import Solo
from zenctx.operations.migration.status import Status, on_record
from zenctx.operations.migration.sweep import OnItem, Sweeper, SweepTools
from zenctx.operations.migration.write import Executor, Rehearsal
from zenctx.operations.progress import SILENT, Progress

if TYPE_CHECKING:
    from zenctx.operations.migration.crew import Staff

_UNEXPECTED, _INTERRUPTED = 1, 130


def plan(database: Database, connection: Connection, settings: Settings, request: MigrationRequest) -> MigrationPlan:
    """Finds out what a migration would have to heed. Changes nothing; needs rights to read only."""
    require_engine_tables(connection)
    selection = runs.normalised(database, request.selection)
    runs.require(database, connection, selection.run_ids)
    liveness = engine_liveness(connection)
    connection.rollback()
    asked = replace(request, selection=selection)
    return MigrationPlan(
        asked,
        settings.storage_rules(),
        liveness,
        tries_quarantined=request.tries_again,
        is_jsonb=runs.keeps_jsonb(database),
    )


def migrate(
    database: Database, settings: Settings, request: MigrationRequest, on_item: OnItem, progress: Progress = SILENT
) -> MigrationReport:
    """Converts contexts, and names those that it does not convert.

    Raises RefusedError where persistence is switched off, LockedError beside another migration, SetupError where the
    database or the directory fail before anything was converted, PartialError where they fail later.
    """
    require_persistence(settings)
    if request.workers > 1 and not runs.works_in_parallel(database):
        raise UsageError("an SQLite file is written by one worker at a time", hint="leave out --workers")
    live = live_files(settings)
    with ExitStack() as stack:
        # Before anything is open or under way here.
        staff = stack.enter_context(_staff(request, database))
        # Looked at before anything is locked, and over a connection of its own.
        with database.connect() as connection:
            prepared = plan(database, connection, settings, request)
            require_zenctx_tables(connection)
        hands = Hands.open(stack, database, live, request.direction)
        # Here rather than with the first large value, when whole batches have been converted.
        check_usable(live, hands.connection)
        prepared = replace(prepared, operation_id=journal.begin(hands.connection, "migrate", _arguments(request)))
        work = _Work(database, live, prepared, hands.unseen(request))
        if work.unseen:
            progress.note(work.unseen)

        def run() -> MigrationReport:
            shares = _shares(database, hands.sessions[0], prepared)
            # Whoever works has ended when it comes to the outcome.
            with ExitStack() as at_work:
                ours = shared_by_workers(prepared)
                solo = Solo(hands.readers(at_work, ours.request), hands.writers(ours), ours, on_item)
                labour: Labour = solo
                work.solo = solo
                if staff is not None:
                    at_work.callback(staff.dismiss)
                    labour = staff.crew(settings, ours, shares.state, solo, on_item)
                status = Status(progress, prepared)
                at_work.enter_context(on_record(database, prepared, status))
                return _until_settled(work, labour, shares, hands.sessions[0], status)

        return _journalled(work, run)


def _staff(request: MigrationRequest, database: Database) -> AbstractContextManager["Staff | None"]:
    """Starts those who are to share the work, if any."""
    if request.workers == 1:
        return contextlib.nullcontext()
    # Lazy: what starts processes loads slowly, and one worker needs none.
    from zenctx.operations.migration.crew import recruited  # noqa: PLC0415

    return recruited(request.workers - 1, database)


class Labour(Protocol):
    """Whoever does the work of a sweep: this process, or others that it has started."""

    total: Tally

    @property
    def stop(self) -> Stop | None:
        """Why it had to end early, if it had."""

    def sweep(self, shares: Shares, progress: Progress, *, is_first: bool) -> Tally:
        """Does parts until all are done, by whomever; gives what was counted in those done here."""
        ...


def _shares(database: Database, session: Session, prepared: MigrationPlan) -> Shares:
    if not runs.works_in_parallel(database):
        return Alone()
    rows = runs.count(database, session.connection, ALL_RUNS)
    session.connection.rollback()
    state = join(session.connection, prepared, rows)
    return Shared(database, session, state, prepared.operation_id)


def rehearse(
    database: Database, settings: Settings, request: MigrationRequest, on_item: OnItem, progress: Progress = SILENT
) -> MigrationReport:
    """Tells what `migrate` would do, row by row. Changes nothing; needs rights to read only."""
    with database.connect() as connection:
        prepared = plan(database, connection, settings, request)
    estimator = Estimator()
    work = _Work(database, live_files(settings), prepared)
    started = monotonic()
    tally = _one_sweep(work, estimator, on_item, progress)
    seconds = monotonic() - started
    with database.connect() as connection:
        found = estimate(connection, settings, prepared, estimator, tally, seconds)
    summary = replace(wording.summarise(prepared, tally, tally), estimate=found)
    return wording.rehearsed(summary, estimate_lines(found))


def check(
    database: Database,
    settings: Settings,
    request: MigrationRequest,
    progress: Progress = SILENT,
    on_item: OnItem | None = None,
) -> MigrationReport:
    """Counts the forms of the selected contexts; the exit code is 4 while any is not in the wanted form.

    Names those that need a decision; those that a migration would convert are only counted.
    """
    with database.connect() as connection:
        prepared = plan(database, connection, settings, replace(request, include_active=True, limit=None))
    work = _Work(database, live_files(settings), prepared)
    counter = Rehearsal(names_converted=False)
    tally = _one_sweep(work, counter, lambda item: _name_undecided(item, on_item), progress)
    return wording.checked(prepared, wording.summarise(prepared, tally, tally))


def list_quarantined(database: Database, on_item: Callable[[QuarantinedItem], None]) -> QuarantineReport:
    """Lists the rows that could not be converted."""
    count = 0
    with database.connect() as connection:
        for row in _quarantined(connection):
            on_item(QuarantinedItem(row.run_id, row.direction, row.reason, row.operation_id, row.created_at))
            count += 1
    step = "'zenctx migrate' tries each again once it is mended, --retry-quarantined those that are not, too"
    message = f"{count:,} {'row is' if count == 1 else 'rows are'} quarantined" if count else "No row is quarantined"
    return QuarantineReport(0, QuarantineSummary(count), message, step if count else None)


def _quarantined(connection: Connection) -> Iterator[Quarantined]:
    if not has_table(connection, REVISION_TABLE):
        return  # nothing was ever converted here
    require_zenctx_tables(connection)
    connection.rollback()
    yield from quarantine.walk(connection)


def _name_undecided(item: MigrationItem, on_item: OnItem | None) -> None:
    if on_item is not None and item.action != Action.CONVERT:
        on_item(item)


@dataclass(slots=True)
class _Work:
    """One migration under way."""

    database: Database
    live: LiveFiles
    plan: MigrationPlan
    unseen: str | None = None
    """What the throttle may not see."""
    solo: Solo | None = None

    @property
    def converted(self) -> int:
        """How many rows are on record as converted by it, whichever process did it; else what this one knows of."""
        with contextlib.suppress(ZenctxError), self.database.connect() as connection:
            return conversions.count_of(connection, self.plan.operation_id)
        return self.solo.converted if self.solo else 0


def _one_sweep(work: _Work, executor: Executor, on_item: OnItem, progress: Progress) -> Tally:
    with ExitStack() as stack:
        tools = SweepTools.open(stack, work.database, work.live.locators.is_inside)
        _start(work, tools.looker, Status(progress, work.plan))
        limit = work.plan.request.limit
        tally = Sweeper(tools, work.plan, executor, on_item).sweep(progress, name_left=True, limit=limit)
    progress.finish()
    return tally


def _until_settled(work: _Work, labour: Labour, shares: Shares, session: Session, progress: Status) -> MigrationReport:
    """Sweeps until one converts nothing: that one has looked at every row as it now is, and is the census."""
    first, limit, settled = shares.state.sweep, work.plan.request.limit, False
    while True:
        state = shares.state
        _start(work, session, progress)
        progress.note("converting" if state.sweep == first else f"looking again ({state.sweep - first + 1})")
        last = labour.sweep(shares, progress, is_first=state.sweep == first)
        if labour.stop or (limit is not None and labour.total.converted >= limit):
            break
        last = shares.found()
        # What could not be written was counted as converted when it was looked at: that sweep is no census.
        settled = not (last.converted or last.changed or last.newly_quarantined or state.sweep == state.resumed_sweep)
        shares.advance(is_last=settled or state.sweep - state.resumed_sweep >= MAX_SWEEPS)
        if shares.state.is_finished:
            break
    progress.finish()
    if work.plan.request.workers > 1:
        # A worker that was killed could not tell any more.
        labour.total.converted = work.converted
    ending = wording.Ending(state.sweep - first + 1, settled, labour.stop, work.plan.operation_id, work.unseen)
    summary = wording.summarise(work.plan, labour.total, last, ending)
    return wording.migrated(work.plan, summary, labour.stop)


def _start(work: _Work, session: Session, progress: Status) -> None:
    # Counting is for people who look; nobody else waits for it, and nothing depends on it.
    selection, total = work.plan.request.selection, None
    is_quick = selection == ALL_RUNS and runs.works_in_parallel(work.database)
    if is_quick or progress.is_watched:
        with contextlib.suppress(TransientDatabaseError), work.database.translated_errors():
            total = runs.count(work.database, session.connection, selection)
            session.connection.rollback()
    progress.start(total, "rows")


def _journalled(work: _Work, run: Callable[[], MigrationReport]) -> MigrationReport:
    """Runs the work and records how it ended; an error after the first conversion is one half-way."""
    try:
        # Here rather than at the end of the connection's block: an error of the database, too, is one half-way.
        with work.database.translated_errors():
            report = run()
            with work.database.connect() as connection:
                journal.finish(connection, work.plan.operation_id, report.exit_code, asdict(report.summary))
            return report
    except KeyboardInterrupt as interruption:
        # A statement that was being read lives on in its frames, and holds SQLite's lock against the journal.
        traceback.clear_frames(interruption.__traceback__)
        _finish(work, _INTERRUPTED, None)
        raise KeyboardInterrupt(f"{_done_so_far(work)}; run the same command again to go on") from None
    except ZenctxError as error:
        ending = _half_way(error, work.converted)
        _finish(work, ending.exit_code, ending)
        raise ending from None
    except Exception as error:
        # Not ours to explain: whoever listens went away, or nobody foresaw it. What was done is on record all the same.
        _finish(work, getattr(error, "exit_code", _UNEXPECTED), None)
        raise


def _half_way(error: ZenctxError, converted: int) -> ZenctxError:
    if not converted:
        return error
    hint = go_on(error.hint)
    return PartialError(f"stopped after {converted:,} converted contexts, each wholly: {error.message}", hint=hint)


def _done_so_far(work: _Work) -> str:
    converted = work.converted
    if not converted:
        return "no context was converted yet"
    return f"{converted:,} {'context was' if converted == 1 else 'contexts were'} converted, each wholly"


def _finish(work: _Work, exit_code: int, error: ZenctxError | None) -> None:
    # Over a connection of its own: the one that failed may be in any state. The first error is the one to report, also
    # where the database is too far gone to be told of it.
    with contextlib.suppress(ZenctxError), work.database.connect() as connection:
        journal.finish(connection, work.plan.operation_id, exit_code, {"converted": work.converted}, error)


def _arguments(request: MigrationRequest) -> dict[str, object]:
    return {name: value for name, value in asdict(request).items() if value not in (None, False, ())}
