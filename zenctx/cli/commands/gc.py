"""`zenctx gc`: cleans up the files that nobody needs any more; its plan, the way back, the log, and pins."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli import columns
from zenctx.cli.arguments import Format
from zenctx.cli.confirm import confirm, will_ask
from zenctx.cli.excerpt import Excerpt, OnTrouble
from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError
from zenctx.operations.collection.ahead import ListStore, listed_ahead
from zenctx.operations.collection.request import GcRequest, Limit

if TYPE_CHECKING:
    from zenctx.operations.collection.report import GcSummary

COLUMNS = (
    columns.text("action", "action"),
    columns.text("why", "category"),
    columns.size("size", "bytes", drop=1),
    columns.number("days", "age_days", drop=2),
    columns.identifier("run", "run_id", drop=3),
    columns.remark("path", "path", labelled=True),
    columns.remark("reason", "reason"),
)
FACTS = (
    columns.text("gc", "gc_id"),
    columns.text("database", "database"),
    columns.text("store", "store"),
    columns.number("removed", "removed"),
    columns.size("removed size", "removed_bytes"),
    columns.number("skipped", "skipped"),
    columns.number("failed", "failed"),
    columns.number("files in the store", "files_in_store"),
    columns.number("needed", "held"),
    columns.number("left for now", "waiting"),
    columns.number("missing", "missing"),
    columns.number("runs", "runs"),
    columns.number("zombie runs", "zombies"),
    columns.number("pinned runs", "pinned"),
    columns.number("unreadable runs", "unreadable"),
    columns.number("engine's temporaries", "temp_files"),
    columns.size("their size", "temp_bytes"),
)
UNDO_COLUMNS = (
    columns.text("action", "action"),
    columns.size("size", "bytes", drop=1),
    columns.remark("path", "path", labelled=True),
    columns.remark("reason", "reason"),
)
LOG_COLUMNS = (
    columns.identifier("gc", "gc_id"),
    columns.text("command", "command", drop=2),
    columns.moment("started", "started_at", drop=1),
    columns.text("outcome", "outcome"),
    columns.number("files", "removed"),
    columns.size("size", "removed_bytes", drop=3),
    columns.number("in trash", "in_trash"),
    columns.number("restored", "restored", drop=4),
    columns.number("purged", "purged", drop=5),
    columns.text("who", "who", drop=6),
)
PIN_COLUMNS = (
    columns.identifier("run", "run_id"),
    columns.moment("since", "created_at", drop=1),
    columns.text("who", "who", drop=2),
    columns.remark("reason", "reason"),
)
_SHOWN = 20
"""Rows of each kind that the text shows, unless it is to tell all."""
_SETTINGS = [
    "persistent-file-dir",
    "file-storage-dir",
    "engine-dir",
    "locator-root",
    "trash-retention-days",
    "snapshots",
    "snapshot-keep",
]
_LIMIT = re.compile(r"([0-9]{1,12})(%?)|([0-9]{1,3}\.[0-9]{1,3})%")
_AGE = re.compile(r"([0-9]{1,5})([hdw])")
_AGES = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


_DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Change nothing; show the plan.")]
_PlanOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Save the plan to this file, for --apply.")]
_ApplyOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Do what a saved plan says, as far as it still holds.")
]
_RetentionDaysOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, max=36500, help="Keep files of finished runs so long; else by the settings."),
]
_OrphansOption = Annotated[
    bool | None,
    typer.Option("--orphans/--no-orphans", help="Whether files that no run names go; else by the settings."),
]
_MaxDeleteOption = Annotated[
    str, typer.Option(metavar="N|P%", help="Refuse to remove more than so many files, or such a part of them.")
]
_IncludeZombiesOption = Annotated[
    bool, typer.Option("--include-zombies", help="Also files of runs without a sign of life for 30 days.")
]
_IncludeSoftDeletedOption = Annotated[
    bool,
    typer.Option("--include-soft-deleted", help="Also files of runs whose workflow or project is marked deleted."),
]
_TempFilesOption = Annotated[
    str | None, typer.Option(metavar="AGE", help="Also temporary files of the engine older than this: 12h, 7d, 2w.")
]
_NoSnapshotsOption = Annotated[
    bool, typer.Option("--no-snapshots", help="Leave snapshots and their objects alone, and do not look at them.")
]
_UnsafeRemoveAllSnapshotsOption = Annotated[
    bool,
    typer.Option("--unsafe-remove-all-snapshots", help="Go on where snapshot-keep leaves no complete snapshot."),
]
_AcceptNoReferencesOption = Annotated[
    bool,
    typer.Option("--accept-no-references", help="Go on although no run names any file, or no snapshot any object."),
]
_IgnoreClocksOption = Annotated[
    bool, typer.Option("--ignore-clocks", help="Go on although the clocks of machine and database disagree.")
]
_UndoOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Bring back what a clean-up removed: an id of gc log, or latest.")
]
_PurgeOption = Annotated[bool, typer.Option("--purge", help="Only empty the trash, now and for good.")]
_YesOption = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]


@command(
    settings=_SETTINGS,
    examples="""
    zenctx gc --dry-run
    zenctx gc --dry-run --plan gc.plan && zenctx gc --apply gc.plan --yes
    zenctx gc --retention-days 90 --max-delete 10%
    zenctx gc --undo latest
    zenctx gc --purge --yes
    """,
    exit_codes={
        3: "done in part: a file could not be moved, or a directory not be looked into",
        4: "the plan to be applied is not whole; nothing was changed",
        5: "refused by a guard, which names the way past it; nothing was changed",
        10: "no such plan, or nothing in the trash of the clean-up to be undone",
        11: "",
    },
)
def gc(  # noqa: PLR0917 - one argument for each option
    invocation: Invocation,
    dry_run: _DryRunOption = False,
    plan: _PlanOption = None,
    apply: _ApplyOption = None,
    retention_days: _RetentionDaysOption = None,
    orphans: _OrphansOption = None,
    max_delete: _MaxDeleteOption = "50%",
    include_zombies: _IncludeZombiesOption = False,
    include_soft_deleted: _IncludeSoftDeletedOption = False,
    temp_files: _TempFilesOption = None,
    no_snapshots: _NoSnapshotsOption = False,
    unsafe_remove_all_snapshots: _UnsafeRemoveAllSnapshotsOption = False,
    accept_no_references: _AcceptNoReferencesOption = False,
    ignore_clocks: _IgnoreClocksOption = False,
    undo: _UndoOption = None,
    purge: _PurgeOption = False,
    yes: _YesOption = False,
) -> int:
    """Clean up the files that nobody needs any more.

    The files of finished runs past retention, of deleted runs, and those that no run names go to the trash; from there
    they can be brought back for some days (--undo). Whatever a run names that is not over, whatever is pinned, and
    whatever cannot be read stays. Empty directories, left-overs of zenctx and objects that no snapshot needs go, too.
    On a terminal it asks before anything goes. Of each kind the text shows twenty rows, with --verbose all.
    """
    _check_modes(
        {"--dry-run": dry_run, "--apply": apply is not None, "--undo": undo is not None},
        {"--purge": purge, "--apply": apply is not None, "--undo": undo is not None},
        {"--plan": plan is not None, "--apply": apply is not None, "--undo": undo is not None, "--purge": purge},
    )
    rules = (retention_days, orphans, temp_files, include_zombies or None, include_soft_deleted or None)
    if apply is not None and any(rule is not None for rule in rules):
        raise UsageError("a plan says by which rules it was made", hint="leave the rules out beside --apply")
    request = GcRequest(
        retention_days=retention_days,
        orphans=orphans,
        include_zombies=include_zombies,
        include_soft_deleted=include_soft_deleted,
        temp_age=_age(temp_files),
        limit=_limit(max_delete),
        snapshots=not no_snapshots,
        remove_all_snapshots=unsafe_remove_all_snapshots,
        accept_no_references=accept_no_references,
        ignore_clocks=ignore_clocks,
        only_trash=purge,
        save_plan=plan,
    )
    if undo is not None:
        return _undo(invocation, undo)
    return _collect(invocation, request, apply, dry_run=dry_run, asks=not dry_run and will_ask(yes=yes))


def _check_modes(*sets: dict[str, bool]) -> None:
    for modes in sets:
        given = [name for name, is_given in modes.items() if is_given]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} contradict each other", hint="give one of them")


def _collect(invocation: Invocation, request: GcRequest, plan: Path | None, *, dry_run: bool, asks: bool) -> int:
    # Begun before SQLAlchemy is loaded, which takes as long as listing a hundred thousand files.
    with listed_ahead(invocation.settings.persistent_file_dir.path) as list_store:
        return _collect_listed(invocation, request, plan, list_store, dry_run=dry_run, asks=asks)


def _collect_listed(
    invocation: Invocation,
    request: GcRequest,
    plan: Path | None,
    list_store: ListStore,
    *,
    dry_run: bool,
    asks: bool,
) -> int:
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database
    from zenctx.operations import gc as operation

    output = invocation.output
    output.begin(COLUMNS, facts=FACTS if invocation.verbose else ())
    shows_all = invocation.verbose or invocation.format is not Format.TABLE
    # Silent from cron: what is asked for is that it is done. Who is asked has to see what about.
    is_silent = invocation.quiet and not (shows_all or dry_run or asks)
    rows = (OnTrouble if is_silent else Excerpt)(
        output, None if shows_all else _SHOWN, lambda item: " ".join(_kind(item))
    )
    settings = invocation.settings
    with Database.open(settings.db, read_only=dry_run) as database:
        progress = invocation.progress("Looking")

        def agree(summary: "GcSummary") -> bool:
            progress.finish()
            if asks:
                _ask(summary)
            return True

        given = operation.Given(
            database, settings, request, rows.add, progress, confirm=agree, list_store=list_store
        )  # fmt: skip
        if plan is not None:
            return rows.finish(operation.apply(given, plan))
        return rows.finish(operation.rehearse(given) if dry_run else operation.collect(given))


def _kind(item: object) -> tuple[str, str]:
    return str(getattr(item, "action", "")), str(getattr(item, "category", ""))


def _ask(summary: "GcSummary") -> None:
    classes = ", ".join(f"{count.files:,} {name}" for name, count in summary.by_class.items())
    size = columns.human_bytes(summary.removed_bytes)
    confirm(f"Remove {classes} ({size}) from {summary.store}?")


def _undo(invocation: Invocation, reference: str) -> int:
    from zenctx.database.engine import Database
    from zenctx.operations import gc as operation

    output = invocation.output
    output.begin(UNDO_COLUMNS)
    shows_all = invocation.verbose or invocation.format is not Format.TABLE
    rows = Excerpt(output, None if shows_all else _SHOWN, lambda item: _kind(item)[0])
    settings = invocation.settings
    with Database.open(settings.db, read_only=False) as database:
        return rows.finish(operation.undo_gc(database, settings, reference, rows.add))


@command(
    examples="""
    zenctx gc log
    zenctx gc log --limit 0 --json
    """
)
def log(
    invocation: Invocation,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="List at most so many; 0 lists all.")] = 20,
) -> int:
    """List past clean-ups, newest first, and how much of each is still in the trash."""
    from zenctx.database.engine import Database
    from zenctx.operations import gc as operation

    invocation.output.begin(LOG_COLUMNS)
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(operation.log(database, invocation.output.item, limit=limit or None))


@command(
    examples="""
    zenctx gc pin 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --reason 'audit of 2026'
    """,
    exit_codes={
        5: "persistence is switched off; nothing was changed",
        10: "an id that no run can have (PostgreSQL)",
        11: "",
    },
)
def pin(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for those who find the pin later.")] = None,
) -> int:
    """Keep the files of a run until it is unpinned, whatever becomes of its row."""
    from zenctx.database.engine import Database
    from zenctx.operations import gc as operation

    settings = invocation.settings
    invocation.output.begin(())
    with Database.open(settings.db, read_only=False) as database:
        return invocation.output.finish(operation.pin(database, settings, run, reason))


@command(
    examples="""
    zenctx gc unpin 3f2504e0-4f89-41d3-9a0c-0305e82c3301
    """,
    exit_codes={
        5: "persistence is switched off; nothing was changed",
        10: "an id that no run can have (PostgreSQL)",
        11: "",
    },
)
def unpin(
    invocation: Invocation,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of the run.")],
) -> int:
    """Take the pin of a run away; its files are then like any other's."""
    from zenctx.database.engine import Database
    from zenctx.operations import gc as operation

    settings = invocation.settings
    invocation.output.begin(())
    with Database.open(settings.db, read_only=False) as database:
        return invocation.output.finish(operation.unpin(database, settings, run))


@command(
    examples="""
    zenctx gc pins
    """
)
def pins(invocation: Invocation) -> int:
    """List the pinned runs."""
    from zenctx.database.engine import Database
    from zenctx.operations import gc as operation

    invocation.output.begin(PIN_COLUMNS)
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(operation.list_pins(database, invocation.output.item))


def _limit(text: str) -> Limit:
    match = _LIMIT.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--max-delete {text!r} is no number of files and no part of them", hint="write 1000 or 20%")
    if match[3] or match[2]:
        percent = float(match[3] or match[1])
        if percent > 100:
            raise UsageError(f"--max-delete {text!r} is more than all of them", hint="write 100% to allow all")
        return Limit(files=None, percent=percent)
    return Limit(files=int(match[1]), percent=None)


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = _AGE.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--temp-files {text!r} is no age", hint="write 12h, 7d or 2w")
    return int(match[1]) * _AGES[match[2]]
