"""How an operation tells how far it is; silent unless someone listens."""

from typing import Protocol


class Progress(Protocol):
    """Told by an operation as it goes; a caller that shows it passes an object of its own."""

    def start(self, total: int | None, unit: str) -> None:
        """A phase begins: `total` things (None: not known), named by `unit` in the plural ("rows", "files")."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """`n` more things are done, which took `bytes_` bytes."""

    def note(self, text: str, **facts: object) -> None:
        """What is going on, in a few words; it replaces the note before it.

        `facts` are of the same for programs; each holds until it is told anew.
        """

    def finish(self) -> None:
        """The phase is over. May be called more than once, and without a start."""


class _Silent:
    """Listens to nothing."""

    def start(self, total: int | None, unit: str) -> None:
        """Ignored."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Ignored."""

    def note(self, text: str, **facts: object) -> None:
        """Ignored."""

    def finish(self) -> None:
        """Ignored."""


SILENT: Progress = _Silent()
"""The default of every operation."""
