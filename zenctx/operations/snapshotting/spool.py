"""Rows on disk between the transaction that reads them and the work that they are for: memory stays flat."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import msgspec

from zenctx.database.whole_rows import WholeRow
from zenctx.store.faults import translated

_LENGTH_BYTES = 8


class Spool:
    """Rows in the order in which they came, in an empty file that nobody else can open; `place` is its directory.

    Full disks and the like are `StoreError`s about that directory.
    """

    def __init__(self, file: BinaryIO, place: Path) -> None:
        self._file = file
        self._place = place
        self._encoder = msgspec.msgpack.Encoder()

    def add(self, row: WholeRow) -> None:
        """Appends a row."""
        record = self._encoder.encode(row)
        with self._using("written"):
            self._file.write(len(record).to_bytes(_LENGTH_BYTES))
            self._file.write(record)

    def __iter__(self) -> Iterator[WholeRow]:
        """Yields all rows from the first on."""
        decoder = msgspec.msgpack.Decoder(WholeRow)
        with self._using("written"):
            self._file.flush()
            self._file.seek(0)
        while record := self._next():
            yield decoder.decode(record)

    def _next(self) -> bytes:
        with self._using("read"):
            length = int.from_bytes(self._file.read(_LENGTH_BYTES))
            return self._file.read(length)

    def _using(self, done: str) -> AbstractContextManager[None]:
        return translated(self._place, done)
