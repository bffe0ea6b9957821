"""Carries a plan out, batch by batch, so that a crash leaves every file in one of two places, on record.

For each batch:

1. The release is recorded, and committed. A crash now leaves records of files that are still in their places: the next
   clean-up takes them back.
2. One transaction locks the rows of the runs, and looks at what was written since the rows were read: whatever names a
   file of the batch now keeps it. On SQLite nobody else can write meanwhile.
3. Each file that is still what it was is moved to the trash, by a rename. A crash leaves some moved, some not; the
   record says "released" of all of them, and the next clean-up finds out where each one lies.
4. Rows are looked at once more: one that came to name a file in the very moment of its move has it back.
5. The record says "trashed", or is taken back where a file stayed; then the rows are let go.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from zenctx.context.classes import ZOMBIE_AGE
from zenctx.context.gc_rules import LIVE, Category, is_over, milliseconds
from zenctx.database import references, released
from zenctx.database.engine import Connection, write_transaction
from zenctx.database.engine_state import last_signs
from zenctx.database.released import Release, ReleasedState
from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.operations.collection.ledger import OnItem
from zenctx.operations.collection.places import PERSISTENT, SNAPSHOTS, STORAGE_ROOT, split_path
from zenctx.operations.collection.plan import Plan, PlanItem
from zenctx.operations.collection.report import Action, GcItem, Tally
from zenctx.operations.collection.rows import RowReader, directories_of
from zenctx.operations.collection.snapshots import Remover
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.store.mentions import STORAGE
from zenctx.store.trash import Trash, file_stat

BATCH = 500
_FILES = LIVE | {Category.TEMPORARY, Category.APPLICATION}


@dataclass
class Executor:
    """One plan being carried out, as the clean-up `gc_id`. `moment`: when rows were read (see `references.mark`)."""

    connection: Connection
    live: LiveFiles
    trash: Trash
    reader: RowReader
    moment: str
    gc_id: str
    on_item: OnItem
    progress: Progress
    remover: Remover | None = None
    """Removes what is not needed from the repository; None where all of it stays."""
    done: Tally = field(default_factory=Tally)

    def run(self, plan: Plan) -> Tally:
        """Carries it out; gives what was done."""
        self.progress.start(plan.items_count, "files")
        self.progress.note("moving to the trash")
        batch: list[PlanItem] = []
        for items in _in_batches(plan.items()):
            batch = [item for item in items if item.category in _FILES]
            if batch:
                self._release(batch)
            for item in items:
                self._remove_other(item)
            self.progress.advance(len(items), sum(item.bytes for item in batch))
        self.progress.finish()
        return self.done

    def _release(self, batch: list[PlanItem]) -> None:
        with write_transaction(self.connection):
            for_record = [Release(i.root, i.path, i.run_id, i.bytes, i.mtime_ns, i.reason) for i in batch]
            released.record_all(self.connection, self.gc_id, for_record)
        with write_transaction(self.connection):
            kept = self._kept(batch)
            moved: list[PlanItem] = []
            for item in batch:
                reason = kept.get(item.key)
                if reason is None:
                    self._move(item, moved)
                else:
                    self._tell(item, Action.SKIPPED, reason)
            self.trash.sync()
            moved = self._without_needed(moved)
            self._record(batch, moved)
        # Their directories: empty ones say nothing, and whoever writes into them makes them again.
        for directory in {item.path.rpartition("/")[0] for item in moved if item.root == PERSISTENT} - {""}:
            self.trash.remove_directory(directory)
        self.trash.sync()
        self.trash.close()
        for item in moved:
            self._count(item)

    def _kept(self, batch: list[PlanItem]) -> dict[tuple[str, str], str]:
        """Why some files of a batch stay after all. Holds the rows of their runs until the end of the transaction."""
        runs = sorted({item.run_id for item in batch if item.run_id is not None})
        busy = references.lock(self.connection, runs)
        self.reader.look_around()
        kept: dict[tuple[str, str], str] = {}
        pinned = directories_of(self.reader.pinned)
        retrying = self.reader.retrying
        for item in batch:
            directory = item.path.partition("/")[0]
            if item.run_id in busy:
                kept[item.key] = "its run is being written by somebody else"
            elif item.run_id in self.reader.pinned or directory in pinned:
                kept[item.key] = "its run is pinned"
            elif item.category in {Category.FINISHED, Category.ZOMBIE} and item.run_id in (retrying or ()):
                kept[item.key] = "a retry of its run is scheduled"
        return kept | self._alive_again(batch) | self._not_deleted(batch) | self._named_now(batch)

    def _not_deleted(self, batch: list[PlanItem]) -> dict[tuple[str, str], str]:
        """The files of runs whose workflow or project was marked as deleted, and is not any more."""
        deleted = [item for item in batch if item.category == Category.DELETED and item.run_id is not None]
        runs = sorted({item.run_id or "" for item in deleted})
        back = references.not_deleted(self.connection, self.reader.sources, runs)
        return {item.key: "its workflow is not marked as deleted any more" for item in deleted if item.run_id in back}

    def _alive_again(self, batch: list[PlanItem]) -> dict[tuple[str, str], str]:
        """The files of runs that were taken for dead and have shown a sign of life since."""
        zombies = [item for item in batch if item.category == Category.ZOMBIE and item.run_id is not None]
        signs = last_signs(self.connection, sorted({item.run_id or "" for item in zombies}))
        oldest = self.reader.now - ZOMBIE_AGE
        alive = {run_id for run_id, sign in signs.items() if sign >= oldest}
        return {item.key: "its run shows signs of life" for item in zombies if item.run_id in alive}

    def _named_now(self, batch: list[PlanItem]) -> dict[tuple[str, str], str]:
        """Why some files are needed, by what was written since the rows were read."""
        now = milliseconds(self.reader.now)
        by_place: dict[tuple[str, str], PlanItem] = {_place(item): item for item in batch}
        by_directory: dict[str, list[PlanItem]] = {}
        for item in batch:
            by_directory.setdefault(_place(item)[0], []).append(item)
        kept: dict[tuple[str, str], str] = {}
        named: dict[str, set[tuple[str, str]]] = {}
        for row in references.changed_since(self.connection, self.reader.sources, self.moment):
            said = self.reader.at_once(row)
            places = [(directory, name) for directory, names in said.names.items() for name in names]
            items = [by_place[place] for place in places if place in by_place]
            named[said.run_id] = {item.key for item in items}
            if said.holds_all:
                items += by_directory.get(said.directory, [])
            for item in items:
                if not is_over(said.hold, -(-item.mtime_ns // 1_000_000), now):
                    kept[item.key] = f"a run names it now: {said.hold.reason}"
        for item in batch:
            # What it was planned by is no longer so: the next clean-up decides by what is so then.
            if item.category == Category.FINISHED and item.key not in named.get(item.run_id or "", {item.key}):
                kept.setdefault(item.key, "its run was written meanwhile, and does not name it any more")
        return kept

    def _move(self, item: PlanItem, moved: list[PlanItem]) -> None:
        root = self.live.store.root if item.root == PERSISTENT else self.live.locators.storage
        try:
            found = file_stat(root, item.path)
            if (found.size, found.mtime_ns, found.inode) != (item.bytes, item.mtime_ns, item.inode):
                self._tell(item, Action.SKIPPED, "it has changed since it was looked at")
                return
            if item.root == PERSISTENT:
                self.trash.put(self.gc_id, item.path)
            else:
                self.trash.put(self.gc_id, item.path, source=root, aside=f"{STORAGE}/{item.path}")
        except DamagedFileError:
            self._tell(item, Action.SKIPPED, "it is gone already")
        except ZenctxError as error:
            self._tell(item, Action.FAILED, error.message)
        else:
            moved.append(item)

    def _without_needed(self, moved: list[PlanItem]) -> list[PlanItem]:
        needed = self._named_now(moved) if moved else {}
        for item in (each for each in moved if each.key in needed):
            if item.root == PERSISTENT:
                self.trash.take_back(self.gc_id, item.path)
            else:
                place = self.live.locators.storage
                self.trash.take_back(self.gc_id, item.path, target=place, aside=f"{STORAGE}/{item.path}")
            self._tell(item, Action.SKIPPED, needed[item.key])
        return [item for item in moved if item.key not in needed]

    def _record(self, batch: list[PlanItem], moved: list[PlanItem]) -> None:
        gone = {item.key for item in moved}
        for root in (PERSISTENT, STORAGE_ROOT):
            paths = [item.path for item in moved if item.root == root]
            released.set_state(self.connection, self.gc_id, root, paths, ReleasedState.TRASHED)
            stayed = [item.path for item in batch if item.root == root and item.key not in gone]
            released.forget(self.connection, self.gc_id, root, stayed)

    def _remove_other(self, item: PlanItem) -> None:
        """Removes what is no file of the store: directories, old trash, objects."""
        try:
            match item.category:
                case Category.TRASH:
                    self._purge(item)
                case Category.SNAPSHOT | Category.OBJECT if self.remover is not None:
                    self._remove_object(item, self.remover)
                case Category.DIRECTORY:
                    if self.trash.remove_directory(item.path):
                        self._count(item)
                    else:
                        self._tell(item, Action.SKIPPED, "it is not empty any more, or may not be removed")
                case _:
                    pass
        except ZenctxError as error:
            self._tell(item, Action.FAILED, error.message)

    def _purge(self, item: PlanItem) -> None:
        gc_id = item.path.rpartition("/")[2]
        # The record first: what it calls purged may still be there for a moment, what it calls trashed may not be gone.
        with write_transaction(self.connection):
            before = (ReleasedState.TRASHED, ReleasedState.RELEASED)
            released.set_state_of_all(self.connection, gc_id, ReleasedState.PURGED, before=before)
        self.trash.purge(gc_id)
        self._count(item)

    def _remove_object(self, item: PlanItem, remover: Remover) -> None:
        is_snapshot = item.category == Category.SNAPSHOT
        why = remover.remove_snapshot(item.path) if is_snapshot else remover.remove_object(item.path)
        if why is None:
            self._count(item)
        else:
            self._tell(item, Action.SKIPPED, why)

    def _count(self, item: PlanItem) -> None:
        self.done.add(item.category, item.bytes)
        self._tell(item, Action.REMOVED, item.reason)

    def _tell(self, item: PlanItem, action: Action, reason: str) -> None:
        self.done.skipped += action is Action.SKIPPED
        self.done.failed += action is Action.FAILED
        self.on_item(as_item(item, action, self.live, reason=reason, gc_id=self.gc_id))


def as_item(
    item: PlanItem, action: Action, live: LiveFiles, *, reason: str | None = None, gc_id: str | None = None
) -> GcItem:
    """Gives one thing of a plan as it is told."""
    path = item.path
    if item.root != SNAPSHOTS:
        root = live.store.root if item.root == PERSISTENT else live.locators.storage
        path = str(root / item.path)
    return GcItem(action, item.category, item.run_id, path, item.bytes, item.age_days, reason or item.reason, gc_id)


def _place(item: PlanItem) -> tuple[str, str]:
    """Where a file lies, as the texts of rows are read."""
    if item.root == STORAGE_ROOT:
        return STORAGE, item.path
    return split_path(item.path)


def _in_batches(items: Iterator[PlanItem]) -> Iterator[list[PlanItem]]:
    while batch := list(islice(items, BATCH)):
        yield batch
