"""Lining up two lists: outside of the gaps they are equal, and gaps are as short as the effort allows."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zenctx.context import alignment
from zenctx.context.alignment import Gap, gaps

tokens = st.lists(st.integers(0, 6), max_size=40)


def rebuilt(a: list[int], b: list[int], found: list[Gap]) -> list[int]:
    """Give `a` with every gap filled from `b`."""
    result: list[int] = []
    at = 0
    for gap in found:
        result += [*a[at : gap.start_a], *b[gap.start_b : gap.end_b]]
        at = gap.end_a
    return result + a[at:]


@settings(max_examples=300)
@given(tokens, tokens, st.sampled_from([0, 10, alignment.MAX_CELLS]))
def test_filling_the_gaps_gives_the_other_list(a: list[int], b: list[int], cells: int) -> None:
    """Also where no stretch is short enough to be lined up exactly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "MAX_CELLS", cells)
        found = list(gaps(a, b))
    assert rebuilt(a, b, found) == b
    assert all(before.end_a <= after.start_a and before.end_b <= after.start_b for before, after in pairwise(found))
    assert all(gap.end_a > gap.start_a or gap.end_b > gap.start_b for gap in found)


@pytest.mark.parametrize("cells", [0, alignment.MAX_CELLS])
def test_an_insertion_and_a_removal_far_apart_are_two_gaps(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly, and by what stands once."""
    monkeypatch.setattr(alignment, "MAX_CELLS", cells)
    a = list(range(100))
    b = [*range(10), 1000, *range(10, 80), *range(81, 100)]
    assert list(gaps(a, b)) == [Gap(10, 10, 10, 11), Gap(80, 81, 81, 81)]


def test_long_lists_take_linear_time() -> None:
    """A shuffled list, and one of two values, of 100,000 items each."""
    shuffled = list(range(100_000))
    random.Random(1).shuffle(shuffled)  # noqa: S311 - no secret
    bits = [random.Random(at).randrange(2) for at in range(100_000)]  # noqa: S311 - no secret
    for a, b in ((list(range(100_000)), shuffled), (bits, bits[::-1])):
        assert rebuilt(a, b, list(gaps(a, b))) == b
