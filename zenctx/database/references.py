"""What the rows say of files: every run with its times and, where it may name a file, the text of its context.

On PostgreSQL one statement reads all runs as of one moment; the server leaves out contexts that cannot name a file, and
what remains comes in pieces. On SQLite batches by rowid are read, so that no lock is held over all.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from zenctx.database.checks import can_read, has_table, require_engine_tables
from zenctx.database.engine import SQLITE
from zenctx.database.rows import StoredTime
from zenctx.database.schema import PREFIX, REVISION_TABLE
from zenctx.errors import RefusedError

_COLUMNS = ("id", "workflow_id", "status", "started_at", "ended_at", "context")
_ROWS, _BYTES = 500, 4 * 1024 * 1024
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Sources:
    """Where references come from: which tables there are, and what a context must hold to name a file.

    `marks`: one of these texts; None where nothing can be said. `encoded`: one of these, beside a value of type JSON.
    """

    marks: tuple[str, ...] | None
    encoded: tuple[str, ...] = ()
    has_own_tables: bool = True
    soft_deleted: bool = False
    has_projects: bool = False


class ReferenceRow(NamedTuple):
    """One run. `text` is None where the context names no file; `is_object` is None where only the text can tell.

    `state_at` and `state_version`: of its runtime state, if it has one; `deleted_at`: of its workflow or project, where
    that was asked for.
    """

    run_id: str
    status: str
    stored_start: StoredTime
    stored_end: StoredTime
    has_context: bool
    is_object: bool | None
    text: bytes | None
    state_at: StoredTime = None
    state_version: int | None = None
    deleted_at: StoredTime = None


def find_sources(
    connection: Connection, marks: tuple[str, ...] | None, encoded: tuple[str, ...], *, soft_deleted: bool
) -> Sources:
    """Finds out what can be read. RefusedError where something is there that may name files, and may not be read.

    DatabaseError where the engine's table is not there at all.
    """
    if connection.dialect.name != SQLITE and has_table(connection, "workflow_runs"):
        _refuse_hidden(connection)
    require_engine_tables(connection)
    has_own = has_table(connection, REVISION_TABLE)
    for name in ("runtime_state", "pin", "store") if has_own else ():
        _require_readable(connection, PREFIX + name)
    has_projects = soft_deleted and has_table(connection, "projects")
    if soft_deleted:
        _require_readable(connection, "workflows")
    return Sources(marks, encoded, has_own, soft_deleted, has_projects)


def mark(connection: Connection) -> str:
    """Gives what tells a moment of the database: `changed_since` gives what was written after it."""
    if connection.dialect.name == SQLITE:
        (number,) = _cursor(connection).execute("pragma data_version").fetchone()
        return str(number)
    return str(connection.scalar(text("select pg_snapshot_xmin(pg_current_snapshot())::xid::text")))


def rows(connection: Connection, sources: Sources) -> Iterator[ReferenceRow]:
    """Yields every run; on PostgreSQL as of one moment. On SQLite no transaction stays open."""
    if connection.dialect.name == SQLITE:
        yield from _sqlite_rows(connection, sources, keep=False)
    else:
        yield from _postgresql_rows(connection, sources, None)


def changed_since(connection: Connection, sources: Sources, moment: str) -> Iterator[ReferenceRow]:
    """Yields the runs that were written since a moment, and perhaps others; within the caller's transaction."""
    if connection.dialect.name != SQLITE:
        yield from _postgresql_rows(connection, sources, moment)
    elif mark(connection) != moment:
        # SQLite does not say which.
        yield from _sqlite_rows(connection, sources, keep=True)


def states_without_runs(connection: Connection) -> Iterator[tuple[str, StoredTime]]:
    """Yields the runs that have a runtime state and no row, with the time of that."""
    same = "r.id" if connection.dialect.name == SQLITE else "cast(r.id as text)"
    saved = "s.updated_at" if connection.dialect.name == SQLITE else "extract(epoch from s.updated_at)::float8 * 1000"
    query = f"""
        select s.run_id, {saved} from zenctx_runtime_state s
        where not exists (select 1 from workflow_runs r where {same} = s.run_id) order by s.run_id"""  # noqa: S608
    with connection.execution_options(stream_results=True).execute(text(query)) as result:
        while found := result.fetchmany(_CHUNK):
            yield from ((str(run_id), saved_at) for run_id, saved_at in found)
    connection.rollback()


def lock(connection: Connection, run_ids: Sequence[str]) -> frozenset[str]:
    """Holds some runs until the end of the transaction; gives those that somebody else is writing, which it does not.

    On SQLite the transaction must have begun as one that writes, and then holds all.
    """
    if connection.dialect.name == SQLITE:
        return frozenset()
    ids = [run_id for run_id in run_ids if _is_uuid(run_id)]
    there = text("select id::text from workflow_runs where id = any(cast(:ids as uuid[]))")
    held = text(f"{there.text} for no key update skip locked")
    got = set(connection.execute(held, {"ids": ids}).scalars())
    return frozenset(set(connection.execute(there, {"ids": ids}).scalars()) - got)


def _refuse_hidden(connection: Connection) -> None:
    """What this role cannot see would look like what nobody needs."""
    query = """
        select row_security_active(c.oid), c.relkind::text,
            array(select n from unnest(cast(:names as text[])) n
                where not coalesce(has_column_privilege(c.oid, n, 'select'), true))
        from pg_class c where c.oid = to_regclass('workflow_runs')"""
    names = [name for name in _COLUMNS if _has_column(connection, name)]
    hidden, kind, unreadable = connection.execute(text(query), {"names": names}).one()
    if hidden:
        why = "row-level security may hide runs from this role"
    elif unreadable:
        why = f"this role may not read workflow_runs.{unreadable[0]}"
    elif kind not in {"r", "p"}:
        why = "workflow_runs is a view, which may leave runs out"
    else:
        return
    raise RefusedError(f"{why}, and what cannot be seen counts as needed", hint="run it with a role that sees all runs")


def _has_column(connection: Connection, name: str) -> bool:
    query = """
        select 1 from pg_attribute where attrelid = to_regclass('workflow_runs') and attname = :name and attnum > 0"""
    return connection.scalar(text(query), {"name": name}) is not None


def _require_readable(connection: Connection, name: str) -> None:
    if has_table(connection, name) and not can_read(connection, name):
        raise RefusedError(
            f"this role may not read {name}, and what cannot be seen counts as needed",
            hint=f"grant select on {name} to it",
        )


def _postgresql_rows(connection: Connection, sources: Sources, since: str | None) -> Iterator[ReferenceRow]:
    # Lazy: only PostgreSQL needs its driver.
    from psycopg import sql  # noqa: PLC0415

    where = sql.SQL("" if since is None else "where age(xmin) <= age({}::xid)")
    query = _query(sql, sources, where if since is None else where.format(sql.Literal(since)), _SMALL)
    large: list[str] = []
    # COPY comes in one stream, while the server works on what follows.
    with _driver(connection).cursor() as cursor, cursor.copy(sql.SQL(_COPY).format(query)) as copy:
        copy.set_types(_TYPES)
        for values in _read_ahead(copy.rows()):
            if values[-1]:
                large.append(values[0])
            else:
                yield _postgresql_row(values)
    # Large contexts one by one, so that memory is bounded. What was written to them since, others are told of.
    for run_id in large:
        one = sql.SQL("where id = {}::uuid").format(sql.Literal(run_id))
        with _driver(connection).cursor() as cursor:
            values = cursor.execute(_query(sql, sources, one, None), binary=True).fetchone()
        if values is not None:
            yield _postgresql_row(values)


def _read_ahead(rows: Iterator[Any]) -> Iterator[Any]:
    """Yields rows; while one piece is looked at the next one is on its way. Row by row each side would wait a lot."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(lambda: list(islice(rows, _ROWS)))
        while piece := coming.result():
            coming = thread.submit(lambda: list(islice(rows, _ROWS)))
            yield from piece


def _query(sql: Any, sources: Sources, where: Any, limit: int | None) -> Any:
    """The statement that reads rows; contexts of more than `limit` bytes are only said to be large."""
    state, deleted = _STATE[sources.has_own_tables], _DELETED[sources.soft_deleted, sources.has_projects]
    return sql.SQL(_POSTGRESQL).format(
        where=where,
        names=_names(sql, sources),
        limit=sql.Literal(_NO_LIMIT if limit is None else limit),
        state=sql.SQL(state[0]),
        deleted=sql.SQL(deleted[0]),
        joins=sql.SQL(state[1] + deleted[1]),
    )


def _postgresql_row(values: Any) -> ReferenceRow:
    run_id, status, start, end, shape, context, state_at, version, deleted_at, _ = values
    return ReferenceRow(run_id, status, start, end, shape > 1, shape != 3, context, state_at, version, deleted_at)


_POSTGRESQL = """
    select q.id, q.status, q.started, q.ended, q.shape,
        case when q.names and q.bytes <= {limit} then convert_to(q.t, 'UTF8') end,
        q.state_at, q.state_version, q.deleted, q.names and q.bytes > {limit}
    from (
        select r.id::text as id, r.status::text as status, extract(epoch from r.started_at)::float8 * 1000 as started,
            extract(epoch from r.ended_at)::float8 * 1000 as ended,
            case when r.t is null then 0 when r.t = '{{}}' then 1 when left(r.t, 1) = '{{' then 2 else 3 end as shape,
            coalesce({names}, false) as names, r.t, coalesce(octet_length(r.t), 0) as bytes,
            {state}, {deleted} as deleted
        from (
            select id, workflow_id, status, started_at, ended_at, context::text as t from workflow_runs {where}
            offset 0) r
        {joins}
        offset 0) q"""
_COPY = "copy ({}) to stdout (format binary)"
_TYPES = ("text", "text", "float8", "float8", "int4", "bytea", "float8", "int4", "float8", "bool")
_SMALL, _NO_LIMIT = 32 * 1024, 2**31 - 1
_STATE = {
    True: (
        "extract(epoch from s.updated_at)::float8 * 1000 as state_at, s.format_version as state_version",
        " left join zenctx_runtime_state s on s.run_id = r.id::text",
    ),
    False: ("null::float8 as state_at, null::int as state_version", ""),
}
_DELETED_MOMENT = "extract(epoch from {})::float8 * 1000"
_DELETED = {
    (False, False): ("null::float8", ""),
    (True, False): (_DELETED_MOMENT.format("w.deleted_at"), " left join workflows w on w.id = r.workflow_id"),
    (True, True): (
        _DELETED_MOMENT.format("greatest(w.deleted_at, p.deleted_at)"),
        " left join workflows w on w.id = r.workflow_id left join projects p on p.id = w.project_id",
    ),
}


def _names(sql: Any, sources: Sources) -> Any:
    """The condition under which a context may name a file."""
    if sources.marks is None:
        return sql.SQL("true")

    def any_of(texts: Sequence[str]) -> Any:
        return sql.SQL(" or ").join(sql.SQL("strpos(r.t, {}) > 0").format(sql.Literal(each)) for each in texts)

    plain = any_of(sources.marks)
    if not sources.encoded:
        return plain
    return sql.SQL("{} or (strpos(r.t, '\"JSON\"') > 0 and ({}))").format(plain, any_of(sources.encoded))


_SQLITE = """
    select r.rowid, r.id, r.status, r.started_at, r.ended_at, cast(r.context as blob), {state}, {deleted}
    from workflow_runs r {joins} where r.rowid > ? order by r.rowid limit ?"""
_SQLITE_STATE = {
    True: ("s.updated_at, s.format_version", " left join zenctx_runtime_state s on s.run_id = r.id"),
    False: ("null, null", ""),
}
_SQLITE_DELETED = {
    (False, False): ("null", ""),
    (True, False): ("w.deleted_at", " left join workflows w on w.id = r.workflow_id"),
    (True, True): (
        "coalesce(max(w.deleted_at, p.deleted_at), w.deleted_at, p.deleted_at)",
        " left join workflows w on w.id = r.workflow_id left join projects p on p.id = w.project_id",
    ),
}


def _sqlite_rows(connection: Connection, sources: Sources, *, keep: bool) -> Iterator[ReferenceRow]:
    """Reads batch by batch; `keep`: within the caller's transaction."""
    state, deleted = _SQLITE_STATE[sources.has_own_tables], _SQLITE_DELETED[sources.soft_deleted, sources.has_projects]
    statement = _SQLITE.format(state=state[0], deleted=deleted[0], joins=state[1] + deleted[1])
    after = -(2**63)
    while True:
        batch: list[ReferenceRow] = []
        read = 0
        cursor = _cursor(connection)
        for rowid, *values in iter(cursor.execute(statement, (after, _ROWS)).fetchone, None):
            batch.append(_sqlite_row(values))
            after = rowid
            read += len(values[4] or b"")
            if read >= _BYTES:
                break
        cursor.close()
        if not keep:
            connection.rollback()
        if not batch:
            return
        yield from batch


def _sqlite_row(values: list[Any]) -> ReferenceRow:
    run_id, status, started, ended, context, *rest = values
    has_context = context is not None and context != b"{}"
    return ReferenceRow(str(run_id), str(status), started, ended, has_context, None, context, *rest)


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _is_uuid(run_id: str) -> bool:
    try:
        UUID(run_id)
    except ValueError:
        return False
    return True
