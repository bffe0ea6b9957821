"""Whole rows of runs as of one moment: every column that the table has, as exact text, with the runtime state.

One transaction that only reads and sees one state of the database (on PostgreSQL `repeatable read`). Rows come in the
order of their ids and in pieces that fit memory, so that whoever reads can put them away and end the transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec import field
from sqlalchemy import Connection

from zenctx.context.datastruct import DataStruct
from zenctx.database import whole_rows_postgresql, whole_rows_sqlite
from zenctx.database.checks import can_read, has_table, require_engine_tables
from zenctx.database.engine import SQLITE, Database
from zenctx.database.errors import translated_errors
from zenctx.database.health import applied_at
from zenctx.database.rows import RunRow, Selection
from zenctx.database.url import describe
from zenctx.errors import DatabaseError

STATE_TABLE = "zenctx_runtime_state"


class WholeSelection(DataStruct, frozen=True):
    """Which rows are meant: a selection, of which `unfinished` leaves out those that ended with success."""

    selection: Selection = field(default_factory=Selection)
    unfinished: bool = False


class StoredState(NamedTuple):
    """The runtime state of a run as it is stored (see `zenctx.database.runtime_state`)."""

    format_version: int
    state: str


class WholeRow(NamedTuple):
    """One row. `columns` has every column but the context, `context` its exact text; None is SQL NULL.

    PostgreSQL's values are in its own spelling, times as `2026-01-31T23:59:59.000001Z` (`infinity` and years beyond
    four digits as PostgreSQL writes them); each can be cast back from its text. SQLite's are the text itself; other
    classes of storage are spelled as text, and `storage` names the class of such a column (see
    `zenctx.database.stored_values`), also that of the context. Generated columns are left out: they follow from others.
    """

    run_id: str
    columns: dict[str, str | None]
    context: bytes | None
    state: StoredState | None
    storage: dict[str, str]

    @property
    def as_run_row(self) -> RunRow:
        """Gives the row as those know it who walk over runs."""
        times = self.columns.get("started_at"), self.columns.get("ended_at")
        workflow_id, status = (self.columns.get(name) or "" for name in ("workflow_id", "status"))
        return RunRow(self.run_id, workflow_id, status, *times, self.context, self.run_id)


class RowReader(Protocol):
    """What a dialect's module offers; inside the transaction of a consistent read."""

    def begin(self, connection: Connection) -> None:
        """Begins the transaction, and settles how values are spelled."""
        ...

    def batches(
        self, connection: Connection, wanted: WholeSelection, *, with_state: bool
    ) -> Iterator[list[tuple[dict[str, str | None], bytes | None, str | None, dict[str, str]]]]:
        """Yields columns, context, state (`format:text`) and storage of rows, some at a time, by id."""
        ...


class ConsistentRead:
    """A transaction in which all reading sees the same state of the database; `connection` may be asked more.

    `applied_at`: of a read replica, see `zenctx.database.health.applied_at`.
    """

    def __init__(self, connection: Connection, *, with_state: bool, applied_at: datetime | None) -> None:
        self.connection = connection
        self.applied_at = applied_at
        self._with_state = with_state

    def batches(self, wanted: WholeSelection) -> Iterator[list[WholeRow]]:
        """Yields the selected rows by id, some at a time: a few megabytes, or one row that has more."""
        reader = _reader(self.connection)
        for found in reader.batches(self.connection, wanted, with_state=self._with_state):
            yield [
                WholeRow(columns.get("id") or "", columns, context, _state(state), storage)
                for columns, context, state, storage in found
            ]


@contextmanager
def consistent_read(database: Database) -> Iterator[ConsistentRead]:
    """Gives one state of the database to read from, over a connection of its own, until the end of the block.

    Needs rights to read only. Raises DatabaseError where the engine's table is not there or not readable, or where
    there are runtime states that this role may not read: to go on without them would be to lose them.
    """
    with database.connect() as connection:
        require_engine_tables(connection)
        connection.rollback()
        # Before the transaction: what was applied since is more than it sees.
        replica_applied_at = applied_at(connection)
        _reader(connection).begin(connection)
        with_state = can_read(connection, STATE_TABLE)
        if not with_state and has_table(connection, STATE_TABLE):
            raise DatabaseError(
                f"{describe(connection.engine.url)} does not let this role read the table {STATE_TABLE}",
                hint="ask its owner to grant it: without it the state of runs would be missing",
            )
        with translated_errors(database.description):
            yield ConsistentRead(connection, with_state=with_state, applied_at=replica_applied_at)


def _reader(connection: Connection) -> RowReader:
    return whole_rows_sqlite if connection.dialect.name == SQLITE else whole_rows_postgresql


def _state(text: str | None) -> StoredState | None:
    if text is None:
        return None
    version, _, state = text.partition(":")
    return StoredState(int(version), state)
