"""Reading everything back: every descriptor decodes, every file is there and unaltered, every file is needed.

So with the repository of snapshots: every manifest to its end, and every object. Changes nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.database import runs
from zenctx.database.checks import has_zenctx_tables, require_engine_tables
from zenctx.database.columns import utc_now
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import BatchLimits, RunRow
from zenctx.database.scratch import FileList
from zenctx.database.scratch_objects import ObjectList
from zenctx.database.store_binding import BoundKind, bindings, bound_store
from zenctx.errors import DatabaseError, NotFoundError, UsageError, ZenctxError
from zenctx.operations.live_files import live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.record import Looked, note
from zenctx.operations.repository import open_repository
from zenctx.operations.verification.hashing import Hasher
from zenctx.operations.verification.releases import Releases
from zenctx.operations.verification.report import (
    FindingItem,
    Findings,
    OnFinding,
    RepositoryCounts,
    RowCounts,
    Severity,
    VerifyReport,
    VerifyRequest,
    VerifySummary,
    report,
)
from zenctx.operations.verification.repository import RepositoryCheck
from zenctx.operations.verification.rows import RowCheck
from zenctx.snapshots.repository import Repository

__all__ = [
    "FindingItem",
    "Severity",
    "VerifyReport",
    "VerifyRequest",
    "VerifySummary",
    "verify",
    "verify_on_record",
    "verify_snapshots",
]

_ROWS = 500


def verify(
    database: Database, settings: Settings, request: VerifyRequest, on_item: OnFinding, progress: Progress = SILENT
) -> VerifyReport:
    """Reads contexts and files back, and the repository unless runs were chosen; names what is wrong.

    Needs rights to read only. Raises NotFoundError for a run that is not there, LockedError while snapshots or their
    objects are being removed, SetupError where the database cannot be used.
    """
    findings = Findings(on_item)
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect())
        require_engine_tables(connection)
        selection = runs.normalised(database, request.selection)
        runs.require(database, connection, selection.run_ids)
        repository = _repository(settings, connection, findings) if request.is_whole else None
        connection.rollback()
        if repository is not None:
            stack.enter_context(repository.lock_shared())
        work = _Rows(database, connection, settings, replace(request, selection=selection), progress)
        rows = work.check(findings)
        counts = RepositoryCounts()
        if repository is not None:
            with _checking(repository, request, findings, progress) as check:
                check.check_all()
                counts = check.counts
    progress.finish()
    return report(request, findings, rows, counts)


def verify_on_record(
    database: Database, settings: Settings, request: VerifyRequest, on_item: OnFinding, progress: Progress = SILENT
) -> VerifyReport:
    """As `verify`, and leaves the outcome in the journal where that can be written; without it nothing is missing."""
    started_at = utc_now()
    asked = {"runs": request.selection.run_ids, "quick": request.quick, "subset": request.subset}
    try:
        report = verify(database, settings, request, on_item, progress)
    except (DatabaseError, UsageError, NotFoundError):
        raise  # nothing was looked at, or nowhere to record it
    except ZenctxError as error:
        note(settings, Looked("verify", asked, started_at, error.exit_code, error=error))
        raise
    counts = {**asdict(report.summary), "error_kinds": dict(report.errors), "altered": report.altered}
    note(settings, Looked("verify", asked, started_at, report.exit_code, counts))
    return report


def verify_snapshots(
    settings: Settings,
    references: Sequence[str],
    request: VerifyRequest,
    on_item: OnFinding,
    progress: Progress = SILENT,
) -> VerifyReport:
    """Reads some snapshots back: their manifests, and the objects that they need. Opens no database.

    Raises NotFoundError for an unknown snapshot or without a repository, DamagedFileError for a manifest that cannot be
    listed, LockedError as `verify` does.
    """
    findings = Findings(on_item)
    repository = open_repository(settings)
    with repository.lock_shared():
        infos = list({info.snapshot_id: info for info in map(repository.find, references)}.values())
        with _checking(repository, request, findings, progress) as check:
            check.check(infos)
            counts = check.counts
    progress.finish()
    return report(request, findings, None, counts)


class _Rows(DataStruct, frozen=True):
    """The database's side: where rows and files are, and which of them are looked at."""

    database: Database
    connection: Connection
    settings: Settings
    request: VerifyRequest
    progress: Progress

    def check(self, findings: Findings) -> RowCounts:
        """Reads rows and files; gives the counts."""
        with FileList() as listed, Hasher() as hasher:
            hasher.tick = partial(self.progress.advance, 0)
            live = live_files(self.settings)
            releases = Releases(live, self.connection)
            check = RowCheck(self.request, live, listed, findings, hasher, self._text, releases)
            if self.request.is_whole:
                check.check_binding(_bound_id(self.connection))
                check.list_store()
            self._start()
            for batch in self._batches():
                for row in batch:
                    check.check_row(row)
                self.progress.advance(len(batch), hasher.take_read())
            hasher.finish()
            check.finish()
        return check.counts

    def _start(self) -> None:
        if self.progress is not SILENT:
            self.progress.note("reading rows and files")
            self.progress.start(runs.count(self.database, self.connection, self.request.selection), "rows")
        self.connection.rollback()

    def _batches(self) -> Iterator[Sequence[RunRow]]:
        return runs.walk(self.database, self.connection, self.request.selection, lambda: BatchLimits(_ROWS))

    def _text(self, run_id: str) -> bytes | None:
        """The context of a run as it is now; None, too, where the run is gone."""
        try:
            return runs.read_run(self.database, self.connection, run_id).text
        except NotFoundError:
            return None


@contextmanager
def _checking(
    repository: Repository, request: VerifyRequest, findings: Findings, progress: Progress
) -> Iterator[RepositoryCheck]:
    """Gives what checks a repository."""
    with ObjectList() as objects, Hasher() as hasher:
        check = RepositoryCheck(repository, request, objects, findings, hasher, progress)
        hasher.tick = check.tell
        yield check


def _repository(settings: Settings, connection: Connection, findings: Findings) -> Repository | None:
    """Opens the repository; None where there is none. One that should be there and is not is a finding."""
    recorded = bindings(connection, BoundKind.REPOSITORY) if has_zenctx_tables(connection) else []
    hint = f"check that its volume is mounted; snapshots comes from: {settings.origins['snapshots']}"
    try:
        repository = open_repository(settings)
    except NotFoundError as error:
        if recorded:
            reason = f"{error.message}; the database knows one at {recorded[-1].location}"
            findings.add(Severity.ERROR, "repository", reason, hint=hint)
        return None
    except ZenctxError as error:
        findings.add(Severity.ERROR, "repository", error.message, hint=error.hint)
        return None
    if recorded and repository.repository_id not in {bound.store_id for bound in recorded}:
        reason = f"the repository at {repository.location} is not the one at {recorded[-1].location} that is on record"
        findings.add(Severity.WARNING, "repository", reason, hint=hint)
    return repository


def _bound_id(connection: Connection) -> str | None:
    bound = bound_store(connection) if has_zenctx_tables(connection) else None
    return bound.store_id if bound else None
