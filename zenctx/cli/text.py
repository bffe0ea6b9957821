"""Results for people: a table, the facts of the summary, one message. On a terminal and in a pipe alike."""

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zenctx.cli.columns import Column
from zenctx.cli.failure import Failure, as_sentence, as_step
from zenctx.cli.output import Report
from zenctx.cli.streams import Stdout
from zenctx.cli.tables import PlainRows, Rows
from zenctx.cli.terminal import mask_secrets, neutralise_lines, wrapped

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class TextOutput:
    """The format `table`. `quiet` leaves the facts and the message out; rows are what was asked for and stay."""

    def __init__(self, stdout: Stdout, *, quiet: bool, colour: bool) -> None:
        self._stdout = stdout
        self._quiet = quiet
        self._colour = colour
        self._columns: Sequence[Column] = ()
        self._facts: Sequence[Column] = ()
        self._rows: Rows | None = None
        self._written = False

    def begin(self, columns: Sequence[Column], *, facts: Sequence[Column] = ()) -> None:
        """Settles what is shown; nothing is written before there is something to show."""
        self._columns = columns
        self._facts = facts

    def item(self, item: "DataclassInstance") -> None:
        """Adds one row; nothing where there are no columns to show."""
        if not self._columns:
            return
        if self._rows is None:
            self._rows = self._new_rows()
            self._written = True
        self._rows.add([column.cell(item) for column in self._columns])

    def show(self, text: str) -> None:
        """Writes lines below the rows so far."""
        self._close_rows()
        self._stdout.write(neutralise_lines(text).removesuffix("\n") + "\n")
        self._written = True

    def finish(self, report: Report) -> int:
        """Writes the rest of the rows, the facts, the message and the next step; an empty message is none."""
        self._close_rows()
        if not self._quiet:
            self._write_paragraph([*self._fact_lines(report.summary)])
            message = [as_sentence(line) for line in report.message.splitlines()]
            next_steps = [as_step(line) for line in (report.next_step or "").splitlines()]
            self._write_paragraph([*message, *next_steps])
        return report.exit_code

    def fail(self, failure: Failure) -> None:
        """Writes the rest of the rows."""
        self._close_rows()

    def _new_rows(self) -> Rows:
        if not self._stdout.is_terminal:
            return PlainRows(self._stdout, self._columns)
        # Lazy: off a terminal nothing is laid out.
        from zenctx.cli.terminal_rows import TerminalRows

        width = shutil.get_terminal_size().columns
        return TerminalRows(self._stdout, self._columns, width=width, colour=self._colour)

    def _close_rows(self) -> None:
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()

    def _fact_lines(self, summary: "DataclassInstance") -> list[str]:
        width = max((len(fact.header) for fact in self._facts), default=0)
        return [f"{fact.header:<{width}}  {fact.cell(summary)}" for fact in self._facts]

    def _write_paragraph(self, lines: list[str]) -> None:
        if lines:
            start = "\n" if self._written else ""
            self._stdout.write(start + "".join(f"{self._harmless(line)}\n" for line in lines))
            self._written = True

    def _harmless(self, line: str) -> str:
        line = neutralise_lines(mask_secrets(line))
        return wrapped(line, shutil.get_terminal_size().columns) if self._stdout.is_terminal else line
