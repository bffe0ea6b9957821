"""Listing of runs, newest first, each with the class it has and the form of its context."""

from collections.abc import Callable, Iterator
from datetime import datetime

from zenctx.config import Settings
from zenctx.context.classes import KNOWN_STATUSES, RunClass
from zenctx.context.datastruct import DataStruct
from zenctx.context.forms import Detection, Form, LocatorCheck, detect
from zenctx.database import newest, runs
from zenctx.database.checks import require_engine_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import RunRow, Selection
from zenctx.operations.live_files import live_files
from zenctx.operations.run_classes import run_classes

_CHUNK = 50


class RunItem(DataStruct, frozen=True):
    """One run. `bytes` is the length of its context as text; `files` counts its descriptors with a locator."""

    run_id: str
    workflow_id: str
    status: str
    run_class: str
    started_at: datetime | None
    ended_at: datetime | None
    form: str
    keys: int
    bytes: int
    files: int
    reason: str | None


class RunsSummary(DataStruct, frozen=True):
    """How many runs are listed, and whether the limit left some out."""

    listed: int
    more: bool


class RunsReport(DataStruct, frozen=True):
    """The outcome of a listing."""

    exit_code: int
    summary: RunsSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "runs"


class Listing(DataStruct, frozen=True):
    """Which runs to list, and how many at most (None: all)."""

    selection: Selection
    forms: tuple[Form, ...] = ()
    limit: int | None = 50


def list_runs(
    database: Database, settings: Settings, listing: Listing, on_item: Callable[[RunItem], None]
) -> RunsReport:
    """Lists runs as they are found. Changes nothing; needs rights to read only."""
    locator_ok = live_files(settings).locators.is_inside
    listed, more = 0, False
    with database.connect() as connection:
        require_engine_tables(connection)
        connection.rollback()
        for item in _items(database, connection, listing, locator_ok):
            if listed == listing.limit:
                more = True
                break
            on_item(item)
            listed += 1
    message, step = _wording(listing, listed, more=more)
    return RunsReport(0, RunsSummary(listed, more), message, step)


def _wording(listing: Listing, listed: int, *, more: bool) -> tuple[str, str | None]:
    if listed:
        message = f"{listed:,} {'run' if listed == 1 else 'runs'}"
        return (f"{message}, newest first; there are more", "--limit 0 lists all") if more else (message, None)
    if listing.selection == Selection() and not listing.forms:
        return "There are no runs", None
    unknown = [status for status in listing.selection.statuses if status not in KNOWN_STATUSES]
    return "No run matches", f"the engine's statuses are {', '.join(KNOWN_STATUSES)}" if unknown else None


def _items(database: Database, connection: Connection, listing: Listing, locator_ok: LocatorCheck) -> Iterator[RunItem]:
    selection = runs.normalised(database, listing.selection)
    for ids in newest.walk(connection, selection, _CHUNK):
        for rows in runs.read_in_order(database, connection, ids):
            detected = [(row, detect(row.text, locator_ok)) for row in rows]
            wanted = [(row, found) for row, found in detected if not listing.forms or found.form in listing.forms]
            classes = run_classes(
                connection, [(row, found.form not in (Form.NULL, Form.EMPTY)) for row, found in wanted]
            )
            connection.rollback()
            for (row, found), run_class in zip(wanted, classes, strict=True):
                yield _item(row, found, run_class)


def _item(row: RunRow, found: Detection, run_class: RunClass) -> RunItem:
    return RunItem(
        run_id=row.run_id,
        workflow_id=row.workflow_id,
        status=row.status,
        run_class=run_class,
        started_at=row.started_at,
        ended_at=row.ended_at,
        form=found.form,
        keys=len(found.entries),
        bytes=len(row.text or b""),
        files=sum(1 for entry in found.entries if entry.descriptor and entry.descriptor.locator),
        reason=found.reason,
    )
