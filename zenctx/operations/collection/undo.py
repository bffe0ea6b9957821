"""The way back: what a clean-up moved to the trash returns to its place, byte for byte.

What lies in the trash counts, not what is on record: a database that was put back to an older state may know nothing
of it. Where something else lies in a file's place by now, that is moved to the trash itself, under the id of this
undo, so that neither is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from zenctx.config import Settings
from zenctx.database import released
from zenctx.database.engine import Connection, write_transaction
from zenctx.database.released import PERSISTENT, STORAGE, Release, ReleasedState
from zenctx.errors import NotFoundError, UsageError, ZenctxError
from zenctx.operations.collection.ledger import OnItem
from zenctx.operations.collection.report import Action, GcItem
from zenctx.store import mentions
from zenctx.store.trash import TakenError, Trash, file_stat

_AT_ONCE = 500


@dataclass
class Undoer:
    """One undo of the clean-up `gc_id`, itself recorded as `undo_id`."""

    connection: Connection
    settings: Settings
    trash: Trash
    gc_id: str
    undo_id: str
    on_item: OnItem
    restored: int = 0
    restored_bytes: int = 0
    failed: int = 0
    aside: int = 0
    _done: dict[str, list[str]] = field(default_factory=dict)

    def run(self) -> None:
        """Brings everything back that can be."""
        for names in _in_batches(self.trash.names(self.gc_id)):
            self._done = {PERSISTENT: [], STORAGE: []}
            back = [name for name, size in names if self._bring_back(name, size)]
            # All of them have their old names, durably, before any loses that in the trash: a crash leaves two.
            self.trash.sync()
            for name in back:
                self.trash.drop(self.gc_id, name)
            # The files first: a record that says "trashed" of a file in its place misleads nobody: that is looked at.
            with write_transaction(self.connection):
                for root, paths in self._done.items():
                    released.set_state(self.connection, self.gc_id, root, paths, ReleasedState.RESTORED)
        self.trash.remove_empty(self.gc_id)

    def _bring_back(self, kept: str, size: int) -> bool:
        root, name = self._place(kept)
        place = self.settings.file_storage_dir.path if root == STORAGE else self.settings.persistent_file_dir.path
        target = place if root == STORAGE else None
        try:
            try:
                self.trash.give_back(self.gc_id, name, target=target, aside=kept)
            except TakenError:
                self._move_aside(root, name)
                self.trash.give_back(self.gc_id, name, target=target, aside=kept)
        except ZenctxError as error:
            self.failed += 1
            self.on_item(GcItem(Action.FAILED, "undo", None, str(place / name), size, None, error.message, self.gc_id))
            return False
        self.restored += 1
        self.restored_bytes += size
        self._done[root].append(name)
        self.on_item(GcItem(Action.RESTORED, "undo", None, str(place / name), size, None, "brought back", self.gc_id))
        return True

    def _move_aside(self, root: str, name: str) -> None:
        """What lies in the place goes to the trash, on record first."""
        place = self.settings.file_storage_dir.path if root == STORAGE else self.settings.persistent_file_dir.path
        found = file_stat(place, name)
        reason = f"it lay in the place of a file that the undo of gc {self.gc_id} brought back"
        with write_transaction(self.connection):
            release = Release(root, name, None, found.size, found.mtime_ns, reason)
            released.record_all(self.connection, self.undo_id, [release])
        if root == STORAGE:
            self.trash.put(self.undo_id, name, source=place, aside=f"{mentions.STORAGE}/{name}")
        else:
            self.trash.put(self.undo_id, name)
        self.trash.sync()
        with write_transaction(self.connection):
            released.set_state(self.connection, self.undo_id, root, [name], ReleasedState.TRASHED)
        self.aside += 1

    def _place(self, kept: str) -> tuple[str, str]:
        first, slash, rest = kept.partition("/")
        return (STORAGE, rest) if slash and first == mentions.STORAGE else (PERSISTENT, kept)


def find(trash: Trash, reference: str) -> str:
    """Gives the id of the clean-up in the trash that an id, the beginning of one, or `latest` means.

    Raises NotFoundError for none, UsageError for several.
    """
    ids = trash.ids()
    if reference == "latest" and ids:
        return ids[-1]
    found = [gc_id for gc_id in ids if gc_id == reference] or [gc_id for gc_id in ids if gc_id.startswith(reference)]
    if not found or not reference:
        raise NotFoundError(
            f"the trash holds nothing of a clean-up {reference}", hint="'zenctx gc log' says what can be brought back"
        )
    if len(found) > 1:
        raise UsageError(f"{reference} is the beginning of {len(found)} ids", hint=f"such as {found[0]} and {found[1]}")
    return found[0]


def _in_batches(names: Iterator[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    # Listed as a whole directory is left: what is moved meanwhile was given already.
    while batch := list(islice(names, _AT_ONCE)):
        yield batch
