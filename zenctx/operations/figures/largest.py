"""The largest of very many things, a fixed number of them."""

from heapq import heappush, heapreplace
from typing import Generic, TypeVar

T = TypeVar("T")
_MORE_THAN_ANY = 2**63


class Largest(Generic[T]):
    """Keeps the largest by their bytes; of equal ones those that come first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, int, T]] = []
        self._number = 0
        self.floor = 0 if most else _MORE_THAN_ANY
        """Only what is larger is worth adding."""

    def add(self, size: int, what: T) -> None:
        """Takes in what is larger than `floor`."""
        self._number += 1
        item = (size, -self._number, what)
        if len(self._heap) < self._most:
            heappush(self._heap, item)
        else:
            heapreplace(self._heap, item)
        if len(self._heap) == self._most:
            self.floor = self._heap[0][0]

    def all_(self) -> tuple[T, ...]:
        """Gives what was kept, the largest first."""
        return tuple(what for _, _, what in sorted(self._heap, key=lambda item: item[:2], reverse=True))
