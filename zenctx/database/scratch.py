"""A list of file names on disk while a command runs: memory stays flat however many there are.

An SQLite database without a name lives in a temporary file that vanishes with its connection.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from zenctx.errors import StoreError

_TABLE = "create table files (name text primary key, held integer not null default 0) without rowid"
_HOLD = "insert into files values (?, 1) on conflict (name) do update set held = held + 1 returning held"
_CHUNK = 1000


class FileList:
    """Names of files, each marked once somebody is found to hold it. A context manager."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = off")
        self._connection.execute("pragma synchronous = off")
        self._connection.execute(_TABLE)

    def add(self, names: Iterable[str]) -> int:
        """Takes names in; gives how many. Raises StoreError where there is no room for temporary files."""
        count = 0
        try:
            self._connection.execute("begin")
            for name in names:
                self._connection.execute("insert or ignore into files (name) values (?)", (name,))
                count += 1
            self._connection.execute("commit")
        except sqlite3.Error as error:
            raise _no_room(error) from None
        return count

    def hold(self, name: str) -> int:
        """Marks a name as held, whether it was taken in or not; gives how often it was marked by now.

        Raises StoreError where there is no room for temporary files.
        """
        try:
            (held,) = self._connection.execute(_HOLD, (name,)).fetchone()
        except sqlite3.Error as error:
            raise _no_room(error) from None
        return int(held)

    def free(self) -> Iterator[str]:
        """Yields the names that nobody holds, in order."""
        cursor = self._connection.execute("select name from files where held = 0 order by name")
        while rows := cursor.fetchmany(_CHUNK):
            yield from (name for (name,) in rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _no_room(error: sqlite3.Error) -> StoreError:
    return StoreError(f"the list of files does not fit the temporary directory: {error}")
