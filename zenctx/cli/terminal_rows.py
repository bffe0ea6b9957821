"""The table on a terminal, laid out by Rich, which only those load who see it."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zenctx.cli.columns import Column, plain
from zenctx.cli.fit import GAP, Fit, fit, shorten
from zenctx.cli.streams import Stdout
from zenctx.cli.tables import SAMPLE, natural_widths

_NOTHING = (plain(None), plain(""))


class TerminalRows:
    """On a terminal: as wide as it is, long cells folded or shortened in the middle, a page of rows at a time."""

    def __init__(self, stdout: Stdout, columns: Sequence[Column], *, width: int, colour: bool) -> None:
        self._stdout = stdout
        self._columns = columns
        self._width = width
        self._console = Console(
            width=width, color_system="standard" if colour else None, force_terminal=True, highlight=False
        )
        self._ellipsis = "…" if stdout.can_print("…") else "..."
        self._held: list[Sequence[str]] = []
        self._fit: Fit | None = None
        self._natural = [0] * len(columns)

    def add(self, cells: Sequence[str]) -> None:
        """Takes one row."""
        self._held.append(cells)
        if len(self._held) == SAMPLE:
            self._flush()

    def close(self) -> None:
        """Writes what is held back, and which columns had no room."""
        self._flush()
        if self._fit is not None and self._fit.hidden:
            names = ", ".join(self._columns[at].header for at in self._fit.hidden)
            self._print(Text(f"(no room for: {names}; --json has all)", style="dim"))

    def _flush(self) -> None:
        if not self._held:
            return
        first = self._fit is None
        # Numbers grow down the pages: columns may widen from one page to the next, but none comes or goes.
        self._natural = list(map(max, self._natural, natural_widths(self._columns, self._held)))
        shown = self._fit.shown if self._fit else None
        self._fit = fit(self._columns, self._natural, self._width, shown=shown, empty=self._empty_columns())
        self._print(Group(*self._page(self._fit, header=first)))
        self._held.clear()

    def _empty_columns(self) -> list[int]:
        return [at for at in range(len(self._columns)) if all(row[at] in _NOTHING for row in self._held)]

    def _page(self, fitted: Fit, *, header: bool) -> Iterator[Table | Padding]:
        """Yields a table of the rows, begun anew behind each row that has something below it."""
        table = self._table(fitted, header=header)
        for cells in self._held:
            table.add_row(
                *(self._cell(cells[at], width, at) for at, width in zip(fitted.shown, fitted.widths, strict=True))
            )
            if below := [self._sentence(cells[at], at) for at in fitted.below if cells[at] not in _NOTHING]:
                yield table
                yield Padding(Text("\n").join(below), (0, 0, 0, GAP))
                table = self._table(fitted, header=False)
        yield table

    def _table(self, fitted: Fit, *, header: bool) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=header)
        for at, width in zip(fitted.shown, fitted.widths, strict=True):
            column = self._columns[at]
            table.add_column(
                Text(column.header.capitalize(), overflow="fold"),
                width=width,
                justify=column.justify,
                overflow="fold",
                header_style="bold",
            )
        return table

    def _sentence(self, text: str, at: int) -> Text:
        column = self._columns[at]
        return Text(f"{column.header}: {text}" if column.labelled else text)

    def _cell(self, text: str, width: int, at: int) -> Text:
        # A Text is never read as markup.
        if self._columns[at].squeeze == "middle":
            return Text(shorten(text, width, self._ellipsis), no_wrap=True)
        return Text(text)

    def _print(self, renderable: Group | Text) -> None:
        with self._console.capture() as captured:
            self._console.print(renderable)
        self._stdout.write(captured.get())
