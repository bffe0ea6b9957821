"""Listed directories that wait in memory for the row of their run: nearly all are settled by it alone, and at once.

What does not fit waits on disk with everything else, so memory is bounded however many files there are.
"""

from collections.abc import Iterator, Sequence

MOST_BYTES = 64 * 1024 * 1024
_PER_DIRECTORY = 200
"""About what an entry costs beside its text."""


class Shelf:
    """Names of files by directory, up to `most` bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most
        self._names: dict[str, str] = {}

    def put(self, directory: str, values: Sequence[str]) -> bool:
        """Takes a directory with the names in it; False where there is no room, or nothing to take."""
        text = "\0".join(values)
        cost = _PER_DIRECTORY + len(directory) + (len(text) if text.isascii() else 4 * len(text))
        if not values or cost > self._left:
            return False
        self._left -= cost
        self._names[directory] = text
        return True

    def settle(self, directory: str, names: set[str]) -> bool:
        """Lets go of a directory that holds just these names; False where it holds others, or is not here."""
        text = self._names.get(directory)
        if text is None or names != set(text.split("\0")):
            return False
        del self._names[directory]
        return True

    def settle_joined(self, directory: str, joined: str) -> int:
        """Does the same for names behind `<directory>/`, a quote before each; gives how many, 0 for False.

        What stands before the first quote means nothing.
        """
        _, quote, rest = joined.replace(f'"{directory}/', "\0").partition("\0")
        # A quote that is left stands before what lies elsewhere.
        if not quote or '"' in rest or '"' in _:
            return 0
        names = set(rest.split("\0"))
        return len(names) if self.settle(directory, names) else 0

    def take(self, directory: str) -> list[str] | None:
        """Gives the names of one directory, and lets go of it; None where it is not here."""
        text = self._names.pop(directory, None)
        return None if text is None else text.split("\0")

    def take_all(self) -> Iterator[tuple[str, list[str]]]:
        """Yields what is left, and lets go of it."""
        while self._names:
            directory, text = self._names.popitem()
            yield directory, text.split("\0")
