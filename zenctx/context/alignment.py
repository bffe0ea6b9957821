"""Where two lists differ: the stretches between what they have in common, in linear time and bounded memory.

Items that stand once in either list are lined up first (the longest run in the same order, as `patience diff` does);
what lies between is looked at again, short stretches exactly. What is too long for that is one stretch.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

MAX_ROUNDS = 16
"""How often a stretch between lined-up items is looked at again."""
MAX_CELLS = 40_000
"""Stretches up to this product of their two lengths are lined up exactly."""


class Gap(NamedTuple):
    """A stretch in which two lists differ: `[start:end]` of either; one of them may be empty."""

    start_a: int
    end_a: int
    start_b: int
    end_b: int

    @property
    def cells(self) -> int:
        """The cost of lining it up exactly."""
        return (self.end_a - self.start_a) * (self.end_b - self.start_b)

    def shifted(self, by_a: int, by_b: int) -> "Gap":
        """Gives the same stretch of lists that have so many more items before it."""
        return Gap(self.start_a + by_a, self.end_a + by_a, self.start_b + by_b, self.end_b + by_b)


Tokens = Sequence[int]
_Match = tuple[int, int]


def gaps(a: Tokens, b: Tokens) -> Iterator[Gap]:
    """Yields where two lists of tokens differ, from left to right; outside the gaps equal tokens stand side by side."""
    waiting = [(Gap(0, len(a), 0, len(b)), 0)]
    while waiting:
        whole, rounds = waiting.pop()
        gap = _trimmed(a, b, whole)
        if gap.start_a == gap.end_a and gap.start_b == gap.end_b:
            continue
        matches = _matches(a, b, gap) if gap.cells and rounds < MAX_ROUNDS else []
        if not matches:
            yield gap
        else:
            # The last is taken first.
            waiting += [(part, rounds + 1) for part in reversed(list(_between(gap, matches)))]


def _trimmed(a: Tokens, b: Tokens, gap: Gap) -> Gap:
    start_a, end_a, start_b, end_b = gap
    while start_a < end_a and start_b < end_b and a[start_a] == b[start_b]:
        start_a, start_b = start_a + 1, start_b + 1
    while start_a < end_a and start_b < end_b and a[end_a - 1] == b[end_b - 1]:
        end_a, end_b = end_a - 1, end_b - 1
    return Gap(start_a, end_a, start_b, end_b)


def _between(gap: Gap, matches: Sequence[_Match]) -> Iterator[Gap]:
    """Yields what lies between the matches, where there is anything."""
    start_a, start_b = gap.start_a, gap.start_b
    for at_a, at_b in (*matches, (gap.end_a, gap.end_b)):
        if at_a > start_a or at_b > start_b:
            yield Gap(start_a, at_a, start_b, at_b)
        start_a, start_b = at_a + 1, at_b + 1


def _matches(a: Tokens, b: Tokens, gap: Gap) -> list[_Match]:
    """Gives positions of equal tokens, both ascending; none where there are none, or the search would cost too much."""
    if gap.cells <= MAX_CELLS:
        return _longest_common(a, b, gap)
    return _longest_ascending(list(_unique_pairs(a, b, gap)))


def _unique_pairs(a: Tokens, b: Tokens, gap: Gap) -> Iterator[_Match]:
    """Yields where each token stands that stands once on either side, in the order of `b`."""
    once_in_a = _once(a, gap.start_a, gap.end_a)
    for token, at_b in _once(b, gap.start_b, gap.end_b).items():
        at_a = once_in_a.get(token)
        if at_a is not None:
            yield at_a, at_b


def _once(tokens: Tokens, start: int, end: int) -> dict[int, int]:
    where: dict[int, int] = {}
    repeated: set[int] = set()
    for at in range(start, end):
        token = tokens[at]
        if token in where:
            repeated.add(token)
        else:
            where[token] = at
    return {token: at for token, at in where.items() if token not in repeated} if repeated else where


def _longest_ascending(pairs: Sequence[_Match]) -> list[_Match]:
    """Gives the longest part of the pairs, ascending in `b`, that ascends in `a` as well."""
    if all(one[0] < other[0] for one, other in pairwise(pairs)):
        return list(pairs)
    lowest_end: list[int] = []  # of the runs of each length
    end_pair: list[int] = []
    before: list[int] = []
    for number, (at_a, _) in enumerate(pairs):
        length = bisect_left(lowest_end, at_a)
        before.append(end_pair[length - 1] if length else -1)
        lowest_end[length : length + 1] = [at_a]
        end_pair[length : length + 1] = [number]
    chosen: list[_Match] = []
    at = end_pair[-1] if end_pair else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = before[at]
    return chosen[::-1]


def _longest_common(a: Tokens, b: Tokens, gap: Gap) -> list[_Match]:
    """Gives the longest common subsequence, by the usual table."""
    left, right = a[gap.start_a : gap.end_a], b[gap.start_b : gap.end_b]
    if set(left).isdisjoint(right):
        return []
    table = [[0] * (len(right) + 1)]  # table[-1 - i][j]: the length for left[-i:] and right[j:]
    for token in reversed(left):
        below, row = table[-1], [0] * (len(right) + 1)
        for j in range(len(right) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if token == right[j] else max(below[j], row[j + 1])
        table.append(row)
    return [(gap.start_a + i, gap.start_b + j) for i, j in _traced(left, right, table[::-1])]


def _traced(left: Tokens, right: Tokens, lengths: Sequence[Sequence[int]]) -> Iterator[_Match]:
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            yield i, j
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
