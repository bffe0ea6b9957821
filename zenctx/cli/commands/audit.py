"""`zenctx audit`: where secrets stand in plain text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.excerpt import Excerpt
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.cli.secret_values import check_names, read_values

if TYPE_CHECKING:
    from zenctx.operations.scrubbing.report import AuditItem

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("class", "run_class", drop=3),
    columns.text("place", "place"),
    columns.text("key or node", "key"),
    columns.text("by", "kind", drop=1),
    columns.number("places", "places"),
    columns.text("first at", "pointer", drop=2),
    columns.remark("not to be scrubbed", "reason", labelled=True),
)
FACTS = (
    columns.number("runs searched", "searched"),
    columns.number("with secrets", "with_secrets"),
    columns.number("of them over", "finished"),
    columns.number("not searched to the end", "unreadable"),
    columns.number("snapshots", "snapshots"),
    columns.number("files in the trash", "trash_files"),
)
SETTINGS = ["redact-keys", "persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "snapshots"]
_SHOWN = 20
"""Rows of each kind that the text shows, unless it is to tell all."""


@command(
    settings=SETTINGS,
    examples="""
    zenctx audit
    zenctx audit --finished --json
    zenctx audit --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --verbose
    zenctx audit --names --verbose
    zenctx audit --values leaked.txt --limit 0
    """,
    exit_codes={
        3: "nothing was found, but something could not be searched",
        4: "secrets stand in plain text; each place is named",
        10: "no such run, workflow or file of values",
    },
)
def audit(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="Only runs of this status: RUNNING, SUCCESS, ERROR, WAITING or another."),
    ] = None,
    workflow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only runs of this workflow.")] = None,
    run: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this run.")] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Only runs that are over: others need their secrets.")
    ] = False,
    names: Annotated[
        bool, typer.Option("--names", help="Also what stands under a name that redact-keys matches.")
    ] = False,
    values: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Texts that are secret in every run, one a line; - for standard input."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Name at most so many runs; 0 names all.")] = 0,
) -> int:
    """Find secrets that stand in plain text in the database and its files, and say where.

    Secret is what stands under the engine's reserved keys (--names: and under names that redact-keys matches), and the
    same values of 8 characters or more wherever else the run has stored them: in its context and files, error, outputs
    of its nodes, as they are, in JSON in a text, escaped, in base64. No value is ever shown. Changes nothing.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.database.rows import Selection
    from zenctx.operations.audit import audit as operation
    from zenctx.operations.scrubbing.request import AuditRequest

    check_names(invocation, names=names)
    selection = Selection(tuple(run or ()), tuple(status or ()), tuple(workflow or ()))
    request = AuditRequest(selection, finished, limit or None, names, read_values(values))
    settings, output = invocation.settings, invocation.output
    output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    shows_all = invocation.verbose or invocation.format is not Format.TABLE
    rows = Excerpt(output, None if shows_all else _SHOWN, _kind)
    with Database.open(settings.db, read_only=True) as database:
        report = operation(database, settings, request, rows.add, invocation.progress("Searching"))
    return rows.finish(report)


def _kind(item: object) -> str:
    found: AuditItem = item  # type: ignore[assignment]
    return f"by {found.kind}" if found.kind else "not searched"
