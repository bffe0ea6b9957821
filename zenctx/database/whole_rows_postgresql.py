"""Whole rows of PostgreSQL: ids and sizes through a server-side cursor, then the rows, some megabytes at a time."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from zenctx.database.postgresql import selected

if TYPE_CHECKING:
    from zenctx.database.whole_rows import WholeSelection

Values = tuple[dict[str, str | None], bytes | None, str | None, dict[str, str]]

MAX_ROWS, MAX_BYTES = 500, 4 * 1024 * 1024
_KEYS = 5000

# What a session may have set must not change how a value is spelled, nor lose a digit of it.
_SPELLING = """
    set local timezone = 'UTC'; set local datestyle = 'ISO, MDY'; set local intervalstyle = 'postgres';
    set local extra_float_digits = 3; set local bytea_output = 'hex'; set local cursor_tuple_fraction = 1.0"""
_COLUMNS = """
    select attname, atttypid = 'timestamptz'::regtype as is_time, attlen = -1 as may_be_long
    from pg_catalog.pg_attribute
    where attrelid = to_regclass('workflow_runs') and attnum > 0 and not attisdropped and attgenerated = ''
    order by attnum"""
# One scan finds all ids, whatever share of the table they are; no value is decompressed to be counted. Read as it is
# a compressed value is larger, seldom more than four times.
_FIND = """
    select id::text, {sizes}
    from workflow_runs r
    where {condition}
    order by id"""
_SIZE = """
    case when {0} is null then 0 when pg_column_compression({0}) is null then pg_column_size({0})
    else 4 * pg_column_size({0}) end"""
_UNFINISHED = "(status::text = 'SUCCESS' and ended_at is not null) is not true"
_READ = """
    select r.context::text, {state}, {columns}
    from workflow_runs r
    where r.id = any(cast(:ids as uuid[]))
    order by r.id"""
_STATE = "(select s.format_version || ':' || s.state from zenctx_runtime_state s where s.run_id = r.id::text)"
_TIME = """
    case when {0} >= '0001-01-01T00:00:00Z' and {0} < '10000-01-01T00:00:00Z'
    then to_char({0} at time zone 'UTC', 'YYYY-MM-DD"T"HH24\\:MI\\:SS.US"Z"') else {0}\\:\\:text end"""


def begin(connection: Connection) -> None:
    """Begins a transaction that reads one state of the database, and spells values alike for every session."""
    connection.execute(text("set transaction isolation level repeatable read read only"))
    for setting in _SPELLING.split(";"):
        connection.execute(text(setting))


def batches(connection: Connection, wanted: "WholeSelection", *, with_state: bool) -> Iterator[list[Values]]:
    """Yields rows by id, some at a time: at most `MAX_ROWS` and, as far as their sizes tell, `MAX_BYTES`."""
    found = connection.execute(text(_COLUMNS)).all()
    columns = [column for column in found if column.attname != "context"]
    spelled = ", ".join(_spelled(column.attname, is_time=column.is_time) for column in columns)
    sizes = " + ".join(_SIZE.format(_quoted(column.attname)) for column in found if column.may_be_long)
    statement = text(_READ.format(state=_STATE if with_state else "null", columns=spelled))
    names = [column.attname for column in columns]
    for ids in _pieces(_found(connection, wanted, sizes)):
        with connection.execute(statement, {"ids": ids}) as result:
            yield [_values(names, row) for row in result.cursor.fetchall()]


def _found(connection: Connection, wanted: "WholeSelection", sizes: str) -> Iterator[tuple[str, int]]:
    conditions, parameters = selected(wanted.selection)
    if wanted.unfinished:
        conditions.append(_UNFINISHED)
    statement = text(_FIND.format(sizes=sizes, condition=" and ".join(conditions) or "true"))
    options = {"stream_results": True, "max_row_buffer": _KEYS}
    with connection.execute(statement, parameters, execution_options=options) as result:
        for rows in result.partitions(_KEYS):
            yield from ((run_id, size) for run_id, size in rows)


def _pieces(found: Iterator[tuple[str, int]]) -> Iterator[list[str]]:
    """Puts as many ids together as may be read at once, at least one."""
    ids: list[str] = []
    total = 0
    for run_id, size in found:
        if ids and (len(ids) == MAX_ROWS or total + size > MAX_BYTES):
            yield ids
            ids, total = [], 0
        ids.append(run_id)
        total += size
    if ids:
        yield ids


def _quoted(name: str) -> str:
    # A colon begins a parameter unless it is escaped.
    return 'r."' + name.replace('"', '""').replace("\\", "\\\\").replace(":", "\\:") + '"'


def _spelled(name: str, *, is_time: bool) -> str:
    column = _quoted(name)
    return _TIME.format(column) if is_time else f"{column}\\:\\:text"


def _values(names: Sequence[str], row: Any) -> Values:
    context, state, *spelled = row
    return dict(zip(names, spelled, strict=True)), None if context is None else context.encode(), state, {}
