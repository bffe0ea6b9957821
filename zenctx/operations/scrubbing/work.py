"""Carrying a scrub out, run by run: new files first, then all rows of a run at once, then the old files.

1. Files without secrets are written under new names, durably. A crash leaves files that no row names; gc finds them.
2. One transaction writes some runs, each wholly: context, error, state, nodes, and the record of the files that the run
   names no more. A crash before its commit leaves the runs as they were, and they are found again; after it, no
   secret is in them.
3. The old files are deleted. A crash leaves files on record that no row names: the next scrub deletes them.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from zenctx.context.classes import RunClass
from zenctx.context.members import Change
from zenctx.database import journal, released
from zenctx.database.engine import Connection, Database
from zenctx.database.released import ReleasedState
from zenctx.database.rows import RunRow
from zenctx.database.secret_writes import Outcome, RunChange, SecretWriter
from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.operations.live_files import LiveFiles, bind_store
from zenctx.operations.run_classes import run_classes
from zenctx.operations.scrubbing.report import Action, ScrubItem, Tally
from zenctx.operations.scrubbing.search import NewFile, Searched, described
from zenctx.store.base import NewFile as StoreFile
from zenctx.store.base import StoredFile

OnItem = Callable[[ScrubItem], None]

COMMAND = "scrub"
_MAX_WRITES = 50
_MAX_BYTES = 8 * 1024 * 1024


def item_of(searched: Searched, action: Action, reason: str | None = None) -> ScrubItem:
    """Gives what becomes of a run."""
    by_kind: dict[str, int] = {}
    for found in searched.found:
        by_kind[found.kind.value] = by_kind.get(found.kind.value, 0) + found.count
    row = searched.parts.row
    why = reason or "; ".join(dict.fromkeys(searched.problems)) or None
    return ScrubItem(
        action.value, row.run_id, row.workflow_id, row.status, searched.places, by_kind, len(searched.nodes),
        len(searched.files), why,
    )  # fmt: skip


@dataclass
class Scrubber:
    """Writes runs, some in one transaction. `connection` has no transaction open between two calls."""

    database: Database
    connection: Connection
    live: LiveFiles
    writer: SecretWriter
    tally: Tally
    on_item: OnItem
    is_bound: bool = False
    _waiting: list[tuple[Searched, RunChange, list[str]]] = field(default_factory=list)
    _size: int = 0

    def take(self, searched: Searched) -> None:
        """Takes a run that is to be written."""
        stored = self._write_files(searched.parts.row.run_id, searched.files)
        locator = self.live.locators.locator_for
        contents = {
            file.number: Change(file.spelling, described(file, locator(each.name), each.size, each.checksum))
            for file, each in zip(searched.files, stored, strict=True)
        }
        change = RunChange(
            searched.parts.row, searched.parts.more, searched.context(contents), searched.error, searched.state,
            searched.nodes, searched.released, searched.unrecorded,
        )  # fmt: skip
        self._waiting.append((searched, change, [each.name for each in stored]))
        self._size += change.size
        if len(self._waiting) >= _MAX_WRITES or self._size >= _MAX_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return
        outcome = self.writer.write([change for _, change, _ in waiting], self._over)
        written = frozenset(outcome.written)
        # It is certain that no row names these: the transaction that would have is not what was committed.
        self.live.store.discard(n for s, _, names in waiting if s.parts.row.run_id not in written for n in names)
        self._delete([change for _, change, _ in waiting if change.row.run_id in written])
        for searched, _, _ in waiting:
            self._tell(searched, *_ending(outcome, searched.parts.row.run_id))

    def _tell(self, searched: Searched, action: Action, reason: str | None) -> None:
        item = item_of(searched, action, reason)
        self.tally.count(item, searched.left_files)
        self.on_item(item)

    def _write_files(self, run_id: str, files: Sequence[NewFile]) -> list[StoredFile]:
        if not files:
            return []
        if not self.is_bound:
            bind_store(self.live, self.connection)
            self.is_bound = True
        return self.live.store.put_many(StoreFile(run_id, file.key, file.content, file.suffix) for file in files)

    def _over(self, rows: Sequence[RunRow]) -> frozenset[str]:
        classes = run_classes(self.connection, [(row, True) for row in rows])
        return frozenset(row.run_id for row, each in zip(rows, classes, strict=True) if each is RunClass.FINISHED)

    def _delete(self, changes: Iterable[RunChange]) -> None:
        recorded = [file.path for change in changes for file in change.released]
        names = [*recorded, *(name for change in changes for name in change.unrecorded)]
        if names:
            self.live.store.discard(names)
            there = {name for name in names if _is_there(self.live, name)}
            self.writer.forget_files([name for name in recorded if name not in there])
            self.tally.foreign_files += len(there)


def delete_left_over(connection: Connection, live: LiveFiles) -> None:
    """Deletes the files that a scrub that died had on record, and that no row has named since its commit."""
    dead = [entry.id for entry in journal.unfinished(connection, [COMMAND])]
    connection.rollback()
    for operation_id in dead:
        for records in released.of_gc(connection, operation_id, state=ReleasedState.RELEASED):
            with suppress(ZenctxError):
                live.store.discard(record.path for record in records)


def _is_there(live: LiveFiles, name: str) -> bool:
    try:
        live.store.stat(name)
    except DamagedFileError:
        return False
    except ZenctxError:
        return True
    return True


def _ending(outcome: Outcome, run_id: str) -> tuple[Action, str | None]:
    if run_id in outcome.refused:
        return Action.FAILED, outcome.refused[run_id]
    if run_id in outcome.changed:
        return Action.CHANGED, "somebody has written it meanwhile: it was left as it is"
    return Action.SCRUBBED, None
