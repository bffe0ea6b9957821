"""`zenctx forget`: removes snapshots by a policy, or by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.confirm import confirm, will_ask
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.context.retention import Policy, parse_duration
from zenctx.errors import SetupError

if TYPE_CHECKING:
    from zenctx.config import Settings
    from zenctx.database.engine import Database
    from zenctx.operations.forget import ForgetPlan

COLUMNS = (
    columns.text("action", "action"),
    columns.identifier("snapshot", "short_id"),
    columns.moment("as of", "created_at"),
    columns.text("tags", "tags", drop=1),
    columns.number("runs", "runs", drop=2),
    columns.size("size", "bytes", drop=2),
    columns.text("state", "state", drop=3),
    columns.remark("reason", "reason"),
)
FACTS = (
    columns.number("kept", "kept"),
    columns.number("removed", "removed"),
    columns.number("left", "left"),
    columns.number("damaged", "damaged"),
    columns.text("journal", "recorded"),
)


@command(
    settings=["snapshots", "trash-retention-days"],
    examples="""
    zenctx forget --keep-last 3 --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run
    zenctx forget --keep-within 30d --keep-tag release --yes
    zenctx forget --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --keep-last 1
    zenctx forget 4bf5122f latest~3
    """,
    exit_codes={
        3: "stopped half-way: what was removed is gone, run it again",
        5: "nothing says what to keep, nothing would be left, or it was not confirmed; nothing was removed",
        10: "no such snapshot, or no repository",
        11: "",
    },
)
def forget(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    snapshot: Annotated[
        list[str] | None,
        typer.Argument(metavar="SNAPSHOT...", help="The snapshots to remove; else a policy decides."),
    ] = None,
    keep_last: Annotated[int | None, typer.Option(metavar="N", min=1, help="Keep the last N snapshots.")] = None,
    keep_hourly: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep the last one of each of N hours.")
    ] = None,
    keep_daily: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep the last one of each of N days.")
    ] = None,
    keep_weekly: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep the last one of each of N weeks.")
    ] = None,
    keep_monthly: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep the last one of each of N months.")
    ] = None,
    keep_yearly: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep the last one of each of N years.")
    ] = None,
    keep_within: Annotated[
        str | None, typer.Option(metavar="AGE", help="Keep all within this time of the newest: 36h, 7d, 2w, 1y2m3d.")
    ] = None,
    keep_tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Keep all with this tag.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Decide only about snapshots with this tag.")
    ] = None,
    run: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Decide only about snapshots of nothing but this run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Remove nothing; show what would be done, and why.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    unsafe_remove_all: Annotated[
        bool, typer.Option("--unsafe-remove-all", help="Also where no complete snapshot would be left.")
    ] = False,
) -> int:
    """Remove snapshots by a policy, or by name.

    Of each hour, day, week, month or year (of UTC) that has snapshots the last one counts; what any rule keeps is kept.
    Snapshots of other databases, or of other runs asked for, are decided about by themselves, and one that lacks files
    displaces none that is complete. Safety snapshots do not count: they go after trash-retention-days. Objects go with
    gc.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.columns import utc_now
    from zenctx.operations import forget as operation
    from zenctx.operations.repository import open_repository

    settings = invocation.settings
    policy = Policy(
        keep_last or 0,
        keep_hourly or 0,
        keep_daily or 0,
        keep_weekly or 0,
        keep_monthly or 0,
        keep_yearly or 0,
        None if keep_within is None else parse_duration(keep_within, option="--keep-within"),
        tuple(keep_tag or ()),
        safety_days=settings.trash_retention_days,
    )
    request = operation.ForgetRequest(
        tuple(snapshot or ()), policy, tuple(tag or ()), tuple(run or ()), remove_all=unsafe_remove_all
    )
    operation.check_request(request)
    repository = open_repository(settings)
    plan = operation.plan(repository, request, utc_now())
    _show(invocation, plan)
    if dry_run:
        return invocation.output.finish(operation.rehearse(repository, plan))
    if plan.removed and will_ask(yes=yes):
        invocation.output.show("")  # so that all rows are seen before the question
        confirm(f"Remove {len(plan.removed):,} of these {len(plan.items):,} snapshots for good?")
    with _journal(settings) as database:
        return invocation.output.finish(operation.execute(repository, plan, settings, database))


def _show(invocation: Invocation, plan: "ForgetPlan") -> None:
    invocation.output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    for item in plan.items:
        invocation.output.item(item)


@contextmanager
def _journal(settings: "Settings") -> "Iterator[Database | None]":
    """Opens the database whose journal is told; None where it cannot be opened."""
    from zenctx.database.engine import Database

    try:
        database = Database.open(settings.db, read_only=False)
    except SetupError:
        yield None
        return
    with database:
        yield database
