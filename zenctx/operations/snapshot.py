"""Takes snapshots: the rows as of one moment, then the files that they name, into the repository.

Objects are stored first and the manifest last: killed at any point there is a whole snapshot or none.
"""

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from msgspec import field

from zenctx import __version__
from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import split_object
from zenctx.database import journal, runs
from zenctx.database.checks import require_engine_tables
from zenctx.database.columns import utc_now
from zenctx.database.engine import Connection, Database
from zenctx.database.whole_rows import WholeRow
from zenctx.errors import NotFoundError, StoreError, ZenctxError
from zenctx.operations.guards import require_persistence
from zenctx.operations.live_files import LiveFiles, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import object_store, open_repository
from zenctx.operations.snapshotting import wording
from zenctx.operations.snapshotting.explain import Explainer, StoreGuard
from zenctx.operations.snapshotting.files import FileFinder, detect_quickly
from zenctx.operations.snapshotting.record import Record, content_lock
from zenctx.operations.snapshotting.report import SnapshotReport
from zenctx.operations.snapshotting.request import GivenContext, SnapshotRequest
from zenctx.operations.snapshotting.select import read_rows
from zenctx.operations.snapshotting.spool import Spool
from zenctx.operations.snapshotting.take import Execution, Explain, OnItem, Rehearsal, RunPlan, Taker, Telling
from zenctx.operations.snapshotting.wording import Told
from zenctx.snapshots.file_state import KnownFiles
from zenctx.snapshots.model import MANIFEST_FORMAT, SeenConversions, SnapshotHeader, SnapshotInfo
from zenctx.snapshots.repository import Repository
from zenctx.store.mentions import Mentions

GIVEN = "given"
"""The class of a run, and the kind of database, of a context that came from no database."""

_INTERRUPTED = 130
_DRY = "not recorded: nothing was written"


class Source(DataStruct, frozen=True):
    """The runs that belong to a snapshot, as of one moment, and where they come from. `zombies` were left out."""

    rows: Iterable[tuple[WholeRow, str]]
    count: int
    read_at: datetime
    dialect: str
    description: str
    zombies: int = 0
    identity: str | None = None
    applied_at: datetime | None = None
    conversions: SeenConversions | None = None
    check_store: Callable[[], None] = field(default=lambda: None)
    explain: Explain = field(default=lambda _row, _look: None)
    is_lenient: bool = False


class _Work(DataStruct, frozen=True):
    """What a snapshot is taken with."""

    settings: Settings
    request: SnapshotRequest
    live: LiveFiles
    telling: Telling

    @classmethod
    def begin(cls, settings: Settings, request: SnapshotRequest, on_item: OnItem, progress: Progress) -> "_Work":
        return cls(settings, request, live_files(settings), Telling(on_item, progress))

    def told(self, source: Source, journal_note: str, place: str) -> Told:
        is_of_replica = source.applied_at is not None
        return Told(place, self.request.describe(), self.request.tags, journal_note, is_of_replica=is_of_replica)


def snapshot(
    database: Database, settings: Settings, request: SnapshotRequest, on_item: OnItem, progress: Progress = SILENT
) -> SnapshotReport:
    """Takes a snapshot of runs. Needs rights to read the database only; what it did is recorded where that can be.

    Raises RefusedError where persistence is switched off or the live files belong to another database, NotFoundError
    for a run that is not there, LockedError beside a gc, SetupError where the database, the repository or the directory
    of live files cannot be used. Then there is no snapshot.
    """
    require_persistence(settings)
    work = _Work.begin(settings, request, on_item, progress)
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect())
        asked = _prepared(database, connection, request)
        stack.enter_context(content_lock(database, connection))
        repository = open_repository(settings, create=True)
        stack.enter_context(repository.lock_shared())
        record = Record.begin(database, connection, repository, request)
        spool = Spool(stack.enter_context(repository.spool()), Path(settings.snapshots))

        def take() -> SnapshotReport:
            source = _from_database(database, connection, work, asked, spool)
            return _take(work, source, repository, record.note)

        return _recorded(record, take)


def rehearse(
    database: Database, settings: Settings, request: SnapshotRequest, on_item: OnItem, progress: Progress = SILENT
) -> SnapshotReport:
    """Tells what `snapshot` would take, run by run and file by file. Writes nothing; raises as `snapshot` does."""
    work = _Work.begin(settings, request, on_item, progress)
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect())
        asked = _prepared(database, connection, request)
        place = Path(tempfile.gettempdir())
        spool = Spool(stack.enter_context(tempfile.TemporaryFile()), place)
        return _rehearse(work, _from_database(database, connection, work, asked, spool))


def snapshot_given(
    settings: Settings, given: GivenContext, request: SnapshotRequest, on_item: OnItem, progress: Progress = SILENT
) -> SnapshotReport:
    """Takes a snapshot of one context that came from elsewhere, as that of a run; opens no database.

    Raises InvalidContextError for what is no context, and what `snapshot` raises of the repository.
    """
    require_persistence(settings)
    source = _from_elsewhere(given)
    repository = open_repository(settings, create=True)
    with repository.lock_shared():
        work = _Work.begin(settings, request, on_item, progress)
        return _take(work, source, repository, f"not recorded: taken from {given.origin}")


def rehearse_given(
    settings: Settings, given: GivenContext, request: SnapshotRequest, on_item: OnItem, progress: Progress = SILENT
) -> SnapshotReport:
    """Tells what `snapshot_given` would take. Writes nothing."""
    return _rehearse(_Work.begin(settings, request, on_item, progress), _from_elsewhere(given))


def _prepared(database: Database, connection: Connection, request: SnapshotRequest) -> SnapshotRequest:
    """The request with ids as the database spells them, of runs that are there; no transaction stays open."""
    require_engine_tables(connection)
    selection = runs.normalised(database, request.selection)
    # What a restoration is about to replace may be gone by now, and then needs no safety.
    if not request.is_safety:
        runs.require(database, connection, selection.run_ids)
    connection.rollback()
    return replace(request, selection=selection)


def _from_database(
    database: Database, connection: Connection, work: _Work, request: SnapshotRequest, spool: Spool
) -> Source:
    work.telling.progress.note("reading rows")
    found = read_rows(database, request, spool, work.telling.progress)
    return Source(
        found,
        found.count,
        found.read_at,
        database.dialect,
        database.description,
        found.zombies,
        found.database_identity,
        found.applied_at,
        found.conversions,
        check_store=StoreGuard(work.live, database, connection).check,
        explain=Explainer(database, connection).explain,
    )


def _from_elsewhere(given: GivenContext) -> Source:
    split_object(given.text)
    row = WholeRow(given.run_id, {"id": given.run_id}, given.text, None, {})
    return Source([(row, GIVEN)], 1, utc_now(), GIVEN, given.origin, is_lenient=True)


def _take(work: _Work, source: Source, repository: Repository, note: str) -> SnapshotReport:
    tally, told = work.telling.tally, work.told(source, note, repository.location)
    tally.left_out = source.zombies
    if not source.count:
        return wording.nothing(tally, told, resumable=work.request.resumable, dry_run=False)
    store_id = _store_id(work.live)
    with ExitStack() as stack:
        known = stack.enter_context(repository.known_files(store_id))
        header = _header(work.request, source, store_id)
        manifest = stack.enter_context(repository.write(header, compares=work.request.paranoid))
        finder = _finder(work, source, None if work.request.paranoid else known)
        _carry_out(work, source, finder, Execution(manifest, work.live, work.telling, source.explain))
        work.telling.progress.note("writing the manifest")
        info = manifest.commit()
    work.telling.progress.finish()
    return wording.taken(tally, _as_taken(told, info))


def _rehearse(work: _Work, source: Source) -> SnapshotReport:
    tally, told = work.telling.tally, work.told(source, _DRY, object_store(work.settings).location)
    tally.left_out = source.zombies
    if not source.count:
        return wording.nothing(tally, told, resumable=work.request.resumable, dry_run=True)
    with ExitStack() as stack:
        repository = _existing(work.settings)
        known = None
        if repository is not None and not work.request.paranoid:
            known = stack.enter_context(repository.known_files(_store_id(work.live)))
        _carry_out(work, source, _finder(work, source, known), Rehearsal(work.telling))
    work.telling.progress.finish()
    return wording.rehearsed(tally, told)


def _finder(work: _Work, source: Source, known: KnownFiles | None) -> FileFinder:
    return FileFinder(
        live=work.live,
        mentions=Mentions(work.live.locators),
        storage=work.settings.file_storage_dir.path,
        known=known,
        check_store=source.check_store,
        is_lenient=source.is_lenient,
    )


def _carry_out(work: _Work, source: Source, finder: FileFinder, taker: Taker) -> None:
    progress = work.telling.progress
    progress.start(source.count, "runs")
    progress.note("taking the snapshot")
    for row, run_class in source.rows:
        found = detect_quickly(row.context, work.live.locators.is_inside)
        taker.take(RunPlan(row, run_class, found, tuple(finder.looks(row.context, found))))
    taker.finish()


def _header(request: SnapshotRequest, source: Source, store_id: str) -> SnapshotHeader:
    return SnapshotHeader(
        format=MANIFEST_FORMAT,
        # Files that changed about then are read again next time. Their times are this machine's: a database whose
        # clock is ahead of it would have files trusted that were changed after they were read.
        created_at=min(source.read_at, utc_now()),
        tags=request.tags,
        is_safety=request.is_safety,
        version=__version__,
        who=journal.who(),
        dialect=source.dialect,
        database=source.description,
        database_identity=source.identity,
        store_id=store_id,
        selection=request.describe(),
        named_runs=len(request.selection.run_ids),
        applied_at=source.applied_at,
        conversions=source.conversions,
    )


def _as_taken(told: Told, info: SnapshotInfo) -> Told:
    return replace(told, snapshot_id=info.snapshot_id, short_id=info.short_id, created_at=info.created_at)


def _store_id(live: LiveFiles) -> str:
    """What tells the store of live files from others: its marker's id, or where it is."""
    try:
        found = live.store.read_id()
    except StoreError:
        found = None  # no snapshot fails for that; verify says what is wrong with it
    return found or f"directory:{live.store.root}"


def _existing(settings: Settings) -> Repository | None:
    try:
        return open_repository(settings)
    except NotFoundError:
        return None


def _recorded(record: Record, take: Callable[[], SnapshotReport]) -> SnapshotReport:
    """Takes the snapshot and records how that ended."""
    try:
        report = take()
    except KeyboardInterrupt:
        record.finish(_INTERRUPTED, {})
        hint = "no snapshot was made; the files that were copied by then are not copied again by the next one"
        raise KeyboardInterrupt(hint) from None
    except ZenctxError as error:
        record.finish(error.exit_code, {}, error)
        raise
    record.finish(report.exit_code, asdict(report.summary))
    return report
