"""Runs that somebody has pinned: no clean-up removes their files, whatever becomes of their rows."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from zenctx.context.datastruct import DataStruct
from zenctx.database.columns import utc_now
from zenctx.database.engine import write_transaction
from zenctx.database.journal import who
from zenctx.database.schema import zenctx_pin


class Pin(DataStruct, frozen=True):
    """One pinned run: why (None: nobody said), who pinned it, and when."""

    run_id: str
    reason: str | None
    who: str
    created_at: datetime


def pin(connection: Connection, run_id: str, reason: str | None) -> bool:
    """Pin a run in a transaction of its own; False where it was pinned already, which changes nothing."""
    with write_transaction(connection):
        known = select(zenctx_pin.c.run_id).where(zenctx_pin.c.run_id == run_id)
        if connection.execute(known).first() is not None:
            return False
        connection.execute(zenctx_pin.insert().values(run_id=run_id, reason=reason, who=who(), created_at=utc_now()))
    return True


def unpin(connection: Connection, run_id: str) -> bool:
    """Take a pin away in a transaction of its own; False where there was none."""
    with write_transaction(connection):
        result = connection.execute(delete(zenctx_pin).where(zenctx_pin.c.run_id == run_id))
    return result.rowcount > 0


def walk(connection: Connection) -> list[Pin]:
    """Give all pins, by run id. They are made by hand: there are few."""
    query = select(zenctx_pin).order_by(zenctx_pin.c.run_id)
    return [Pin(row.run_id, row.reason, row.who, row.created_at) for row in connection.execute(query)]
