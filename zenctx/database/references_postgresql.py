"""What the rows of PostgreSQL say of files: one statement as of one moment, most of the search done by the server.

Where a context names files as zenctx writes locators and in no other way, the server gives what stands behind the base
of each, and not the text: a fifth of the bytes, and nothing left to search. Whatever else holds the name of a directory
comes as a whole text, for others to look into. jsonb spells every string in one way, in which no letter of a directory
can hide behind an escape.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from zenctx.database.reference_rows import ReferenceRow, Sources

_SMALL, _NO_LIMIT = 32 * 1024, 2**31 - 1

_QUERY = """
    select q.id, q.status, q.started, q.ended, q.shape, q.behind,
        case when q.behind is null and q.names and q.bytes <= {limit} then convert_to(q.t, 'UTF8') end,
        q.state_at, q.state_version, q.deleted, q.retry, q.behind is null and q.names and q.bytes > {limit}
    from (
        select r.id::text as id, r.status::text as status, extract(epoch from r.started_at)::float8 * 1000 as started,
            extract(epoch from r.ended_at)::float8 * 1000 as ended,
            case when r.t is null then 0 when r.t = '{{}}' then 1 when left(r.t, 1) = '{{' then 2 else 3 end as shape,
            {behind} as behind, coalesce({names}, false) as names, r.t, coalesce(octet_length(r.t), 0) as bytes,
            {state}, {deleted} as deleted, {retry} as retry
        from (
            select c.*, {rest} as rest
            from (
                select id, workflow_id, status, started_at, ended_at, {retry_at} context::text as t
                from workflow_runs {where}
                offset 0) c
            offset 0) r
        {joins}
        offset 0) q"""
_COPY = "copy ({}) to stdout (format binary)"
# The statement looks dearer than it is: to compile it would cost more than to run it. The table looks smaller than it
# is: what takes the time lies beside it, and several may fetch that, as many as the server allows for one statement.
_PLANNING = """
    set local jit = off; set local min_parallel_table_scan_size = 0;
    set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0"""
_TYPES = ("text", "text", "float8", "float8", "int4", "text", "bytea", "float8", "int4", "float8", "float8", "bool")
_STATE = {
    True: (
        "extract(epoch from s.updated_at)::float8 * 1000 as state_at, s.format_version as state_version",
        " left join zenctx_runtime_state s on s.run_id = r.id::text",
    ),
    False: ("null::float8 as state_at, null::int as state_version", ""),
}
_MOMENT = "extract(epoch from {})::float8 * 1000"
_DELETED = {
    (False, False): ("null::float8", ""),
    (True, False): (_MOMENT.format("w.deleted_at"), " left join workflows w on w.id = r.workflow_id"),
    (True, True): (
        _MOMENT.format("greatest(w.deleted_at, p.deleted_at)"),
        " left join workflows w on w.id = r.workflow_id left join projects p on p.id = w.project_id",
    ),
}
# The text is cut at every string that begins with the base. What is left must not hold the name of a directory; a quote
# that is itself inside a string begins none; and what was cut out must not be written with escapes.
_BEHIND = """
    case when not coalesce({marked} or strpos(r.t, {quoted}) > 0, false) then (
        select case when strpos(s.joined, chr(92)) = 0 then s.joined end
        from (select string_agg(split_part(piece, '"', 1), '"') as joined
            from string_to_table(r.t, {opening}) as piece) s) end"""


def can_be_taken_apart(connection: Connection) -> bool:
    """Tells whether contexts are jsonb, whose texts are spelled in one way only, and the server has what it takes."""
    query = """
        select atttypid = 'jsonb'::regtype and current_setting('server_version_num')::int >= 140000 from pg_attribute
        where attrelid = to_regclass('workflow_runs') and attname = 'context' and attnum > 0"""
    return bool(connection.scalar(text(query)))


def postgresql_rows(connection: Connection, sources: Sources, since: str | None) -> Iterator[ReferenceRow]:
    """Yields every run, or those that were written since a moment."""
    try:
        yield from _rows(connection, sources, since)
    except GeneratorExit:
        # Whoever stops half-way has broken the transaction off.
        _driver(connection).rollback()
        raise


def _rows(connection: Connection, sources: Sources, since: str | None) -> Iterator[ReferenceRow]:
    # Lazy: only PostgreSQL needs its driver.
    from psycopg import sql  # noqa: PLC0415

    where = sql.SQL("" if since is None else "where age(xmin) <= age({}::xid)")
    query = _query(sql, sources, where if since is None else where.format(sql.Literal(since)), _SMALL)
    large: list[str] = []
    _driver(connection).execute(_PLANNING)
    # COPY comes in one stream: while a row is looked at here, the server works on what follows.
    with _driver(connection).cursor() as cursor, cursor.copy(sql.SQL(_COPY).format(query)) as copy:
        copy.set_types(_TYPES)
        for values in copy.rows():
            if values[-1]:
                large.append(values[0])
            else:
                yield _row(values)
    # Large contexts one by one, so that memory is bounded. What was written to them since, others are told of.
    for run_id in large:
        one = sql.SQL("where id = {}::uuid").format(sql.Literal(run_id))
        with _driver(connection).cursor() as cursor:
            values = cursor.execute(_query(sql, sources, one, None), binary=True).fetchone()
        if values is not None:
            yield _row(values)


def _row(values: Any) -> ReferenceRow:
    run_id, status, start, end, shape, behind, context, state_at, version, deleted, retry, _ = values
    return ReferenceRow(
        run_id, status, start, end, shape > 1, shape != 3, context, state_at, version, deleted, behind, retry
    )


def _query(sql: Any, sources: Sources, where: Any, limit: int | None) -> Any:
    """The statement that reads rows; contexts of more than `limit` bytes are only said to be large."""
    state, deleted = _STATE[sources.has_own_tables], _DELETED[sources.soft_deleted, sources.has_projects]
    behind, rest, names = _apart(sql, sources)
    return sql.SQL(_QUERY).format(
        where=where,
        behind=behind,
        rest=rest,
        names=names,
        limit=sql.Literal(_NO_LIMIT if limit is None else limit),
        state=sql.SQL(state[0]),
        deleted=sql.SQL(deleted[0]),
        retry=sql.SQL(_MOMENT.format("r.next_retry_at") if sources.has_retries else "null::float8"),
        retry_at=sql.SQL("next_retry_at," if sources.has_retries else ""),
        joins=sql.SQL(state[1] + deleted[1]),
    )


def _apart(sql: Any, sources: Sources) -> tuple[Any, Any, Any]:
    """What is cut out of a text, the text without that, and whether (nothing cut out) it may name a file."""
    if sources.base is None or sources.marks is None:
        return sql.SQL("null::text"), sql.SQL("null::text"), _marked(sql, sources, "r.t")
    opening = sql.Literal(f'"{sources.base}')
    behind = sql.SQL(_BEHIND).format(
        marked=_marked(sql, sources, "r.rest"), quoted=sql.Literal(f'\\"{sources.base}'), opening=opening
    )
    return behind, sql.SQL("replace(c.t, {}, '\"')").format(opening), sql.SQL("r.t is not null")


def _marked(sql: Any, sources: Sources, column: str) -> Any:
    """The condition under which a text may name a file; values of the type JSON are looked for in the whole text."""
    if sources.marks is None:
        return sql.SQL("true")

    def any_of(texts: Sequence[str], within: str) -> Any:
        found = (sql.SQL("strpos({}, {}) > 0").format(sql.SQL(within), sql.Literal(each)) for each in texts)
        return sql.SQL(" or ").join(found)

    plain = any_of(sources.marks, column)
    if not sources.encoded:
        return plain
    return sql.SQL("{} or (strpos(r.t, '\"JSON\"') > 0 and ({}))").format(plain, any_of(sources.encoded, "r.t"))


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
