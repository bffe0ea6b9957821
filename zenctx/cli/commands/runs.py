"""`zenctx runs`: the runs of a database, newest first."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.context.forms import Form

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("status", "status"),
    columns.text("class", "run_class", drop=3),
    columns.text("form", "form"),
    columns.number("keys", "keys", drop=2),
    columns.size("size", "bytes"),
    columns.number("files", "files", drop=1),
    columns.moment("started", "started_at", drop=4),
    columns.moment("ended", "ended_at", drop=5),
    columns.identifier("workflow", "workflow_id", drop=6),
)


@command(
    settings=["persistent-file-dir", "file-storage-dir"],
    examples="""
    zenctx runs
    zenctx runs --status RUNNING --form legacy
    zenctx runs --since 2026-01-31 --limit 0 --format jsonl
    """,
)
def runs(
    invocation: Invocation,
    status: Annotated[list[str] | None, typer.Option(metavar="STATUS", help="Only runs of this status.")] = None,
    form: Annotated[list[Form] | None, typer.Option(help="Only contexts of this form.")] = None,
    workflow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only runs of this workflow.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only runs that started then (UTC) or later."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many; 0 lists all.")] = 50,
) -> int:
    """List runs, newest first.

    The class says what may still happen to a run: executing, parked (it can be resumed), retrying, finished, zombie,
    or unreadable. Options that are given several times add up.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.database.rows import Selection
    from zenctx.operations.runs import Listing, list_runs

    settings = invocation.settings
    selection = Selection(
        statuses=tuple(status or ()),
        workflow_ids=tuple(workflow or ()),
        since=since.replace(tzinfo=UTC) if since else None,
    )
    invocation.output.begin(COLUMNS)
    with Database.open(settings.db, read_only=True) as database:
        listing = Listing(selection, tuple(form or ()), limit or None)
        return invocation.output.finish(list_runs(database, settings, listing, invocation.output.item))
