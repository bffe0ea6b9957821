"""`zenctx migrate`: legacy contexts to descriptors, and back."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.context.convert import BytesAs
from zenctx.context.direction import Direction
from zenctx.errors import UsageError

if TYPE_CHECKING:
    from zenctx.operations.migration.report import MigrationItem
    from zenctx.operations.migration.request import MigrationRequest

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("form", "form"),
    columns.text("action", "action"),
    columns.text("reason", "reason"),
    columns.number("files", "files", drop=1),
    columns.size("size", "bytes", drop=2),
)
QUARANTINE_COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("to", "direction", drop=2),
    columns.text("reason", "reason"),
    columns.moment("since", "quarantined_at", drop=1),
    columns.identifier("operation", "operation_id", drop=3),
)
_SHOWN_CONVERSIONS = 20
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
    limit: Annotated[int | None, typer.Option(min=1, help="Convert at most so many contexts.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=5000, help="Rows in one transaction; else found by measuring.")
    ] = None,
    include_active: Annotated[
        bool,
        typer.Option("--include-active", help="Also runs that an engine may hold: it is stopped, or reads both forms."),
    ] = False,
    assume: Annotated[
        Direction | None, typer.Option(help="What an ambiguous or mixed context is taken for; needs --run.")
    ] = None,
    bytes_as: Annotated[
        BytesAs, typer.Option(help="What becomes of files that are no JSON, on the way to legacy.")
    ] = BytesAs.REFUSE,
    list_quarantined: Annotated[
        bool, typer.Option("--list-quarantined", help="List the rows that could not be converted.")
    ] = False,
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="Try the quarantined rows again, too.")
    ] = False,
) -> int:
    """Convert contexts to descriptors, or back to the legacy form.

    In place, beside a running engine, as often as needed. Rows are converted in batches, each only if nobody changed it
    meanwhile; large values go to files first. What is ambiguous or mixed is named and left, what cannot be converted is
    quarantined, unchanged. While an engine may be running only finished runs are converted. Killed at any point, it
    loses nothing: run it again.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.rows import Selection
    from zenctx.operations.migration.request import MigrationRequest

    if sum((check, dry_run, list_quarantined)) > 1:
        raise UsageError("--check, --dry-run and --list-quarantined exclude each other", hint="give one of them")
    request = MigrationRequest(
        direction=to,
        selection=Selection(tuple(run or ()), tuple(status or ()), tuple(workflow or ())),
        assume=assume,
        include_active=include_active,
        limit=limit,
        batch_rows=batch_size,
        bytes_as=bytes_as,
        retry_quarantined=retry_quarantined,
    )
    if list_quarantined:
        return _list_quarantined(invocation)
    return _check(invocation, request) if check else _migrate(invocation, request, dry_run=dry_run)


def _migrate(invocation: Invocation, request: "MigrationRequest", *, dry_run: bool) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import migrate as operation

    settings, output = invocation.settings, invocation.output
    work = operation.rehearse if dry_run else operation.migrate
    output.begin(COLUMNS)
    on_item = _shortened(invocation) if invocation.format is Format.TABLE and not invocation.verbose else output.item
    with Database.open(settings.db, read_only=dry_run) as database:
        progress = invocation.progress("Looking" if dry_run else "Migrating")
        return output.finish(work(database, settings, request, on_item, progress))


def _shortened(invocation: Invocation) -> Callable[["MigrationItem"], None]:
    """Shows the first rows that a dry run would convert; those that need a look are all shown."""
    rest = _SHOWN_CONVERSIONS

    def on_item(item: "MigrationItem") -> None:
        nonlocal rest
        rest -= item.action == "convert"
        if item.action != "convert" or rest >= 0:
            invocation.output.item(item)
        elif rest == -1:
            invocation.output.show("... and more that would be converted: --verbose lists them all, and so does --json")

    return on_item


def _check(invocation: Invocation, request: "MigrationRequest") -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import migrate as operation

    settings = invocation.settings
    invocation.output.begin(COLUMNS)
    with Database.open(settings.db, read_only=True) as database:
        return invocation.output.finish(operation.check(database, settings, request, invocation.progress("Checking")))


def _list_quarantined(invocation: Invocation) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import migrate as operation

    invocation.output.begin(QUARANTINE_COLUMNS)
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(operation.list_quarantined(database, invocation.output.item))
