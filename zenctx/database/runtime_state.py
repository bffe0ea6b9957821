"""Consumers, aliases and loops of runs that were saved through the library, one row a run."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from zenctx.database.checks import can_read_all
from zenctx.database.columns import utc_now
from zenctx.database.schema import zenctx_runtime_state

FORMAT_VERSION = 1


def write(connection: Connection, run_id: str, state: str) -> None:
    """Records the state of a run in place of the one before; inside the caller's transaction."""
    connection.execute(delete(zenctx_runtime_state).where(zenctx_runtime_state.c.run_id == run_id))
    connection.execute(
        insert(zenctx_runtime_state).values(
            run_id=run_id, format_version=FORMAT_VERSION, state=state, updated_at=utc_now()
        )
    )


def saved_at(connection: Connection, run_ids: Sequence[str]) -> dict[str, datetime]:
    """Gives when the state of each of some runs was last saved; runs without one are absent. Ask for few at once.

    Where that may not be read, each may have been saved just now. The table must be there.
    """
    table = zenctx_runtime_state
    if not can_read_all(connection, table.name):
        return dict.fromkeys(run_ids, utc_now())
    query = select(table.c.run_id, table.c.updated_at).where(table.c.run_id.in_(run_ids))
    return {row.run_id: row.updated_at for row in connection.execute(query)}
