"""Consumers, aliases and loops of runs that were saved through the library, one row a run."""

from sqlalchemy import Connection, delete, insert

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
