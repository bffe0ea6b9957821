"""Migration of contexts: legacy to descriptors and back, in place, beside a running engine, as often as needed.

Stateless: a row is in one form or the other, atomically. Killed at any point nothing is lost; running it again
finishes the work.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from zenctx.config import Settings
from zenctx.context.direction import Direction
from zenctx.database import journal, locks, quarantine, runs
from zenctx.database.checks import has_table, require_engine_tables, require_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import engine_liveness
from zenctx.database.locks import Lock
from zenctx.database.quarantine import Quarantined
from zenctx.database.schema import REVISION_TABLE
from zenctx.errors import PartialError, ZenctxError
from zenctx.operations.guards import require_persistence
from zenctx.operations.live_files import LiveFiles, check_store, live_files
from zenctx.operations.migration import wording
from zenctx.operations.migration.decide import Action
from zenctx.operations.migration.report import (
    MigrationItem,
    MigrationReport,
    QuarantinedItem,
    QuarantineReport,
    QuarantineSummary,
    Tally,
)
from zenctx.operations.migration.request import MigrationPlan, MigrationRequest
from zenctx.operations.migration.sweep import WRITERS, OnItem, Sweeper, SweepTools
from zenctx.operations.migration.write import Executor, Rehearsal, Writers, WriterTools
from zenctx.operations.progress import SILENT, Progress

MAX_SWEEPS = 5
"""An engine that saves a run which it loaded before the conversion puts the old form back: another sweep finds it."""

_UNEXPECTED, _INTERRUPTED = 1, 130


def plan(database: Database, connection: Connection, settings: Settings, request: MigrationRequest) -> MigrationPlan:
    """Finds out what a migration would have to heed. Changes nothing; needs rights to read only."""
    require_engine_tables(connection)
    selection = runs.normalised(database, request.selection)
    runs.require(database, connection, selection.run_ids)
    liveness = engine_liveness(connection)
    connection.rollback()
    asked = replace(request, selection=selection)
    return MigrationPlan(asked, settings.storage_rules(), liveness, tries_quarantined=request.tries_again)


def migrate(
    database: Database, settings: Settings, request: MigrationRequest, on_item: OnItem, progress: Progress = SILENT
) -> MigrationReport:
    """Converts contexts, and names those that it does not convert.

    Raises RefusedError where persistence is switched off, LockedError beside another migration, SetupError where the
    database or the directory fail before anything was converted, PartialError where they fail later.
    """
    require_persistence(settings)
    live = live_files(settings)
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect(runs.access(database).WRITER_SETTINGS))
        prepared = plan(database, connection, settings, request)
        require_zenctx_tables(connection)
        connection.rollback()
        stack.enter_context(locks.held(database, connection, Lock.MIGRATION, exclusive=True))
        stack.enter_context(locks.held(database, connection, Lock.CONTENT, exclusive=False))
        if request.direction is Direction.LEGACY:
            check_store(live, connection)
        operation_id = journal.begin(connection, "migrate", _arguments(request))
        prepared = replace(prepared, operation_id=operation_id)
        connections = [connection, *_more_writers(stack, database)]
        writers = Writers(WriterTools(database, connections, live), prepared, operation_id)
        work = _Work(database, live, prepared, writers, operation_id)
        return _journalled(connection, work, lambda: _sweep_until_settled(work, on_item, progress))


def _more_writers(stack: ExitStack, database: Database) -> Iterator[Connection]:
    """Opens the connections that write beside the first, where several can, each under a lock of its own.

    The server parses and compresses what it is given in the process of the connection: one alone is slower than we are.
    """
    for _ in range(WRITERS - 1 if runs.works_in_parallel(database) else 0):
        connection = stack.enter_context(database.connect(runs.access(database).WRITER_SETTINGS))
        stack.enter_context(locks.held(database, connection, Lock.CONTENT, exclusive=False))
        yield connection


def rehearse(
    database: Database, settings: Settings, request: MigrationRequest, on_item: OnItem, progress: Progress = SILENT
) -> MigrationReport:
    """Tells what `migrate` would do, row by row. Changes nothing; needs rights to read only."""
    with database.connect() as connection:
        prepared = plan(database, connection, settings, request)
    work = _Work(database, live_files(settings), prepared, Rehearsal())
    tally = _one_sweep(work, on_item, progress)
    return wording.rehearsed(wording.summarise(prepared, tally, tally))


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
    work = _Work(database, live_files(settings), prepared, Rehearsal())
    tally = _one_sweep(work, lambda item: _name_undecided(item, on_item), progress)
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


@dataclass(frozen=True, slots=True)
class _Work:
    """One migration under way."""

    database: Database
    live: LiveFiles
    plan: MigrationPlan
    executor: Executor
    operation_id: str | None = None


def _one_sweep(work: _Work, on_item: OnItem, progress: Progress) -> Tally:
    with ExitStack() as stack:
        tools = SweepTools.open(stack, work.database, work.live.locators.is_inside)
        _start(work, tools, progress)
        limit = work.plan.request.limit
        tally = Sweeper(tools, work.plan, work.executor, on_item).sweep(progress, name_left=True, limit=limit)
    progress.finish()
    return tally


def _sweep_until_settled(work: _Work, on_item: OnItem, progress: Progress) -> MigrationReport:
    """Sweeps until one converts nothing: that one has looked at every row as it now is, and is the census."""
    total, last, settled, sweeps = Tally(), Tally(), False, 0
    limit = work.plan.request.limit
    with ExitStack() as stack:
        tools = SweepTools.open(stack, work.database, work.live.locators.is_inside)
        while not settled and sweeps < MAX_SWEEPS and not _is_used_up(limit, total):
            sweeps += 1
            _start(work, tools, progress)
            progress.note("converting" if sweeps == 1 else f"looking again ({sweeps})")
            remaining = None if limit is None else limit - total.converted
            # Each sweep has a sweeper of its own: it must know what the one before it converted.
            plan = work.plan if sweeps == 1 else replace(work.plan, tries_quarantined=False)
            sweeper = Sweeper(tools, plan, work.executor, on_item)
            last = sweeper.sweep(progress, name_left=sweeps == 1, limit=remaining)
            total.add(last)
            # What could not be written was counted as converted when it was looked at: that sweep is no census.
            settled = not (last.converted or last.changed or last.newly_quarantined)
    progress.finish()
    summary = wording.summarise(work.plan, total, last, sweeps=sweeps, complete=settled, operation_id=work.operation_id)
    return wording.migrated(work.plan, summary)


def _is_used_up(limit: int | None, total: Tally) -> bool:
    return limit is not None and total.converted >= limit


def _start(work: _Work, tools: SweepTools, progress: Progress) -> None:
    # Counting is for people who look; nobody else waits for it.
    if progress is not SILENT:
        total = runs.count(work.database, tools.looker, work.plan.request.selection)
        tools.looker.rollback()
        progress.start(total, "rows")


def _journalled(connection: Connection, work: _Work, run: Callable[[], MigrationReport]) -> MigrationReport:
    """Runs the work and records how it ended; an error after the first conversion is one half-way."""
    try:
        # Here rather than at the end of the connection's block: an error of the database, too, is one half-way.
        with work.database.translated_errors():
            report = run()
            journal.finish(connection, work.operation_id or "", report.exit_code, asdict(report.summary))
            return report
    except KeyboardInterrupt as interruption:
        # A statement that was being read lives on in its frames, and holds SQLite's lock against the journal.
        traceback.clear_frames(interruption.__traceback__)
        _finish(work, _INTERRUPTED, None)
        raise KeyboardInterrupt(f"{_done_so_far(work)}; run the same command again to go on") from None
    except ZenctxError as error:
        ending = _half_way(error, work.executor.converted)
        _finish(work, ending.exit_code, ending)
        raise ending from None
    except Exception as error:
        # Not ours to explain: whoever listens went away, or nobody foresaw it. What was done is on record all the same.
        _finish(work, getattr(error, "exit_code", _UNEXPECTED), None)
        raise


def _half_way(error: ZenctxError, converted: int) -> ZenctxError:
    if not converted:
        return error
    hint = f"{error.hint}; then run the same command again" if error.hint else "run the same command again to go on"
    return PartialError(f"stopped after {converted:,} converted contexts, each wholly: {error.message}", hint=hint)


def _done_so_far(work: _Work) -> str:
    converted = work.executor.converted
    if not converted:
        return "no context was converted yet"
    return f"{converted:,} {'context was' if converted == 1 else 'contexts were'} converted, each wholly"


def _finish(work: _Work, exit_code: int, error: ZenctxError | None) -> None:
    # Over a connection of its own: the one that failed may be in any state. The first error is the one to report, also
    # where the database is too far gone to be told of it.
    with contextlib.suppress(ZenctxError), work.database.connect() as connection:
        journal.finish(connection, work.operation_id or "", exit_code, {"converted": work.executor.converted}, error)


def _arguments(request: MigrationRequest) -> dict[str, object]:
    return {name: value for name, value in asdict(request).items() if value not in (None, False, ())}
