"""`zenctx demo`: a playground."""

from pathlib import Path
from typing import Annotated

import typer

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command


@command(
    examples="""
    zenctx demo
    zenctx demo /tmp/playground --runs 5000
    """
)
def demo(
    invocation: Invocation,
    directory: Annotated[Path, typer.Argument(metavar="[DIRECTORY]", help="A new or empty directory.")] = Path(
        "zenctx-demo"
    ),
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many runs to make.")] = 24,
) -> int:
    """Make a playground.

    It is an SQLite database with legacy contexts of real shape, and a settings file. Everything is below the directory:
    removing it removes all.
    """
    # Lazy: SQLAlchemy and Alembic load slowly.
    from zenctx.operations import demo as operation

    invocation.output.begin(())
    return invocation.output.finish(operation.make_playground(directory, runs))
