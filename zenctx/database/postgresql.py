"""Runs in PostgreSQL: walked by primary key, read as text, written back in batches where a row is unchanged."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from zenctx.database.errors import RejectedValueError, translated_errors
from zenctx.database.rows import BatchLimits, ContextChange, Position, Rejection, RunRow, Selection, Written

WRITER_SETTINGS: Mapping[str, str] = {
    # A batch joins its rows by primary key. The planner cannot see how many rows an array holds, and a hash join
    # would read the whole table for each batch.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "500ms",
    "statement_timeout": "5min",
}

_COLUMNS = """
    select r.id::text, r.workflow_id::text, r.status::text, extract(epoch from r.started_at)::float8 * 1000,
        extract(epoch from r.ended_at)::float8 * 1000, r.context::text, r.version, r.is_known
    from ({inner}) r
    {outer}
    order by r.id"""

# The sizes are those of the stored values: no value is decompressed to be counted.
_BATCH = """
    select *, sum(bytes) over (order by id) - bytes as before
    from (
        select *, case when context is null then 0 when pg_column_compression(context) is null
            then pg_column_size(context) else 4 * pg_column_size(context) end as bytes
        from (
            select id, workflow_id, status, started_at, ended_at, xmin::text as version, {is_known} as is_known,
                case when {is_known} then null else context end as context
            from workflow_runs
            where {condition}
            order by id
            limit :rows) a) b"""
_IS_KNOWN = "xmin = any(cast(:known_versions as xid[]))"

_ESTIMATE = "select reltuples::bigint from pg_class where oid = to_regclass('workflow_runs')"
_COUNT = "select count(*) from workflow_runs where {conditions}"
_ONE = "select *, xmin::text as version, false as is_known from workflow_runs where id = cast(:run_id as uuid)"

# FOR NO KEY UPDATE is what an UPDATE of these columns takes by itself: it lets others insert rows that refer to the
# run. A row that somebody else is writing is waited for, then compared again: `xmin` has changed, and it is left.
# The new version is given only until the counter of transactions comes round for the first time: from then on a row
# that was last written long ago may have the same one.
_UPDATE = """
    update workflow_runs r
    set context = n.context::jsonb
    from unnest(%b::uuid[], %b::text[], %b::text[]) as n(id, version, context)
    where r.id = n.id and r.xmin = n.version::xid
    returning r.id::text, case when pg_current_xact_id() < '4000000000' then r.xmin::text end"""


def read_batch(
    connection: Connection, after: Position | None, limits: BatchLimits, selection: Selection
) -> list[RunRow]:
    """Reads the next runs by id, at most `limits` of them (at least one, if there is one)."""
    conditions, parameters = selected(selection)
    if after is not None:
        conditions.append("id > cast(:after as uuid)")
    is_known = _IS_KNOWN if limits.known_versions else "false"
    inner = _BATCH.format(condition=" and ".join(conditions) or "true", is_known=is_known)
    statement = text(_COLUMNS.format(inner=inner, outer="where before < :stored_bytes"))
    parameters |= {"after": after, "rows": limits.rows, "stored_bytes": limits.stored_bytes}
    parameters["known_versions"] = list(limits.known_versions)
    used = {name: value for name, value in parameters.items() if f":{name}" in statement.text}
    with connection.execute(statement, used) as result:
        # The driver's own rows: there are very many of them.
        return [_row(values) for values in result.cursor.fetchall()]


def read_run(connection: Connection, run_id: str) -> RunRow | None:
    """Reads one run; None if there is no such id (a text that is no UUID is the id of no run)."""
    try:
        wanted = str(UUID(run_id))
    except ValueError:
        return None
    statement = text(_COLUMNS.format(inner=_ONE, outer=""))
    values = connection.execute(statement, {"run_id": wanted}).one_or_none()
    return None if values is None else _row(values)


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
    arrays = (
        [change.row.run_id for change in changes],
        [change.row.version for change in changes],
        [change.text.decode() for change in changes],
    )
    cursor: Any = connection.connection.cursor()
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


def _row(values: Any) -> RunRow:
    run_id, workflow_id, status, started, ended, context, version, is_known = values
    content = None if context is None else context.encode()
    return RunRow(run_id, workflow_id, status, started, ended, content, run_id, version, is_known)
