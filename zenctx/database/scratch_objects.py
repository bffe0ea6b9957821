"""A list of objects on disk while a command runs: which are needed, and which were had, however many there are.

An SQLite database without a name lives in a temporary file that vanishes with its connection.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self

from zenctx.errors import StoreError

_TABLE = """
create table objects (
  digest blob not null, size integer not null, snapshots integer not null default 0, first integer, last integer,
  had integer not null default 0, primary key (digest, size)
) without rowid
"""
_NEED = """
insert into objects (digest, size, snapshots, first, last) values (?1, ?2, 1, ?3, ?3)
on conflict (digest, size) do update set
  snapshots = snapshots + (last is not excluded.last), first = coalesce(first, excluded.first), last = excluded.last
"""
_HAVE = "insert into objects (digest, size, had) values (?, ?, 1) on conflict (digest, size) do update set had = 1"
_TAKE = "update objects set had = 1 where digest = ? and size = ? and snapshots > 0 and had = 0"
_SELECT = "select digest, size, snapshots, first from objects where "
_NEEDED = "snapshots > 0"
_LACKING = "snapshots > 0 and had = 0"
_UNNEEDED = "had = 1 and digest not in (select digest from objects where snapshots > 0)"
_CHUNK = 1000
_CACHE_KIB = 48 * 1024
"""What of the list is in memory at most: digests come in no order, and a million of them take about this much."""
_PREFIX = "sha256:"


class Listed(NamedTuple):
    """An object by checksum and size in bytes; how many snapshots need it, and the number of the first that did."""

    checksum: str
    size: int
    snapshots: int
    first: int


class ObjectList:
    """Objects by checksum and size. A context manager.

    A checksum has the form `sha256:<hex>`. Every method raises StoreError where there is no room for temporary files.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("pragma journal_mode = off")
        self._connection.execute("pragma synchronous = off")
        self._connection.execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._connection.execute(_TABLE)

    def need(self, references: Iterable[tuple[str, int]], snapshot: int = 0) -> None:
        """Takes in what a snapshot of a number needs, with repetitions.

        What `references` raises passes through; what it gave before that stays.
        """
        with self._transaction():
            self._connection.executemany(_NEED, ((_digest(checksum), size, snapshot) for checksum, size in references))

    def have(self, objects: Iterable[tuple[str, int]]) -> None:
        """Takes in objects that are there."""
        with self._transaction():
            self._connection.executemany(_HAVE, ((_digest(checksum), size) for checksum, size in objects))

    def take(self, checksum: str, size: int) -> bool:
        """Marks an object as had; False where it is not needed, or was had before."""
        with self._transaction():
            return self._connection.execute(_TAKE, (_digest(checksum), size)).rowcount == 1

    def needed(self) -> Iterator[Listed]:
        """Yields what is needed, in order of the checksums. Take nothing in meanwhile."""
        return self._select(_NEEDED)

    def lacking(self) -> Iterator[Listed]:
        """Yields what is needed and was not had, in order of the checksums. Take nothing in meanwhile."""
        return self._select(_LACKING)

    def unneeded(self) -> Iterator[Listed]:
        """Yields what was had and nobody needs, in order of the checksums. Take nothing in meanwhile."""
        return self._select(_UNNEEDED)

    def count_needed(self) -> tuple[int, int]:
        """Gives how many objects are needed, and their bytes."""
        return self._count(_NEEDED)

    def count_unneeded(self) -> tuple[int, int]:
        """Gives how many objects were had and are not needed, and their bytes."""
        return self._count(_UNNEEDED)

    def _select(self, where: str) -> Iterator[Listed]:
        with _translated():
            cursor = self._connection.execute(f"{_SELECT}{where} order by digest, size")
        while True:
            with _translated():
                rows = cursor.fetchmany(_CHUNK)
            if not rows:
                return
            for digest, size, snapshots, first in rows:
                yield Listed(_PREFIX + digest.hex(), size, snapshots, first or 0)

    def _count(self, where: str) -> tuple[int, int]:
        query = f"select count(*), cast(total(size) as integer) from objects where {where}"  # noqa: S608 - a constant
        with _translated():
            count, size = self._connection.execute(query).fetchone()
        return int(count), int(size)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction; without a journal there is nothing to go back to, so it is always ended."""
        with _translated():
            self._connection.execute("begin")
            try:
                yield
            finally:
                self._connection.execute("commit")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _digest(checksum: str) -> bytes:
    return bytes.fromhex(checksum.removeprefix(_PREFIX))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        message = f"the list of objects does not fit the temporary directory: {error}"
        raise StoreError(message, hint="free some space there, or name another one with TMPDIR") from None
