"""Runs in PostgreSQL: walked by primary key, read as text, written back in batches where a row is unchanged."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from zenctx.database.errors import RejectedValueError, translated_errors
from zenctx.database.rows import (
    BatchLimits,
    ContextChange,
    Position,
    Rejection,
    RunRow,
    Selection,
    UnknownRows,
    Written,
)

WRITER_SETTINGS: Mapping[str, str] = {
    # A batch joins its rows by primary key. The planner cannot see how many rows an array holds, and a hash join
    # would read the whole table for each batch.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "500ms",
    "statement_timeout": "5min",
}

_COLUMNS = """
    r.id::text, r.workflow_id::text, r.status::text, extract(epoch from r.started_at)::float8 * 1000,
    extract(epoch from r.ended_at)::float8 * 1000, r.context, r.version"""
_ROWS = "select {columns} from ({inner}) r {outer} order by r.id"

# The sizes are those of the stored values: no value is decompressed to be counted.
_BATCH = """
    select *, sum(bytes) over (order by id) - bytes as before
    from (
        select *, case when context is null then 0 when pg_column_compression(context) is null
            then pg_column_size(context) else 4 * pg_column_size(context) end as bytes
        from (
            select id, workflow_id, status, started_at, ended_at, xmin::text as version, {columns}
            from workflow_runs
            where {condition}
            order by id
            limit :rows) a) b"""

# Rows that are known are only counted, by the server.
_UNLESS_KNOWN = """
    xmin = any(cast(:versions as xid[])) as is_known,
    case when xmin = any(cast(:versions as xid[])) then null else context end as context"""
_UNKNOWN = """
    with part as materialized (select * from ({inner}) r where before < :stored_bytes)
    select whole.known, whole.last::text, {columns}
    from (select count(*) filter (where is_known) as known, (select id from part order by id desc limit 1) as last
        from part) whole
    left join part r on not r.is_known
    order by r.id"""

_PARAMETER = re.compile("(?<!:):([a-z_]+)")

_ESTIMATE = "select reltuples::bigint from pg_class where oid = to_regclass('workflow_runs')"
_COUNT = "select count(*) from workflow_runs where {conditions}"
_ONE = "select *, xmin::text as version from workflow_runs where id = cast(:run_id as uuid)"

# FOR NO KEY UPDATE is what an UPDATE of these columns takes by itself: it lets others insert rows that refer to the
# run. A row that somebody else is writing is waited for, then compared again: `xmin` has changed, and it is left.
# The new version is given only until the counter of transactions comes round for the first time: from then on a row
# that was last written long ago may have the same one.
_UPDATE = """
    update workflow_runs r
    set context = n.context::jsonb
    from unnest(%b, %b, %b) as n(id, version, context)
    where r.id = n.id and r.xmin = n.version::xid
    returning r.id::text, case when pg_current_xact_id() < '4000000000' then r.xmin::text end"""


def read_batch(
    connection: Connection, after: Position | None, limits: BatchLimits, selection: Selection
) -> list[RunRow]:
    """Reads the next runs by id, at most `limits` of them (at least one, if there is one)."""
    inner, parameters = _batch("context", after, limits, selection)
    statement = _ROWS.format(columns=_COLUMNS, inner=inner, outer="where before < :stored_bytes")
    return [_row(values) for values in _fetch(connection, statement, parameters)]


def read_unknown(
    connection: Connection, after: Position | None, limits: BatchLimits, selection: Selection, versions: Sequence[str]
) -> UnknownRows:
    """Reads the next runs by id as `read_batch` does, but only counts those that have one of some versions."""
    inner, parameters = _batch(_UNLESS_KNOWN, after, limits, selection)
    parameters["versions"] = list(versions)
    found = _fetch(connection, _UNKNOWN.format(columns=_COLUMNS, inner=inner), parameters)
    known, last = found[0][:2]
    return UnknownRows([_row(values[2:]) for values in found if values[2] is not None], known, last)


def _batch(
    columns: str, after: Position | None, limits: BatchLimits, selection: Selection
) -> tuple[str, dict[str, Any]]:
    conditions, parameters = selected(selection)
    if after is not None:
        conditions.append("id > cast(:after as uuid)")
        parameters["after"] = after
    if limits.up_to is not None:
        conditions.append("id <= cast(:up_to as uuid)")
        parameters["up_to"] = limits.up_to
    inner = _BATCH.format(condition=" and ".join(conditions) or "true", columns=columns)
    return inner, parameters | {"rows": limits.rows, "stored_bytes": limits.stored_bytes}


def read_run(connection: Connection, run_id: str) -> RunRow | None:
    """Reads one run; None if there is no such id (a text that is no UUID is the id of no run)."""
    try:
        wanted = str(UUID(run_id))
    except ValueError:
        return None
    found = _fetch(connection, _ROWS.format(columns=_COLUMNS, inner=_ONE, outer=""), {"run_id": wanted})
    return _row(found[0]) if found else None


def count(connection: Connection, selection: Selection) -> int:
    """Counts the selected runs; all runs as the planner's statistics have them, unless it has none."""
    conditions, parameters = selected(selection)
    if not conditions:
        known: int = connection.execute(text(_ESTIMATE)).scalar_one()
        if known > 0:
            return known
    statement = text(_COUNT.format(conditions=" and ".join(conditions) or "true"))
    counted: int = connection.execute(statement, parameters).scalar_one()
    return counted


def write_batch(connection: Connection, changes: Sequence[ContextChange], description: str) -> Written:
    """Writes contexts back, each only if its row is as it was read; inside the caller's transaction.

    A value that the database refuses is found by halving the batch, in savepoints; the rest is written.
    """
    if not changes:
        return Written()
    try:
        with connection.begin_nested():
            return _update(connection, changes, description)
    except RejectedValueError as error:
        if len(changes) == 1:
            return Written(rejected=[Rejection(changes[0], error.reason)])
    middle = len(changes) // 2
    first = write_batch(connection, changes[:middle], description)
    second = write_batch(connection, changes[middle:], description)
    return Written(first.run_ids + second.run_ids, first.rejected + second.rejected, first.versions + second.versions)


def _update(connection: Connection, changes: Sequence[ContextChange], description: str) -> Written:
    # Lazy: the driver takes a tenth of the start of a command, and one on SQLite does without.
    from zenctx.database.packed_arrays import Ids, Texts, take_packed_arrays  # noqa: PLC0415

    arrays = (
        Ids(change.row.run_id for change in changes),
        Texts(change.row.version.encode() for change in changes),
        Texts(change.text for change in changes),
    )
    cursor: Any = connection.connection.cursor()
    take_packed_arrays(cursor)
    with translated_errors(description), cursor:
        cursor.execute(_UPDATE, arrays)
        rows = cursor.fetchall()
    return Written([run_id for run_id, _ in rows], versions=sorted({version for _, version in rows if version}))


def changes_of_others(connection: Connection) -> int | None:
    """Gives None: the server does not say whether others have changed a table. Its rows have versions instead."""
    del connection
    return None


def selected(selection: Selection) -> tuple[list[str], dict[str, Any]]:
    """Gives the conditions of a selection, to be joined by AND, and their parameters."""
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    if selection.run_ids:
        conditions.append("id = any(cast(:run_ids as uuid[]))")
        parameters["run_ids"] = list(selection.run_ids)
    if selection.statuses:
        conditions.append("status::text = any(:statuses)")
        parameters["statuses"] = list(selection.statuses)
    if selection.workflow_ids:
        conditions.append("workflow_id = any(cast(:workflow_ids as uuid[]))")
        parameters["workflow_ids"] = list(selection.workflow_ids)
    if selection.since is not None:
        conditions.append("started_at >= :since")
        parameters["since"] = selection.since
    return conditions, parameters


def _fetch(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Gives the rows of `_COLUMNS` as the driver's own, contexts in bytes: there are very many of them."""
    # Lazy: as for writing.
    from zenctx.database.json_bytes import give_json_as_bytes  # noqa: PLC0415

    if not connection.in_transaction():
        connection.begin()  # so that its end is known to be needed
    cursor: Any = connection.connection.cursor()
    give_json_as_bytes(cursor)
    with cursor:
        return list(cursor.execute(_as_driver(statement), parameters).fetchall())


@lru_cache(maxsize=64)
def _as_driver(statement: str) -> str:
    """Gives a statement with its parameters spelled as the driver takes them."""
    return _PARAMETER.sub(r"%(\1)s", statement)


def _row(values: Any) -> RunRow:
    run_id, workflow_id, status, started, ended, context, version = values
    return RunRow(run_id, workflow_id, status, started, ended, context, run_id, version)
