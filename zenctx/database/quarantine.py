"""The rows that could not be converted: which, in which direction and why, never with a value.

A row stays quarantined as long as its context is the text that failed; once it is written again it is tried again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select

from zenctx.context.datastruct import DataStruct
from zenctx.database.schema import zenctx_quarantine

_CHUNK = 500
"""Ids in one statement; SQLite limits the number of its parameters."""


class Quarantined(DataStruct, frozen=True):
    """One row that could not be converted in a direction (`descriptors` or `legacy`), and why."""

    run_id: str
    direction: str
    reason: str
    fingerprint: str
    operation_id: str = ""
    created_at: datetime | None = None


def fingerprint(text: bytes) -> str:
    """Gives what tells one context's text from another: its SHA-256 in hex."""
    return hashlib.sha256(text).hexdigest()


def find(connection: Connection, run_ids: Sequence[str], direction: str) -> dict[str, Quarantined]:
    """Gives the quarantined among some runs, by run id."""
    found: dict[str, Quarantined] = {}
    for ids in _chunks(run_ids):
        query = select(zenctx_quarantine).where(
            zenctx_quarantine.c.run_id.in_(ids), zenctx_quarantine.c.direction == direction
        )
        found |= {row.run_id: _quarantined(row._mapping) for row in connection.execute(query)}
    return found


def has_any(connection: Connection) -> bool:
    """Tells whether any row is quarantined at all."""
    return connection.execute(select(zenctx_quarantine.c.run_id).limit(1)).first() is not None


def count(connection: Connection) -> int:
    """Gives how many rows are quarantined."""
    counted: int = connection.execute(select(func.count()).select_from(zenctx_quarantine)).scalar_one()
    return counted


def walk(connection: Connection) -> Iterator[Quarantined]:
    """Yields every quarantined row by run id; each chunk is read by itself."""
    after = ""
    while True:
        query = (
            select(zenctx_quarantine)
            .where(zenctx_quarantine.c.run_id > after)
            .order_by(zenctx_quarantine.c.run_id)
            .limit(_CHUNK)
        )
        rows = [_quarantined(row._mapping) for row in connection.execute(query)]
        connection.rollback()
        if not rows:
            return
        yield from rows
        after = rows[-1].run_id


def put(connection: Connection, rows: Sequence[Quarantined], operation_id: str) -> None:
    """Records rows, each in place of an earlier record of it; inside the caller's transaction."""
    if not rows:
        return
    remove(connection, [row.run_id for row in rows])
    now = datetime.now(UTC)
    connection.execute(
        insert(zenctx_quarantine),
        [
            {
                "run_id": row.run_id,
                "direction": row.direction,
                "reason": row.reason,
                "fingerprint": row.fingerprint,
                "operation_id": operation_id,
                "created_at": now,
            }
            for row in rows
        ],
    )


def remove(connection: Connection, run_ids: Sequence[str]) -> None:
    """Takes the records of some runs back, because they are converted; inside the caller's transaction."""
    if not run_ids or not has_any(connection):
        return  # as nearly always: a question of one row instead of a list of thousands
    for ids in _chunks(run_ids):
        connection.execute(delete(zenctx_quarantine).where(zenctx_quarantine.c.run_id.in_(ids)))


def _chunks(run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(run_ids), _CHUNK):
        yield run_ids[start : start + _CHUNK]


def _quarantined(row: object) -> Quarantined:
    values = dict(row)  # type: ignore[call-overload]
    return Quarantined(**values)
