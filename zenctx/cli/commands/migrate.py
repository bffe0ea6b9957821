"""`zenctx migrate`: legacy contexts to descriptors, and back."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.excerpt import Excerpt
from zenctx.cli.invocation import Invocation
from zenctx.cli.moments import parse_length
from zenctx.cli.options import command
from zenctx.context.convert import BytesAs
from zenctx.context.direction import Direction
from zenctx.errors import UsageError

if TYPE_CHECKING:
    from zenctx.operations.migration.brakes import Terms
    from zenctx.operations.migration.request import MigrationRequest

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("form", "form"),
    columns.text("action", "action"),
    columns.number("files", "files", drop=2),
    columns.size("file size", "bytes", drop=1),
    columns.remark("reason", "reason"),
)
PROGRESS_COLUMNS = (
    columns.identifier("operation", "operation_id"),
    columns.text("by", "who", drop=3),
    columns.text("outcome", "outcome"),
    columns.moment("last sign", "updated_at"),
    columns.number("sweep", "sweep"),
    columns.number("rows", "rows"),
    columns.number("of", "total"),
    columns.number("rows/s", "rows_per_second", drop=2),
    columns.duration("left", "seconds_left", drop=1),
    columns.number("workers", "workers", drop=4),
    columns.number("converted", "converted", drop=5),
    columns.remark("note", "note"),
)
QUARANTINE_COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("to", "direction", drop=1),
    columns.moment("since", "quarantined_at", drop=2),
    columns.remark("reason", "reason"),
    columns.identifier("operation", "operation_id", drop=3),
)
FACTS = (
    columns.text("to", "direction"),
    columns.number("converted", "converted"),
    columns.number("files", "files"),
    columns.size("file size", "file_bytes"),
    columns.number("waiting", "waiting"),
    columns.number("left", "left"),
    columns.number("quarantined", "quarantined"),
    columns.number("changed meanwhile", "changed"),
    columns.number("regressions", "regressions"),
    columns.number("sweeps", "sweeps"),
    columns.text("engine may run", "engine_alive"),
    columns.text("because", "engine"),
    columns.text("not seen", "unseen"),
    columns.text("operation", "operation_id"),
)


class Throttle(StrEnum):
    """Whether to heed how the server is."""

    ON = "on"
    OFF = "off"


_CHECK, _LIST, _PROGRESS = "--check", "--list-quarantined", "--progress"
_SHOWN = 20
"""Rows of each action that the text shows, unless it is to tell all."""
_SETTINGS = ["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "engine-reads", "file-strategy"]


@command(
    settings=_SETTINGS,
    examples="""
    zenctx migrate --dry-run
    zenctx migrate --status SUCCESS --status ERROR --limit 1000
    zenctx migrate --check && echo 'all contexts are descriptors'
    zenctx migrate --to legacy --include-active
    zenctx migrate --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --assume legacy
    """,
    exit_codes={
        3: "something remains: rows that wait, are left or quarantined, or are beyond --limit or --max-duration",
        4: "with --check: a context is not in the wanted form",
        5: "persistence is switched off, the directory is not the right one, or too many rows are quarantined",
        10: "no such run",
        11: "",
    },
)
def migrate(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    to: Annotated[Direction, typer.Option(help="The form that contexts are to get.")] = Direction.DESCRIPTORS,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 4 while any context is not as wanted.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; show what would be done.")] = False,
    run: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this run.")] = None,
    status: Annotated[list[str] | None, typer.Option(metavar="STATUS", help="Only runs of this status.")] = None,
    workflow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only runs of this workflow.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Convert at most so many contexts.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=5000, help="Rows in one transaction; else found by measuring.")
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Processes that share the work; SQLite takes one.")
    ] = 1,
    max_duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after so long, between two batches: 45m, 2h.")
    ] = None,
    max_rate: Annotated[
        float | None, typer.Option(metavar="ROWS/S", min=0.1, help="Write at most so many rows a second.")
    ] = None,
    pause_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write nothing while this file exists.")
    ] = None,
    throttle: Annotated[
        Throttle, typer.Option(help="Whether to wait while replicas, archive or vacuum are behind (PostgreSQL).")
    ] = Throttle.ON,
    max_lag: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="With the throttle: how far a replica may be behind.")
    ] = 30.0,
    include_active: Annotated[
        bool,
        typer.Option("--include-active", help="Also runs that an engine may hold: it is stopped, or reads both forms."),
    ] = False,
    assume: Annotated[
        Direction | None, typer.Option(help="What an ambiguous or mixed context is taken for; needs --run.")
    ] = None,
    bytes_as: Annotated[
        BytesAs, typer.Option(help="With --to legacy: what becomes of files that are no JSON.")
    ] = BytesAs.REFUSE,
    list_quarantined: Annotated[
        bool, typer.Option("--list-quarantined", help="Only list the rows that could not be converted, and why.")
    ] = False,
    show_progress: Annotated[
        bool,
        typer.Option("--progress", help="Only show how far migrations are, on whatever host; without any, the last."),
    ] = False,
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="Try quarantined rows again, also those that nobody mended.")
    ] = False,
) -> int:
    """Convert contexts to descriptors, or back to the legacy form.

    In place, beside a running engine, as often as needed. Rows are converted in batches, each only if nobody changed it
    meanwhile; large values go to files first. What is ambiguous or mixed is named and left, what cannot be converted is
    quarantined, unchanged. While an engine may be running only finished runs are converted. Killed at any point, it
    loses nothing: run it again. Of each action the text shows twenty rows, with --verbose all.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.rows import Selection
    from zenctx.operations.migration.request import MigrationRequest
    from zenctx.operations.migration.throttle import Limits

    mode = _mode({_CHECK: check, "--dry-run": dry_run, _LIST: list_quarantined, _PROGRESS: show_progress})
    terms = _terms(max_duration, max_rate, pause_file)
    chooses = any((run, status, workflow, limit, assume, retry_quarantined))
    _check_mode(mode, terms, chooses=chooses, is_limited=limit is not None)
    if bytes_as is not BytesAs.REFUSE and to is not Direction.LEGACY:
        raise UsageError("--bytes-as is for the way back only", hint="give --to legacy with it")
    request = MigrationRequest(
        direction=to,
        selection=Selection(tuple(run or ()), tuple(status or ()), tuple(workflow or ())),
        assume=assume,
        include_active=include_active,
        limit=limit,
        batch_rows=batch_size,
        bytes_as=bytes_as,
        retry_quarantined=retry_quarantined,
        terms=terms,
        workers=workers,
        limits=Limits(lag_seconds=max_lag) if throttle is Throttle.ON else None,
    )
    if mode == _LIST:
        return _list_quarantined(invocation)
    if mode == _PROGRESS:
        return _show_progress(invocation)
    return _check(invocation, request) if check else _migrate(invocation, request, dry_run=dry_run)


def _mode(modes: dict[str, bool]) -> str | None:
    """Gives the option that says what to do instead of migrating; UsageError for two of them."""
    given = [name for name, is_given in modes.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict each other", hint="give one of them")
    return given[0] if given else None


def _terms(max_duration: str | None, max_rate: float | None, pause_file: Path | None) -> "Terms":
    from zenctx.operations.migration.brakes import Terms

    seconds = None if max_duration is None else parse_length(max_duration, option="--max-duration").total_seconds()
    return Terms(seconds, max_rate, pause_file and pause_file.absolute())


def _check_mode(mode: str | None, terms: "Terms", *, chooses: bool, is_limited: bool) -> None:
    """Refuses what means nothing to an option that shows or counts."""
    if mode == _CHECK and is_limited:
        raise UsageError("--check counts all contexts", hint="leave out --limit")
    if mode == _CHECK and terms != type(terms)():
        raise UsageError("--check writes nothing that could be slowed down", hint="leave out what is for writing")
    if mode in (_LIST, _PROGRESS) and chooses:
        what = "lists all quarantined rows" if mode == _LIST else "shows every migration"
        raise UsageError(f"{mode} {what}", hint="leave out what selects or converts")


def _migrate(invocation: Invocation, request: "MigrationRequest", *, dry_run: bool) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import migrate as operation

    work = operation.rehearse if dry_run else operation.migrate
    rows = _begin(invocation)
    settings = invocation.settings
    with Database.open(settings.db, read_only=dry_run) as database:
        progress = invocation.progress("Looking" if dry_run else "Migrating")
        report = work(database, settings, request, rows.add, progress)
    return rows.finish(report)


def _check(invocation: Invocation, request: "MigrationRequest") -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import migrate as operation

    rows = _begin(invocation)
    settings = invocation.settings
    with Database.open(settings.db, read_only=True) as database:
        report = operation.check(database, settings, request, invocation.progress("Checking"), rows.add)
    return rows.finish(report)


def _begin(invocation: Invocation) -> Excerpt:
    invocation.output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    shows_all = invocation.verbose or invocation.format is not Format.TABLE
    return Excerpt(invocation.output, None if shows_all else _SHOWN, lambda item: str(getattr(item, "action", "")))


def _list_quarantined(invocation: Invocation) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import migrate as operation

    invocation.output.begin(QUARANTINE_COLUMNS)
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(operation.list_quarantined(database, invocation.output.item))


def _show_progress(invocation: Invocation) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations.migration.status import show_status

    invocation.output.begin(PROGRESS_COLUMNS)
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(show_status(database, invocation.output.item))
