"""What differs between two JSON documents, exactly: each difference with its JSON Pointer and both texts.

Values are compared, not spellings: `1.10` is `1.1` and `1.0E7` is `10000000`, whatever the order of members; all digits
count. What is equal as text is skipped unread, so that the cost lies in what differs.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from zenctx.context.alignment import Gap, gaps
from zenctx.context.documents import DeepParts, Parts, QuickParts, read_document, same_scalar

N = TypeVar("N", bound=Hashable)

MAX_FINGERPRINTED = 1024 * 1024
"""Bytes of items of arrays that are lined up by value although no text is the same; what is beyond, by position."""


class ChangeKind(StrEnum):
    """How two documents differ at one place."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Place(NamedTuple):
    """A place in both documents: the step from its parent in the first, and in the second; they differ in arrays."""

    parent: "Place | None"
    before: str | int
    after: str | int


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between document A and document B.

    `before` is its JSON Pointer in A (None: added), `after` in B (None: removed), `at` where it is while A is turned
    into B change by change, in their order. `old` and `new` are JSON text, scalars spelled as they were.
    """

    kind: ChangeKind
    before: str | None
    after: str | None
    at: str
    old: bytes | None
    new: bytes | None


def equal(a: bytes, b: bytes) -> bool:
    """Tells whether two JSON texts have the same value. Raises InvalidContextError for what is not JSON."""
    return a == b or next(differences(a, b), None) is None


def differences(a: bytes, b: bytes) -> Iterator[Change]:
    """Yields what differs between two JSON texts, in the order of A; nothing for equal values.

    Of two equal names the last counts, as for the engine. Items of arrays are lined up with their equals, so that one
    that is inserted is one difference. Raises InvalidContextError for what is not JSON, or deeper than 1000 levels.
    """
    (a, a_is_deep), (b, b_is_deep) = read_document(a), read_document(b)
    if a == b:
        return iter(())
    if a_is_deep or b_is_deep:
        return _Comparison(DeepParts()).run(a, b)
    return _Comparison(QuickParts()).run(a, b)


def pointer(steps: Sequence[str | int]) -> str:
    """Gives the JSON Pointer of these steps."""
    return "".join(["/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps])


class _Pair(NamedTuple, Generic[N]):
    """Two parts at one place that are to be compared."""

    place: Place | None
    old: N
    new: N


_Findings = Iterator[Change | _Pair[N]]


class _Comparison(Generic[N]):
    """One comparison of two documents; walks with a stack of its own, so that depth is no matter."""

    def __init__(self, parts: Parts[N]) -> None:
        self._parts = parts
        self._budget = MAX_FINGERPRINTED

    def run(self, a: bytes, b: bytes) -> Iterator[Change]:
        """Yields the differences."""
        stack = [self._compare(_Pair(None, self._parts.root(a), self._parts.root(b)))]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif isinstance(found, Change):
                yield found
            else:
                stack.append(self._compare(found))

    def _compare(self, pair: _Pair[N]) -> _Findings[N]:
        place, old, new = pair
        before, after = self._parts.split_both(old, new)
        if isinstance(before, dict) and isinstance(after, dict):
            return self._members(place, before, after)
        if isinstance(before, list) and isinstance(after, list):
            return self._items(place, before, after)
        old_text, new_text = self._parts.text(old), self._parts.text(new)
        if before is None and after is None and same_scalar(old_text, new_text):
            return iter(())
        where = _pointer_after(place)
        return iter([Change(ChangeKind.CHANGED, _pointer_before(place), where, where, old_text, new_text)])

    def _members(self, place: Place | None, before: dict[str, N], after: dict[str, N]) -> _Findings[N]:
        for name, old in before.items():
            new = after.get(name)
            if new is None:
                yield self._removed(Place(place, name, name), old)
            elif new != old:
                yield _Pair(Place(place, name, name), old, new)
        for name, new in after.items():
            if name not in before:
                yield self._added(Place(place, name, name), new)

    def _items(self, place: Place | None, before: list[N], after: list[N]) -> _Findings[N]:
        for gap in self._gaps(before, after):
            paired = min(gap.end_a - gap.start_a, gap.end_b - gap.start_b)
            for nth in range(paired):
                at_a, at_b = gap.start_a + nth, gap.start_b + nth
                if before[at_a] != after[at_b]:
                    yield _Pair(Place(place, at_a, at_b), before[at_a], after[at_b])
            for at_a in range(gap.start_a + paired, gap.end_a):
                # Those before it are gone already, each of them at this same place.
                yield self._removed(Place(place, at_a, gap.end_b), before[at_a])
            for at_b in range(gap.start_b + paired, gap.end_b):
                yield self._added(Place(place, at_b, at_b), after[at_b])

    def _gaps(self, before: list[N], after: list[N]) -> Iterator[Gap]:
        stretches = _in_place(before, after)
        if stretches is not None:
            for gap in stretches:
                yield from self._looked_at_again(before, after, gap)
            return
        shorter = min(len(before), len(after))
        equal, start, end = self._parts.equal, 0, 0
        while start < shorter and (before[start] == after[start] or equal(before[start], after[start])):
            start += 1
        while end < shorter - start and equal(before[-1 - end], after[-1 - end]):
            end += 1
        left, right = before[start : len(before) - end], after[start : len(after) - end]
        numbers: dict[N, int] = {}
        for gap in gaps(*([numbers.setdefault(item, len(numbers)) for item in side] for side in (left, right))):
            for part in self._looked_at_again(left, right, gap):
                yield part.shifted(start, start)

    def _looked_at_again(self, left: list[N], right: list[N], gap: Gap) -> Iterator[Gap]:
        """Yields where two stretches really differ: their items may be equal and spelled in another way."""
        if gap.cells <= 1 or self._parts.knows_equals:
            yield gap
            return
        left, right = left[gap.start_a : gap.end_a], right[gap.start_b : gap.end_b]
        unequal = self._unequal(left, right)
        if len(left) == len(right) and 2 * len(unequal) <= len(left):
            found: Iterable[Gap] = (Gap(at, at + 1, at, at + 1) for at in unequal)
        else:
            found = self._by_value(left, right)
        for part in found:
            yield part.shifted(gap.start_a, gap.start_b)

    def _unequal(self, left: list[N], right: list[N]) -> list[int]:
        pairs = enumerate(zip(left, right, strict=False))
        return [at for at, (old, new) in pairs if not self._parts.equal(old, new)]

    def _by_value(self, left: list[N], right: list[N]) -> Iterator[Gap]:
        cost = sum(len(self._parts.text(item)) for item in (*left, *right))
        if cost > self._budget:
            yield Gap(0, len(left), 0, len(right))
            return
        self._budget -= cost
        numbers: dict[bytes, int] = {}
        fingerprint = self._parts.fingerprint
        yield from gaps(
            *([numbers.setdefault(fingerprint(item), len(numbers)) for item in side] for side in (left, right))
        )

    def _removed(self, place: Place, old: N) -> Change:
        return Change(
            ChangeKind.REMOVED, _pointer_before(place), None, _pointer_after(place), self._parts.text(old), None
        )

    def _added(self, place: Place, new: N) -> Change:
        where = _pointer_after(place)
        return Change(ChangeKind.ADDED, None, where, where, None, self._parts.text(new))


def _in_place(before: list[N], after: list[N]) -> list[Gap] | None:
    """Gives where two lists of one length differ, if all that differs has been changed where it stands.

    So it is where nothing of it stands anywhere in the other list: no other way of lining them up has fewer.
    """
    if len(before) != len(after):
        return None
    unequal = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    if not {before[at] for at in unequal}.isdisjoint(after):
        return None
    starts = [at for before_it, at in pairwise([-2, *unequal]) if at != before_it + 1]
    ends = [at + 1 for at, after_it in pairwise([*unequal, len(before) + 1]) if at != after_it - 1]
    return [Gap(start, end, start, end) for start, end in zip(starts, ends, strict=True)]


def _pointer_before(place: Place | None) -> str:
    steps = []
    while place is not None:
        steps.append(place.before)
        place = place.parent
    return pointer(steps[::-1])


def _pointer_after(place: Place | None) -> str:
    steps = []
    while place is not None:
        steps.append(place.after)
        place = place.parent
    return pointer(steps[::-1])
