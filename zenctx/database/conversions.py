"""The record of what zenctx converted: for each batch the ids and the direction, one row a batch.

It is written in the transaction of the batch itself, so that the way back unwraps only what was wrapped.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from zenctx.database.schema import zenctx_conversion

_ID_BYTES = 16
_STAGE = "create temp table if not exists zenctx_converted (run_id blob primary key, direction text) without rowid"

Lookup = Callable[[Sequence[str]], dict[str, str]]
"""Gives the direction in which each of some runs was converted last; runs without a record are absent."""


def is_run_id(text_: str) -> bool:
    """Tells whether a run's id is a UUID in its usual spelling, as the engine writes them."""
    try:
        return str(UUID(text_)) == text_
    except ValueError:
        return False


def record(connection: Connection, operation_id: str, direction: str, run_ids: Sequence[str]) -> None:
    """Records one batch; inside the transaction that wrote it. The ids are UUIDs (see `is_run_id`)."""
    if not run_ids:
        return
    connection.execute(
        insert(zenctx_conversion).values(
            operation_id=operation_id,
            direction=direction,
            first_run_id=min(run_ids),
            last_run_id=max(run_ids),
            run_count=len(run_ids),
            run_ids=b"".join(UUID(run_id).bytes for run_id in run_ids),
            created_at=datetime.now(UTC),
        )
    )


def lookup(connection: Connection) -> Lookup:
    """Gives the look-up for a walk over the runs; `connection` stays in use by it.

    On PostgreSQL the walk and the batches both go by id, so few records cover a batch. On SQLite they go by rowid,
    and every record covers every batch: there the records are laid out once, in a temporary table on disk.
    """
    if connection.dialect.name == "sqlite":
        return _staged_lookup(connection)
    return lambda run_ids: _look_up_range(connection, run_ids)


def _look_up_range(connection: Connection, run_ids: Sequence[str]) -> dict[str, str]:
    if not run_ids:
        return {}
    wanted = {UUID(run_id).bytes: run_id for run_id in run_ids}
    found: dict[str, str] = {}
    query = (
        select(zenctx_conversion.c.direction, zenctx_conversion.c.run_ids)
        .where(zenctx_conversion.c.first_run_id <= max(run_ids), zenctx_conversion.c.last_run_id >= min(run_ids))
        .order_by(zenctx_conversion.c.id)
    )
    for direction, packed in connection.execute(query):
        found |= {wanted[run_id]: direction for run_id in _unpacked(packed) if run_id in wanted}
    connection.rollback()
    return found


def _staged_lookup(connection: Connection) -> Lookup:
    connection.execute(text(_STAGE))
    connection.execute(text("delete from temp.zenctx_converted"))
    query = select(zenctx_conversion.c.direction, zenctx_conversion.c.run_ids).order_by(zenctx_conversion.c.id)
    cursor = connection.connection.cursor()
    for direction, packed in connection.execute(query):
        cursor.executemany(
            "insert or replace into temp.zenctx_converted values (?, ?)",
            [(run_id, direction) for run_id in _unpacked(packed)],
        )
    connection.commit()

    def look_up(run_ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for run_id in run_ids:
            cursor.execute("select direction from temp.zenctx_converted where run_id = ?", (UUID(run_id).bytes,))
            if row := cursor.fetchone():
                found[run_id] = row[0]
        return found

    return look_up


def _unpacked(packed: bytes) -> Iterator[bytes]:
    for start in range(0, len(packed), _ID_BYTES):
        yield packed[start : start + _ID_BYTES]
