"""The record of what zenctx converted: for each batch the ids and the direction, one row a batch.

It is written in the transaction of the batch itself, so that the way back unwraps only what was wrapped.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, text

from zenctx.database.checks import can_read_all, has_table
from zenctx.database.schema import zenctx_conversion

_ID_BYTES = 16
_RECORDS_AT_ONCE = 50
_RUN_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STAGE = """
    create temp table if not exists zenctx_converted
    (run_id blob primary key, direction text, operation_id text) without rowid"""
_STAGED = "select run_id, direction, operation_id from temp.zenctx_converted where run_id in ({})"
_IDS_AT_ONCE = 100
_LOOKED_AT = 2000
"""No transaction is open for as long as two thousand batches of others take."""
_NEWEST = (
    select(zenctx_conversion.c.id, zenctx_conversion.c.operation_id)
    .order_by(zenctx_conversion.c.id.desc())
    .limit(_LOOKED_AT)
)
_MOST_UNSEEN = 10_000
_RECORD = (zenctx_conversion.c.direction, zenctx_conversion.c.operation_id, zenctx_conversion.c.run_ids)


class Conversion(NamedTuple):
    """How a run was converted: in which direction, and by which operation."""

    direction: str
    operation_id: str


class Record(NamedTuple):
    """One batch that was converted: its number, in which direction, when, and the ids in 16 bytes each."""

    number: int
    direction: str
    created_at: datetime
    run_ids: list[bytes]


class Seen(NamedTuple):
    """What a transaction sees of the records: all up to `last`, which `operation_id` wrote, but those in `unseen`.

    Numbers are given out before a commit: what commits later may have a lower one. `last` is 0 where there is none.
    """

    last: int
    operation_id: str
    unseen: tuple[int, ...] = ()

    def has(self, number: int) -> bool:
        """Tells whether that record was seen."""
        return number <= self.last and number not in self.unseen


Lookup = Callable[[Sequence[str]], dict[str, Conversion]]
"""Gives the last conversion of each of some runs; runs without a record are absent."""


def is_run_id(text_: str) -> bool:
    """Tells whether a run's id is a UUID in its usual spelling, as the engine writes them."""
    return _RUN_ID.fullmatch(text_) is not None


def record(connection: Connection, operation_id: str, direction: str, run_ids: Sequence[str]) -> int | None:
    """Records one batch; inside the transaction that wrote it. The ids are UUIDs (see `is_run_id`).

    Gives the number of the record; None where there is nothing to record.
    """
    if not run_ids:
        return None
    done = connection.execute(
        insert(zenctx_conversion).values(
            operation_id=operation_id,
            direction=direction,
            first_run_id=min(run_ids),
            last_run_id=max(run_ids),
            run_count=len(run_ids),
            run_ids=bytes.fromhex("".join(run_ids).replace("-", "")),
            created_at=datetime.now(UTC),
        )
    )
    return None if done.inserted_primary_key is None else int(done.inserted_primary_key[0])


def is_recorded(connection: Connection, number: int, operation_id: str) -> bool:
    """Tells whether a record was committed: asked where the connection was lost during the commit."""
    query = select(zenctx_conversion.c.id).where(
        zenctx_conversion.c.id == number, zenctx_conversion.c.operation_id == operation_id
    )
    found = connection.execute(query).first() is not None
    connection.rollback()
    return found


def has_any(connection: Connection) -> bool:
    """Tells whether anything was ever converted."""
    return connection.execute(select(zenctx_conversion.c.id).limit(1)).first() is not None


def count_of(connection: Connection, operation_id: str) -> int:
    """Gives how many conversions an operation has on record, those of processes that were killed among them."""
    query = select(func.coalesce(func.sum(zenctx_conversion.c.run_count), 0))
    counted = int(connection.execute(query.where(zenctx_conversion.c.operation_id == operation_id)).scalar_one())
    connection.rollback()
    return counted


def seen(connection: Connection) -> Seen | None:
    """Gives what the transaction that is open sees of the records; None where this role may not see all of them.

    That is exact, as no time is: clocks of hosts differ, and a commit comes after what it commits was written.
    """
    if not has_table(connection, zenctx_conversion.name):
        return Seen(0, "")
    if not can_read_all(connection, zenctx_conversion.name):
        return None
    found = connection.execute(_NEWEST).all()
    if not found:
        return Seen(0, "")
    numbers = {row.id for row in found}
    # Where these are all there are, one with a lower number than theirs may be on its way as well.
    floor = min(numbers) if len(numbers) == _LOOKED_AT else 0
    unseen = (number for number in range(found[0].id, floor, -1) if number not in numbers)
    return Seen(found[0].id, found[0].operation_id, tuple(islice(unseen, _MOST_UNSEEN)))


def is_of(connection: Connection, what: Seen) -> bool:
    """Tells whether what was seen is of these records, and not of another database's that are alike at first."""
    return not what.last or is_recorded(connection, what.last, what.operation_id)


def records(connection: Connection) -> Iterator[Record]:
    """Yields every batch that was converted, the oldest first; no transaction stays open."""
    after = 0
    query = select(zenctx_conversion).order_by(zenctx_conversion.c.id).limit(_RECORDS_AT_ONCE)
    while True:
        rows = connection.execute(query.where(zenctx_conversion.c.id > after)).all()
        connection.rollback()
        if not rows:
            return
        for row in rows:
            yield Record(row.id, row.direction, row.created_at, list(_unpacked(row.run_ids)))
        after = rows[-1].id


def lookup(connection: Connection) -> Lookup:
    """Gives the look-up for a walk over the runs; `connection` stays in use by it.

    On PostgreSQL the walk and the batches both go by id, so few records cover a batch, and each look-up sees what is
    on record then. On SQLite they go by rowid, and every record covers every batch: there the records are laid out
    once, in a temporary table on disk, and what is recorded later is not seen.
    """
    if connection.dialect.name == "sqlite":
        return _staged_lookup(connection)
    return lambda run_ids: _look_up_range(connection, run_ids)


def _look_up_range(connection: Connection, run_ids: Sequence[str]) -> dict[str, Conversion]:
    if not run_ids:
        return {}
    wanted = {UUID(run_id).bytes: run_id for run_id in run_ids}
    found: dict[str, Conversion] = {}
    query = (
        select(*_RECORD)
        .where(zenctx_conversion.c.first_run_id <= max(run_ids), zenctx_conversion.c.last_run_id >= min(run_ids))
        .order_by(zenctx_conversion.c.id)
    )
    for direction, operation_id, packed in connection.execute(query):
        last = Conversion(direction, operation_id)
        found |= {wanted[run_id]: last for run_id in _unpacked(packed) if run_id in wanted}
    connection.rollback()
    return found


def _staged_lookup(connection: Connection) -> Lookup:
    connection.execute(text(_STAGE))
    connection.execute(text("delete from temp.zenctx_converted"))
    query = select(*_RECORD).order_by(zenctx_conversion.c.id)
    cursor = connection.connection.cursor()
    for direction, operation_id, packed in connection.execute(query):
        cursor.executemany(
            "insert or replace into temp.zenctx_converted values (?, ?, ?)",
            [(run_id, direction, operation_id) for run_id in _unpacked(packed)],
        )
    connection.commit()

    def look_up(run_ids: Sequence[str]) -> dict[str, Conversion]:
        found: dict[str, Conversion] = {}
        for start in range(0, len(run_ids), _IDS_AT_ONCE):
            packed = {_packed(run_id): run_id for run_id in run_ids[start : start + _IDS_AT_ONCE]}
            cursor.execute(_STAGED.format(", ".join("?" * len(packed))), list(packed))
            found |= {packed[key]: Conversion(direction, operation) for key, direction, operation in cursor.fetchall()}
        return found

    return look_up


def _packed(run_id: str) -> bytes:
    return bytes.fromhex(run_id.replace("-", ""))


def _unpacked(packed: bytes) -> Iterator[bytes]:
    for start in range(0, len(packed), _ID_BYTES):
        yield packed[start : start + _ID_BYTES]
