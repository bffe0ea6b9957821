"""`zenctx verify`: reads every value back."""

import re
from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError

COLUMNS = (
    columns.text("severity", "severity"),
    columns.text("finding", "kind"),
    columns.identifier("run", "run_id", drop=1),
    columns.text("key", "key", drop=2),
    columns.text("reason", "reason"),
    columns.text("path", "path", squeeze="middle", drop=3),
    columns.size("size", "bytes", drop=4),
    columns.text("what to do", "hint", drop=5),
)
_SUBSET = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root"],
    examples="""
    zenctx verify
    zenctx verify --quick --json
    zenctx verify --subset 1/7
    zenctx verify --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    """,
)
def verify(
    invocation: Invocation,
    run: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this run, and no unreferenced files.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare the sizes of files, not their content.")] = False,
    subset: Annotated[
        str | None, typer.Option(metavar="n/t", help="Read the content of the n-th of t parts of the files.")
    ] = None,
) -> int:
    """Read everything back: descriptors, files, checksums.

    Every descriptor decodes, every file is there with its size and checksum. Also the other way: files that no run
    names are told (a notice; gc takes care of them). Exits with 4 where a value cannot be had as it was stored, or
    where something needs a decision. Changes nothing.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.database.rows import Selection
    from zenctx.operations import verify as operation

    settings, output = invocation.settings, invocation.output
    request = operation.VerifyRequest(Selection(run_ids=tuple(run or ())), quick=quick, subset=_subset(subset))
    output.begin(COLUMNS)
    with Database.open(settings.db, read_only=True) as database:
        progress = invocation.progress("Verifying")
        return output.finish(operation.verify(database, settings, request, output.item, progress))


def _subset(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    match = _SUBSET.fullmatch(text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise UsageError(
            f"--subset {text!r} is not n/t with 1 <= n <= t", hint="write 1/7 for the first of seven parts"
        )
    return part, parts
