"""Whether the server can take more now: decided from what is seen of it, with the reason; not knowing is a no."""

from collections.abc import Callable
from time import monotonic

from zenctx.context.datastruct import DataStruct
from zenctx.database.engine import Database
from zenctx.database.errors import TransientDatabaseError
from zenctx.database.pressure import Pressure, Table, pressure
from zenctx.database.sessions import Session
from zenctx.operations.migration.watch import Watch

MIB, GIB = 1024**2, 1024**3
UNSEEN = (
    "this role may not see how far replicas lag, whether a vacuum runs, and how old transactions are: "
    "grant it pg_monitor, or watch them elsewhere"
)
_LOOK_SECONDS = 2.0


class Limits(DataStruct, frozen=True):
    """From where on nothing more is written. Dead rows count where there are many, and as a share of the live ones."""

    lag_seconds: float = 30.0
    lag_bytes: int = GIB
    gone_seconds: float = 300.0
    slot_bytes: int = 8 * GIB
    slot_share: float = 0.5
    """Of what the server keeps for a slot before it gives it up."""
    archive_bytes: int = 2 * GIB
    dead_rows: int = 1_000_000
    dead_share: float = 0.5
    dead_share_under_vacuum: float = 0.2
    oldest_seconds: float = 3600.0


def too_much(seen: Pressure, limits: Limits) -> str | None:
    """Gives the reason for which nothing should be written now; None: there is none."""
    reasons = (_behind(seen, limits), _kept(seen, limits), _unarchived(seen, limits), _unvacuumed(seen, limits))
    if found := next(filter(None, reasons), None):
        return found
    if seen.blocked:
        return f"{seen.blocked} other {'session waits' if seen.blocked == 1 else 'sessions wait'} for a lock of ours"
    return None


def _behind(seen: Pressure, limits: Limits) -> str | None:
    if seen.missing:
        return f"a replica that was there is gone: it is waited for, {limits.gone_seconds:,.0f} s at most"
    seconds = max((each.lag_seconds or 0 for each in seen.replicas), default=0)
    if seconds > limits.lag_seconds:
        return f"a replica is {seconds:,.0f} s behind (more than {limits.lag_seconds:,.0f} s)"
    behind = max((each.lag_bytes or 0 for each in seen.replicas), default=0)
    if behind > limits.lag_bytes:
        return f"a replica is {_size(behind)} behind (more than {_size(limits.lag_bytes)})"
    return None


def _kept(seen: Pressure, limits: Limits) -> str | None:
    """A slot that the server gives up is lost to whoever reads from it: that is to be avoided by far."""
    limit = limits.slot_bytes
    if seen.slot_limit is not None:
        limit = min(limit, int(seen.slot_limit * limits.slot_share))
    if seen.slot_bytes is not None and seen.slot_bytes > limit:
        return f"a replication slot keeps {_size(seen.slot_bytes)} of WAL (more than {_size(limit)})"
    return None


def _unarchived(seen: Pressure, limits: Limits) -> str | None:
    if seen.archiver_fails:
        return "the server fails to archive its WAL"
    if seen.archive_bytes is not None and seen.archive_bytes > limits.archive_bytes:
        return f"{_size(seen.archive_bytes)} of WAL is not archived yet (more than {_size(limits.archive_bytes)})"
    return None


def _unvacuumed(seen: Pressure, limits: Limits) -> str | None:
    reasons = (
        _bloated("workflow_runs", seen.rows, seen, limits),
        _bloated("the TOAST table of workflow_runs", seen.pieces, seen, limits),
    )
    return next(filter(None, reasons), None)


def _bloated(name: str, table: Table | None, seen: Pressure, limits: Limits) -> str | None:
    if table is None or table.dead < limits.dead_rows:
        return None
    if table.dead > limits.dead_share * table.live:
        return f"{name} has {table.dead:,} dead rows: it needs a vacuum"
    if seen.vacuum_runs and table.dead > limits.dead_share_under_vacuum * table.live:
        return f"a vacuum of {name} is at work on {table.dead:,} dead rows"
    if seen.oldest_seconds is not None and seen.oldest_seconds > limits.oldest_seconds:
        hours = seen.oldest_seconds / 3600
        return f"a transaction of {hours:,.1f} h keeps {table.dead:,} dead rows of {name} from being removed"
    return None


def _size(size: int) -> str:
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{size / MIB:,.0f} MiB"


class Gauge:
    """Looks at the server every two seconds, over a session of its own; a `Hold` of the brakes."""

    def __init__(
        self, database: Database, session: Session, limits: Limits, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._session = session
        self._limits = limits
        self._clock = clock
        self._watch = Watch(limits.gone_seconds)
        self._looked_at: float | None = None
        self._reason: str | None = None

    def __call__(self) -> str | None:
        """Gives the reason for which nothing should be written now, not older than two seconds."""
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= _LOOK_SECONDS:
            self._reason = self._look()
            self._looked_at = self._clock()
        return self._reason

    def _look(self) -> str | None:
        try:
            with self._database.translated_errors():
                return self._judged(pressure(self._session.connection))
        except TransientDatabaseError as error:
            return self._replaced(error)

    def _replaced(self, error: TransientDatabaseError) -> str | None:
        """Takes a new connection, and looks again by it; where neither succeeds that is reason enough."""
        try:
            self._session.reopen()
            with self._database.translated_errors():
                return self._judged(pressure(self._session.connection))
        except TransientDatabaseError:
            return f"the server cannot be asked how it is: {error.message}"

    def _judged(self, seen: Pressure) -> str | None:
        return too_much(self._watch.completed(seen, self._clock()), self._limits)
