"""Lists what lies there, then reads what is needed, and keeps both until they are compared.

The order is what makes it safe. A file is written before the row that names it: one that was listed before the rows
were read is named by a row that was read, or was named by none when it was listed. And what nobody names is left
alone until it is a day old. What the plan says is looked at again when it is carried out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from zenctx.context.gc_rules import Category, is_over
from zenctx.database import references
from zenctx.database.engine import Connection
from zenctx.operations.collection.ledger import Ledger
from zenctx.operations.collection.places import SNAPSHOTS, STORAGE_ROOT, split_path
from zenctx.operations.collection.plan import PlanItem
from zenctx.operations.collection.rows import RowReader, Said
from zenctx.operations.collection.shelf import Shelf
from zenctx.operations.collection.snapshots import ObjectSource
from zenctx.operations.collection.spool import LISTED, SAID, SAVED, Spool
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.store.listing import Directory, list_temporaries
from zenctx.store.mentions import STORAGE
from zenctx.store.names import is_text, run_directory
from zenctx.store.trash import TRASH, Trash

_AT_ONCE = 1000


@dataclass
class Planner:
    """What one plan is made from."""

    live: LiveFiles
    spool: Spool
    ledger: Ledger
    progress: Progress
    trash: Trash
    temporary_prefix: str
    """How the names of the engine's temporary files begin."""
    only_trash: bool = False
    shelf: Shelf = field(default_factory=Shelf)

    def list_files(self, directories: Callable[[], Iterator[Directory]]) -> None:
        """Writes down what lies in the store, in the trash, and in the directory of temporary files."""
        if self.live.store.exists():
            self.progress.start(None, "files")
            self.progress.note("listing files")
            for directory in directories():
                self.ledger.tally.listed += len(directory.values)
                self._take_directory(directory)
                self.progress.advance(len(directory.values))
            self._list_trash()
        self._list_temporaries()

    def _take_directory(self, directory: Directory) -> None:
        name, values = directory.name, directory.values
        # A saved plan wants to be told why each of its files stays, which takes a closer look.
        is_plain = not self.ledger.has_saved and not self.only_trash and not directory.others
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
                if is_text(name):  # no row names anything else
                    directory, below = split_path(name)
                    self._unshelve(directory)
                    self.spool.put(LISTED, directory, ["x", directory, gc_id, below])

    def _list_temporaries(self) -> None:
        names = list_temporaries(self.live.locators.storage, self.temporary_prefix)
        while some := list(islice(names, _AT_ONCE)):
            self.spool.put(LISTED, STORAGE, ["t", STORAGE, some])

    def list_objects(self, source: ObjectSource) -> None:
        """Writes down the objects of a repository, and then what its manifests need."""
        for checksum, size, mtime in source.objects():
            self.spool.put(LISTED, checksum, ["o", checksum, size, mtime])
        for checksum in source.needed():
            self.spool.put(SAID, checksum, ["o", checksum])

    def read_rows(self, connection: Connection, reader: RowReader) -> None:
        """Writes down what the rows say. Files must have been listed before."""
        self.progress.start(None, "runs")
        self.progress.note("reading references")
        tally = self.ledger.tally
        for row in references.rows(connection, reader.sources):
            tally.runs += 1
            self.progress.advance(1)
            if reader.surely_holds(row) and self._settle(run_directory(row.run_id), row.behind_base):
                continue
            said = reader.read(row)
            if said is None:
                self._take_all(reader.late(all_=False))
            else:
                self._take(said)
        connection.rollback()
        self._take_all(reader.late(all_=True))
        self._take_all(reader.without_rows())
        for directory, values in self.shelf.take_all():
            self.spool.put(LISTED, directory, ["d", directory, values, []])

    def keep_saved(self, items: Iterable[PlanItem]) -> None:
        """Writes down what a saved plan says, to be met when that is compared."""
        for item in items:
            self.spool.put(SAVED, _key_of(item), [getattr(item, name) for name in PlanItem.__struct_fields__])

    def _take_all(self, said: Iterable[Said]) -> None:
        for each in said:
            self._take(each)

    def _take(self, said: Said) -> None:
        hold, own, tally = said.hold, said.directory, self.ledger.tally
        if said.has_row:
            tally.zombies += hold.run_class == "zombie"
            tally.pinned += hold.run_class == "pinned"
            tally.unreadable += hold.run_class == "unreadable"
        settles = said.has_row and not is_over(hold, 0, self.ledger.now)
        if settles and self._settle(own, said.joined):
            return
        found = said.names
        for directory, names in found.items():
            if directory != STORAGE:
                tally.references += len(names)
            if directory != own:
                self.spool.put(SAID, directory, ["r", directory, False, said.run_id, *hold, False, list(names)])
        names = found.get(own, set())
        if settles and self.shelf.settle(own, names):
            tally.held += len(names)
            return
        self.spool.put(SAID, own, ["r", own, said.has_row, said.run_id, *hold, said.holds_all, list(names)])

    def _settle(self, directory: str, joined: str | None) -> bool:
        """All that lies there is needed, and all that is needed lies there, whatever other runs say."""
        count = 0 if joined is None else self.shelf.settle_joined(directory, joined)
        self.ledger.tally.references += count
        self.ledger.tally.held += count
        return bool(count)


def _key_of(item: PlanItem) -> str:
    """The key of the part in which an item is met again."""
    if item.category in {Category.TRASH, Category.SNAPSHOT}:
        return TRASH if item.category == Category.TRASH else SNAPSHOTS
    if item.root == STORAGE_ROOT:
        return STORAGE
    if item.root == SNAPSHOTS:
        return item.path
    # An empty directory is met as itself, or within the first one on its path.
    directory, _ = split_path(item.path)
    return directory or (item.path if item.category == Category.DIRECTORY else "")
