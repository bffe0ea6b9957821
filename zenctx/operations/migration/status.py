"""What a migration that is under way shows of itself elsewhere: its journal entry is kept up to date while it works."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Thread
from time import monotonic
from typing import Any

from zenctx.context.datastruct import DataStruct
from zenctx.database import conversions, journal
from zenctx.database.checks import has_table, require_zenctx_tables
from zenctx.database.engine import Database
from zenctx.database.engine_state import database_time
from zenctx.database.errors import TransientDatabaseError
from zenctx.database.journal import Operation
from zenctx.database.schema import REVISION_TABLE
from zenctx.database.sessions import Session
from zenctx.operations.migration.report import Range
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.progress import SILENT, Progress

EVERY_SECONDS = 3.0
_AT_WORK = ("converting", "looking again")
_RECENT_SECONDS = 30.0
"""How far back the recent speed goes; the other is that since the sweep began."""
_SILENT_SECONDS = 60.0
"""After so long without a sign of life nobody says how long it will take: it may have died."""
_LATEST = 50
"""Operations that are looked through for migrations that have not ended."""


class Status(Progress):
    """Passes on what it is told, and remembers it for those who look from elsewhere."""

    def __init__(self, inner: Progress, plan: MigrationPlan) -> None:
        self.is_watched = inner is not SILENT
        self._inner = inner
        self._plan = plan
        self._started = monotonic()
        self._total: int | None = None
        self._sweep = self._rows = self._bytes = 0
        self._note = ""
        self._facts: dict[str, object] = {}
        self._recent: deque[tuple[float, int]] = deque()
        self.converted = 0
        """How many contexts are on record as converted, as of the last time that was looked up."""

    def start(self, total: int | None, unit: str) -> None:
        """Another sweep begins."""
        self._sweep += 1
        self._rows = self._bytes = 0
        self._total = total
        self._started = monotonic()
        self._recent = deque()
        self._inner.start(total, unit)

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Counts."""
        self._rows += n
        self._bytes += bytes_
        self._inner.advance(n, bytes_)

    def note(self, text: str, **facts: object) -> None:
        """Keeps the last one, and adds which sweep it is and how many work at it."""
        self._facts |= facts
        if self._plan.request.workers > 1 and text.startswith(_AT_WORK):
            text = f"{text}, {self._plan.request.workers} workers"
        self._note = text
        self._inner.note(text, sweep=self._sweep, workers=self._plan.request.workers, **facts)

    def finish(self) -> None:
        """Passed on."""
        self._inner.finish()

    def counts(self) -> dict[str, object]:
        """Gives how far this process and its workers have come in the sweep that is under way."""
        return {
            "direction": self._plan.request.direction,
            "workers": self._plan.request.workers,
            "sweep": self._sweep,
            "rows": self._rows,
            "total": self._total,
            "bytes": self._bytes,
            "converted": self.converted,
            "seconds": round(monotonic() - self._started, 1),
            "recent_rows_per_second": self._speed(),
            "note": self._note,
            **self._facts,
        }

    def _speed(self) -> float | None:
        """Rows a second of the last half minute, from the first time that they were counted.

        What an earlier migration has done is passed over in a moment, at the beginning, and says nothing of the rest.
        """
        recent, now, rows = self._recent, monotonic(), self._rows
        while len(recent) > 1 and now - recent[0][0] > _RECENT_SECONDS:
            recent.popleft()
        recent.append((now, rows))
        since, before = recent[0]
        return round((rows - before) / (now - since), 1) if now > since else None


@contextmanager
def on_record(database: Database, plan: MigrationPlan, status: Status) -> Iterator[None]:
    """Writes the status down every few seconds within the block, over a session of its own.

    Not in an SQLite file: whoever writes to it keeps the migration from writing, and from knowing that it is alone.
    """
    if database.dialect == "sqlite":
        yield
        return
    over = Event()
    with Session(database, {}) as session:

        def write_down() -> None:
            while not over.wait(EVERY_SECONDS):
                _write_down(session, database, plan.operation_id, status)

        thread = Thread(target=write_down, name="zenctx-status", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _write_down(session: Session, database: Database, operation_id: str, status: Status) -> None:
    try:
        with database.translated_errors():
            # What is on record, rather than what this process knows of: workers tell it of rows they have looked at.
            status.converted = conversions.count_of(session.connection, operation_id)
            journal.progress(session.connection, operation_id, status.counts())
    except (TransientDatabaseError, RuntimeError):
        # Whether anybody can read it is no reason to end the migration: the next time it is tried anew.
        try:
            session.reopen()
        except TransientDatabaseError:
            return


class StatusItem(DataStruct, frozen=True):
    """One migration. `outcome` None: it has not ended; `updated_at`: its last sign of life.

    While it is under way: `rows` have been looked at in this sweep, `batch_rows` at a time, and it `waits_for` what
    that says (None: it is at work). `seconds_left` of this sweep lie between those by the speed of its last half minute
    and those by that since it began; None where it does not work, shows no sign of life, or nobody knows. `converted`
    is how many contexts it has on record so far, in all sweeps and by all of its workers.
    """

    operation_id: str
    who: str
    outcome: str | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    sweep: int | None
    rows: int | None
    total: int | None
    rows_per_second: float | None
    seconds_left: Range | None
    workers: int | None
    converted: int | None
    batch_rows: int | None
    waits_for: str | None
    note: str | None


class StatusSummary(DataStruct, frozen=True):
    """How many migrations have not ended."""

    running: int


class StatusReport(DataStruct, frozen=True):
    """The migrations that have not ended; without any, the last one."""

    exit_code: int
    summary: StatusSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "migrate"


def show_status(database: Database, on_item: Callable[[StatusItem], None]) -> StatusReport:
    """Tells of the migrations that have not ended; without any, of the last one. Needs rights to read only."""
    with database.connect() as connection:
        if not has_table(connection, REVISION_TABLE):
            return StatusReport(0, StatusSummary(0), "There was no migration yet", None)
        require_zenctx_tables(connection)
        found = journal.latest_of(connection, ["migrate"], limit=_LATEST)
        now = database_time(connection)
        connection.rollback()
    running = [each for each in found if each.outcome is None]
    for each in running or found[:1]:
        on_item(_item(each, now))
    if running:
        what = "migration has" if len(running) == 1 else "migrations have"
        step = "one without a sign of life for minutes has died: run the same command again to go on"
        return StatusReport(0, StatusSummary(len(running)), f"{len(running)} {what} not ended", step)
    message = "No migration is running; the last one is shown" if found else "There was no migration yet"
    return StatusReport(0, StatusSummary(0), message, None)


def _item(each: Operation, now: datetime) -> StatusItem:
    counts: Mapping[str, Any] = each.counts
    rows, seconds = counts.get("rows"), counts.get("seconds")
    is_at_work = each.outcome is None and (now - each.updated_at).total_seconds() < _SILENT_SECONDS
    return StatusItem(
        operation_id=each.id,
        who=each.who,
        outcome=each.outcome,
        started_at=each.started_at,
        updated_at=each.updated_at,
        finished_at=each.finished_at,
        sweep=counts.get("sweep", counts.get("sweeps")),
        rows=rows,
        total=counts.get("total"),
        rows_per_second=round(rows / seconds, 1) if rows and seconds else None,
        seconds_left=seconds_left(counts) if is_at_work else None,
        workers=counts.get("workers"),
        converted=counts.get("converted"),
        batch_rows=counts.get("batch_rows"),
        waits_for=counts.get("waits_for"),
        note=counts.get("note") or counts.get("stopped"),
    )


def seconds_left(counts: Mapping[str, Any]) -> Range | None:
    """Gives between what the time left of a sweep lies, by what a `Status` counted; None where nobody knows."""
    rows, total, seconds = counts.get("rows"), counts.get("total"), counts.get("seconds")
    if not (rows and total and seconds) or counts.get("waits_for"):
        return None
    recent = counts.get("recent_rows_per_second")
    # A sweep that begins just then has fewer rows than were counted before.
    speeds = [speed for speed in (rows / seconds, recent) if speed and speed > 0]
    rest = max(total - rows, 0)
    return Range(round(rest / max(speeds)), round(rest / min(speeds)))
