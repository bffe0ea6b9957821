"""`zenctx snapshots`: the snapshots of the repository, newest first."""

from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command

COLUMNS = (
    columns.identifier("snapshot", "short_id"),
    columns.moment("as of", "created_at"),
    columns.text("tags", "tags", drop=1),
    columns.number("runs", "runs"),
    columns.number("files", "files", drop=2),
    columns.size("size", "bytes"),
    columns.text("state", "state"),
    columns.text("safety", "is_safety", drop=3),
    columns.remark("reason", "reason"),
)
DETAILS = (
    columns.text("selection", "selection"),
    columns.remark("database", "database", labelled=True),
    columns.remark("manifest", "name", labelled=True),
)


@command(
    settings=["snapshots"],
    examples="""
    zenctx snapshots
    zenctx snapshots --tag nightly --limit 0
    zenctx snapshots --json | jq -r '.items[0].snapshot_id'
    """,
    exit_codes={3: "a manifest is damaged; it is named, the others are listed", 10: "there is no repository"},
)
def snapshots(
    invocation: Invocation,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only snapshots with this tag; several must all be there.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="List at most so many; 0 lists all.")] = 50,
) -> int:
    """List the snapshots of the repository, newest first.

    An incomplete snapshot lacks files that were missing when it was taken, or has some that were altered. Safety
    snapshots are those that a restore took of what it replaced. With --verbose it tells what was asked for, and where.
    Opens no database.
    """
    from zenctx.operations.snapshots import SnapshotListing, list_snapshots

    settings = invocation.settings
    invocation.output.begin((*COLUMNS, *DETAILS) if invocation.verbose else COLUMNS)
    listing = SnapshotListing(tuple(tag or ()), limit or None)
    return invocation.output.finish(list_snapshots(settings, listing, invocation.output.item))
