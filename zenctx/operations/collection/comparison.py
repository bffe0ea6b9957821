"""Compares what lies there with what is needed, part by part, and decides what goes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from zenctx.context.gc_rules import (
    LEFT_ALONE,
    Category,
    GcRules,
    Hold,
    Verdict,
    is_over,
    judge_leftover,
    judge_named,
    judge_trash,
    judge_unnamed,
    milliseconds,
)
from zenctx.errors import StoreError
from zenctx.operations.collection.ledger import Ledger, rounded_up
from zenctx.operations.collection.places import (
    PERSISTENT,
    SNAPSHOTS,
    STORAGE_ROOT,
    is_run_directory,
    joined_path,
    run_of,
)
from zenctx.operations.collection.plan import PlanItem
from zenctx.operations.collection.snapshots import ForgottenSnapshot
from zenctx.operations.collection.spool import LISTED, PARTS, SAID, SAVED, Spool, part_of
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.store.base import EntryKind, FileStat
from zenctx.store.listing import stat_names
from zenctx.store.mentions import STORAGE, Mentioned
from zenctx.store.trash import TRASH, Trash

NAMED_ELSEWHERE = (
    "its run names a file of this name in another place: see persistent-file-dir, engine-dir, locator-root"
)
"""Why a file stays that would go."""
_NANOSECONDS = 1_000_000
_MAX_MISSING = 1000
"""Missing files that are looked into one by one; the others are counted."""


@dataclass
class Found:
    """What one directory holds, and what runs say of it, in one part."""

    said: list[tuple[Hold, str, frozenset[str]]] = field(default_factory=list)
    """What a run says, its id, and the names that it names here."""
    all_: list[tuple[Hold, str]] = field(default_factory=list)
    """What holds everything here."""
    has_row: bool = False
    owner: tuple[Hold, str] | None = None
    """What the run whose directory it is says of its files, and its id."""


@dataclass
class Comparison:
    """One comparison of all that a `Planner` has written down."""

    live: LiveFiles
    spool: Spool
    ledger: Ledger
    rules: GcRules
    progress: Progress
    trash: Trash
    only_trash: bool
    named_now: Callable[[str], Mentioned]
    """What a run names now; it may have been written since it was read."""
    text_now: Callable[[str], bytes]
    """The text of its context now."""
    explain: Callable[[Sequence[str]], Mapping[str, str]]
    """What is on record of released files."""
    _needed_trash: dict[str, str] = field(default_factory=dict)
    _read: tuple[str, bytes] | None = None
    """The run that was read last, and its text."""

    def __post_init__(self) -> None:
        """The moment in the unit in which many are compared."""
        self._now = self.ledger.now
        self._is_there = self.live.store.exists()

    def run(self, forgotten: Iterable[ForgottenSnapshot]) -> None:
        """Compares, and writes the plan: snapshots first, since the objects that they need go after them."""
        self.progress.start(self.ledger.tally.listed, "files")
        self.progress.note("comparing")
        self._judge_snapshots(forgotten)
        for part in range(PARTS):
            self._compare_part(part)
        self._judge_trash()
        self.progress.finish()

    def _compare_part(self, part: int) -> None:
        found: dict[str, Found] = {}
        objects: set[str] = set()
        for line in self.spool.lines(SAID, part):
            if line[0] == "o":
                objects.add(line[1])
                continue
            _, directory, has_row, run_id, run_class, reason, since, period, holds_all, names = line
            here = found.setdefault(directory, Found())
            here.has_row = here.has_row or has_row
            hold = Hold(run_class, reason, since, period)
            if has_row:
                here.owner = hold, run_id
            if names:
                here.said.append((hold, run_id, frozenset(names)))
            if holds_all:
                here.all_.append((hold, run_id))
        self._expect(part, lambda item: item.category not in {Category.TRASH, Category.SNAPSHOT})
        for line in self.spool.lines(LISTED, part):
            self._compare_line(line, found, objects)
        if not self.only_trash and self._is_there:
            self._tell_missing(found)
        self.ledger.skip_rest()

    def _expect(self, part: int, meant: Callable[[PlanItem], bool]) -> None:
        saved = (PlanItem(*line) for line in self.spool.lines(SAVED, part))
        self.ledger.expect(item for item in saved if meant(item))

    def _compare_line(self, line: list[object], found: dict[str, Found], objects: set[str]) -> None:
        match line:
            case ["d", str(directory), list(values), list(others)]:
                here = found.get(directory, Found())
                if not self.only_trash:
                    self._judge_values(directory, values, here)
                    self._judge_others(others)
                # What is left over is named and was not listed.
                here.said = [(hold, run_id, names.difference(values)) for hold, run_id, names in here.said]
                self.progress.advance(len(values))
            case ["t", str(), list(names)] if not self.only_trash:
                self._judge_temporaries(names, found.get(STORAGE, Found()))
            case ["x", str(directory), str(gc_id), str(name)]:
                self._look_at_trashed(directory, gc_id, name, found.get(directory))
            case ["o", str(checksum), int(size), float(mtime) | int(mtime)] if not self.only_trash:
                self._judge_object(checksum, size, float(mtime), needed=checksum in objects)
            case _:
                pass

    def _judge_values(self, directory: str, values: list[str], here: Found) -> None:
        if not values:
            return
        if any(hold.since is None for hold, _ in here.all_):
            self.ledger.tally.held += len(values)
            self.ledger.stays(directory, values, here.all_[0][0].reason)
            return
        held: set[str] = set()
        for hold, _, names in here.said:
            # However young or old the file itself is: nobody has to look at it.
            if not is_over(hold, 0, self._now):
                held.update(names)
                self.ledger.stays(directory, names, hold.reason)
        rest = [name for name in values if name not in held]
        self.ledger.tally.held += len(values) - len(rest)
        if rest:
            for name, status in stat_names(self.live.store.root, directory, rest):
                if status is not None:
                    self._judge_value(directory, name, status, here)

    def _judge_value(self, directory: str, name: str, status: FileStat, here: Found) -> None:
        named = [(hold, run_id) for hold, run_id, names in here.said if name in names] + here.all_
        run_id = max(named, key=lambda each: each[0].since or 0)[1] if named else run_of(directory)
        if named:
            verdict = judge_named((hold for hold, _ in named), rounded_up(status.mtime_ns), self._now)
        else:
            is_gone = not here.has_row and is_run_directory(directory)
            verdict = judge_unnamed(_changed(status), self.rules, self._now, run_is_gone=is_gone)
            if verdict.category is Category.ORPHAN and self._is_named_elsewhere(name, here):
                self.ledger.tally.held += 1
                self.ledger.stays(directory, [name], NAMED_ELSEWHERE)
                self.ledger.notice("elsewhere", joined_path(directory, name), NAMED_ELSEWHERE, run_id)
                return
        if verdict.category is None:
            if named:
                self.ledger.tally.held += 1
            else:
                self.ledger.tally.waiting += 1
                self.ledger.tally.left_alone += verdict.reason == LEFT_ALONE
        self.ledger.settle(PERSISTENT, joined_path(directory, name), run_id, status, verdict)

    def _is_named_elsewhere(self, name: str, here: Found) -> bool:
        """Whether the run whose directory it is needs its files, and names one of this name in another place.

        As after the directory has moved, or with another `locator-root`: its locators lead nowhere, for now.
        """
        if here.owner is None or is_over(here.owner[0], 0, self._now):
            return False
        run_id = here.owner[1]
        if self._read is None or self._read[0] != run_id:
            self._read = run_id, self.text_now(run_id)
        return f'/{name.rpartition("/")[2]}"'.encode() in self._read[1]

    def _judge_others(self, others: list[list[str]]) -> None:
        for path, kind in others:
            match EntryKind(kind):
                case EntryKind.TEMPORARY:
                    self._judge_leftover(path, Category.TEMPORARY)
                case EntryKind.EMPTY_DIRECTORY:
                    self._judge_leftover(path, Category.DIRECTORY)
                case EntryKind.UNREADABLE:
                    self.ledger.tally.unseen += 1
                    reason = "this user may not see what is in it, so all of it stays"
                    self.ledger.notice("unreadable", path, reason)
                case _:
                    reason = "neither a value nor anything of zenctx: it is left alone"
                    self.ledger.notice("unknown", path, reason)

    def _judge_leftover(self, path: str, category: Category) -> None:
        directory, _, name = path.rpartition("/")
        for _, found in stat_names(self.live.store.root, directory, [name]):
            if found is not None:
                verdict = judge_leftover(_changed(found), self.rules.grace, self._now, category)
                # What a directory takes itself says nothing.
                status = replace(found, size=0) if category is Category.DIRECTORY else found
                self.ledger.settle(PERSISTENT, path, run_of(path.partition("/")[0]), status, verdict)

    def _judge_temporaries(self, names: list[str], here: Found) -> None:
        named = {name for _, _, some in here.said for name in some}
        for name, status in stat_names(self.live.locators.storage, "", names):
            if status is None:
                continue
            self.ledger.tally.temp_files += 1
            self.ledger.tally.temp_bytes += status.size
            if self.rules.temp_age is None or name in named:
                continue
            verdict = judge_leftover(_changed(status), self.rules.temp_age, self._now, Category.APPLICATION)
            self.ledger.settle(STORAGE_ROOT, name, None, status, verdict)

    def _judge_object(self, checksum: str, size: int, mtime: float, *, needed: bool) -> None:
        verdict = Verdict(None, "a snapshot needs it")
        if not needed:
            verdict = judge_leftover(-int(-mtime * 1000 // 1), self.rules.grace, self._now, Category.OBJECT)
        status = FileStat(size, int(mtime * 1_000_000_000), int(mtime * 1_000_000_000), 0)
        self.ledger.settle(SNAPSHOTS, checksum, None, status, verdict)

    def _judge_snapshots(self, forgotten: Iterable[ForgottenSnapshot]) -> None:
        self._expect(part_of(SNAPSHOTS), lambda item: item.category == Category.SNAPSHOT)
        for each in forgotten if not self.only_trash else ():
            created = milliseconds(each.created_at) * _NANOSECONDS
            status = FileStat(each.bytes, created, created, 0)
            self.ledger.settle(SNAPSHOTS, each.snapshot_id, None, status, Verdict(Category.SNAPSHOT, each.reason))
        self.ledger.skip_rest()

    def _look_at_trashed(self, directory: str, gc_id: str, name: str, here: Found | None) -> None:
        """A run that names what lies in the trash needs it back: a database that was put back to an older state."""
        for hold, run_id, names in here.said if here is not None else ():
            if name in names and not is_over(hold, 0, self._now):
                self._needed_trash.setdefault(gc_id, run_id)
                path = f"{TRASH}/{gc_id}/{joined_path(directory, name)}"
                reason = f"run {run_id} names it: 'zenctx gc --undo {gc_id}' brings it back"
                self.ledger.notice("trash", path, reason, run_id)

    def _judge_trash(self) -> None:
        self._expect(part_of(TRASH), lambda item: item.category == Category.TRASH)
        for gc_id in self.trash.ids() if self._is_there else ():
            moment = max(_moment_of(gc_id), milliseconds(datetime.fromtimestamp(self.trash.changed_at(gc_id), UTC)))
            verdict = judge_trash(moment, self.rules, self._now)
            if gc_id in self._needed_trash:
                verdict = Verdict(None, f"run {self._needed_trash[gc_id]} names a file in it")
            sizes = [size for _, size in self.trash.names(gc_id)] if verdict.category else []
            status = FileStat(sum(sizes), moment * _NANOSECONDS, moment * _NANOSECONDS, 0)
            self.ledger.settle(PERSISTENT, f"{TRASH}/{gc_id}", None, status, verdict, files=len(sizes))
        self.ledger.skip_rest()

    def _tell_missing(self, found: dict[str, Found]) -> None:
        for directory, here in found.items():
            for hold, run_id, names in here.said:
                if directory == STORAGE or not names or is_over(hold, 0, self._now):
                    continue
                # A directory that may not be looked into was told of: nobody knows what is missing from it.
                with suppress(StoreError):
                    status = list(stat_names(self.live.store.root, directory, sorted(names)))
                    self._tell_missing_files(run_id, directory, [name for name, each in status if each is None])

    def _tell_missing_files(self, run_id: str, directory: str, names: list[str]) -> None:
        tally = self.ledger.tally
        if tally.missing >= _MAX_MISSING:
            tally.missing += len(names)
            return
        named = self.named_now(run_id).get(directory, set()) if names else set()
        paths = [joined_path(directory, name) for name in names if name in named]
        why = self.explain(paths)
        for path in paths:
            tally.missing += 1
            told = f": {why[path]}" if path in why else ""
            self.ledger.missing(run_id, path, f"the run names it, and it is not there{told}")


def _changed(status: FileStat) -> int:
    """The later of the two times: a rename keeps that of the content."""
    return rounded_up(max(status.mtime_ns, status.ctime_ns))


def _moment_of(gc_id: str) -> int:
    """When a clean-up began, from its id; 0 where that does not tell."""
    try:
        return milliseconds(datetime.strptime(gc_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return 0
