"""How long to go on trying while the database fails for passing reasons: longer and longer pauses, bounded in all."""

from collections.abc import Callable
from random import uniform
from time import monotonic, sleep

from zenctx.errors import DatabaseError, ZenctxError

PATIENCE_SECONDS = 120.0
"""Without any progress for so long, the reason is not a passing one."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Patience:
    """Counts the time since the last progress, and waits between two attempts, each time about twice as long."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, wait: Callable[[float], None] = sleep) -> None:
        self._clock = clock
        self._wait = wait
        self._failing_since: float | None = None
        self._pause = _FIRST_PAUSE

    def progressed(self) -> None:
        """Takes that something was done: what fails next is a new failure."""
        self._failing_since = None
        self._pause = _FIRST_PAUSE

    def wait(self, error: ZenctxError) -> None:
        """Waits before another attempt after `error`. Raises DatabaseError, which names it, when patience is at an end.

        Not all who were thrown off at once come back at the same moment: a pause is up to twice, or half, as long.
        """
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= PATIENCE_SECONDS:
            raise DatabaseError(f"no progress for {PATIENCE_SECONDS:.0f} s: {error.message}", hint=error.hint)
        self._wait(self._pause * uniform(0.5, 2))  # noqa: S311 - jitter, nothing secret
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
