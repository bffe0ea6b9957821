"""Growth: the sums of earlier calls are in the journal, and are compared with those of now."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from zenctx.database import journal
from zenctx.database.checks import can_read, has_zenctx_tables
from zenctx.database.engine import Database
from zenctx.database.journal import Operation
from zenctx.operations.statistics.report import Section, StatItem, Sums

COMMAND = "stats"
SPACING = timedelta(hours=1)
"""Sums are kept at most so often: whoever calls it every minute shall not fill the journal."""
_MOST = 500
_SINCE = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
_COUNTED = ("runs", "context_bytes", "files", "file_bytes")


def history(database: Database) -> list[Sums]:
    """Gives the sums that are on record, oldest first; none where the journal is not there or may not be read."""
    with database.connect() as connection:
        if not has_zenctx_tables(connection) or not can_read(connection, "zenctx_operation"):
            return []
        found = journal.latest_of(connection, [COMMAND], limit=_MOST)
        connection.rollback()
    return [sums for sums in map(_sums, reversed(found)) if sums is not None]


def is_due(earlier: Sequence[Sums], now: datetime) -> bool:
    """Tells whether it is time to keep the sums again; a clock that was put back counts as so."""
    return not earlier or not timedelta() <= now - earlier[-1].at < SPACING


def counts(sums: Sums) -> Mapping[str, object]:
    """Gives the sums as the journal keeps them."""
    return {name: getattr(sums, name) for name in _COUNTED} | {"at": sums.at.isoformat()}


def growth(earlier: Sequence[Sums], now: Sums) -> Iterator[StatItem]:
    """Yields the difference to the last call, and to those about a day, a week and a month ago."""
    told: set[datetime] = set()
    before = [each for each in earlier if each.at < now.at]
    for least in (timedelta(), *_SINCE):
        old_enough = [each for each in before if now.at - each.at >= least]
        if old_enough and old_enough[-1].at not in told:
            told.add(old_enough[-1].at)
            yield _difference(old_enough[-1], now)


def _difference(then: Sums, now: Sums) -> StatItem:
    return StatItem(
        Section.GROWTH,
        f"since {then.at:%Y-%m-%d %H:%M}Z",
        runs=now.runs - then.runs,
        bytes=now.context_bytes - then.context_bytes,
        files=now.files - then.files,
        file_bytes=now.file_bytes - then.file_bytes,
    )


def _sums(operation: Operation) -> Sums | None:
    """Reads what the journal has; None where that is not what this version writes."""
    values = [operation.counts.get(name) for name in _COUNTED]
    if operation.exit_code != 0 or not all(isinstance(value, int) for value in values):
        return None
    runs, context_bytes, files, file_bytes = (int(value) for value in values if value is not None)
    return Sums(operation.started_at, runs, context_bytes, files, file_bytes)
