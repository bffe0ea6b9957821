"""How much a batch takes: as many rows and bytes as are written in a quarter of a second, found by measuring."""

from zenctx.database.rows import BatchLimits

FIRST_ROWS, MAX_ROWS = 200, 5000
MAX_BYTES, MIN_BYTES = 1024 * 1024, 64 * 1024
TARGET_SECONDS = 0.25
MAX_BYTES_IN_A_FILE = 2 * MAX_BYTES
"""Where each commit waits for a file to be on disk, twice: half as many of them are worth ten megabytes of memory."""

_MORE_ROWS, _MORE_BYTES = 100, 256 * 1024
_TOLERATED = 1.5
"""A batch may take this many times as long before the next one is halved: one slow commit means little."""


class BatchSizer:
    """Additive increase, multiplicative decrease; doubling until the first batch that takes too long.

    Writers tell it how long their batches took, a reader asks it for limits, in threads of their own: each value is
    replaced in one step, and an update that is lost only delays the next.
    """

    def __init__(
        self, fixed_rows: int | None = None, most_rows: int | None = None, most_bytes: int = MAX_BYTES
    ) -> None:
        self._fixed = fixed_rows is not None
        self._most = min(most_rows or MAX_ROWS, MAX_ROWS)
        self._rows = min(fixed_rows or FIRST_ROWS, self._most)
        self._most_bytes = most_bytes
        self._bytes = most_bytes
        self._doubling = True

    @property
    def rows(self) -> int:
        """How many rows the next batch may have."""
        return self._rows

    def limits(self) -> BatchLimits:
        """Gives the limits for the next batch."""
        return BatchLimits(rows=self._rows, stored_bytes=self._bytes)

    def took(self, seconds: float, rows: int) -> None:
        """Takes how long a batch took to write, and how many rows it was read with."""
        if self._fixed:
            return
        if seconds > _TOLERATED * TARGET_SECONDS:
            self._shrink(rows)
        elif seconds < TARGET_SECONDS:
            self._grow(rows, quick=seconds < TARGET_SECONDS / 2)

    def held_up(self) -> None:
        """Takes that somebody held a row for longer than we wait: a smaller batch meets fewer such rows."""
        if not self._fixed:
            self._doubling = False
            self._rows = max(self._rows // 2, 1)

    def _shrink(self, rows: int) -> None:
        self._doubling = False
        if rows >= self._rows:
            self._rows = max(self._rows // 2, 1)
        else:
            # Its bytes ended this batch, not its rows.
            self._bytes = max(self._bytes // 2, MIN_BYTES)

    def _grow(self, rows: int, *, quick: bool) -> None:
        if rows >= self._rows:
            more = self._rows if self._doubling and quick else _MORE_ROWS
            self._rows = min(self._rows + more, self._most)
        else:
            # A batch that its bytes kept small says nothing about more rows: asking for them would only be in vain.
            self._bytes = min(self._bytes + _MORE_BYTES, self._most_bytes)
