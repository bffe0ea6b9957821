"""The reports of a clean-up: exit code, the sentence that says what was done, and the one that says what to do."""

from collections.abc import Sequence

from zenctx.context.gc_rules import Category
from zenctx.operations.collection.guards import Refusal
from zenctx.operations.collection.report import (
    Count,
    GcReport,
    GcSummary,
    ListReport,
    ListSummary,
    Tally,
    UndoReport,
    UndoSummary,
)

DONE, PARTIAL, REFUSED = 0, 3, 5

_WORDS = {
    Category.FINISHED: ("file of a finished run", "files of finished runs"),
    Category.ZOMBIE: ("file of a run without a sign of life", "files of runs without a sign of life"),
    Category.DELETED: ("file of a deleted run", "files of deleted runs"),
    Category.ORPHAN: ("file that no run names", "files that no run names"),
    Category.TEMPORARY: ("left-over temporary", "left-over temporaries"),
    Category.APPLICATION: ("temporary file of the engine", "temporary files of the engine"),
    Category.DIRECTORY: ("empty directory", "empty directories"),
    Category.TRASH: ("file in the trash", "files in the trash"),
    Category.SNAPSHOT: ("snapshot that no rule keeps", "snapshots that no rule keeps"),
    Category.OBJECT: ("unneeded object of the repository", "unneeded objects of the repository"),
}


def rehearsed(summary: GcSummary, refusals: Sequence[Refusal], *, only_trash: bool) -> GcReport:
    """The report of a dry run: what would go, and 5 where a guard would stop it."""
    message = f"Would remove {_what(summary)}; nothing was changed{_beside(summary, only_trash=only_trash)}"
    if refusals:
        message += "".join(f"\nIt would be refused: {refusal.message}" for refusal in refusals)
        return GcReport(True, REFUSED, summary, message, "\n".join(refusal.hint for refusal in refusals))
    steps = [_what_then(summary, only_trash=only_trash)] if summary.by_class else []
    if summary.plan is not None:
        steps = [f"'zenctx gc --apply {summary.plan}' does exactly this, as far as it still holds"]
    return GcReport(True, DONE, summary, message, "\n".join((*steps, *_left_alone(summary))) or None)


def _what_then(summary: GcSummary, *, only_trash: bool) -> str:
    """What would carry it out, and whether there is a way back."""
    if only_trash:
        return "'zenctx gc --purge' deletes it for good"
    if not summary.by_class.keys() - _FOR_GOOD:
        return "'zenctx gc' deletes it for good"
    if summary.by_class.keys() & {Category.SNAPSHOT, Category.OBJECT, Category.TRASH}:
        return "'zenctx gc' moves the files to the trash; old trash, snapshots and objects it deletes for good"
    return "'zenctx gc' moves them to the trash"


def _left_alone(summary: GcSummary) -> list[str]:
    if not summary.left_alone:
        return []
    files = counted(summary.left_alone, "file that no run names is", "files that no run names are")
    return [f"{files} left alone: --orphans takes them"]


def declined(summary: GcSummary) -> GcReport:
    """The report where somebody said no."""
    return GcReport(False, DONE, summary, "Nothing was changed", "--yes asks nothing")


def collected(summary: GcSummary, tally: Tally, *, only_trash: bool) -> GcReport:
    """The report of a clean-up: 3 where something could not be removed, or not be looked into."""
    message = f"Removed {_what(summary)}{_beside(summary, only_trash=only_trash)}"
    code = PARTIAL if summary.failed or tally.unseen else DONE
    steps = []
    if summary.failed:
        steps.append("every failure is named above; what failed stays as it was: run it again when it is mended")
    if tally.unseen:
        steps.append("let this user see the directories that it could not look into")
    if any(category not in _FOR_GOOD for category in summary.by_class):
        steps.append(f"'zenctx gc --undo {summary.gc_id}' brings the files back while they are in the trash")
    steps += _left_alone(summary)
    return GcReport(False, code, summary, message, "\n".join(steps) or None)


_FOR_GOOD = frozenset({Category.DIRECTORY, Category.TRASH, Category.SNAPSHOT, Category.OBJECT})


def _what(summary: GcSummary) -> str:
    parts = []
    for category, words in _WORDS.items():
        count = summary.by_class.get(category)
        if count is not None:
            sized = f" ({_sized(count.bytes)})" if category != Category.DIRECTORY else ""
            parts.append(f"{counted(count.files, *words)}{sized}")
    if len(summary.by_class.keys() - {Category.DIRECTORY}) > 1:
        parts.append(f"{_sized(summary.removed_bytes)} in all")
    return ", ".join(parts) or "nothing"


def _sized(size: int) -> str:
    return counted(size, "byte", "bytes")


def _beside(summary: GcSummary, *, only_trash: bool) -> str:
    temporaries = summary.temp_files - summary.by_class.get(Category.APPLICATION, Count()).files
    parts = [
        counted(summary.skipped, "was skipped", "were skipped") if summary.skipped else "",
        f"{summary.failed:,} failed" if summary.failed else "",
        counted(summary.missing, "needed file is missing", "needed files are missing") if summary.missing else "",
    ]
    if not only_trash:
        parts += [
            _needed(summary),
            counted(summary.waiting, "is", "are") + " left for now" if summary.waiting else "",
            counted(summary.zombies, "run shows", "runs show") + " no sign of life" if summary.zombies else "",
            counted(temporaries, "temporary file of the engine stays", "temporary files of the engine stay")
            if temporaries
            else "",
        ]
    return "".join(f"{', ' if number else '; '}{part}" for number, part in enumerate(filter(None, parts)))


def _needed(summary: GcSummary) -> str:
    files = counted(summary.files_in_store, "file", "files")
    return f"{summary.held:,} of {files} {'is' if summary.held == 1 else 'are'} needed"


def counted(count: int, one: str, many: str) -> str:
    """Gives a number with its noun."""
    return f"{count:,} {one if count == 1 else many}"


def undone(summary: UndoSummary) -> UndoReport:
    """The report of an undo: 3 where something could not be brought back."""
    message = f"Brought back {counted(summary.restored, 'file', 'files')} of gc {summary.gc_id}"
    message += f" ({summary.restored_bytes:,} bytes)"
    if summary.moved_aside:
        message += f"; {counted(summary.moved_aside, 'other file', 'other files')} in their places went to the trash"
    if not summary.failed:
        return UndoReport(
            DONE,
            summary,
            message,
            "the next clean-up decides about them anew: 'zenctx gc pin RUN' keeps the files of a run",
        )
    message += f"; {summary.failed:,} could not be brought back, and are in the trash still"
    return UndoReport(PARTIAL, summary, message, "mend what stands in the way, then run it again")


def logged(listed: int) -> ListReport:
    """The end of the list of past clean-ups."""
    message = f"{counted(listed, 'clean-up', 'clean-ups')}, newest first" if listed else "There was no clean-up yet"
    return ListReport(ListSummary(listed), message)


def pinned(listed: int) -> ListReport:
    """The end of the list of pins."""
    message = counted(listed, "run is pinned", "runs are pinned") if listed else "No run is pinned"
    return ListReport(ListSummary(listed), message, command="gc pin")
