"""What the rows say of files: every run with its times and, where it may name a file, the text of its context.

On PostgreSQL one statement reads all runs as of one moment, and the server takes apart what names files as usual.
On SQLite batches by rowid are read, so that no lock is held over all.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from zenctx.database.checks import can_read_all, has_column, has_table, require_engine_tables
from zenctx.database.engine import SQLITE
from zenctx.database.reference_rows import ReferenceRow, Sources
from zenctx.database.references_postgresql import can_be_taken_apart, postgresql_rows
from zenctx.database.references_sqlite import sqlite_rows
from zenctx.database.rows import StoredTime
from zenctx.database.schema import PREFIX, REVISION_TABLE
from zenctx.errors import DatabaseError, RefusedError

_COLUMNS = ("id", "workflow_id", "status", "started_at", "ended_at", "context", "next_retry_at")
_CHUNK = 500


def find_sources(
    connection: Connection,
    marks: tuple[str, ...] | None,
    encoded: tuple[str, ...] = (),
    base: str | None = None,
    *,
    soft_deleted: bool = False,
) -> Sources:
    """Finds out what can be read; for the texts see `Sources`.

    Raises RefusedError where something is there that may name files, and may not be read; DatabaseError where the
    engine's table is not there at all.
    """
    if connection.dialect.name != SQLITE and has_table(connection, "workflow_runs"):
        _refuse_hidden(connection)
    require_engine_tables(connection)
    has_own = has_table(connection, REVISION_TABLE)
    for name in ("runtime_state", "pin", "store") if has_own else ():
        _require_readable(connection, PREFIX + name)
    has_projects = soft_deleted and has_column(connection, "projects", "deleted_at")
    if soft_deleted:
        _require_deletions(connection, has_projects=has_projects)
    if connection.dialect.name == SQLITE or not can_be_taken_apart(connection):
        base = None
    has_retries = has_column(connection, "workflow_runs", "next_retry_at")
    return Sources(marks, encoded, base, has_own, soft_deleted, has_projects, has_retries)


def mark(connection: Connection) -> str:
    """Gives what tells a moment of the database: `changed_since` gives what was written after it."""
    if connection.dialect.name == SQLITE:
        (number,) = _cursor(connection).execute("pragma data_version").fetchone()
        return str(number)
    return str(connection.scalar(text("select pg_snapshot_xmin(pg_current_snapshot())::xid::text")))


def rows(connection: Connection, sources: Sources) -> Iterator[ReferenceRow]:
    """Yields every run; on PostgreSQL as of one moment. On SQLite no transaction stays open."""
    if connection.dialect.name == SQLITE:
        yield from sqlite_rows(connection, sources, keep=False)
    else:
        yield from postgresql_rows(connection, sources, None)


def changed_since(connection: Connection, sources: Sources, moment: str) -> Iterator[ReferenceRow]:
    """Yields the runs that were written since a moment, and perhaps others; within the caller's transaction."""
    if connection.dialect.name != SQLITE:
        yield from postgresql_rows(connection, sources, moment)
    elif mark(connection) != moment:
        # SQLite does not say which.
        yield from sqlite_rows(connection, sources, keep=True)


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


def not_deleted(connection: Connection, sources: Sources, run_ids: Sequence[str]) -> frozenset[str]:
    """Gives those of some runs whose workflow and project are not marked as deleted; none where that does not count."""
    if not sources.soft_deleted or not run_ids:
        return frozenset()
    is_sqlite = connection.dialect.name == SQLITE
    join = " left join projects p on p.id = w.project_id" if sources.has_projects else ""
    alive = "w.deleted_at is null" + (" and p.deleted_at is null" if sources.has_projects else "")
    among = (
        "select value from json_each(:ids)"
        if is_sqlite
        else "select value::uuid from jsonb_array_elements_text(cast(:ids as jsonb))"
    )
    query = f"""
        select {"r.id" if is_sqlite else "r.id::text"} from workflow_runs r
        left join workflows w on w.id = r.workflow_id{join} where r.id in ({among}) and {alive}"""  # noqa: S608
    ids = [run_id for run_id in run_ids if is_sqlite or _is_uuid(run_id)]
    return frozenset(map(str, connection.execute(text(query), {"ids": json.dumps(ids)}).scalars()))


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
    if has_table(connection, name) and not can_read_all(connection, name):
        raise RefusedError(
            f"this role may not read {name}, and what cannot be seen counts as needed",
            hint=f"grant select on {name} to it",
        )


def _require_deletions(connection: Connection, *, has_projects: bool) -> None:
    if not has_column(connection, "workflows", "deleted_at"):
        raise DatabaseError(
            "the database has no column workflows.deleted_at, so nothing says which workflows are deleted",
            hint="leave --include-soft-deleted out",
        )
    _require_readable(connection, "workflows")
    if has_projects:
        _require_readable(connection, "projects")


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def _is_uuid(run_id: str) -> bool:
    try:
        UUID(run_id)
    except ValueError:
        return False
    return True
