"""Removes secrets from what finished runs have stored; `scrubbing.work` says in which order, and why.

What a run needs to be resumed is never touched: only runs that are over are written.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from zenctx.config import Settings
from zenctx.context.classes import RunClass
from zenctx.database import journal, locks, pins, runs
from zenctx.database.checks import can_read, require_engine_tables, require_zenctx_tables
from zenctx.database.connect_sqlite import empty_log
from zenctx.database.engine import SQLITE, Connection, Database
from zenctx.database.locks import Lock
from zenctx.database.rows import Selection
from zenctx.database.schema import zenctx_pin
from zenctx.database.secret_rows import Places, find_places
from zenctx.database.secret_writes import SecretWriter
from zenctx.errors import DatabaseError, PartialError, RefusedError, ZenctxError
from zenctx.operations.guards import go_on, require_persistence
from zenctx.operations.live_files import check_store, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.operations.restoring.safety import take_safety_snapshot
from zenctx.operations.run_classes import classified
from zenctx.operations.scrubbing import wording
from zenctx.operations.scrubbing.outside import look_outside
from zenctx.operations.scrubbing.parts import RunParts, walk
from zenctx.operations.scrubbing.report import Action, ScrubReport, ScrubSummary, Tally
from zenctx.operations.scrubbing.request import ScrubRequest
from zenctx.operations.scrubbing.search import Searched, Searcher
from zenctx.operations.scrubbing.work import COMMAND, OnItem, Scrubber, delete_left_over, item_of

_INTERRUPTED = 130
_FINISHED = frozenset({RunClass.FINISHED})

Confirm = Callable[[ScrubSummary], None]
"""Is told what would be done; raises RefusedError where that is not wanted."""


def rehearse(
    database: Database, settings: Settings, request: ScrubRequest, on_item: OnItem, progress: Progress = SILENT
) -> ScrubReport:
    """Tells what `scrub` would do, run by run. Changes nothing; needs rights to read only. Raises as `scrub` does."""
    call = _Call(database, settings, request, on_item, progress)
    with database.connect() as connection:
        places = call.prepared(connection)
        tally = Tally()
        for searched in call.search(connection, places, tally):
            action = Action.LEFT if searched.problems else Action.SCRUB
            item = item_of(searched, action)
            tally.count(item, searched.left_files)
            on_item(item)
    return wording.scrubbed(call.summary(tally), dry_run=True)


def scrub(
    database: Database,
    settings: Settings,
    request: ScrubRequest,
    on_item: OnItem,
    progress: Progress = SILENT,
    *,
    confirm: Confirm | None = None,
) -> ScrubReport:
    """Removes secrets from finished runs. `confirm` is asked, where there are any, with what would be done.

    Raises RefusedError where persistence is switched off, the directory is not the database's or a run that was named
    is not over; NotFoundError for a run that is not there; LockedError beside a clean-up; SetupError where something
    cannot be used: nothing is changed then. PartialError where the database or a directory fails later.
    """
    require_persistence(settings)
    call = _Call(database, settings, request, on_item, progress)
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(database.connect(_writer_settings(database)))
        places = call.prepared(connection)
        require_zenctx_tables(connection)
        connection.rollback()
        stack.enter_context(locks.held(database, connection, Lock.CONTENT, exclusive=False))
        if check_store(live_files(settings), connection):
            delete_left_over(connection, live_files(settings))
        if confirm is not None:
            planned = call.summary(call.plan(connection, places)[0])
            if planned.scrubbed:
                confirm(planned)
        operation_id = journal.begin(connection, COMMAND, call.arguments)
        return _Work(call, connection, places, operation_id).journalled()


def _writer_settings(database: Database) -> dict[str, str]:
    own = dict(runs.access(database).WRITER_SETTINGS)
    # SQLite leaves what is deleted in free pages of the file, unless it is told to overwrite them.
    return {**own, "secure_delete": "on"} if database.dialect == SQLITE else own


@dataclass(frozen=True, slots=True)
class _Call:
    """What was asked for, and where it is told."""

    database: Database
    settings: Settings
    request: ScrubRequest
    on_item: OnItem
    progress: Progress

    @property
    def selection(self) -> Selection:
        return runs.normalised(self.database, self.request.selection)

    @property
    def arguments(self) -> dict[str, object]:
        """What goes on record; never the values that count as secrets."""
        asked: dict[str, object] = {
            "runs": self.selection.run_ids,
            "statuses": self.selection.statuses,
            "workflows": self.selection.workflow_ids,
            "limit": self.request.limit,
            "snapshot": self.request.snapshot,
            "names": self.request.names,
            "values": len(self.request.values),
        }
        return {name: value for name, value in asked.items() if value}

    def prepared(self, connection: Connection) -> Places:
        """Checks what can be checked before anything is searched; no transaction stays open."""
        require_engine_tables(connection)
        runs.require(self.database, connection, self.selection.run_ids)
        places = find_places(connection)
        if places.unread is not None:
            raise DatabaseError(
                f"{self.database.description} does not let this role read the table {places.unread}",
                hint="ask its owner to grant it: secrets in it would be left, and nothing could find them any more",
            )
        for run_id in self.selection.run_ids:
            self._require_over(connection, run_id)
        return places

    def _require_over(self, connection: Connection, run_id: str) -> None:
        row = runs.read_run(self.database, connection, run_id)
        (found,) = classified(connection, [(row, row.text not in (None, b"{}"))])
        connection.rollback()
        if found.run_class is not RunClass.FINISHED:
            raise RefusedError(
                f"run {run_id} is {found.run_class}: {found.reason}",
                hint="only runs that are over can be scrubbed: others may still need their secrets",
            )

    def search(self, connection: Connection, places: Places, tally: Tally) -> Iterator[Searched]:
        """Yields the runs that are over and have secrets, or that cannot be searched; counts the others."""
        searcher = Searcher.of(self.settings, self.request)
        self.progress.start(runs.count(self.database, connection, self.selection), "runs")
        connection.rollback()
        pinned = self._pinned(connection)
        found = 0
        for parts in walk(self.database, connection, places, self.selection, _FINISHED):
            if not isinstance(parts, RunParts):
                tally.leave_out(parts)
                self.progress.advance(1)
                continue
            searched = searcher.search(parts)
            if parts.row.run_id in pinned and (searched.released or searched.unrecorded):
                searched.problems.append("it is pinned: its files are to be kept")
            if searched.found or searched.problems:
                if found == self.request.limit:
                    tally.more = True
                    break
                found += 1
                yield searched
            tally.searched += 1
            self.progress.advance(1, parts.size)
        self.progress.finish()

    def _pinned(self, connection: Connection) -> frozenset[str]:
        """The runs whose files somebody wants to be kept."""
        readable = can_read(connection, zenctx_pin.name)
        found = frozenset(pin.run_id for pin in pins.walk(connection)) if readable else frozenset()
        connection.rollback()
        return found

    def plan(self, connection: Connection, places: Places) -> tuple[Tally, list[str]]:
        """Gives what would be done, and the runs that would be written."""
        tally = Tally()
        run_ids: list[str] = []
        for searched in self.search(connection, places, tally):
            action = Action.LEFT if searched.problems else Action.SCRUB
            tally.count(item_of(searched, action), searched.left_files)
            if action is Action.SCRUB:
                run_ids.append(searched.parts.row.run_id)
        return tally, run_ids

    def summary(
        self, tally: Tally, operation_id: str | None = None, safety_snapshot_id: str | None = None
    ) -> ScrubSummary:
        """Gives the counts, and what lies outside of the database."""
        outside = look_outside(self.settings)
        return ScrubSummary(
            operation_id=operation_id,
            safety_snapshot_id=safety_snapshot_id,
            snapshots=outside.snapshots,
            trash_files=outside.trash_files,
            **asdict(tally),
        )


@dataclass(slots=True)
class _Work:
    """One scrub under way."""

    call: _Call
    connection: Connection
    places: Places
    operation_id: str
    safety_snapshot_id: str | None = None

    def journalled(self) -> ScrubReport:
        """Does the work and records how it ended; an error after the first written run is one half-way."""
        tally = Tally()
        try:
            with self.call.database.translated_errors():
                self._scrub(tally)
                report = wording.scrubbed(
                    self.call.summary(tally, self.operation_id, self.safety_snapshot_id), dry_run=False
                )
                journal.finish(self.connection, self.operation_id, report.exit_code, asdict(report.summary))
                return report
        except KeyboardInterrupt as interruption:
            # A statement that was being read lives on in its frames, and holds SQLite's lock against the journal.
            traceback.clear_frames(interruption.__traceback__)
            self._finish(_INTERRUPTED, None, tally)
            raise KeyboardInterrupt(f"{_so_far(tally)}; run the same command again to go on") from None
        except ZenctxError as error:
            ending = _half_way(error, tally)
            self._finish(ending.exit_code, ending, tally)
            raise ending from None

    def _scrub(self, tally: Tally) -> None:
        call, connection = self.call, self.connection
        if call.request.snapshot:
            self._keep(call.plan(connection, self.places)[1])
        live = live_files(call.settings)
        writer = SecretWriter(call.database, connection, self.places, self.operation_id)
        scrubber = Scrubber(call.database, connection, live, writer, tally, call.on_item)
        for searched in call.search(connection, self.places, tally):
            if searched.problems:
                item = item_of(searched, Action.LEFT)
                tally.count(item, 0)
                call.on_item(item)
            else:
                scrubber.take(searched)
        scrubber.flush()
        if call.database.dialect == SQLITE and tally.scrubbed:
            empty_log(connection)

    def _keep(self, run_ids: list[str]) -> None:
        if not run_ids:
            return
        repository = open_repository(self.call.settings, create=True)
        with repository.lock_shared():
            call = self.call
            info = take_safety_snapshot(call.database, call.settings, repository, run_ids, call.progress)
        self.safety_snapshot_id = info.snapshot_id if info else None

    def _finish(self, exit_code: int, error: ZenctxError | None, tally: Tally) -> None:
        # Over a connection of its own: the one that failed may be in any state. The first error is the one to report.
        with contextlib.suppress(ZenctxError), self.call.database.connect() as connection:
            journal.finish(connection, self.operation_id, exit_code, asdict(tally), error)


def _so_far(tally: Tally) -> str:
    return f"{tally.scrubbed:,} runs were scrubbed, each wholly" if tally.scrubbed else "no run was scrubbed"


def _half_way(error: ZenctxError, tally: Tally) -> ZenctxError:
    if not tally.scrubbed:
        return error
    hint = go_on(error.hint)
    return PartialError(f"stopped after {tally.scrubbed:,} scrubbed runs, each wholly: {error.message}", hint=hint)
