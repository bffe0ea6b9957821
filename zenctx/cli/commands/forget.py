"""`zenctx forget`: removes snapshots by a policy, or by name."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.confirm import confirm, will_ask
from zenctx.cli.invocation import Invocation
from zenctx.cli.journal import journal_database
from zenctx.cli.options import command
from zenctx.context.retention import Policy, parse_duration

if TYPE_CHECKING:
    from zenctx.operations.forget import ForgetPlan, ForgetRequest

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
_SOUND = ("complete", "incomplete")
"""What a manifest that can be read is; one that cannot is told of also where nothing else is."""


def _keep_of(spans: str) -> Any:
    return typer.Option(metavar="N", min=1, help=f"Keep the last one of each of N {spans}.")


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
    keep_hourly: Annotated[int | None, _keep_of("hours")] = None,
    keep_daily: Annotated[int | None, _keep_of("days")] = None,
    keep_weekly: Annotated[int | None, _keep_of("weeks")] = None,
    keep_monthly: Annotated[int | None, _keep_of("months")] = None,
    keep_yearly: Annotated[int | None, _keep_of("years")] = None,
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
    policy = Policy(
        keep_last or 0,
        keep_hourly or 0,
        keep_daily or 0,
        keep_weekly or 0,
        keep_monthly or 0,
        keep_yearly or 0,
        None if keep_within is None else parse_duration(keep_within, option="--keep-within"),
        tuple(keep_tag or ()),
        safety_days=invocation.settings.trash_retention_days,
    )
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.operations.forget import ForgetRequest

    request = ForgetRequest(
        tuple(snapshot or ()), policy, tuple(tag or ()), tuple(run or ()), remove_all=unsafe_remove_all
    )
    return _forget(invocation, request, dry_run=dry_run, asks=not dry_run and will_ask(yes=yes))


def _forget(invocation: Invocation, request: "ForgetRequest", *, dry_run: bool, asks: bool) -> int:
    from zenctx.database.columns import utc_now
    from zenctx.operations import forget as operation
    from zenctx.operations.repository import open_repository

    settings = invocation.settings
    operation.check_request(request)
    repository = open_repository(settings)
    plan = operation.plan(repository, request, utc_now())
    # Silent from cron: what is asked for is that it is done. Who is asked has to see what about.
    is_silent = invocation.quiet and invocation.format is Format.TABLE and not (dry_run or asks)
    _show(invocation, plan, is_silent=is_silent)
    if dry_run:
        return invocation.output.finish(operation.rehearse(repository, plan))
    if plan.removed and asks:
        invocation.output.show("")  # so that all rows are seen before the question
        confirm(f"Remove {len(plan.removed):,} of these {len(plan.items):,} snapshots for good?")
    with journal_database(settings) as database:
        return invocation.output.finish(operation.execute(repository, plan, settings, database))


def _show(invocation: Invocation, plan: "ForgetPlan", *, is_silent: bool) -> None:
    invocation.output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    for item in plan.items:
        if not is_silent or item.state not in _SOUND:
            invocation.output.item(item)
