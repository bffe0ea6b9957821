"""Values that a restoration would change in form alone: equal as `diff` compares them, wherever they lie."""

from collections.abc import Collection

from zenctx.context.forms import Entry, detect
from zenctx.errors import ZenctxError
from zenctx.operations.comparison.sides import Files, FilesOfSnapshot, LiveFilesOfRun, entries_by_key
from zenctx.operations.comparison.values import compare, content_of, storage_of
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.restoring.decide import Decision
from zenctx.operations.restoring.target import detected
from zenctx.snapshots.repository import Repository

_PLACES = {"inline": "in its descriptor", "file": "in a file"}


def equal_keys(repository: Repository, live: LiveFiles, decision: Decision, keys: Collection[str]) -> dict[str, str]:
    """Gives those of some keys of a run whose value is equal now, and where it is kept now, in words.

    A value that cannot be had on either side is not among them.
    """
    run, seen = decision.run, decision.seen
    if seen is None or not keys:
        return {}
    then = entries_by_key(detected(run, live.locators.is_inside))
    now = entries_by_key(detect(seen.row.text, live.locators.is_inside))
    old, new = FilesOfSnapshot(repository, {file.key: file for file in run.files}), LiveFilesOfRun(live)
    both = (key for key in keys if key in then and key in now)
    return {key: _place(now[key]) for key in both if _is_equal(old, then[key], new, now[key])}


def _is_equal(old: Files, then: Entry, new: Files, now: Entry) -> bool:
    try:
        return next(compare(content_of(old, then), content_of(new, now)), None) is None
    except ZenctxError:
        return False


def _place(entry: Entry) -> str:
    if entry.descriptor is None:
        return "a plain value"
    return _PLACES.get(storage_of(entry), "in its descriptor")
