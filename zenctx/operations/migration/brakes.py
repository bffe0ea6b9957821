"""What slows a migration down and what stops it, asked between two batches: clock, rate, pause file, poisoned rows."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from zenctx.context.datastruct import DataStruct

POISON_WINDOW, POISON_SHARE = 10_000, 0.01
"""So many rows are looked back upon; more than this share of that number quarantined is no accident of a few rows."""

SLOW_SECONDS, LONGEST_REST = 5.0, 10.0
"""A batch that takes twenty times as long as it should is followed by a rest as long as itself, within limits."""

_LOOK_SECONDS = 0.2
_PARTIAL, _REFUSED = 3, 5

Hold = Callable[[], str | None]
"""Says why nothing may be written now; None: it may."""


class Stop(NamedTuple):
    """Why a migration ended before its work was done, the exit code for it, and what to do."""

    reason: str
    exit_code: int
    step: str | None = None


class Terms(DataStruct, frozen=True):
    """What the operator set: seconds from the start, rows a second, a file that stops the writing while it exists."""

    max_seconds: float | None = None
    max_rate: float | None = None
    pause_file: Path | None = None


class Brakes:
    """One migration's brakes. `stop` is why it has to end, once it has; also set from outside."""

    def __init__(
        self,
        terms: Terms,
        holds: tuple[Hold, ...] = (),
        *,
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self.stop: Stop | None = None
        self.held_by: str | None = None
        self._terms = terms
        self._holds = (self._paused, self._resting, *holds)
        self._clock = clock
        self._wait = wait
        self._end = None if terms.max_seconds is None else clock() + terms.max_seconds
        self._next_at = clock()
        self._recent: deque[tuple[int, int]] = deque()
        self._rest: tuple[float, str] = (0.0, "")

    def lets_go_on(self, rows: int, tell: Callable[[str | None], None]) -> bool:
        """Waits until a batch that writes so many rows may go; False: the migration is to end before it.

        `tell` is called with the reason when waiting begins, and with None when it is over.
        """
        before = self.held_by
        while not self.is_over():
            self.held_by = next((reason for hold in self._holds if (reason := hold())), None)
            if self.held_by != before:
                before = self.held_by
                tell(before)
            if self.held_by is None and self._is_due(rows):
                return True
            self._wait(_LOOK_SECONDS if self.held_by else min(_LOOK_SECONDS, max(self._next_at - self._clock(), 0.001)))
        return False

    def landed(self, rows: int, quarantined: int) -> None:
        """Takes what became of a batch; too many rows newly quarantined stop the migration."""
        self._recent.append((rows, quarantined))
        while sum(count for count, _ in self._recent) - self._recent[0][0] >= POISON_WINDOW:
            self._recent.popleft()
        poisoned = sum(count for _, count in self._recent)
        if poisoned > POISON_WINDOW * POISON_SHARE and self.stop is None:
            self.stop = Stop(
                f"{poisoned:,} of the last {sum(count for count, _ in self._recent):,} rows had to be quarantined, "
                f"which is more than {POISON_SHARE:.0%} of {POISON_WINDOW:,}",
                _REFUSED,
                "'zenctx migrate --list-quarantined' says why; once that is explained run the same command again",
            )

    def took(self, seconds: float) -> None:
        """Takes how long a batch took, from whatever thread."""
        if seconds > SLOW_SECONDS:
            self._rest = (self._clock() + min(seconds, LONGEST_REST), f"the last batch took {seconds:,.1f} s")

    def _resting(self) -> str | None:
        until, reason = self._rest
        return reason if self._clock() < until else None

    def is_over(self) -> bool:
        """Tells whether the migration has to end; looks at the clock."""
        if self.stop is None and self._end is not None and self._clock() >= self._end:
            held = f" ({self.held_by})" if self.held_by else ""
            self.stop = Stop(f"--max-duration is over{held}", _PARTIAL)
        return self.stop is not None

    def _is_due(self, rows: int) -> bool:
        if self._terms.max_rate is None or not rows:
            return True
        now = self._clock()
        if now < self._next_at:
            return False
        # What was not used while nothing could be written is not made up for afterwards.
        self._next_at = max(self._next_at, now - 1) + rows / self._terms.max_rate
        return True

    def _paused(self) -> str | None:
        file = self._terms.pause_file
        return f"paused: {file} exists" if file is not None and file.exists() else None
