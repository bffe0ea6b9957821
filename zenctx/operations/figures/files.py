"""The files of a pass: listed before the rows are read, and looked at again where no run has named them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from zenctx.context.gc_rules import GcRules, judge_unnamed
from zenctx.database.engine import Connection
from zenctx.database.scanning import Tables
from zenctx.database.store_binding import bound_store
from zenctx.errors import DamagedFileError, LocatorRefusedError, StoreError
from zenctx.operations.figures.file_index import FileIndex
from zenctx.operations.figures.model import FileFigures, TrashFigures
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.store.access import Access
from zenctx.store.base import EntryKind
from zenctx.store.listing import Directory, list_directories, stat_names
from zenctx.store.mentions import STORAGE, Mentioned, Mentions
from zenctx.store.names import run_directory
from zenctx.store.trash import Trash

_NANOSECONDS, _MILLISECONDS = 1_000_000_000, 1000


@dataclass(slots=True)
class Orphans:
    """Files that no run names. `later`: for each of the moments asked for how many a clean-up would remove then."""

    files: int = 0
    bytes: int = 0
    oldest: float | None = None
    later: list[tuple[int, int]] = field(default_factory=list)


class FileWatch:
    """Listens to what runs say of files. `problem` says why nothing can be said of them, if so."""

    def __init__(self, live: LiveFiles, problem: str | None) -> None:
        self.problem = problem
        self._live = live
        self._mentions = Mentions(live.locators)
        self._marks = None if self._mentions.marks is None else [mark.encode() for mark in self._mentions.marks]
        self._index = FileIndex()
        self._is_there = problem is None and live.store.exists()
        self._bytes = self._temporaries = self._unseen = 0

    @property
    def marks(self) -> tuple[str, ...] | None:
        """Texts of which a context holds one where it names a file; none where no file is there.

        None where nothing can be said of all of them.
        """
        return self._mentions.marks if self._index.files else ()

    def list_files(self, progress: Progress) -> None:
        """Lists what lies in the directory, before any row is read."""
        if self._is_there:
            progress.start(None, "files")
            progress.note("listing files")
            for directory in list_directories(self._live.store.root):
                self._list_values(directory)
                self._temporaries += sum(entry.kind is EntryKind.TEMPORARY for entry in directory.others)
                self._unseen += sum(entry.kind is EntryKind.UNREADABLE for entry in directory.others)
                progress.advance(len(directory.values))
        self._index.seal()

    def _list_values(self, directory: Directory) -> None:
        latest = 0
        if directory.values:
            for _, status in stat_names(self._live.store.root, directory.name, directory.values):
                if status is not None:
                    self._bytes += status.size
                    latest = max(latest, status.mtime_ns)
        self._index.add(directory.name, directory.values, latest / _NANOSECONDS)

    def changed(self, run_id: str) -> float:
        """Gives when the last file of a run's directory was changed, in seconds since 1970; 0 where none is there."""
        return self._index.changed(run_directory(run_id))

    def hear(self, text: bytes) -> bool:
        """Takes what the text of a context says; tells whether each file that it names is certain to be there.

        Where no file is there nothing is searched for.
        """
        if not self._index.files:
            return False
        if self._marks is not None and not self._may_name(text):
            return True
        return self._settle(self._mentions.find(text))

    def _may_name(self, text: bytes) -> bool:
        """Whether a mark of a locator is in a text, or could be hidden by escapes or in base64."""
        for mark in self._marks or ():
            if mark in text:
                return True
        return (b"\\" in text and b"\\u" in text) or b'"JSON"' in text

    def _settle(self, named: Mentioned) -> bool:
        is_there = True
        for directory, names in named.items():
            if directory == STORAGE or not self._index.settle(directory, names):
                is_there = False
        return is_there

    def hold_all(self, run_id: str) -> None:
        """Takes that a run needs every file of its directory, though its row names none."""
        self._index.hold(run_directory(run_id))

    def dangling(self, locators: Sequence[str]) -> int:
        """Counts those of some locators whose file is not there, one by one."""
        return sum(map(self._is_missing, locators)) if self.problem is None else 0

    def _is_missing(self, locator: str) -> bool:
        try:
            self._live.locators.stat(locator)
        except (DamagedFileError, StoreError):
            return True
        except LocatorRefusedError:
            return False  # the form of its context says so
        return False

    def figures(self, orphans: Orphans) -> FileFigures | None:
        """Gives the counts; None where nothing can be said."""
        if self.problem is not None:
            return None
        return FileFigures(
            files=self._index.files,
            bytes=self._bytes,
            orphans=orphans.files,
            orphan_bytes=orphans.bytes,
            oldest_orphan=orphans.oldest,
            temporaries=self._temporaries,
            unseen=self._unseen,
        )

    def look_for_orphans(self, began: datetime, rules: GcRules, moments: Sequence[datetime]) -> Orphans:
        """Looks at the files that no run has named; those that have changed since the pass began do not count."""
        found = Orphans(later=[(0, 0)] * len(moments))
        if not self._is_there or self._index.settled_files == self._index.files:
            return found
        self._index.end()
        root = self._live.store.root
        for directory in list_directories(root):
            if not directory.values or self._index.is_settled(directory.name):
                continue
            unnamed = self._index.unnamed(directory.name, directory.values)
            for _, status in stat_names(root, directory.name, unnamed):
                changed = 0 if status is None else max(status.mtime_ns, status.ctime_ns)
                if status is None or changed / _NANOSECONDS >= began.timestamp():
                    continue
                _add(found, status.size, changed, rules, moments)
        return found


def _add(found: Orphans, size: int, changed_ns: int, rules: GcRules, moments: Sequence[datetime]) -> None:
    found.files += 1
    found.bytes += size
    changed = changed_ns / _NANOSECONDS
    found.oldest = changed if found.oldest is None else min(found.oldest, changed)
    for number, moment in enumerate(moments):
        verdict = judge_unnamed(
            int(changed * _MILLISECONDS), rules, int(moment.timestamp() * _MILLISECONDS), run_is_gone=False
        )
        if verdict.category is not None:
            files, bytes_ = found.later[number]
            found.later[number] = files + 1, bytes_ + size


def store_problem(live: LiveFiles, connection: Connection, tables: Tables) -> str | None:
    """Says why nothing can be said of files: the directory is not there, or is not the database's; None: it is."""
    bound = bound_store(connection) if "zenctx_store" in tables.readable else None
    connection.rollback()
    if not live.store.exists():
        return None if bound is None else f"the directory {live.store.root} is not there"
    if bound is not None and live.store.read_id() != bound.store_id:
        return f"the directory {live.store.root} is not the one that the database is bound to"
    return None


def trash_figures(root: Path) -> TrashFigures:
    """Counts what lies in the trash of a store."""
    files = bytes_ = 0
    # Nothing is made, so nobody's rights matter.
    with Trash(root, Access(0o600, None)) as trash:
        for gc_id in trash.ids():
            for _, size in trash.names(gc_id):
                files += 1
                bytes_ += size
    return TrashFigures(files, bytes_)
