"""`zenctx doctor`: what stands in the way of the set-up as a whole, or of one run."""

from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command

COLUMNS = (
    columns.text("severity", "severity"),
    columns.text("finding", "kind"),
    columns.text("key", "key", drop=1),
    columns.remark("reason", "reason"),
    columns.remark("path", "path", labelled=True),
    columns.remark("what to do", "hint", labelled=True),
)
FACTS = (
    columns.text("database", "database"),
    columns.text("server", "server"),
    columns.text("zenctx's tables", "revision"),
    columns.text("engine", "engine"),
    columns.text("persistent files", "store"),
    columns.size("free there", "free_bytes"),
    columns.text("repository", "repository"),
    columns.moment("newest snapshot", "last_snapshot"),
    columns.number("runs looked at", "rows"),
    columns.number("files looked at", "files"),
)
RUN_FACTS = (
    columns.identifier("run", "run_id"),
    columns.identifier("workflow", "workflow_id"),
    columns.text("name", "workflow"),
    columns.text("status", "status"),
    columns.text("class", "run_class"),
    columns.text("form", "form"),
    columns.text("goes on at", "nodes"),
)


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "engine-reads", "snapshots"],
    examples="""
    zenctx doctor
    zenctx doctor --quiet
    zenctx doctor 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    """,
    exit_codes={4: "errors or warnings were found; each says what to do", 10: "no such run"},
)
def doctor(
    invocation: Invocation,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="Rehearse how this run would resume; without it: look at all.")
    ] = None,
) -> int:
    """Find what stands in the way, and say what to do about it.

    Without a run: settings, directories and their room, database, rights, clocks, the engine, locks, snapshots, and
    whether contexts, files and engine fit each other. With a run: whether the engine could take it up again, read its
    values and files, and find what the next nodes need; the last line says whether it would resume. Changes nothing,
    needs rights to read alone, shows no value. Notices do not change the exit code.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.operations import doctor as operation

    output = invocation.output
    if run is None:
        output.begin(COLUMNS, facts=FACTS)
        return output.finish(operation.diagnose(invocation.settings, output.item, invocation.progress("Looking")))
    output.begin(COLUMNS, facts=RUN_FACTS)
    with Database.open(invocation.settings.db, read_only=True) as database:
        progress = invocation.progress("Rehearsing")
        return output.finish(operation.rehearse(database, invocation.settings, run, output.item, progress))
