"""The application: every command of zenctx in one list, in the order of the help."""

from typing import Annotated

import typer

from zenctx import __version__
from zenctx.cli.group import Entry, build_app

LOOK = "Look"
CHANGE = "Change"
SNAPSHOTS = "Snapshots"
CLEAN_UP = "Clean up"
SET_UP = "Set up"

COMMANDS = (
    Entry("runs", "List runs, newest first.", LOOK),
    Entry("inspect", "Show the entries of a context, or one value in full.", LOOK),
    Entry("cat", "Write the bytes of one value to standard output.", LOOK),
    Entry("diff", "Compare two contexts, JSON files or snapshots.", LOOK),
    Entry("verify", "Read everything back: descriptors, files, snapshots.", LOOK),
    Entry("stats", "Show what runs and files take, and how that grows.", LOOK),
    Entry("metrics", "Print Prometheus metrics: runs, files, snapshots, commands, room.", LOOK),
    Entry("doctor", "Find what stands in the way: of all, or of one run.", LOOK),
    Entry("audit", "Find secrets in plain text, and say where.", LOOK),
    Entry("migrate", "Convert contexts to descriptors, or back to the legacy form.", CHANGE),
    Entry("scrub", "Remove secrets from runs that are over.", CHANGE),
    Entry("snapshot", "Take a snapshot of runs and their files.", SNAPSHOTS),
    Entry("snapshots", "List the snapshots of the repository.", SNAPSHOTS),
    Entry("forget", "Remove snapshots by a policy, or by name.", SNAPSHOTS),
    Entry("restore", "Put contexts, rows and files of a snapshot back.", SNAPSHOTS),
    Entry("export", "Write a snapshot into one archive.", SNAPSHOTS),
    Entry("import", "Take the snapshot of an archive in.", SNAPSHOTS, "zenctx.cli.commands.import_:import_"),
    Entry("gc", "Clean up the files that nobody needs any more.", CLEAN_UP),
    Entry("gc log", "List past clean-ups, newest first."),
    Entry("gc pin", "Keep the files of a run, whatever becomes of its row."),
    Entry("gc unpin", "Take the pin of a run away."),
    Entry("gc pins", "List the pinned runs."),
    Entry("schedule", "Print the crontab line, or the systemd units, for the clean-up.", CLEAN_UP),
    Entry("demo", "Make a playground.", SET_UP),
    Entry("db", "zenctx's own tables, and the directory of a database.", SET_UP, branch=True),
    Entry("db upgrade", "Create zenctx's own tables, or bring them up to date."),
    Entry("db current", "Show the revision of zenctx's own tables."),
    Entry("db sql", "Print the SQL that creates zenctx's own tables."),
    Entry("db bind", "Bind the database to the configured persistent directory."),
    Entry("config", "The settings that are in effect.", SET_UP, branch=True),
    Entry("config show", "Show every setting with its value and where it comes from."),
)
"""A new command is one more entry here, and a module of its name in `zenctx.cli.commands`."""

app = build_app(COMMANDS)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zenctx {__version__}")
        raise typer.Exit


EXAMPLES = """
zenctx demo && cd zenctx-demo && zenctx runs
zenctx inspect 3f2504e0-4f89-41d3-9a0c-0305e82c3301
zenctx migrate --dry-run
zenctx migrate --check --json | jq .summary.census
"""


@app.callback(epilog=EXAMPLES)
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Looks at, converts and checks the contexts of ZenFlow workflow runs, and loses none of their values.

    The common options (--db, --config, --json, --quiet and others) follow the command: zenctx COMMAND --help shows
    them all.
    """
