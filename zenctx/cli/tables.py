"""Tables of text that show rows as they come: column widths are settled by the first rows, so memory stays flat."""

from collections.abc import Sequence
from typing import Protocol

from zenctx.cli.cells import cell_len
from zenctx.cli.columns import Column
from zenctx.cli.fit import GAP
from zenctx.cli.streams import Stdout

SAMPLE = 200
"""Rows that are held back to settle the widths, and that a terminal gets at a time after that."""


class Rows(Protocol):
    """Takes the rows of one table."""

    def add(self, cells: Sequence[str]) -> None:
        """Takes one row of harmless text, one cell a column."""

    def close(self) -> None:
        """Writes what is held back; nothing at all when there were no rows."""


class PlainRows:
    """Off a terminal: aligned by the first rows, nothing cut, no colour, no box."""

    def __init__(self, stdout: Stdout, columns: Sequence[Column]) -> None:
        self._stdout = stdout
        self._columns = columns
        self._held: list[Sequence[str]] = []
        self._widths: list[int] | None = None

    def add(self, cells: Sequence[str]) -> None:
        """Takes one row."""
        if self._widths is not None:
            self._write_row(cells, self._widths)
            return
        self._held.append(cells)
        if len(self._held) == SAMPLE:
            self._settle()

    def close(self) -> None:
        """Writes what is held back."""
        if self._held:
            self._settle()

    def _settle(self) -> None:
        self._widths = natural_widths(self._columns, self._held)
        self._write_row([column.header.upper() for column in self._columns], self._widths)
        for cells in self._held:
            self._write_row(cells, self._widths)
        self._held.clear()

    def _write_row(self, cells: Sequence[str], widths: Sequence[int]) -> None:
        padded = (
            _pad(cell, width, column.justify) for cell, width, column in zip(cells, widths, self._columns, strict=True)
        )
        self._stdout.write((" " * GAP).join(padded).rstrip() + "\n")


def natural_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """Gives how many cells the widest text of each column takes, its header included."""
    return [max(cell_len(column.header), *(cell_len(row[at]) for row in rows)) for at, column in enumerate(columns)]


def _pad(text: str, width: int, justify: str) -> str:
    missing = " " * max(width - cell_len(text), 0)
    return missing + text if justify == "right" else text + missing
