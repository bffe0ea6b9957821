"""Makes a plan: lists what lies there, then reads what is needed, then compares the two, part by part.

The order is what makes it safe. A file is written before the row that names it: one that was listed before the rows
were read is named by a row that was read, or was named by none when it was listed. And what nobody names is left
alone until it is a day old. What the plan says is looked at again when it is carried out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from zenctx.context.gc_rules import (
    LIVE,
    Category,
    GcRules,
    Hold,
    Verdict,
    is_over,
    judge_leftover,
    judge_named,
    judge_unnamed,
    milliseconds,
)
from zenctx.database import references
from zenctx.database.engine import Connection
from zenctx.operations.collection.plan import PlanItem, PlanWriter
from zenctx.operations.collection.report import Action, GcItem, Tally
from zenctx.operations.collection.rows import RowReader, Said
from zenctx.operations.collection.shelf import Shelf
from zenctx.operations.collection.spool import PARTS, Spool, part_of
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.store.base import EntryKind, FileStat
from zenctx.store.listing import Directory, list_directories, list_temporaries, stat_names
from zenctx.store.mentions import STORAGE
from zenctx.store.names import run_directory
from zenctx.store.trash import TRASH, Trash

PERSISTENT, STORAGE_ROOT, SNAPSHOTS = "persistent", "storage", "snapshots"
LISTED, SAID, SAVED = "listed", "said", "saved"
_AT_ONCE = 1000
_NANOSECONDS = 1_000_000
_DAY = 24 * 60 * 60 * 1000
_MAX_MISSING = 1000
"""Missing files that are looked into one by one; the others are counted."""

OnItem = Callable[[GcItem], None]


@dataclass(frozen=True, slots=True)
class ForgottenSnapshot:
    """A snapshot that no rule of the settings keeps: its id, bytes, when it was taken, and why it goes."""

    snapshot_id: str
    bytes: int
    created_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """What there is in a repository, and what its manifests need: checksums with size and time, and checksums."""

    location: str
    objects: Callable[[], Iterator[tuple[str, int, float]]]
    needed: Callable[[], Iterator[str]]
    forgotten: tuple[ForgottenSnapshot, ...] = ()


@dataclass
class Found:
    """What one directory holds, and what runs say of it, in one part."""

    said: list[tuple[Hold, str, frozenset[str]]] = field(default_factory=list)
    """What a run says, its id, and the names that it names here."""
    all_: list[tuple[Hold, str]] = field(default_factory=list)
    """What holds everything here."""
    has_row: bool = False


@dataclass
class Planner:
    """One plan in the making."""

    live: LiveFiles
    spool: Spool
    writer: PlanWriter
    rules: GcRules
    now: datetime
    on_item: OnItem
    progress: Progress
    trash: Trash
    temporary_prefix: str
    """How the names of the engine's temporary files begin."""
    only_trash: bool = False
    saved: Iterable[PlanItem] | None = None
    """The plan that must not be exceeded, if there is one."""
    explain: Callable[[str], str | None] = lambda _path: None
    """What is on record of a released file."""
    still_names: Callable[[str, tuple[str, str]], bool] = lambda _run_id, _place: True
    tally: Tally = field(default_factory=Tally)
    shelf: Shelf = field(default_factory=Shelf)
    _needed_trash: dict[str, str] = field(default_factory=dict)
    _wanted: dict[tuple[str, str], PlanItem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The moment in the unit in which many are compared."""
        self._now = milliseconds(self.now)
        self._is_there = self.live.store.exists()

    def list_files(self) -> None:
        """Writes down what lies in the store, in the trash, and in the directory of temporary files."""
        if self._is_there:
            self.progress.start(None, "files")
            self.progress.note("listing files")
            for directory in list_directories(self.live.store.root):
                self.tally.listed += len(directory.values)
                self._take_directory(directory)
                self.progress.advance(len(directory.values))
            self._list_trash()
        self._list_temporaries()

    def _take_directory(self, directory: Directory) -> None:
        name, values = directory.name, directory.values
        # A saved plan wants to be told why each of its files stays, which takes a closer look.
        is_plain = self.saved is None and not self.only_trash and not directory.others
        if not is_plain or not self.shelf.put(name, values):
            others = [(entry.name, entry.kind.value) for entry in directory.others]
            self.spool.put(LISTED, name, ["d", name, values, others])

    def _unshelve(self, directory: str) -> None:
        values = self.shelf.take(directory)
        if values is not None:
            self.spool.put(LISTED, directory, ["d", directory, values, []])

    def _list_trash(self) -> None:
        for gc_id in self.trash.ids():
            for name, _ in self.trash.names(gc_id):
                directory, slash, below = name.partition("/")
                self._unshelve(directory)
                self.spool.put(LISTED, directory if slash else "", ["x", directory, gc_id, below])

    def _list_temporaries(self) -> None:
        names = list_temporaries(self.live.locators.storage, self.temporary_prefix)
        while some := list(islice(names, _AT_ONCE)):
            self.spool.put(LISTED, STORAGE, ["t", STORAGE, some])

    def list_objects(self, source: ObjectSource) -> None:
        """Writes down the objects of a repository, and then what its manifests need."""
        for each in source.forgotten:
            line = ["m", each.snapshot_id, each.bytes, milliseconds(each.created_at), each.reason]
            self.spool.put(LISTED, each.snapshot_id, line)
        for checksum, size, mtime in source.objects():
            self.spool.put(LISTED, checksum, ["o", checksum, size, mtime])
        for checksum in source.needed():
            self.spool.put(SAID, checksum, ["o", checksum])

    def notice_snapshot(self, name: str) -> None:
        """Tells of a manifest that cannot be read: then nobody can say which objects are needed."""
        self.tally.noticed += 1
        reason = "this snapshot cannot be read, so every object of the repository stays"
        self.on_item(GcItem(Action.NOTICED, "snapshot", None, name, None, None, reason))

    def notice_snapshots(self, reason: str) -> None:
        """Tells why no snapshot is forgotten although the settings have a policy."""
        self.tally.noticed += 1
        self.on_item(GcItem(Action.NOTICED, "snapshot", None, "", None, None, reason))

    def read_rows(self, connection: Connection, reader: RowReader) -> None:
        """Writes down what the rows say. Files must have been listed before."""
        self.progress.start(None, "runs")
        self.progress.note("reading references")
        for row in references.rows(connection, reader.sources):
            self.tally.runs += 1
            said = reader.read(row)
            if said is not None:
                self._take(said)
            self._take_all(reader.late(all_=False))
            self.progress.advance(1)
        connection.rollback()
        self._take_all(reader.late(all_=True))
        self._take_all(reader.without_rows())
        for directory, values in self.shelf.take_all():
            self.spool.put(LISTED, directory, ["d", directory, values, []])
        if self.saved is not None:
            for item in self.saved:
                self.spool.put(SAVED, _key_of(item), [getattr(item, name) for name in PlanItem.__slots__])

    def _take_all(self, said: Iterable[Said]) -> None:
        for each in said:
            self._take(each)

    def _take(self, said: Said) -> None:
        hold, own = said.hold, said.directory
        if said.has_row:
            self.tally.zombies += hold.run_class == "zombie"
            self.tally.pinned += hold.run_class == "pinned"
            self.tally.unreadable += hold.run_class == "unreadable"
        for directory, names in said.names.items():
            if directory != STORAGE:
                self.tally.references += len(names)
            if directory != own:
                self.spool.put(SAID, directory, ["r", directory, False, said.run_id, *hold, False, list(names)])
        names = said.names.get(own, set())
        if said.has_row and not is_over(hold, 0, self._now) and self.shelf.settle(own, names):
            # All that lies there is needed, and all that is needed lies there, whatever other runs say.
            self.tally.held += len(names)
            return
        self.spool.put(SAID, own, ["r", own, said.has_row, said.run_id, *hold, said.holds_all, list(names)])

    def compare(self) -> None:
        """Compares what lies there with what is needed, part by part, and writes the plan."""
        self.progress.start(self.tally.listed, "files")
        self.progress.note("comparing")
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
            if names:
                here.said.append((hold, run_id, frozenset(names)))
            if holds_all:
                here.all_.append((hold, run_id))
        self._wanted = {item.key: item for item in (PlanItem(*line) for line in self.spool.lines(SAVED, part))}
        for line in self.spool.lines(LISTED, part):
            self._compare_line(line, found, objects)
        if not self.only_trash and self._is_there:
            self._tell_missing(found)
        self._skip_rest()

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
            case ["m", str(snapshot_id), int(size), int(created), str(reason)] if not self.only_trash:
                status = FileStat(size, created * _NANOSECONDS, created * _NANOSECONDS, 0)
                self._settle(SNAPSHOTS, snapshot_id, None, status, Verdict(Category.SNAPSHOT, reason))
            case ["o", str(checksum), int(size), float(mtime) | int(mtime)] if not self.only_trash:
                self._judge_object(checksum, size, float(mtime), needed=checksum in objects)
            case _:
                pass

    def _judge_values(self, directory: str, values: list[str], here: Found) -> None:
        if not values:
            return
        if any(hold.since is None for hold, _ in here.all_):
            self.tally.held += len(values)
            self._explain_wanted(directory, values, here.all_[0][0].reason)
            return
        held: set[str] = set()
        for hold, _, names in here.said:
            # However young or old the file itself is: nobody has to look at it.
            if not is_over(hold, 0, self._now):
                held.update(names)
                self._explain_wanted(directory, names, hold.reason)
        rest = [name for name in values if name not in held]
        self.tally.held += len(values) - len(rest)
        if rest:
            for name, status in stat_names(self.live.store.root, directory, rest):
                if status is not None:
                    self._judge_value(directory, name, status, here)

    def _judge_value(self, directory: str, name: str, status: FileStat, here: Found) -> None:
        named = [(hold, run_id) for hold, run_id, names in here.said if name in names] + here.all_
        path = f"{directory}/{name}" if directory else name
        run_id = max(named, key=lambda each: each[0].since or 0)[1] if named else run_of(directory)
        if named:
            verdict = judge_named((hold for hold, _ in named), _ms(status.mtime_ns), self._now)
        else:
            changed = _ms(max(status.mtime_ns, status.ctime_ns))
            is_gone = not here.has_row and is_run_directory(directory)
            verdict = judge_unnamed(changed, self.rules, self._now, run_is_gone=is_gone)
        if verdict.category is None:
            if named:
                self.tally.held += 1
            else:
                self.tally.waiting += 1
        self._settle(PERSISTENT, path, run_id, status, verdict)

    def _judge_others(self, others: list[list[str]]) -> None:
        for path, kind in others:
            match EntryKind(kind):
                case EntryKind.TEMPORARY:
                    self._judge_leftover(path, Category.TEMPORARY)
                case EntryKind.EMPTY_DIRECTORY:
                    self._judge_leftover(path, Category.DIRECTORY)
                case EntryKind.UNREADABLE:
                    self.tally.unseen += 1
                    self._notice("unreadable", path, "this user may not see what is in it, so all of it stays")
                case _:
                    self._notice("unknown", path, "neither a value nor anything of zenctx: it is left alone")

    def _judge_leftover(self, path: str, category: Category) -> None:
        directory, _, name = path.rpartition("/")
        for _, status in stat_names(self.live.store.root, directory, [name]):
            if status is not None:
                changed = _ms(max(status.mtime_ns, status.ctime_ns))
                verdict = judge_leftover(changed, self.rules.grace, self._now, category)
                self._settle(PERSISTENT, path, run_of(path.partition("/")[0]), status, verdict)

    def _judge_temporaries(self, names: list[str], here: Found) -> None:
        named = {name for _, _, some in here.said for name in some}
        for name, status in stat_names(self.live.locators.storage, "", names):
            if status is None:
                continue
            self.tally.temp_files += 1
            self.tally.temp_bytes += status.size
            if self.rules.temp_age is None or name in named:
                continue
            changed = _ms(max(status.mtime_ns, status.ctime_ns))
            verdict = judge_leftover(changed, self.rules.temp_age, self._now, Category.APPLICATION)
            self._settle(STORAGE_ROOT, name, None, status, verdict)

    def _judge_object(self, checksum: str, size: int, mtime: float, *, needed: bool) -> None:
        verdict = Verdict(None, "a snapshot needs it")
        if not needed:
            changed = -int(-mtime * 1000 // 1)
            verdict = judge_leftover(changed, self.rules.grace, self._now, Category.OBJECT)
        status = FileStat(size, int(mtime * 1_000_000_000), int(mtime * 1_000_000_000), 0)
        self._settle(SNAPSHOTS, checksum, None, status, verdict)

    def _look_at_trashed(self, directory: str, gc_id: str, name: str, here: Found | None) -> None:
        """A run that names what lies in the trash needs it back: a database that was put back to an older state."""
        for hold, run_id, names in here.said if here is not None else ():
            if name in names and not is_over(hold, 0, self._now):
                path = f"{TRASH}/{gc_id}/{directory}/{name}"
                if gc_id not in self._needed_trash:
                    self._needed_trash[gc_id] = run_id
                self._notice("trash", path, f"run {run_id} names it: 'zenctx gc --undo {gc_id}' brings it back", run_id)

    def _judge_trash(self) -> None:
        self._wanted = {
            item.key: item
            for item in (PlanItem(*line) for line in self.spool.lines(SAVED, part_of(TRASH)))
            if item.category == Category.TRASH
        }
        for gc_id in self.trash.ids() if self._is_there else ():
            moment = max(moment_of(gc_id), milliseconds(datetime.fromtimestamp(self.trash.changed_at(gc_id), UTC)))
            verdict = judge_trash(moment, self.rules, self._now)
            if gc_id in self._needed_trash:
                verdict = Verdict(None, f"run {self._needed_trash[gc_id]} names a file in it")
            sizes = [size for _, size in self.trash.names(gc_id)] if verdict.category else []
            status = FileStat(sum(sizes), moment * _NANOSECONDS, moment * _NANOSECONDS, 0)
            self._settle(PERSISTENT, f"{TRASH}/{gc_id}", None, status, verdict, files=len(sizes))
        self._skip_rest()

    def _tell_missing(self, found: dict[str, Found]) -> None:
        for directory, here in found.items():
            for hold, run_id, names in here.said:
                if directory == STORAGE or is_over(hold, 0, self._now):
                    continue
                for name, status in stat_names(self.live.store.root, directory, sorted(names)) if names else ():
                    if status is None:
                        self._tell_missing_file(run_id, directory, name)

    def _tell_missing_file(self, run_id: str, directory: str, name: str) -> None:
        if self.tally.missing >= _MAX_MISSING:
            self.tally.missing += 1
            return
        if not self.still_names(run_id, (directory, name)):
            return
        self.tally.missing += 1
        path = f"{directory}/{name}" if directory else name
        why = self.explain(path)
        reason = "the run names it, and it is not there" + (f": {why}" if why else "")
        self.on_item(GcItem(Action.MISSING, "missing", run_id, self._shown(path), None, None, reason))

    def _settle(
        self, root: str, path: str, run_id: str | None, status: FileStat, verdict: Verdict, *, files: int = 1
    ) -> None:
        """Adds to the plan what goes, unless the saved plan does not have it as it is."""
        wanted = self._wanted.pop((root, path), None)
        if verdict.category is None:
            if wanted is not None:
                self._skip(wanted, verdict.reason)
            return
        if self.saved is not None:
            if wanted is None:
                return
            if wanted.category != Category.TRASH and (wanted.bytes, wanted.mtime_ns) != (status.size, status.mtime_ns):
                self._skip(wanted, "it has changed since the plan was made")
                return
        category = verdict.category
        age = max(0, self._now - _ms(status.mtime_ns)) / _DAY
        # What takes part in the limit is counted by files; the trash by what lies in it.
        self.tally.add(category, status.size, files)
        self.writer.add(
            PlanItem(
                category, root, path, run_id, status.size, status.mtime_ns, status.ctime_ns, status.inode,
                round(age, 2), verdict.reason,
            )
        )  # fmt: skip

    def _explain_wanted(self, directory: str, names: Iterable[str], reason: str) -> None:
        if self.saved is None or not self._wanted:
            return
        for name in names:
            wanted = self._wanted.pop((PERSISTENT, f"{directory}/{name}" if directory else name), None)
            if wanted is not None:
                self._skip(wanted, reason)

    def _skip_rest(self) -> None:
        for item in self._wanted.values():
            if item.category != Category.TRASH:
                self._skip(item, "it is not there any more, or needed again")
        self._wanted = {}

    def _skip(self, item: PlanItem, reason: str) -> None:
        self.tally.skipped += 1
        path = self._shown(item.path) if item.root == PERSISTENT else item.path
        self.on_item(GcItem(Action.SKIPPED, item.category, item.run_id, path, item.bytes, item.age_days, reason))

    def _notice(self, category: str, path: str, reason: str, run_id: str | None = None) -> None:
        self.tally.noticed += 1
        self.on_item(GcItem(Action.NOTICED, category, run_id, self._shown(path), None, None, reason))

    def _shown(self, path: str) -> str:
        return str(self.live.store.root / path)


def live_files_of(tally: Tally) -> int:
    """Gives how many values a plan removes: what the limit is about."""
    return sum(count.files for category, count in tally.by_category.items() if category in LIVE)


def moment_of(gc_id: str) -> int:
    """Gives when a clean-up began, from its id; 0 where that does not tell."""
    try:
        return milliseconds(datetime.strptime(gc_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return 0


def judge_trash(moment: int, rules: GcRules, now: int) -> Verdict:
    """Decides whether what a clean-up removed is deleted for good."""
    days = rules.trash_retention.days
    if days and moment + days * _DAY >= now:
        return Verdict(None, f"it is in the trash for less than {days} days")
    return Verdict(Category.TRASH, f"it was in the trash for {max(0, now - moment) // _DAY} days")


def _key_of(item: PlanItem) -> str:
    """The key of the part in which an item is met again."""
    match item.root, item.category:
        case _, Category.TRASH:
            return TRASH
        case "storage", _:
            return STORAGE
        case "snapshots", _:
            return item.path
    directory, slash, _ = item.path.partition("/")
    if item.category == Category.DIRECTORY:
        return directory
    return directory if slash else ""


def is_run_directory(directory: str) -> bool:
    """Tells whether a directory has a name that the store gives to a run's."""
    return directory.startswith("run-") or run_of(directory) is not None


def run_of(directory: str) -> str | None:
    """Gives the run whose files lie in a directory, where its name says so."""
    return directory if run_directory(directory) == directory else None


def _ms(nanoseconds: int) -> int:
    return -(-nanoseconds // _NANOSECONDS)
