"""`zenctx verify`: reads every value back."""

import re
from typing import Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError

COLUMNS = (
    columns.text("severity", "severity"),
    columns.text("finding", "kind"),
    columns.identifier("run", "run_id"),
    columns.text("key", "key", drop=1),
    columns.identifier("snapshot", "snapshot_id", drop=3),
    columns.size("size", "bytes", drop=2),
    columns.remark("reason", "reason"),
    columns.remark("path", "path", labelled=True),
    columns.remark("what to do", "hint", labelled=True),
)
FACTS = (
    columns.number("runs", "runs"),
    columns.number("entries", "entries"),
    columns.number("files", "files"),
    columns.size("read", "bytes"),
    columns.number("in the store", "files_in_store"),
    columns.number("unreferenced", "unreferenced"),
    columns.text("repository", "repository"),
    columns.number("snapshots", "snapshots"),
    columns.number("objects", "objects"),
    columns.size("read of objects", "object_bytes"),
    columns.number("objects without a snapshot", "unreferenced_objects"),
    columns.number("errors", "errors"),
    columns.number("warnings", "warnings"),
    columns.number("notices", "notices"),
)
_SUBSET = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "snapshots"],
    examples="""
    zenctx verify
    zenctx verify --quick --json
    zenctx verify --subset 1/7
    zenctx verify --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx verify --snapshot latest
    """,
    exit_codes={4: "errors or warnings were found; each is named", 10: "no such run or snapshot", 11: ""},
)
def verify(
    invocation: Invocation,
    run: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Only this run of the database, neither unreferenced files nor the repository."
        ),
    ] = None,
    snapshot: Annotated[
        list[str] | None,
        typer.Option(metavar="SNAPSHOT", help="Only this snapshot (an id, latest, latest~N), and not the database."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare the sizes of files, not their content.")] = False,
    subset: Annotated[
        str | None, typer.Option(metavar="n/t", help="Read the content of the n-th of t parts of the files.")
    ] = None,
) -> int:
    """Read everything back: descriptors, files, checksums, and snapshots.

    Of the database: every descriptor decodes, every file is there with its size and checksum; also the other way,
    files that no run names are told. Of the repository, where there is one: every manifest is read to its end, every
    object is there and has its checksum, each read once. The last line counts what was looked at. An error is a value
    that cannot be had as it was stored, a warning something that needs a decision, a notice neither. Changes nothing;
    how it ended is noted in the journal, where that can be written.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.database.rows import Selection
    from zenctx.operations import verify as operation

    if quick and subset is not None:
        raise UsageError("--quick and --subset contradict each other", hint="--quick reads the content of no file")
    if run and snapshot:
        raise UsageError("--run is about the database, --snapshot about the repository", hint="give one of them")
    output = invocation.output
    request = operation.VerifyRequest(Selection(run_ids=tuple(run or ())), quick=quick, subset=_subset(subset))
    output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    settings, progress = invocation.settings, invocation.progress("Verifying")
    # Silent from cron where nothing is wrong.
    is_silent = invocation.quiet and invocation.format is Format.TABLE

    def tell(item: operation.FindingItem) -> None:
        if not is_silent or item.severity != operation.Severity.NOTICE:
            output.item(item)

    if snapshot:
        return output.finish(operation.verify_snapshots(settings, snapshot, request, tell, progress))
    with Database.open(settings.db, read_only=True) as database:
        return output.finish(operation.verify_on_record(database, settings, request, tell, progress))


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
