"""Reading and writing one run's context on purpose, as a program that runs it does: locked, compared, written whole."""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from sqlalchemy import Connection, text

from zenctx.database import runtime_state
from zenctx.database.checks import has_table, require_zenctx_tables
from zenctx.database.engine import SQLITE, Database
from zenctx.database.errors import RejectedValueError, translated_errors
from zenctx.database.rows import Selection
from zenctx.database.runs import normalised
from zenctx.database.schema import REVISION_TABLE
from zenctx.errors import DatabaseError, NotFoundError

_STATE = "s.format_version, s.state", "left join zenctx_runtime_state s on s.run_id = cast(r.id as text)"
_NO_STATE = "null, null", ""
_READ = {
    "postgresql": "select r.context::text, {} from workflow_runs r {} where r.id = cast(:run_id as uuid)",
    "sqlite": "select cast(r.context as blob), {} from workflow_runs r {} where r.id = :run_id",
}
# FOR NO KEY UPDATE keeps others from writing the row, and lets them insert rows that refer to the run.
_LOCK = {
    "postgresql": "select 1 from workflow_runs where id = cast(:run_id as uuid) for no key update",
    "sqlite": "select 1 from workflow_runs where id = :run_id",
}
_WRITE = {
    "postgresql": """
        update workflow_runs set context = cast(:context as jsonb) where id = cast(:run_id as uuid)
        returning context::text""",
    "sqlite": "update workflow_runs set context = :context where id = :run_id returning cast(context as blob)",
}
Whereabouts: TypeAlias = tuple[int, int] | None
"""Device and inode of an SQLite database's file; None on PostgreSQL."""
_PATIENT: Mapping[str, str] = MappingProxyType({"lock_timeout": "10s"})
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StoredContext:
    """What is stored of a run: the exact text of its context (None: SQL NULL), the text of its state and its format."""

    text: bytes | None
    state: str | None = None
    state_version: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no value in it."""
        return self.text is None or self.text == b"{}"

    @property
    def fingerprint(self) -> str:
        """What tells it from what anybody else may store: a hash of both texts."""
        digest = hashlib.sha256(b"-" if self.text is None else b"%d " % len(self.text) + self.text)
        digest.update((self.state or "").encode())
        return digest.hexdigest()


def session_settings(database: Database) -> Mapping[str, str]:
    """Gives the settings of a connection that saves: nobody's lock is waited for without end."""
    return _NOTHING if database.dialect == SQLITE else _PATIENT


def require_run_id(database: Database, run_id: str) -> str:
    """Gives the id of a run as the database spells it; raises NotFoundError for what can be no run's."""
    return normalised(database, Selection(run_ids=(run_id,))).run_ids[0]


def read_stored(connection: Connection, run_id: str, description: str) -> StoredContext:
    """Reads context and state of a run, as of one moment. Raises NotFoundError if there is none of this id.

    A database without tables of zenctx has no state; DatabaseError where they are of another revision, or may not be
    read, since to go on without the state would be to lose it.
    """
    with_state = has_table(connection, REVISION_TABLE)
    if with_state:
        require_zenctx_tables(connection)
    query = _READ[connection.dialect.name].format(*(_STATE if with_state else _NO_STATE))
    row = connection.execute(text(query), {"run_id": run_id}).one_or_none()
    if row is None:
        raise NotFoundError(f"{description} has no run {run_id}", hint="'zenctx runs' lists them")
    return StoredContext(_as_bytes(row[0]), state=row[2], state_version=row[1])


def whereabouts(database: Database) -> Whereabouts:
    """Gives what tells the file of an SQLite database from one that takes its place; None on PostgreSQL."""
    if database.sqlite_path is None:
        return None
    with suppress(OSError):  # it is gone: opening it says so
        status = database.sqlite_path.stat()
        return status.st_dev, status.st_ino
    return None


def require_unmoved(database: Database, before: Whereabouts) -> None:
    """Raises DatabaseError where the file of an SQLite database is not the one that it was.

    Without WAL mode SQLite itself refuses to write to it. With WAL it writes on, to a file that nobody will look for.
    """
    if whereabouts(database) != before:
        raise DatabaseError(
            f"{database.description} was moved or replaced while it was written",
            hint="what was written may be lost with the file that was moved away: save again",
        )


def lock_run(connection: Connection, run_id: str) -> None:
    """Holds a row until the end of the transaction, if there is one of this id.

    On SQLite the transaction must have begun as one that writes (see `write_transaction`).
    """
    connection.execute(text(_LOCK[connection.dialect.name]), {"run_id": run_id})


def write_stored(connection: Connection, run_id: str, context: bytes, state: str) -> StoredContext:
    """Writes context and state of a locked run, and gives them as the database now spells them.

    Raises RejectedValueError for what the database does not take.
    """
    parameters = {"run_id": run_id, "context": context.decode()}
    written = connection.execute(text(_WRITE[connection.dialect.name]), parameters).scalar_one()
    runtime_state.write(connection, run_id, state)
    return StoredContext(_as_bytes(written), state, runtime_state.FORMAT_VERSION)


def refused_keys(connection: Connection, members: Iterable[tuple[str, bytes]], description: str) -> list[str]:
    """Gives the keys of members that the database does not take; inside the caller's transaction.

    A member is a key and the text of an object that holds it and its value alone.
    """
    if connection.dialect.name == SQLITE:
        return []
    refused: list[str] = []
    for key, member in members:
        try:
            with translated_errors(description), connection.begin_nested():
                connection.execute(text("select cast(:value as jsonb) is null"), {"value": member.decode()})
        except RejectedValueError:
            refused.append(key)
    return refused


def _as_bytes(context: str | bytes | None) -> bytes | None:
    return context.encode() if isinstance(context, str) else context
