"""`zenctx demo`: a playground."""

from pathlib import Path
from typing import Annotated

import typer

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError


@command(
    examples="""
    zenctx demo
    zenctx demo /tmp/playground --runs 5000
    """,
    exit_codes={5: "the directory holds something already; it was not touched"},
)
def demo(
    invocation: Invocation,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="A new or empty directory.")] = Path(
        "zenctx-demo"
    ),
    runs: Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000, help="How many runs to make.")] = 24,
) -> int:
    """Make a playground.

    It is an SQLite database with legacy contexts of real shape, and a settings file. Everything is below the directory:
    removing it removes all. No other database is touched.
    """
    # Lazy: SQLAlchemy and Alembic load slowly.
    from zenctx.operations import demo as operation

    sources = invocation.sources
    if "db" in sources.given or sources.file is not None or sources.spring:
        named = "leave out --db, --config and --spring" if sources.spring else "leave out --db and --config"
        raise UsageError("'zenctx demo' makes a database and settings of its own", hint=named)
    invocation.output.begin(())
    progress = invocation.progress("Making runs")
    return invocation.output.finish(operation.make_playground(directory, runs, progress))
