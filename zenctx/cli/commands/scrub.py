"""`zenctx scrub`: removes secrets from runs that are over."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.commands.audit import SETTINGS
from zenctx.cli.confirm import confirm, will_ask
from zenctx.cli.excerpt import Excerpt
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.cli.secret_values import check_names, read_values
from zenctx.errors import UsageError

if TYPE_CHECKING:
    from zenctx.operations.scrubbing.report import ScrubItem, ScrubSummary

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("action", "action"),
    columns.text("status", "status", drop=2),
    columns.number("places", "places"),
    columns.number("nodes", "nodes", drop=1),
    columns.number("files", "files", drop=1),
    columns.remark("reason", "reason"),
)
FACTS = (
    columns.number("runs searched", "searched"),
    columns.number("scrubbed", "scrubbed"),
    columns.number("places", "places"),
    columns.number("nodes", "nodes"),
    columns.number("files", "files"),
    columns.number("files left to gc", "foreign_files"),
    columns.number("left", "left"),
    columns.number("changed meanwhile", "changed"),
    columns.number("failed", "failed"),
    columns.text("safety snapshot", "safety_snapshot_id"),
    columns.number("snapshots", "snapshots"),
    columns.number("files in the trash", "trash_files"),
    columns.text("operation", "operation_id"),
)
_SHOWN = 20
"""Rows of each action that the text shows, unless it is to tell all."""


@command(
    settings=SETTINGS,
    examples="""
    zenctx scrub --dry-run
    zenctx scrub --snapshot
    zenctx scrub --status SUCCESS --limit 1000 --yes
    zenctx scrub --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx scrub --values leaked.txt
    zenctx scrub --names --dry-run
    """,
    exit_codes={
        3: "a run with secrets was left as it is; each is named, with the reason",
        5: "a run of --run is not over, it was not confirmed, or persistence is switched off; nothing was changed",
        10: "no such run, workflow or file of values",
        11: "",
    },
)
def scrub(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    status: Annotated[
        list[str] | None, typer.Option(metavar="STATUS", help="Only runs of this status: SUCCESS or ERROR.")
    ] = None,
    workflow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only runs of this workflow.")] = None,
    run: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this run.")] = None,
    names: Annotated[
        bool,
        typer.Option(
            "--names",
            help="Also what stands under a name that redact-keys matches. That may hide what is no secret (a "
            "next_page_token, say), for good: look at zenctx audit --names first.",
        ),
    ] = False,
    values: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Texts that are secret in every run, one a line; - for standard input."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Scrub at most so many runs; 0 scrubs all.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; show what would be done.")] = False,
    snapshot: Annotated[
        bool,
        typer.Option("--snapshot", help="Take a safety snapshot of what changes first: it will hold the secrets."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> int:
    """Remove secrets from runs that are over: what zenctx audit finds with the same options, and nothing else.

    The engine's reserved keys of secrets are taken out; other values become "***", or the part of a text that is
    secret does. Files are written anew, the old ones deleted. All of a run changes at once, only if nobody has written
    it meanwhile, and a run that may still be resumed is never touched. What is gone is gone, but for --snapshot and
    older snapshots. Killed at any point, run it again: a second scrub finds nothing.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.database.rows import Selection
    from zenctx.operations import scrub as operation
    from zenctx.operations.scrubbing.request import ScrubRequest

    if dry_run and snapshot:
        raise UsageError("--snapshot and --dry-run contradict each other", hint="a dry run changes nothing")
    check_names(invocation, names=names)
    selection = Selection(tuple(run or ()), tuple(status or ()), tuple(workflow or ()))
    request = ScrubRequest(selection, limit or None, snapshot, names, read_values(values))
    settings, output = invocation.settings, invocation.output
    output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    shows_all = invocation.verbose or invocation.format is not Format.TABLE
    rows = Excerpt(output, None if shows_all else _SHOWN, _kind)
    progress = invocation.progress("Searching" if dry_run else "Scrubbing")
    with Database.open(settings.db, read_only=dry_run) as database:
        if dry_run:
            report = operation.rehearse(database, settings, request, rows.add, progress)
        else:
            asks = _ask if will_ask(yes=yes) else None
            report = operation.scrub(database, settings, request, rows.add, progress, confirm=asks)
    return rows.finish(report)


def _ask(planned: "ScrubSummary") -> None:
    what = "1 run" if planned.scrubbed == 1 else f"{planned.scrubbed:,} runs"
    secrets = "1 secret" if planned.places == 1 else f"{planned.places:,} secrets"
    confirm(f"Remove {secrets} from {what}, for good?")


def _kind(item: object) -> str:
    scrubbed: ScrubItem = item  # type: ignore[assignment]
    return scrubbed.action
