"""Whether a session of PostgreSQL is our own, or lent by a pooler for one transaction at a time."""

import secrets

from sqlalchemy import Connection, text

from zenctx.database.engine import SQLITE, Database

_SET = text("select set_config('zenctx.probe', :token, false)")
_GET = text("select current_setting('zenctx.probe', true)")
_LOOKS = 3


def announced_pid(connection: Connection) -> int:
    """Gives the number of the server's process as it was told when the connection was made.

    A pooler tells a number of its own, by which it knows whose statement is to be cancelled; and so another one than
    `pg_backend_pid()` gives.
    """
    return int(connection.connection.driver_connection.info.backend_pid)  # type: ignore[union-attr]


def keeps_its_session(connection: Connection, other: Connection) -> bool:
    """Tells whether `connection` has the same session in each of its transactions; neither has one open.

    While `other` keeps the session that was used last, it is looked whether a setting that was made for the session is
    still there.
    """
    token = secrets.token_hex(8)
    connection.execute(_SET, {"token": token})
    connection.commit()
    for _ in range(_LOOKS):
        other.execute(text("select 1"))
        kept = connection.scalar(_GET)
        connection.rollback()
        other.rollback()
        if kept != token:
            return False
    return True


def is_pooled_by_transaction(database: Database) -> bool:
    """Tells whether a pooler lends sessions for one transaction at a time, so that locks and settings get lost."""
    if database.dialect == SQLITE:
        return False
    with database.connect() as first, database.connect() as second:
        return not keeps_its_session(first, second)
