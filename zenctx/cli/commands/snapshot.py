"""`zenctx snapshot`: runs and their files into the repository."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.excerpt import Excerpt
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import DatabaseError, UsageError
from zenctx.operations.snapshotting.report import NAMED, SnapshotItem, SnapshotReport

if TYPE_CHECKING:
    from zenctx.database.engine import Database
    from zenctx.operations.snapshotting.request import SnapshotRequest

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("action", "action"),
    columns.text("class", "run_class", drop=3),
    columns.text("form", "form", drop=2),
    columns.text("key", "key", drop=1),
    columns.size("size", "bytes"),
    columns.remark("reason", "reason"),
    columns.remark("file", "path", labelled=True),
)
FACTS = (
    columns.text("snapshot", "snapshot_id"),
    columns.moment("as of", "created_at"),
    columns.text("repository", "repository"),
    columns.text("selection", "selection"),
    columns.text("tags", "tags"),
    columns.number("runs", "runs"),
    columns.size("contexts", "context_bytes"),
    columns.number("files", "files"),
    columns.size("file size", "file_bytes"),
    columns.number("copied", "copied"),
    columns.size("copied size", "copied_bytes"),
    columns.number("unchanged", "unchanged"),
    columns.number("repaired objects", "repaired"),
    columns.number("missing", "missing"),
    columns.number("altered", "altered"),
    columns.number("refused", "refused"),
    columns.number("unreadable", "unreadable"),
    columns.text("complete", "complete"),
    columns.number("zombies left out", "zombies"),
    columns.text("journal", "journal"),
)
_SHOWN = 20
"""Runs and files of each action that the text of a dry run shows, unless it is to tell all; problems are all named."""
_LONGEST_TAG, _MOST_TAGS = 100, 50


@command(
    settings=["persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "snapshots"],
    examples="""
    zenctx snapshot --tag before-upgrade
    zenctx snapshot --dry-run --verbose
    zenctx snapshot --tag nightly --quiet
    zenctx snapshot 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx snapshot --from context.json 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    """,
    exit_codes={
        3: "the snapshot was taken and is incomplete: a file is missing or not what its descriptor says; each is named",
        4: "with --from: what is given is no context",
        5: "persistence is switched off, or the database belongs to another directory; no snapshot was made",
        10: "no such run, or no file to read --from; no snapshot was made",
        11: "",
    },
)
def snapshot(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    run: Annotated[
        list[str] | None, typer.Argument(metavar="RUN...", help="The ids of runs; else those that can be resumed.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every run, also those that are over.")] = False,
    status: Annotated[list[str] | None, typer.Option(metavar="STATUS", help="All runs of this status.")] = None,
    workflow: Annotated[list[str] | None, typer.Option(metavar="ID", help="All runs of this workflow.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A word to find the snapshot by.")] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Take a context from a JSON file, or from standard input (-)."),
    ] = None,
    paranoid: Annotated[
        bool,
        typer.Option(
            "--paranoid", help="Read files that seem unchanged, too, and compare the repository's objects with them."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; show what would be taken.")] = False,
) -> int:
    """Take a snapshot of runs: their rows as of one moment, with the files of their values.

    Without an argument it takes every run that can still be resumed. Rows are taken whole, contexts as their exact
    text, whatever their form. A file that is missing, or not what its descriptor says, is named, and the snapshot is
    incomplete; bytes that were altered are kept as they are. Files that have not changed since an earlier snapshot are
    not read again. With --from no database is opened: the context becomes a snapshot of one run, RUN or one made up.
    """
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.rows import Selection
    from zenctx.operations.snapshotting.request import SnapshotRequest

    _check(run, all_=all_, selects=bool(status or workflow), from_=from_)
    selection = Selection(tuple(run or ()), tuple(status or ()), tuple(workflow or ()))
    request = SnapshotRequest(
        Selection() if from_ is not None else selection,
        resumable=not all_ and selection == Selection(),
        tags=_tags(tag or []),
        paranoid=paranoid,
    )
    if from_ is not None:
        return _from_file(invocation, request, from_, run[0] if run else None, dry_run=dry_run)
    return _from_database(invocation, request, dry_run=dry_run)


class _Rows:
    """What the text shows of a snapshot: problems, and in a dry run some of the rest; other formats show all."""

    def __init__(self, invocation: Invocation, *, dry_run: bool) -> None:
        self._output = invocation.output
        self._shows_all = invocation.verbose or invocation.format is not Format.TABLE
        self._excerpt = Excerpt(self._output, _SHOWN if dry_run else 0, lambda item: str(getattr(item, "action", "")))
        self._dry_run = dry_run
        self._output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())

    def add(self, item: SnapshotItem) -> None:
        """Takes a run or a file."""
        if self._shows_all or item.action in NAMED:
            self._output.item(item)
        elif self._dry_run:
            self._excerpt.add(item)

    def finish(self, report: SnapshotReport) -> int:
        """Says how much is not shown, and ends the output."""
        return self._excerpt.finish(report)


def _from_database(invocation: Invocation, request: "SnapshotRequest", *, dry_run: bool) -> int:
    from zenctx.operations import snapshot as operation

    rows = _Rows(invocation, dry_run=dry_run)
    settings = invocation.settings
    with ExitStack() as stack:
        database = stack.enter_context(_open(settings.db, dry_run=dry_run))
        progress = invocation.progress("Looking" if dry_run else "Taking the snapshot")
        work = operation.rehearse if dry_run else operation.snapshot
        report = work(database, settings, request, rows.add, progress)
    return rows.finish(report)


def _from_file(
    invocation: Invocation, request: "SnapshotRequest", path: str, run_id: str | None, *, dry_run: bool
) -> int:
    from zenctx.operations import snapshot as operation
    from zenctx.operations.snapshotting.given import read_given

    rows = _Rows(invocation, dry_run=dry_run)
    settings = invocation.settings
    given = read_given(path, run_id)
    work = operation.rehearse_given if dry_run else operation.snapshot_given
    return rows.finish(work(settings, given, request, rows.add, invocation.progress("Taking the snapshot")))


def _open(url: str, *, dry_run: bool) -> "Database":
    """Opens the database for writing, so that the journal can be kept; for reading where that is all it allows."""
    from zenctx.database.engine import Database

    if not dry_run:
        try:
            return Database.open(url, read_only=False)
        except DatabaseError:
            pass  # what is wrong for reading, too, is said by the next line
    return Database.open(url, read_only=True)


def _check(run: list[str] | None, *, all_: bool, selects: bool, from_: str | None) -> None:
    chosen = [name for name, is_given in (("--all", all_), ("--status or --workflow", selects)) if is_given]
    if from_ is not None:
        if chosen:
            raise UsageError(f"--from takes one context, and {chosen[0]} chooses runs", hint="give one of them")
        if run and len(run) > 1:
            raise UsageError("--from takes one context, which can be that of one run", hint="name one run, or none")
    elif run and chosen:
        raise UsageError(f"runs are named, and {chosen[0]} chooses others", hint="give one of them")
    elif len(chosen) > 1:
        raise UsageError("--all takes every run", hint="leave out --all, or --status and --workflow")


def _tags(tags: list[str]) -> tuple[str, ...]:
    for tag in tags:
        if not tag or len(tag) > _LONGEST_TAG or not tag.isprintable() or tag != tag.strip():
            hint = f"a tag has 1 to {_LONGEST_TAG} characters that can be printed, and no blank at an end"
            raise UsageError(f"{tag[:_LONGEST_TAG]!a} is no tag", hint=hint)
    if len(tags) > _MOST_TAGS:
        raise UsageError(f"a snapshot has at most {_MOST_TAGS} tags", hint="give fewer")
    return tuple(dict.fromkeys(tags))
