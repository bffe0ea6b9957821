"""Reading and writing runs, whatever the database: the one place that chooses the dialect's module."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection

from zenctx.database import postgresql, sqlite
from zenctx.database.engine import Database
from zenctx.database.rows import BatchLimits, ContextChange, Position, RunRow, Selection, UnknownRows, Written
from zenctx.database.versions import WrittenVersions
from zenctx.errors import NotFoundError


class RunAccess(Protocol):
    """What a dialect's module offers; its functions say how."""

    WRITER_SETTINGS: Mapping[str, str]
    """Session settings of a connection that writes contexts."""

    def read_batch(
        self, connection: Connection, after: Position | None, limits: BatchLimits, selection: Selection
    ) -> list[RunRow]:
        """Reads the next runs of a walk."""
        ...

    def read_unknown(
        self,
        connection: Connection,
        after: Position | None,
        limits: BatchLimits,
        selection: Selection,
        versions: Sequence[str],
    ) -> UnknownRows:
        """Reads the next runs of a walk, but only counts those of some versions."""
        ...

    def read_run(self, connection: Connection, run_id: str) -> RunRow | None:
        """Reads one run."""
        ...

    def count(self, connection: Connection, selection: Selection) -> int:
        """Counts runs, roughly where that is much quicker."""
        ...

    def write_batch(self, connection: Connection, changes: Sequence[ContextChange], description: str) -> Written:
        """Writes contexts back where the rows are unchanged."""
        ...

    def changes_of_others(self, connection: Connection) -> int | None:
        """Gives a number that is another once another connection has committed any change; None if there is none."""
        ...


def access(database: Database) -> RunAccess:
    """Gives the functions for the dialect of a database."""
    return postgresql if database.dialect == "postgresql" else sqlite


def works_in_parallel(database: Database) -> bool:
    """Tells whether one connection may read while another writes (an SQLite file has one lock for all)."""
    return database.dialect == "postgresql"


def keeps_jsonb(database: Database) -> bool:
    """Tells whether contexts are kept as `jsonb`: no name twice, members in its order, spelled in its one way."""
    return database.dialect == "postgresql"


def walk(
    database: Database, connection: Connection, selection: Selection, limits: Callable[[], BatchLimits]
) -> Iterator[list[RunRow]]:
    """Yields all selected runs in batches, each read by itself: no transaction stays open over the walk.

    `limits` is asked before each batch.
    """
    for part in walk_unknown(database, connection, selection, limits, WrittenVersions()):
        yield part.rows


def walk_unknown(
    database: Database,
    connection: Connection,
    selection: Selection,
    limits: Callable[[], BatchLimits],
    known: WrittenVersions,
    *,
    after: Position | None = None,
) -> Iterator[UnknownRows]:
    """Yields the selected runs as `walk` does, but only counts rows of `known` versions, which may grow meanwhile.

    It begins behind the position `after`.
    """
    reader = access(database)
    while True:
        versions = known.beyond(str(after or ""))
        if versions:
            part = reader.read_unknown(connection, after, limits(), selection, versions)
        else:
            rows = reader.read_batch(connection, after, limits(), selection)
            part = UnknownRows(rows, 0, rows[-1].position if rows else None)
        # Also after the last one: an open transaction would keep others from writing to an SQLite file.
        connection.rollback()
        if part.last is None:
            return
        yield part
        after = part.last


def count(database: Database, connection: Connection, selection: Selection) -> int:
    """Gives how many runs are selected; on PostgreSQL, for all runs, what the planner knows (it need not be exact)."""
    return access(database).count(connection, selection)


def read_run(database: Database, connection: Connection, run_id: str) -> RunRow:
    """Reads one run. Raises NotFoundError if there is none of this id."""
    row = access(database).read_run(connection, run_id)
    connection.rollback()
    if row is None:
        raise NotFoundError(f"{database.description} has no run {run_id}", hint="'zenctx runs' lists them")
    return row


def read_in_order(database: Database, connection: Connection, run_ids: Sequence[str]) -> Iterator[list[RunRow]]:
    """Yields the runs of these ids, in the order given, in pieces that fit memory; ids without a row are left out."""
    reader = access(database)
    rest = deque(run_ids)
    while rest:
        rows = reader.read_batch(connection, None, BatchLimits(rows=len(rest)), Selection(run_ids=tuple(rest)))
        found = {row.run_id: row for row in rows}
        if not found:
            return  # a batch has one row at least, if there is any
        part: list[RunRow] = []
        while rest and found:
            row = found.pop(rest[0], None)
            if row is not None:
                part.append(row)
            # It did not come: either the rows are large, or it is gone. Order needs it before those that came.
            elif (row := reader.read_run(connection, rest[0])) is not None:
                yield from ([part] if part else [])
                part = []
                yield [row]
            rest.popleft()
        if part:
            yield part


def normalised(database: Database, selection: Selection) -> Selection:
    """Gives the selection with its ids as the database spells them.

    Raises NotFoundError for an id that PostgreSQL could not hold, since no run or workflow can have it.
    """
    if database.dialect != "postgresql":
        return selection
    return replace(
        selection,
        run_ids=tuple(_uuid(text, "run") for text in selection.run_ids),
        workflow_ids=tuple(_uuid(text, "workflow") for text in selection.workflow_ids),
    )


def require(database: Database, connection: Connection, run_ids: Sequence[str]) -> None:
    """Raises NotFoundError unless every one of these runs exists."""
    reader = access(database)
    for run_id in run_ids:
        if not reader.count(connection, Selection(run_ids=(run_id,))):
            raise NotFoundError(f"{database.description} has no run {run_id}", hint="'zenctx runs' lists them")
    connection.rollback()


def _uuid(text: str, what: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise NotFoundError(f"no {what} can have the id {text!r}: it is not a UUID") from None
