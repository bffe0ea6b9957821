"""`zenctx import`: the snapshot of an archive into the repository."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from zenctx.cli import columns
from zenctx.cli.invocation import Invocation
from zenctx.cli.journal import journal_database
from zenctx.cli.options import command
from zenctx.errors import NotFoundError, StoreError, UsageError

FACTS = (
    columns.text("snapshot", "snapshot_id"),
    columns.moment("as of", "created_at"),
    columns.text("repository", "repository"),
    columns.text("tags", "tags"),
    columns.number("runs", "runs"),
    columns.number("files", "files"),
    columns.number("missing", "missing"),
    columns.number("objects", "objects"),
    columns.size("object size", "bytes"),
    columns.number("new objects", "new_objects"),
    columns.size("new size", "new_bytes"),
    columns.text("new", "is_new"),
    columns.text("redacted", "redacted"),
    columns.text("journal", "recorded"),
)
_STDIN = "-"


@command(
    settings=["snapshots"],
    examples="""
    zenctx import snapshot.zxa
    zenctx import snapshot.zxa --dry-run --verbose
    zenctx import off-site.zxa.age --identity key.txt
    """,
    exit_codes={
        4: "the archive is damaged, or the key does not fit; nothing of it was kept",
        5: "it is encrypted, or of a newer zenctx, or persistence is switched off; nothing was kept",
        10: "no such file",
        11: "",
    },
)
def import_(
    invocation: Invocation,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The archive, or - for standard input.")],
    identity: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Decrypt with the secret key of age or ssh in this file.")
    ] = None,
    passphrase_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Decrypt by the passphrase in its first line.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all of the archive, and store nothing.")] = False,
) -> int:
    """Take the snapshot of an archive into the repository.

    All of the archive is read and compared first, and nothing of one that is damaged is kept. The snapshot has the id
    that it has in the archive; taking it in again changes nothing. Objects are stored first, the manifest last. Runs
    are not touched: restore puts them back.
    """
    from zenctx.operations import import_ as operation
    from zenctx.operations.archiving.crypto import Keys

    if identity and passphrase_file is not None:
        raise UsageError("--identity and --passphrase-file are two ways of decrypting", hint="give one of them")
    keys = Keys(identities=tuple(identity or ()), passphrase_file=passphrase_file)
    origin = "standard input" if file == _STDIN else file
    request = operation.ImportRequest(origin, keys)
    settings = invocation.settings
    invocation.output.begin((), facts=FACTS if invocation.verbose else ())
    progress = invocation.progress("Importing")
    with _opened(file) as archive:
        if dry_run:
            return invocation.output.finish(operation.rehearse(settings, request, archive, progress))
        with journal_database(settings) as database:
            return invocation.output.finish(operation.import_archive(settings, request, archive, database, progress))


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == _STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise StoreError(f"the file {path} cannot be read: {error.strerror}") from None
    with file:
        yield file
