"""`zenctx restore`: contexts, rows and files from a snapshot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.confirm import confirm, will_ask
from zenctx.cli.excerpt import Excerpt
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError
from zenctx.operations.restoring.request import RestoreForm, RestoreRequest

if TYPE_CHECKING:
    from zenctx.operations.restoring.report import RestoreItem

COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.text("action", "action"),
    columns.text("key", "key"),
    columns.identifier("new run", "new_run_id", drop=1),
    columns.size("size", "bytes", drop=2),
    columns.number("files", "files", drop=3),
    columns.size("file size", "file_bytes", drop=4),
    columns.remark("reason", "reason"),
)
FACTS = (
    columns.text("snapshot", "snapshot_id"),
    columns.text("safety snapshot", "safety_snapshot_id"),
    columns.number("put back in place", "replaced"),
    columns.number("inserted", "inserted"),
    columns.number("copied", "copied"),
    columns.number("same already", "same"),
    columns.number("refused", "refused"),
    columns.number("failed", "failed"),
    columns.number("changed meanwhile", "changed"),
    columns.number("in part", "partly"),
    columns.number("without its link", "unlinked"),
    columns.number("files", "files"),
    columns.size("file size", "file_bytes"),
    columns.text("operation", "operation_id"),
)
_SHOWN = 20
"""Rows of each action that the text shows, unless it is to tell all."""
_WENT_WELL = ("replace", "insert")
_STDOUT = "-"
_SETTINGS = [
    "persistent-file-dir", "file-storage-dir", "engine-dir", "locator-root", "snapshots", "engine-reads",
    "file-strategy", "on-missing",
]  # fmt: skip


@command(
    settings=_SETTINGS,
    examples="""
    zenctx restore latest --dry-run
    zenctx restore latest --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    zenctx restore 5f2a91 --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --key http.output.body
    zenctx restore latest~1 --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --to context.json
    zenctx restore latest --run 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --as-new-run
    """,
    exit_codes={
        3: "something is not as the snapshot holds it: each such run is named",
        4: "the snapshot, or with --to a file that it needs, is damaged",
        5: "every run may be executing, the snapshot is redacted, a value is secret, or persistence is switched off",
        10: "no such snapshot, or it has no such run or key; nothing was changed",
        11: "",
    },
)
def restore(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    snapshot: Annotated[
        str, typer.Argument(metavar="SNAPSHOT", help="An id or the beginning of one, latest, or latest~N.")
    ],
    run: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this run.")] = None,
    key: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this key; the others of the context stay as they are.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the values to a new JSON file, or to standard output (-), instead."),
    ] = None,
    as_new_run: Annotated[
        bool, typer.Option("--as-new-run", help="Make a new run of each, with a new id and files of its own.")
    ] = False,
    form: Annotated[RestoreForm, typer.Option(help="The form that contexts are to get.")] = RestoreForm.AS_IS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; show what would become of each run and key.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also runs that may be executing: an engine may overwrite what is put back, or act twice on it.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --force.")] = False,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="With --to: write out secrets, too.")] = False,
) -> int:
    """Put the runs of a snapshot back: contexts, runtime state and files.

    A run that is there keeps its status and times; one that is gone comes back whole. Files get new names, each
    compared with its checksum before any row names it. What is replaced is kept in a safety snapshot first, so that
    restoring that one undoes it. A run that may be executing is refused, one that somebody writes meanwhile is left as
    it is, one that is as it was is passed over. Killed at any point, it loses nothing: run it again.
    """
    if to is not None:
        _check_values(as_new_run=as_new_run, form=form, dry_run=dry_run, force=force)
    elif show_secrets:
        raise UsageError("--show-secrets is for --to: a database holds secrets as they are", hint="leave it out")
    request = RestoreRequest(
        snapshot,
        tuple(run or ()),
        tuple(key or ()),
        as_new_run=as_new_run,
        form=form,
        on_missing=invocation.settings.on_missing,
        force=force,
    )
    if to is not None:
        return _write_values(invocation, request, to, show_secrets=show_secrets)
    if force and not dry_run and will_ask(yes=yes):
        confirm(f"Restore from {snapshot} also runs that an engine may be executing?")
    return _restore(invocation, request, dry_run=dry_run)


def _check_values(*, as_new_run: bool, form: RestoreForm, dry_run: bool, force: bool) -> None:
    given = [
        name
        for name, is_given in (
            ("--as-new-run", as_new_run),
            ("--form", form is not RestoreForm.AS_IS),
            ("--dry-run", dry_run),
            ("--force", force),
        )
        if is_given
    ]
    if given:
        raise UsageError(f"--to writes values and changes no run: {given[0]} means nothing to it", hint="leave it out")


def _restore(invocation: Invocation, request: RestoreRequest, *, dry_run: bool) -> int:
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.operations import restore as operation

    invocation.output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    shows_all = invocation.verbose or invocation.format is not Format.TABLE
    rows = Excerpt(invocation.output, None if shows_all else _SHOWN, _kind)

    def add(item: "RestoreItem") -> None:
        # What went well is counted; ids of new runs are told, for nobody could guess them.
        if shows_all or dry_run or item.reason is not None or item.action not in _WENT_WELL:
            rows.add(item)

    settings = invocation.settings
    with Database.open(settings.db, read_only=dry_run) as database:
        progress = invocation.progress("Looking" if dry_run else "Restoring")
        work = operation.rehearse if dry_run else operation.restore
        report = work(database, settings, request, add, progress)
    return rows.finish(report)


def _kind(item: object) -> str:
    restored: RestoreItem = item  # type: ignore[assignment]
    return restored.action if restored.key is None else f"{restored.action} keys"


def _write_values(invocation: Invocation, request: RestoreRequest, to: str, *, show_secrets: bool) -> int:
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.operations.restoring.values import write_values
    from zenctx.store.private_file import new_private_file

    settings = invocation.settings
    if to == _STDOUT:
        if invocation.format is not Format.TABLE:
            raise UsageError(
                f"'--to -' writes the values themselves, not a document of {invocation.format}",
                hint="leave out the format",
            )
        # A document that ends in the middle looks like one to a careless reader: first see that it can be had whole.
        write_values(settings, request, lambda _data: None, "nowhere", show_secrets=show_secrets)
        sink = invocation.bytes_to_stdout()
        return write_values(settings, request, sink.write, "standard output", show_secrets=show_secrets).exit_code
    with new_private_file(Path(to)) as file:
        report = write_values(settings, request, file.write, to, show_secrets=show_secrets)
    invocation.output.begin(())
    return invocation.output.finish(report)
