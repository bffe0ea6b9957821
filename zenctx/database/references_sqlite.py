"""What the rows of SQLite say of files: batches by rowid, so that no lock is held over all."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from zenctx.database.reference_rows import ReferenceRow, Sources

_ROWS, _BYTES = 500, 4 * 1024 * 1024
_ROWS_BEHIND = """
    select r.rowid, r.id, r.status, r.started_at, r.ended_at, cast(r.context as blob), {state}, {deleted}, {retry}
    from workflow_runs r {joins} where r.rowid > ? order by r.rowid limit ?"""
_STATE = {
    True: ("s.updated_at, s.format_version", " left join zenctx_runtime_state s on s.run_id = r.id"),
    False: ("null, null", ""),
}
_DELETED = {
    (False, False): ("null", ""),
    (True, False): ("w.deleted_at", " left join workflows w on w.id = r.workflow_id"),
    (True, True): (
        "coalesce(max(w.deleted_at, p.deleted_at), w.deleted_at, p.deleted_at)",
        " left join workflows w on w.id = r.workflow_id left join projects p on p.id = w.project_id",
    ),
}


def sqlite_rows(connection: Connection, sources: Sources, *, keep: bool) -> Iterator[ReferenceRow]:
    """Reads batch by batch; `keep`: within the caller's transaction."""
    state, deleted = _STATE[sources.has_own_tables], _DELETED[sources.soft_deleted, sources.has_projects]
    retry = "r.next_retry_at" if sources.has_retries else "null"
    statement = _ROWS_BEHIND.format(state=state[0], deleted=deleted[0], retry=retry, joins=state[1] + deleted[1])
    after = -(2**63)
    while True:
        batch: list[ReferenceRow] = []
        read = 0
        cursor: Any = connection.connection.cursor()
        for rowid, *values in iter(cursor.execute(statement, (after, _ROWS)).fetchone, None):
            batch.append(_row(values))
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


def _row(values: list[Any]) -> ReferenceRow:
    run_id, status, started, ended, context, state_at, version, deleted, retry = values
    has_context = context is not None and context != b"{}"
    return ReferenceRow(
        str(run_id), str(status), started, ended, has_context, None, context, state_at, version, deleted, None, retry
    )
