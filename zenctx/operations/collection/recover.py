"""After a clean-up that died: finds out where each file lies that it was about to move, and sets its record right."""

from zenctx.config import Settings
from zenctx.database import journal, released
from zenctx.database.engine import Connection, write_transaction
from zenctx.database.released import PERSISTENT, STORAGE, ReleasedState, ReleaseRecord
from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.operations.collection.prepare import trash_of
from zenctx.store import mentions
from zenctx.store.trash import Trash, file_stat

COMMANDS = ("gc", "gc --apply", "gc --undo", "gc --purge")
_INTERRUPTED = 130


def recover(connection: Connection, settings: Settings) -> int:
    """Sets the records of dead clean-ups right, and ends them in the journal; gives how many there were.

    Whoever calls holds the lock that a living one would hold.
    """
    dead = [entry.id for entry in journal.unfinished(connection, COMMANDS)]
    connection.rollback()
    for gc_id in dead:
        settle_one(connection, settings, gc_id)
        journal.finish(connection, gc_id, _INTERRUPTED, {})
    return len(dead)


def settle_one(connection: Connection, settings: Settings, gc_id: str) -> None:
    """Sets the records of one clean-up right that does not go on."""
    with trash_of(settings) as trash:
        for records in released.of_gc(connection, gc_id, state=ReleasedState.RELEASED):
            _settle(connection, settings, trash, records)


def _settle(connection: Connection, settings: Settings, trash: Trash, records: list[ReleaseRecord]) -> None:
    trashed: dict[str, list[str]] = {}
    stayed: dict[str, list[str]] = {}
    for record in records:
        aside = f"{mentions.STORAGE}/{record.path}" if record.root == STORAGE else record.path
        if _lies(settings, record):
            stayed.setdefault(record.root, []).append(record.path)
        elif trash.has(record.gc_id, aside):
            trashed.setdefault(record.root, []).append(record.path)
    gc_id = records[0].gc_id
    with write_transaction(connection):
        for root, paths in trashed.items():
            released.set_state(connection, gc_id, root, paths, ReleasedState.TRASHED)
        for root, paths in stayed.items():
            released.forget(connection, gc_id, root, paths)


def _lies(settings: Settings, record: ReleaseRecord) -> bool:
    """Whether a file is in its place; where that cannot be told, it is not said to be."""
    root = settings.persistent_file_dir.path if record.root == PERSISTENT else settings.file_storage_dir.path
    try:
        file_stat(root, record.path)
    except DamagedFileError:
        return False
    except ZenctxError:
        return False
    return True
