"""What PostgreSQL tells about the size of runs and the cost of writing them; asked in reading, changing nothing."""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from zenctx.context.datastruct import DataStruct
from zenctx.database.engine import SQLITE

_TABLE = """
    select
        pg_table_size(c.oid),
        pg_indexes_size(c.oid),
        greatest(c.reltuples, 0)::bigint,
        (select count(*) from pg_index i where i.indrelid = c.oid),
        current_setting('full_page_writes')::boolean,
        pg_size_bytes(current_setting('max_wal_size')),
        pg_has_role('pg_read_all_stats', 'usage')
    from pg_class c
    where c.oid = to_regclass('workflow_runs')"""
_STORED = """
    select pg_column_size(context), pg_column_size(cast(context::text as jsonb)) from workflow_runs
    where id = cast(:id as uuid) and context is not null"""
_PARSED = "select pg_column_size(cast(:context as jsonb))"


class StoredSizes(NamedTuple):
    """Of one row, in bytes: as it is stored, the same not compressed, and its new context not compressed."""

    stored: int
    plain: int
    plain_after: int


class TableFacts(DataStruct, frozen=True):
    """Of the table of runs: its bytes, those of its indexes, about how many rows; and how WAL is written."""

    table_bytes: int
    index_bytes: int
    rows: int
    indexes: int
    full_page_writes: bool
    max_wal_bytes: int
    sees_replicas: bool
    """Whether this role may see how far replicas lag."""


class SampleFacts(DataStruct, frozen=True):
    """What a sample of new contexts costs the server: sizes of each, and the seconds that parsing all of them took."""

    rows: Sequence[StoredSizes]
    parse_seconds: float


def table_facts(connection: Connection) -> TableFacts | None:
    """Gives what is known of the table of runs; None on SQLite."""
    if connection.dialect.name == SQLITE:
        return None
    row = connection.execute(text(_TABLE)).one_or_none()
    connection.rollback()
    return None if row is None else TableFacts(*row)


def measure_sample(connection: Connection, run_ids: Sequence[str], texts: Sequence[str]) -> SampleFacts | None:
    """Has the server parse new contexts of some runs; None on SQLite, or where it does not take one of them."""
    if connection.dialect.name == SQLITE or not texts:
        return None
    rows: list[StoredSizes] = []
    seconds = 0.0
    try:
        for run_id, context in zip(run_ids, texts, strict=True):
            if (stored := connection.execute(text(_STORED), {"id": run_id}).one_or_none()) is None:
                continue
            started = monotonic()
            plain_after = connection.execute(text(_PARSED), {"context": context}).scalar_one()
            seconds += monotonic() - started
            seconds -= _way(connection)
            rows.append(StoredSizes(stored[0], stored[1], plain_after))
    except DBAPIError:
        return None
    finally:
        connection.rollback()
    return SampleFacts(rows, max(seconds, 0.0))


def _way(connection: Connection) -> float:
    """The seconds that the way to the server and back takes, whatever is parsed."""
    started = monotonic()
    connection.execute(text(_PARSED), {"context": "{}"}).scalar_one()
    return monotonic() - started
