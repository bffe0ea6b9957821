"""Migration of contexts: legacy to descriptors and back, in place, beside a running engine, as often as needed.

Stateless: a row is in one form or the other, atomically. Killed at any point nothing is lost; running it again
finishes the work.
"""

import contextlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from zenctx.config import Settings
from zenctx.database import journal, locks, quarantine, runs
from zenctx.database.checks import require_engine_tables, require_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import engine_liveness
from zenctx.database.locks import Lock
from zenctx.errors import PartialError, RefusedError, ZenctxError
from zenctx.operations.live_files import LiveFiles, live_files
from zenctx.operations.migration import wording
from zenctx.operations.migration.report import (
    MigrationReport,
    QuarantinedItem,
    QuarantineReport,
    QuarantineSummary,
    Tally,
)
from zenctx.operations.migration.request import MigrationPlan, MigrationRequest
from zenctx.operations.migration.sweep import OnItem, Sweeper, SweepTools
from zenctx.operations.migration.write import Executor, Rehearsal, Writer, WriterTools
from zenctx.operations.progress import SILENT, Progress

MAX_SWEEPS = 5
"""An engine that saves a run which it loaded before the conversion puts the old form back: another sweep finds it."""

_INTERRUPTED = 130


def plan(database: Database, connection: Connection, settings: Settings, request: MigrationRequest) -> MigrationPlan:
    """Finds out what a migration would have to heed. Changes nothing; needs rights to read only."""
    require_engine_tables(connection)
    selection = runs.normalised(database, request.selection)
    runs.require(database, connection, selection.run_ids)
    liveness = engine_liveness(connection)
    connection.rollback()
    return MigrationPlan(replace(request, selection=selection), settings.storage_rules(), liveness)


def migrate(
    database: Database, settings: Settings, request: MigrationRequest, on_item: OnItem, progress: Progress = SILENT
) -> MigrationReport:
    """Converts contexts, and names those that it does not convert.

    Raises RefusedError where persistence is switched off, LockedError beside another migration, SetupError where the
    database or the directory fail before anything was converted, PartialError where they fail later.
    """
    if not settings.persistence_enabled:
        raise RefusedError("persistence is switched off", hint="set persistence.enabled = true to let zenctx write")
    live = live_files(settings)
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect(runs.access(database).WRITER_SETTINGS))
        prepared = plan(database, connection, settings, request)
        require_zenctx_tables(connection)
        connection.rollback()
        stack.enter_context(locks.held(database, Lock.MIGRATION, exclusive=True))
        stack.enter_context(locks.held(database, Lock.CONTENT, exclusive=False))
        operation_id = journal.begin(connection, "migrate", _arguments(request))
        writer = Writer(WriterTools(database, connection, live), prepared, operation_id)
        work = _Work(database, live, prepared, writer, operation_id)
        return _journalled(connection, work, lambda: _sweep_until_settled(work, on_item, progress))


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
    database: Database, settings: Settings, request: MigrationRequest, progress: Progress = SILENT
) -> MigrationReport:
    """Counts the forms of the selected contexts; the exit code is 4 while any is not in the wanted form."""
    with database.connect() as connection:
        prepared = plan(database, connection, settings, replace(request, include_active=True, limit=None))
    work = _Work(database, live_files(settings), prepared, Rehearsal())
    tally = _one_sweep(work, lambda _item: None, progress)
    return wording.checked(prepared, wording.summarise(prepared, tally, tally))


def list_quarantined(database: Database, on_item: Callable[[QuarantinedItem], None]) -> QuarantineReport:
    """Lists the rows that could not be converted."""
    count = 0
    with database.connect() as connection:
        require_zenctx_tables(connection)
        connection.rollback()
        for row in quarantine.walk(connection):
            on_item(QuarantinedItem(row.run_id, row.direction, row.reason, row.operation_id, row.created_at))
            count += 1
    step = "mend the rows, then run 'zenctx migrate --retry-quarantined'" if count else None
    noun = "row is" if count == 1 else "rows are"
    return QuarantineReport(0, QuarantineSummary(count), f"{count:,} {noun} quarantined", step)


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
        sweeper = Sweeper(tools, work.plan, work.executor, on_item)
        while not settled and sweeps < MAX_SWEEPS and not _is_used_up(limit, total):
            sweeps += 1
            _start(work, tools, progress)
            progress.note("converting" if sweeps == 1 else f"looking again ({sweeps})")
            remaining = None if limit is None else limit - total.converted
            last = sweeper.sweep(progress, name_left=sweeps == 1, limit=remaining)
            total.add(last)
            settled = not (last.converted or last.changed)
    progress.finish()
    summary = wording.summarise(work.plan, total, last, sweeps=sweeps, complete=settled, operation_id=work.operation_id)
    return wording.migrated(work.plan, summary)


def _is_used_up(limit: int | None, total: Tally) -> bool:
    return limit is not None and total.converted >= limit


def _start(work: _Work, tools: SweepTools, progress: Progress) -> None:
    # Counting is for people who look; nobody else waits for it.
    if progress is not SILENT:
        progress.start(runs.count(work.database, tools.looker, work.plan.request.selection), "rows")
        tools.looker.rollback()


def _journalled(connection: Connection, work: _Work, run: Callable[[], MigrationReport]) -> MigrationReport:
    """Runs the work and records how it ended; an error after the first conversion is one half-way."""
    operation_id = work.operation_id or ""
    try:
        # Here rather than at the end of the connection's block: an error of the database, too, is one half-way.
        with work.database.translated_errors():
            report = run()
    except KeyboardInterrupt:
        _finish(connection, operation_id, _INTERRUPTED, work, None)
        raise
    except ZenctxError as error:
        ending = _half_way(error, work.executor.converted)
        _finish(connection, operation_id, ending.exit_code, work, ending)
        raise ending from None
    journal.finish(connection, operation_id, report.exit_code, asdict(report.summary))
    return report


def _half_way(error: ZenctxError, converted: int) -> ZenctxError:
    if not converted:
        return error
    hint = f"{error.hint}; then run the same command again" if error.hint else "run the same command again to go on"
    return PartialError(f"stopped after {converted:,} converted contexts, each wholly: {error.message}", hint=hint)


def _finish(connection: Connection, operation_id: str, exit_code: int, work: _Work, error: ZenctxError | None) -> None:
    # The first error is the one to report, also where the database is too far gone to be told of it.
    with contextlib.suppress(ZenctxError):
        journal.finish(connection, operation_id, exit_code, {"converted": work.executor.converted}, error)


def _arguments(request: MigrationRequest) -> dict[str, object]:
    return {name: value for name, value in asdict(request).items() if value not in (None, False, ())}
