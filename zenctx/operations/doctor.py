"""`zenctx doctor`: what stands in the way, of the whole set-up or of one run; looks, and changes nothing.

Needs rights to read only, and does without zenctx's own tables. What cannot be seen is said.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from zenctx.config import Settings
from zenctx.database.checks import current_revision, require_engine_tables
from zenctx.database.engine import SQLITE, Connection, Database
from zenctx.database.engine_state import database_time, engine_liveness
from zenctx.database.health import Server, server
from zenctx.database.url import describe, parse_database_url
from zenctx.errors import DatabaseError, SettingsError, SetupError, ZenctxError
from zenctx.operations.diagnosis.configured import check_settings
from zenctx.operations.diagnosis.contexts import ContextLook
from zenctx.operations.diagnosis.directories import check_bond, check_directory, check_store_content
from zenctx.operations.diagnosis.finding import Collected, OnFinding, of_error
from zenctx.operations.diagnosis.leftovers import check_journal, check_locks, check_quarantine
from zenctx.operations.diagnosis.machine import MACHINE, Machine
from zenctx.operations.diagnosis.rehearsal import RehearsalReport, RehearsalSummary, rehearse
from zenctx.operations.diagnosis.server import (
    check_clock,
    check_engine,
    check_pooling,
    check_revision,
    check_rights,
    check_server,
)
from zenctx.operations.diagnosis.snapshots import check_repository, latest, look_at_repository
from zenctx.operations.live_files import LiveFiles, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.verification.report import FindingItem, Severity

__all__ = [
    "DoctorReport",
    "DoctorSummary",
    "FindingItem",
    "Machine",
    "RehearsalReport",
    "RehearsalSummary",
    "diagnose",
    "rehearse",
]

_UNUSABLE = SetupError.exit_code


@dataclass(frozen=True, slots=True)
class DoctorSummary:
    """What was looked at, and how much was found. None: it could not be had, or there is none.

    `engine` says in words whether one runs; `rows` and `files` are how many of the runs' were looked at.
    """

    database: str
    server: str | None
    revision: str | None
    engine: str | None
    store: str
    free_bytes: int | None
    repository: str
    last_snapshot: datetime | None
    rows: int
    files: int
    errors: int
    warnings: int
    notices: int


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The outcome: 4 where an error or warning was found, 12 where the database cannot be used."""

    exit_code: int
    summary: DoctorSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "doctor"


def diagnose(
    settings: Settings, on_item: OnFinding, progress: Progress = SILENT, machine: Machine = MACHINE
) -> DoctorReport:
    """Looks at settings, directories, database and repository; opens the database by itself, for reading.

    A database that cannot be used is a finding, and the report's exit code is then 12; the other checks are made.
    """
    doctor = _Doctor(settings, Collected(on_item), progress, machine)
    doctor.look_at_machine()
    is_usable = doctor.look_at_database()
    progress.finish()
    return doctor.report(is_usable=is_usable)


@dataclass(slots=True)
class _Doctor:
    """Goes from check to check, and keeps what the summary tells."""

    settings: Settings
    found: Collected
    progress: Progress
    machine: Machine
    live: LiveFiles = field(init=False)
    server: Server | None = None
    revision: str | None = None
    engine: str | None = None
    last_snapshot: datetime | None = None
    rows: int = 0
    files: int = 0

    def __post_init__(self) -> None:
        self.live = live_files(self.settings)

    def look_at_machine(self) -> None:
        """What can be told without the database."""
        settings = self.settings
        self.found.run("setting", partial(check_settings, settings))
        for name, path in self._directories():
            self.found.run("directory", partial(check_directory, name, path, settings, self.machine))
        self.found.run("store", partial(check_store_content, self.live, settings, self.machine.now()))

    def look_at_database(self) -> bool:
        """What the database tells; False where it cannot be used at all."""
        self.progress.note("asking the database")
        try:
            with ExitStack() as stack:
                database = stack.enter_context(Database.open(self.settings.db, read_only=True))
                connection = stack.enter_context(database.connect())
                self._ask(database, connection)
        except (DatabaseError, SettingsError) as failed:
            self.found.add(of_error("database", failed))
            return False
        return True

    def report(self, *, is_usable: bool) -> DoctorReport:
        """Gives what was found as a whole."""
        counts = self.found.counts
        summary = DoctorSummary(
            database=_described(self.settings),
            server=_version(self.server, self.settings),
            revision=self.revision,
            engine=self.engine,
            store=str(self.live.store.root),
            free_bytes=self._free(),
            repository=self.settings.shown()["snapshots"],
            last_snapshot=self.last_snapshot,
            rows=self.rows,
            files=self.files,
            errors=counts[Severity.ERROR],
            warnings=counts[Severity.WARNING],
            notices=counts[Severity.NOTICE],
        )
        message, step = self.found.words, None
        if self.found.exit_code:
            step = "what to do stands beside each; docs/doctor.md says what each one means"
        if not is_usable:
            message = f"{message}; the database cannot be used, and was not looked at any further"
        return DoctorReport(self.found.exit_code if is_usable else _UNUSABLE, summary, message, step)

    def _directories(self) -> list[tuple[str, Path]]:
        settings = self.settings
        found = [
            ("persistent-file-dir", settings.persistent_file_dir.path),
            ("file-storage-dir", settings.file_storage_dir.path),
        ]
        return [*found, ("snapshots", Path(settings.snapshots))] if settings.snapshots.startswith("/") else found

    def _ask(self, database: Database, connection: Connection) -> None:
        self.server = server(connection)
        self.found.run("version", partial(check_server, self.server))
        require_engine_tables(connection)
        now, found = database_time(connection), current_revision(connection)
        self.revision = found.revision
        self.found.run("clock", partial(check_clock, self.machine.now(), now))
        self._check(database, connection, "rights", partial(check_rights, connection))
        self._check(database, connection, "revision", partial(check_revision, connection, found))
        self._check(database, connection, "pooler", partial(check_pooling, database))
        self._check(
            database, connection, "store", partial(check_bond, self.live, connection, has_records=found.is_current)
        )
        locks = partial(check_locks, database, connection, self.settings, now, self.machine)
        self._check(database, connection, "lock", locks)
        if found.is_current:
            self._check(database, connection, "operation", partial(check_journal, connection, now))
            self._check(database, connection, "quarantine", partial(check_quarantine, connection))
        self._look_at_snapshots(database, connection, has_records=found.is_current)
        self._look_at_contexts(database, connection)

    def _look_at_snapshots(self, database: Database, connection: Connection, *, has_records: bool) -> None:
        self.progress.note("looking at snapshots")
        now = self.machine.now()
        state = look_at_repository(self.settings, connection, now, has_records=has_records)
        self._check(database, connection, "snapshot", partial(check_repository, state, self.settings, now))
        newest = latest(state)
        self.last_snapshot = newest.created_at if newest is not None else None

    def _look_at_contexts(self, database: Database, connection: Connection) -> None:
        liveness = engine_liveness(connection)
        self.engine = liveness.reason
        self._check(database, connection, "engine", partial(check_engine, connection, liveness))
        look = ContextLook(self.settings, self.live, self.progress, self.machine.now())
        look.read(database, connection)
        self.rows, self.files = look.rows, look.files
        self.found.run("form", partial(look.findings, liveness))

    def _check(
        self, database: Database, connection: Connection, kind: str, check: Callable[[], Iterable[FindingItem]]
    ) -> None:
        """Makes a check that asks the database; no transaction stays open, and none that failed."""

        def translated() -> Iterator[FindingItem]:
            with database.translated_errors():
                yield from check()

        self.found.run(kind, translated)
        connection.rollback()

    def _free(self) -> int | None:
        try:
            return self.machine.room(self.live.store.root).free_bytes
        except OSError:
            return None


def _described(settings: Settings) -> str:
    try:
        return describe(parse_database_url(settings.db))
    except ZenctxError:
        return settings.shown()["db"]


def _version(found: Server | None, settings: Settings) -> str | None:
    if found is None:
        return None
    return f"{'SQLite' if settings.db.startswith(SQLITE) else 'PostgreSQL'} {found.version}"
