"""`zenctx runs`: the runs of a database, newest first."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.moments import parse_moment
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
REASON = columns.remark("reason", "reason")


@command(
    settings=["persistent-file-dir", "file-storage-dir"],
    examples="""
    zenctx runs
    zenctx runs --status RUNNING --form legacy
    zenctx runs --form mixed --form ambiguous --form invalid --verbose
    zenctx runs --since 24h
    zenctx runs --since 2026-01-31 --limit 0 --format jsonl
    """,
    exit_codes={10: "a --workflow that is no id of a workflow (PostgreSQL)"},
)
def runs(
    invocation: Invocation,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="Only runs of this status: RUNNING, SUCCESS, ERROR, WAITING or another."),
    ] = None,
    form: Annotated[
        list[Form] | None, typer.Option(metavar="FORM", help=f"Only contexts of this form: {', '.join(Form)}.")
    ] = None,
    workflow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only runs of this workflow.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only runs that started then or later: 2026-01-31, a time (UTC), 24h, 7d."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="List at most so many; 0 lists all.")] = 50,
) -> int:
    """List runs, newest first.

    The class says what may still happen to a run: executing, parked (it can be resumed), retrying, finished, zombie,
    or unreadable. Options that are given several times add up. With --verbose it tells why a context is mixed,
    ambiguous or invalid.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.database.rows import Selection
    from zenctx.operations.runs import Listing, list_runs

    settings = invocation.settings
    selection = Selection(
        statuses=tuple(status or ()),
        workflow_ids=tuple(workflow or ()),
        since=parse_moment(since, datetime.now(UTC), option="--since") if since is not None else None,
    )
    invocation.output.begin((*COLUMNS, REASON) if invocation.verbose else COLUMNS)
    with Database.open(settings.db, read_only=True) as database:
        listing = Listing(selection, tuple(form or ()), limit or None)
        return invocation.output.finish(list_runs(database, settings, listing, invocation.output.item))
