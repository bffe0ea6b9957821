"""`zenctx cat`: the bytes of one value to standard output."""

from typing import Annotated

import typer

from zenctx.cli.arguments import Format
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root"],
    examples="""
    zenctx cat 3f2504e0-4f89-41d3-9a0c-0305e82c3301 http.output.body | jq .items
    zenctx cat 3f2504e0-4f89-41d3-9a0c-0305e82c3301 video.output.file > video.mp4
    """,
    exit_codes={
        4: "the context or the descriptor is invalid, or the file is missing or altered",
        5: "the value holds a secret, or its locator leaves the configured directories",
        10: "no such run or key",
    },
)
def cat(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of the value.")],
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Write out secrets, too.")] = False,
) -> int:
    """Write the bytes of one value to standard output.

    A value in the row comes as its JSON text (a string with its quotes), one in a file as the bytes of the file. A
    value that holds a secret of the run is refused.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.operations import cat as operation

    if invocation.format is not Format.TABLE:
        raise UsageError(
            f"'zenctx cat' writes the bytes as they are, not as {invocation.format}",
            hint="'zenctx inspect RUN KEY --json' puts the value into a document",
        )
    settings = invocation.settings
    with (
        Database.open(settings.db, read_only=True) as database,
        operation.cat(database, settings, run, key, show_secrets=show_secrets) as pieces,
    ):
        stdout = invocation.bytes_to_stdout()
        for piece in pieces:
            stdout.write(piece)
    return 0
