"""The runs of a restoration, on disk while the command runs: memory stays flat however many there are.

An SQLite database without a name lives in a temporary file that vanishes with its connection.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from zenctx.database.conversions import Record
from zenctx.errors import StoreError

_TABLES = """
    create table runs (
        run_id text primary key, packed blob, writes integer not null, replaces integer not null,
        seen blob, retry_of text, is_new integer not null, earlier text, latest text
    ) without rowid;
    create index runs_packed on runs (packed);
    pragma journal_mode = off;
    pragma synchronous = off;
"""
_ADD = """
    insert or ignore into runs (run_id, packed, writes, replaces, seen, retry_of, is_new)
    values (?, ?, ?, ?, ?, ?, ?)"""
_FIND = "select writes, seen, earlier, latest from runs where run_id = ?"
_NOTE_LATEST = "update runs set latest = ? where packed = ?"
_NOTE_EARLIER = "update runs set earlier = ? where packed = ?"
_REPLACED = "select run_id from runs where replaces order by run_id"
_LINKS = "select run_id, retry_of, is_new from runs where retry_of is not null order by run_id"
_CHUNK = 1000


class PlannedRun(NamedTuple):
    """A run as the plan has it.

    `seen`: the fingerprint of what was there, None where no row was. `retry_of`: the run that it is to name, where its
    row names none; `is_new`: it has no row yet.
    """

    run_id: str
    writes: bool
    replaces: bool = False
    seen: bytes | None = None
    retry_of: str | None = None
    is_new: bool = False


class Link(NamedTuple):
    """A run that is to name another one, which it tries again; `is_new` where it had no row before."""

    run_id: str
    retry_of: str
    is_new: bool


class Known(NamedTuple):
    """What is known of a planned run: whether it is to be written over what was `seen`, and how it was converted.

    `earlier` is the direction of its last conversion when the snapshot was taken, `latest` that of its last one at all.
    """

    writes: bool
    seen: bytes | None
    earlier: str | None
    latest: str | None


class PlannedRuns:
    """The plan of a restoration. A context manager; every method raises StoreError where there is no room for it."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.executescript(_TABLES)

    def add(self, run: PlannedRun) -> bool:
        """Takes a run in; False if a run of its id is there already."""
        values = (run.run_id, _packed(run.run_id), *run[1:])
        return self._execute(_ADD, values).rowcount == 1

    def find(self, run_id: str) -> Known | None:
        """Gives what is known of a run; None if it is not planned."""
        row = self._execute(_FIND, (run_id,)).fetchone()
        return None if row is None else Known(bool(row[0]), *row[1:])

    def forget_link(self, run_id: str) -> None:
        """Leaves the run out of `links`: it could not be written."""
        self._execute("update runs set retry_of = null where run_id = ?", (run_id,))

    def forget(self, run_id: str) -> None:
        """Takes a run for one that is not to be written."""
        self._execute("update runs set writes = 0, retry_of = null where run_id = ?", (run_id,))

    def link(self, run_id: str, retry_of: str) -> None:
        """Takes in which run a new one is to name."""
        self._execute("update runs set retry_of = ?, is_new = 1 where run_id = ?", (retry_of, run_id))

    def note_conversions(self, records: Iterable[Record], was_before: Callable[[Record], bool] | None) -> None:
        """Notes how the planned runs were converted last, and how last before the rows of the snapshot were read.

        Without `was_before` nothing is known of that: the snapshot is of another database.
        """
        self._execute("begin")
        for record in records:
            changes = [(record.direction, run_id) for run_id in record.run_ids]
            self._execute_many(_NOTE_LATEST, changes)
            if was_before is not None and was_before(record):
                self._execute_many(_NOTE_EARLIER, changes)
        self._execute("commit")

    def replaced(self) -> Iterator[str]:
        """Yields the ids of runs whose row is to be changed."""
        for (run_id,) in self._rows(_REPLACED):
            yield run_id

    def links(self) -> Iterator[Link]:
        """Yields the runs that are to name another one."""
        yield from (Link(run_id, retry_of, bool(is_new)) for run_id, retry_of, is_new in self._rows(_LINKS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        cursor = self._execute(query, ())
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise _no_room(error) from None

    def _execute_many(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        try:
            self._connection.executemany(statement, values)
        except sqlite3.Error as error:
            raise _no_room(error) from None


def _packed(run_id: str) -> bytes | None:
    try:
        return UUID(run_id).bytes
    except ValueError:
        return None  # such a run is never converted


def _no_room(error: sqlite3.Error) -> StoreError:
    return StoreError(f"the list of runs does not fit the temporary directory: {error}")
