"""Why a file that a run names is not there: what is on record of its release."""

from collections.abc import Sequence
from contextlib import suppress

from zenctx.database import released
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.released import ReleasedState, ReleaseRecord
from zenctx.errors import DamagedFileError, LocatorRefusedError, ZenctxError
from zenctx.operations.live_files import LiveFiles

_STATES = {
    ReleasedState.TRASHED.value: ": 'zenctx gc --undo {id}' brings it back",
    ReleasedState.PURGED.value: ", and has deleted it for good since",
    ReleasedState.RESTORED.value: ", and it was brought back since",
}


def explain_missing(live: LiveFiles, connection: Connection, locator: str) -> str | None:
    """Gives in a clause who released the file of a locator; None where that is not on record, or it is there.

    Leaves no transaction open.
    """
    record = release_of(live, connection, locator)
    return told(record) if record is not None else None


def release_of(live: LiveFiles, connection: Connection, locator: str) -> ReleaseRecord | None:
    """Gives what is on record of the release of a locator's file; None where nothing is, or the file is there.

    Leaves no transaction open.
    """
    try:
        located = live.locators.resolve(locator)
    except LocatorRefusedError:
        return None
    if located.root != "persistent" or _is_there(live, located.name):
        return None
    has_records = has_zenctx_tables(connection)
    record = released.latest(connection, located.name) if has_records else None
    connection.rollback()
    return record


def _is_there(live: LiveFiles, name: str) -> bool:
    try:
        live.store.stat(name)
    except DamagedFileError:
        return False
    except ZenctxError:
        return True  # who knows
    return True


def explain_over_new_connection(database: Database, live: LiveFiles, locator: str) -> str | None:
    """The same over a connection of its own, for those who have let go of theirs; None where that cannot be had."""
    with suppress(ZenctxError), database.connect() as connection:
        return explain_missing(live, connection, locator)
    return None


def with_reason(database: Database, live: LiveFiles, locator: str, error: DamagedFileError) -> DamagedFileError:
    """Gives the error of a file that cannot be had with who released it, where that is on record."""
    why = explain_over_new_connection(database, live, locator)
    return error if why is None else type(error)(f"{error.message}: {why}", hint=error.hint)


def explained_all(connection: Connection, paths: Sequence[str]) -> dict[str, str]:
    """Gives in a clause who released each of some files of the persistent directory, when and why.

    Those that nobody released are absent. Leaves no transaction open.
    """
    records = released.latest_of(connection, paths)
    connection.rollback()
    return {path: told(record) for path, record in records.items()}


def told(record: ReleaseRecord) -> str:
    """Gives in a clause who released a file, when and why, and whether it can be brought back."""
    day = f"{record.released_at:%Y-%m-%d %H:%M}Z"
    if record.gc_id.startswith("save-"):
        return f"it was released on {day}: {record.reason}"
    what = _STATES.get(record.state, "").format(id=record.gc_id)
    return f"gc {record.gc_id} released it on {day} ({record.reason}){what}"
