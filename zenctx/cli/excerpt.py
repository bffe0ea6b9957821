"""The first rows of each kind, for people: the rest is counted, and said to be there."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from zenctx.cli.output import Output, Report

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Excerpt:
    """Hands at most `most` items of each kind on to an output; None hands on all."""

    def __init__(self, output: Output, most: int | None, kind: "Callable[[DataclassInstance], str]") -> None:
        self._output = output
        self._most = most
        self._kind = kind
        self._seen: Counter[str] = Counter()

    def add(self, item: "DataclassInstance") -> None:
        """Takes one item."""
        kind = self._kind(item)
        self._seen[kind] += 1
        if self._most is None or self._seen[kind] <= self._most:
            self._output.item(item)

    def finish(self, report: Report) -> int:
        """Says how many items of each kind are not shown, and ends the output."""
        most = self._most
        rest = {kind: count - most for kind, count in self._seen.items() if most is not None and count > most}
        if rest:
            counts = ", ".join(f"{count:,} {kind}" for kind, count in rest.items())
            self._output.show(f"(not shown: {counts}; --verbose shows all)")
        return self._output.finish(report)


class OnTrouble(Excerpt):
    """Hands its items on only where the report ends with trouble: a command that went well at night is silent."""

    def __init__(self, output: Output, most: int | None, kind: "Callable[[DataclassInstance], str]") -> None:
        super().__init__(output, most, kind)
        self._held: list[DataclassInstance] = []

    def add(self, item: "DataclassInstance") -> None:
        """Takes one item, and keeps the first of each kind."""
        kind = self._kind(item)
        self._seen[kind] += 1
        if self._most is None or self._seen[kind] <= self._most:
            self._held.append(item)

    def finish(self, report: Report) -> int:
        """Hands on what was kept, unless all went well, and ends the output."""
        if report.exit_code == 0:
            return self._output.finish(report)
        for item in self._held:
            self._output.item(item)
        return super().finish(report)
