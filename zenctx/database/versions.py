"""The versions that one process gave to the rows it wrote: a row that still has one of them needs no second look."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence

from zenctx.database.rows import Span

MAX_KEPT = 20_000
"""Versions kept at most. What is beyond is looked at again, which is never wrong."""

MAX_TOLD = 2_000
"""Versions of one part that others are told."""

_HIGHEST = "\uffff"
_AT_ONCE = 64
"""Versions that one batch of a walk is compared with: many more than its rows can have."""


class WrittenVersions:
    """Versions (see `RunRow.version`) in the order of the ids that they were written to.

    One thread may add while another asks: each is a single step of the interpreter's own.
    """

    def __init__(self) -> None:
        self._by_last_id: list[tuple[str, str]] = []

    def add(self, run_ids: Sequence[str], version: str) -> None:
        """Takes the version that some rows were given by one statement."""
        if run_ids and len(self._by_last_id) < MAX_KEPT:
            insort(self._by_last_id, (max(run_ids), version))

    def forget(self) -> None:
        """Forgets all: a server that crashed may give the same versions once more."""
        self._by_last_id = []

    def pairs(self, span: Span) -> list[tuple[str, str]]:
        """Gives the last id and the version of what was written within a part, to be told to others."""
        kept = self._by_last_id
        start = bisect_right(kept, (str(span.after or ""), _HIGHEST))
        end = len(kept) if span.up_to is None else bisect_right(kept, (str(span.up_to), _HIGHEST))
        return kept[start : min(end, start + MAX_TOLD)]

    def add_pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Takes what others have written, as `pairs` gives it."""
        for last_id, version in pairs:
            self.add((last_id,), version)

    def beyond(self, run_id: str) -> tuple[str, ...]:
        """Gives the versions that the next rows after this id are likely to have."""
        start = bisect_right(self._by_last_id, (run_id, _HIGHEST))
        return tuple(version for _, version in self._by_last_id[start : start + _AT_ONCE])
