"""Puts the contexts, runtime states and files of a snapshot back; `restoring.work` says in which order, and why.

Killed at any point every row is wholly as it was or wholly as the snapshot holds it, and running it again finishes.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass
from functools import partial

from zenctx.config import Settings
from zenctx.context.redact import MASK
from zenctx.database import conversions, journal, locks, runs
from zenctx.database.checks import has_zenctx_tables, require_engine_tables, require_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import engine_liveness
from zenctx.database.locks import Lock
from zenctx.database.planned import PlannedRuns
from zenctx.database.restoring import RunWriter
from zenctx.database.run_columns import read_columns
from zenctx.database.store_binding import database_identity
from zenctx.database.trial import Trial
from zenctx.errors import NotFoundError, PartialError, RefusedError, ZenctxError
from zenctx.operations.collection.explain import explain_over_new_connection
from zenctx.operations.guards import go_on, require_persistence
from zenctx.operations.live_files import LiveFiles, bind_store, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.operations.restoring import wording
from zenctx.operations.restoring.decide import Judge
from zenctx.operations.restoring.look import Looker
from zenctx.operations.restoring.place import check_place
from zenctx.operations.restoring.rehearsal import Rehearsal
from zenctx.operations.restoring.report import RestoreReport, Tally
from zenctx.operations.restoring.request import RestoreRequest
from zenctx.operations.restoring.safety import take_safety_snapshot
from zenctx.operations.restoring.select import selected
from zenctx.operations.restoring.stage import has_content, is_own, source_of
from zenctx.operations.restoring.target import Wish
from zenctx.operations.restoring.work import OnItem, Restorer, Tools, plan
from zenctx.snapshots.model import SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository

_INTERRUPTED = 130


def restore(
    database: Database, settings: Settings, request: RestoreRequest, on_item: OnItem, progress: Progress = SILENT
) -> RestoreReport:
    """Restores the runs of a snapshot, and names those that it does not restore.

    Raises NotFoundError for an unknown snapshot, or a run or key that it has not, RefusedError where persistence is
    switched off or the directory is not the database's, LockedError beside a clean-up, DamagedFileError for a damaged
    manifest, SetupError where something cannot be used; nothing is changed then. PartialError where the database or a
    directory fails later.
    """
    require_persistence(settings)
    call = _Call(database, settings, request, on_item, progress)
    repository = open_repository(settings)
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect(runs.access(database).WRITER_SETTINGS))
        require_engine_tables(connection)
        require_zenctx_tables(connection)
        connection.rollback()
        stack.enter_context(repository.lock_shared())
        stack.enter_context(locks.held(database, connection, Lock.CONTENT, exclusive=False))
        info = repository.find(request.snapshot)
        _refuse_redacted(info, request)
        tools = call.tools(connection, repository, stack.enter_context(PlannedRuns()))
        origin = check_place(tools.live, database, connection, info)
        operation_id = journal.begin(connection, "restore", _arguments(request, info))
        return _Work(call, connection, info, tools, operation_id, origin).journalled()


def rehearse(
    database: Database, settings: Settings, request: RestoreRequest, on_item: OnItem, progress: Progress = SILENT
) -> RestoreReport:
    """Tells what `restore` would do, run by run and key by key, and how that would end; changes nothing.

    Needs rights to read only, and reads the files that it would put back.

    Raises as `restore` does, but for locks and tables of zenctx, which it does without.
    """
    call = _Call(database, settings, request, on_item, progress)
    repository = open_repository(settings)
    with database.connect() as connection, PlannedRuns() as planned:
        require_engine_tables(connection)
        connection.rollback()
        info = repository.find(request.snapshot)
        _refuse_redacted(info, request)
        tools = call.tools(connection, repository, planned)
        origin = check_place(tools.live, database, connection, info)
        progress.start(info.totals.runs, "runs")
        trial = Trial(database, connection, tools.looker.columns)
        Rehearsal(tools, trial).rehearse(selected(repository.read(info, verify_first=True), request.run_ids, info))
        progress.finish()
    _require_keys(request, info, tools.tally)
    return wording.rehearsed(info, tools.tally, origin)


@dataclass(frozen=True, slots=True)
class _Call:
    """What was asked for, and where it is told."""

    database: Database
    settings: Settings
    request: RestoreRequest
    on_item: OnItem
    progress: Progress

    def tools(self, connection: Connection, repository: Repository, planned: PlannedRuns) -> Tools:
        """Makes what the work is done with; no transaction stays open."""
        live, request = live_files(self.settings), self.request
        columns, liveness = read_columns(connection), engine_liveness(connection)
        has_own_tables = has_zenctx_tables(connection)
        connection.rollback()
        looker = Looker(
            self.database, connection, columns, liveness, has_own_tables=has_own_tables, only_new=request.as_new_run
        )
        wish = Wish(request.form, request.on_missing, self.settings.storage_rules())
        source = source_of(repository, live, partial(explain_over_new_connection, self.database, live))
        judge = Judge(request, wish, source, partial(has_content, live), partial(is_own, live), self.database.dialect)
        tally, redact_keys = Tally(), self.settings.redact_keys
        return Tools(repository, live, judge, looker, planned, tally, self.on_item, self.progress, redact_keys)


@dataclass(slots=True)
class _Work:
    """One restoration under way."""

    call: _Call
    connection: Connection
    info: SnapshotInfo
    tools: Tools
    operation_id: str
    origin: str | None
    written: int = 0

    def journalled(self) -> RestoreReport:
        """Does the work and records how it ended; an error after the first written run is one half-way."""
        database = self.call.database
        writer = RunWriter(database, self.connection, self.tools.looker.columns, self.operation_id)
        restorer = Restorer(self.tools, writer, self._binder())
        try:
            # Here rather than at the end of the connection's block: an error of the database, too, is one half-way.
            with database.translated_errors():
                report = self._restore(restorer)
                journal.finish(self.connection, self.operation_id, report.exit_code, asdict(report.summary))
                return report
        except KeyboardInterrupt as interruption:
            # A statement that was being read lives on in its frames, and holds SQLite's lock against the journal.
            traceback.clear_frames(interruption.__traceback__)
            self._finish(_INTERRUPTED, None)
            done = (
                f"{restorer.written:,} runs were restored, each wholly" if restorer.written else "no run was restored"
            )
            raise KeyboardInterrupt(f"{done}; run the same command again to go on") from None
        except ZenctxError as error:
            ending = _half_way(error, restorer.written)
            self._finish(ending.exit_code, ending)
            raise ending from None

    def _restore(self, restorer: Restorer) -> RestoreReport:
        progress, planned = self.tools.progress, self.tools.planned
        progress.start(self.info.totals.runs, "runs")
        progress.note("planning")
        plan(self.tools, self._runs(verify_first=True))
        _require_keys(self.call.request, self.info, self.tools.tally)
        safety = take_safety_snapshot(
            self.call.database, self.call.settings, self.tools.repository, planned.replaced(), progress
        )
        planned.note_conversions(conversions.records(self.connection), self._was_before())
        progress.start(self.info.totals.runs, "runs")
        progress.note("restoring")
        restorer.restore(self._runs())
        restorer.link()
        progress.finish()
        return wording.restored(self.info, self.tools.tally, safety, self.operation_id, self.origin)

    def _runs(self, *, verify_first: bool = False) -> Iterator[SnapshotRun]:
        found = self.tools.repository.read(self.info, verify_first=verify_first)
        return selected(found, self.call.request.run_ids, self.info)

    def _was_before(self) -> Callable[[conversions.Record], bool] | None:
        """Tells which conversions of this very database the snapshot has; None where it is of another.

        Snapshots that do not say so go by time, as clocks tell it.
        """
        identity = database_identity(self.connection)
        self.connection.rollback()
        header = self.info.header
        if identity is None or identity != header.database_identity:
            return None
        if header.conversions is None:
            taken_at = header.applied_at or header.created_at
            return lambda record: record.created_at <= taken_at
        seen = conversions.Seen(*astuple(header.conversions))
        return (lambda record: seen.has(record.number)) if conversions.is_of(self.connection, seen) else None

    def _binder(self) -> "_Binder":
        return _Binder(self.tools.live, self.connection)

    def _finish(self, exit_code: int, error: ZenctxError | None) -> None:
        # Over a connection of its own: the one that failed may be in any state. The first error is the one to report.
        with contextlib.suppress(ZenctxError), self.call.database.connect() as connection:
            journal.finish(connection, self.operation_id, exit_code, asdict(self.tools.tally), error)


@dataclass(slots=True)
class _Binder:
    """Makes sure, once, that the store belongs to the database before anything is written to it."""

    live: LiveFiles
    connection: Connection
    is_bound: bool = False

    def __call__(self) -> None:
        """Binds the store unless that is done."""
        if not self.is_bound:
            bind_store(self.live, self.connection)
            self.is_bound = True


def _require_keys(request: RestoreRequest, info: SnapshotInfo, tally: Tally) -> None:
    if request.keys and not tally.with_keys:
        keys = ", ".join(map(repr, request.keys))
        raise NotFoundError(f"no selected run of snapshot {info.short_id} has the key {keys}")


def _refuse_redacted(info: SnapshotInfo, request: RestoreRequest) -> None:
    if info.is_redacted and not request.force:
        raise RefusedError(
            f"snapshot {info.short_id} is redacted: what it would put back has {MASK} in place of secrets",
            hint="'--to FILE --show-secrets' writes its values; --force puts them back, and breaks runs that need them",
        )


def _half_way(error: ZenctxError, written: int) -> ZenctxError:
    if not written:
        return error
    hint = go_on(error.hint)
    return PartialError(f"stopped after {written:,} restored runs, each wholly: {error.message}", hint=hint)


def _arguments(request: RestoreRequest, info: SnapshotInfo) -> dict[str, object]:
    asked = {name: value for name, value in asdict(request).items() if value not in (None, False, ())}
    return {**asked, "snapshot": info.snapshot_id}
