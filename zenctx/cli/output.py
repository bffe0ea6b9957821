"""What a command says, in whatever format: columns, items, one report at the end. Formats implement it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from zenctx.cli.failure import Failure

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    # Not needed to show the help, which is to be quick.
    from zenctx.cli.columns import Column


class Report(Protocol):
    """What an operation gives back; a frozen dataclass with these fields and any others."""

    @property
    def dry_run(self) -> bool:
        """Whether nothing was changed because that was asked."""

    @property
    def exit_code(self) -> int:
        """0, or why not."""

    @property
    def summary(self) -> "DataclassInstance":
        """The counts; its field names are the JSON names."""

    @property
    def message(self) -> str:
        """What was done, in one or a few lines; the last thing that the text format shows."""

    @property
    def next_step(self) -> str | None:
        """What to do next, if something should be done; one line for each thing."""


class Heading(NamedTuple):
    """What stands in every JSON document, whatever happens: the command's words, and whether it was a dry run."""

    command: str | None
    dry_run: bool


class Output(Protocol):
    """Takes `begin`, any number of `item` and `show`, then either `finish` or `fail`."""

    def begin(self, columns: "Sequence[Column]", *, facts: "Sequence[Column]" = ()) -> None:
        """Says how the text format shows items (`columns`) and the report's summary (`facts`)."""

    def item(self, item: "DataclassInstance") -> None:
        """One result, written as soon as the format can."""

    def show(self, text: str) -> None:
        """Lines that only the text format has, such as one value in full; made harmless, newlines kept."""

    def finish(self, report: Report) -> int:
        """Ends the output and gives the report's exit code."""

    def fail(self, failure: Failure) -> None:
        """Ends the output after an error; the sentence itself goes to standard error elsewhere."""
