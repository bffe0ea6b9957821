"""`zenctx export`: a snapshot as one archive."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError

FACTS = (
    columns.text("snapshot", "source_id"),
    columns.text("in the archive", "snapshot_id"),
    columns.text("archive", "path"),
    columns.size("archive size", "archive_bytes"),
    columns.number("runs", "runs"),
    columns.number("files", "files"),
    columns.number("missing", "missing"),
    columns.number("objects", "objects"),
    columns.size("object size", "bytes"),
    columns.text("redacted", "redacted"),
    columns.text("encrypted", "encrypted"),
)
_STDOUT = "-"


@command(
    settings=["snapshots"],
    examples="""
    zenctx export latest snapshot.zxa
    zenctx export latest support.zxa --redact --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx export latest off-site.zxa.age --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
    """,
    exit_codes={
        4: "the snapshot is damaged; there is no archive",
        5: "there is a file of that name, or it is too large for a passphrase; there is no archive",
        10: "no such snapshot, or it has no such run; there is no archive",
        11: "",
    },
)
def export(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    snapshot: Annotated[
        str, typer.Argument(metavar="SNAPSHOT", help="An id or the beginning of one, latest, or latest~N.")
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The archive, or - for standard output.")],
    run: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this run.")] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Replace secrets by ***, in files, too.")] = False,
    recipient: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Encrypt with age for this public key (age1..., or of ssh).")
    ] = None,
    passphrase_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Encrypt with age by the passphrase in its first line.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
) -> int:
    """Write a snapshot into one archive, with all that it needs.

    The archive has its name once it is whole and durable; only its owner can read it. It holds secrets as they are,
    unless they are replaced (--redact) or it is encrypted, which takes the extra crypto. A redacted snapshot, or one of
    some runs, is another snapshot, with another id. Opens no database; changes nothing in the repository.
    """
    from zenctx.operations import export as operation
    from zenctx.operations.archiving.crypto import Keys
    from zenctx.store.private_file import new_private_file

    if recipient and passphrase_file is not None:
        raise UsageError("--recipient and --passphrase-file are two ways of encrypting", hint="give one of them")
    keys = Keys(recipients=tuple(recipient or ()), passphrase_file=passphrase_file)
    request = operation.ExportRequest(snapshot, tuple(run or ()), redact, keys)
    settings = invocation.settings
    if file == _STDOUT:
        _check_stdout(invocation)
        sink = invocation.bytes_to_stdout()
        return operation.export(settings, request, sink, "standard output").exit_code
    progress = invocation.progress("Exporting")
    with new_private_file(Path(file), replace=force) as target:
        report = operation.export(settings, request, target, file, progress)
    invocation.output.begin((), facts=FACTS if invocation.verbose else ())
    return invocation.output.finish(report)


def _check_stdout(invocation: Invocation) -> None:
    if invocation.format is not Format.TABLE:
        raise UsageError(
            f"'-' writes the archive itself, not a document of {invocation.format}", hint="leave out the format"
        )
    if sys.stdout.isatty():
        raise UsageError("an archive is no text for a terminal", hint="name a file, or send it to another program")
