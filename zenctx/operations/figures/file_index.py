"""Which of the listed files some run names, in little memory: 33 bytes a directory, however many files lie in it.

Nearly every run names just the files of its own directory, which is settled by a count and a sum of hashes. Only where
that is not so the names are kept, as eight bytes each. Hashes have 64 bits and a key of this process alone.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from functools import reduce
from operator import xor

_PARTS = 64
"""Parts are sorted one by one: what that takes for a moment stays small."""
_COUNT, _SUM = 0, 1


class FileIndex:
    """Directories of a listing, each with what it holds, and whether a run names just that."""

    def __init__(self) -> None:
        self._keys = [array("q") for _ in range(_PARTS)]
        self._held = [(array("Q"), array("q")) for _ in range(_PARTS)]
        self._changed = [array("d") for _ in range(_PARTS)]
        self._settled = [bytearray() for _ in range(_PARTS)]
        self._named = [array("q") for _ in range(_PARTS)]
        self._whole: set[int] = set()
        self.files = 0
        self.settled_files = 0

    def add(self, directory: str, names: Collection[str], changed: float) -> None:
        """Takes one directory of the listing in; `changed`: when the last of its files was, in seconds since 1970."""
        if not names:
            return
        key = hash(directory)
        part = key % _PARTS
        self._keys[part].append(key)
        self._held[part][_COUNT].append(len(names))
        self._held[part][_SUM].append(_sum(names))
        self._changed[part].append(changed)
        self.files += len(names)

    def seal(self) -> None:
        """Ends the listing; from now on runs are heard."""
        for part, keys in enumerate(self._keys):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            counts, sums = self._held[part]
            self._keys[part] = array("q", [keys[at] for at in order])
            self._held[part] = array("Q", [counts[at] for at in order]), array("q", [sums[at] for at in order])
            self._changed[part] = array("d", [self._changed[part][at] for at in order])
            self._settled[part] = bytearray(len(keys))

    def changed(self, directory: str) -> float:
        """Gives when the last of a directory's files was changed, in seconds since 1970; 0 where none was listed."""
        part, at = self._find(directory)
        return self._changed[part][at] if at >= 0 else 0.0

    def settle(self, directory: str, names: Collection[str]) -> bool:
        """Takes what a run names in a directory; tells whether that is all that lies there, and no more.

        Otherwise some of it may not be there.
        """
        part, at = self._find(directory)
        if at >= 0:
            counts, sums = self._held[part]
            if counts[at] == len(names) and sums[at] == _sum(names):
                if not self._settled[part][at]:
                    self._settled[part][at] = 1
                    self.settled_files += len(names)
                return True
        for name in names:
            number = hash((directory, name))
            self._named[number % _PARTS].append(number)
        return False

    def hold(self, directory: str) -> None:
        """Takes that all files of a directory are needed, whoever names them."""
        self._whole.add(hash(directory))

    def is_settled(self, directory: str) -> bool:
        """Tells whether each file of a directory is needed; it was not listed where it is new."""
        part, at = self._find(directory)
        return at < 0 or bool(self._settled[part][at]) or hash(directory) in self._whole

    def unnamed(self, directory: str, names: Collection[str]) -> Iterator[str]:
        """Yields those of a directory's files that no run has named. Nothing may be settled any more."""
        for name in names:
            number = hash((directory, name))
            if not self._has_named(number):
                yield name

    def end(self) -> None:
        """Ends what runs say."""
        for part, numbers in enumerate(self._named):
            self._named[part] = array("q", sorted(numbers))

    def _has_named(self, number: int) -> bool:
        return _at(self._named[number % _PARTS], number) >= 0

    def _find(self, directory: str) -> tuple[int, int]:
        key = hash(directory)
        part = key % _PARTS
        return part, _at(self._keys[part], key)


def _sum(names: Collection[str]) -> int:
    return reduce(xor, map(hash, names))


def _at(numbers: "array[int]", number: int) -> int:
    at = bisect_left(numbers, number)
    return at if at < len(numbers) and numbers[at] == number else -1
