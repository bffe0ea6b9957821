"""How a connection to PostgreSQL is opened: session settings and time-outs."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, literal, select
from sqlalchemy.pool import PoolResetState, QueuePool

from zenctx.database.errors import LostConnectionError

_CONNECT_SECONDS = 10
_IDLE_MILLISECONDS = 300_000
"""An abandoned transaction of ours would hold back vacuum; five minutes leave time to page through a listing."""

_DEFAULTS: Mapping[str, str | int] = {
    "connect_timeout": _CONNECT_SECONDS,
    "client_encoding": "utf8",
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SESSION_DEFAULTS = {
    "default_transaction_isolation": r"read\ committed",
    "idle_in_transaction_session_timeout": str(_IDLE_MILLISECONDS),
}

_SAME_SERVERS = {"read-write": "primary", "read-only": "standby"}
"""What is meant where the session is read-only by our own choice: libpq looks at the session, not at its server."""

_KEPT_SESSIONS = 5
"""A new session costs ten times what an emptied one does, and a command needs several; it keeps what it had at once."""

_opening = threading.local()


def create_postgresql_engine(url: URL, *, read_only: bool, application_name: str) -> Engine:
    """Give an engine whose sessions begin as new ones: what an earlier block set or locked is gone (`_empty`)."""
    engine = create_engine(
        url.difference_update_query(["options"]),
        poolclass=QueuePool,
        pool_size=_KEPT_SESSIONS,
        max_overflow=-1,
        pool_use_lifo=True,
        pool_pre_ping=True,
        pool_reset_on_return=None,
        connect_args=connect_arguments(url, read_only=read_only, application_name=application_name),
        hide_parameters=True,
        use_native_hstore=False,
    )
    event.listen(engine, "do_connect", _refuse_to_reconnect)
    event.listen(engine, "reset", partial(_empty, engine.dialect.loaded_dbapi))
    return engine


@contextmanager
def opening() -> Iterator[None]:
    """Allow this thread to connect, within the block only."""
    _opening.allowed = True
    try:
        yield
    finally:
        _opening.allowed = False


def connect_arguments(url: URL, *, read_only: bool, application_name: str) -> dict[str, Any]:
    """Give libpq's parameters: what the URL says wins, save for time zone, date style and read-only.

    A kind of server that the URL asks for by its sessions (`target_session_attrs`) is asked for by itself where ours
    are read-only.
    """
    arguments = {**_DEFAULTS, "application_name": application_name}
    given: dict[str, Any] = {name: value for name, value in arguments.items() if name not in url.query}
    given["options"] = _options(url, read_only=read_only)
    wanted = url.query.get("target_session_attrs")
    if read_only and wanted in _SAME_SERVERS:
        given["target_session_attrs"] = _SAME_SERVERS[str(wanted)]
    # Plans for these very parameters suit keyset batches better than generic ones; poolers lose prepared statements.
    given["prepare_threshold"] = None
    return given


def apply_settings(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set run-time parameters of the server for the whole session."""
    with connection.begin():
        connection.execute(
            select(*(func.set_config(name, value, literal(False)).label(name) for name, value in settings.items()))
        )


def _options(url: URL, *, read_only: bool) -> str:
    # PGOPTIONS as libpq would: only where the URL has none.
    asked = url.query.get("options", os.environ.get("PGOPTIONS", ""))
    enforced = {"TimeZone": "UTC", "DateStyle": "ISO"}
    if read_only:
        enforced["default_transaction_read_only"] = "on"
    asked_text = asked if isinstance(asked, str) else " ".join(asked)
    # Of two equal settings the later counts.
    return " ".join(part for part in (_flags(_SESSION_DEFAULTS), asked_text, _flags(enforced)) if part)


def _flags(settings: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _empty(driver: Any, session: Any, _record: object, state: PoolResetState) -> None:
    """Undo what is open, and drop the session's settings, advisory locks, temporary tables and prepared statements."""
    if state.terminate_only:
        return
    status = driver.pq.TransactionStatus
    if session.info.transaction_status in (status.ACTIVE, status.UNKNOWN):
        session.close()  # a statement is under way that nobody waits for any more, or the server is gone
        return
    try:
        session.rollback()
        session.autocommit = True
        session.execute("discard all")
        session.autocommit = False
    except driver.Error:
        # Its end does all that; whoever would get it next finds it closed, and gets a new one.
        session.close()


def _refuse_to_reconnect(*_arguments: object) -> None:
    # SQLAlchemy would quietly replace a lost session by a new one, without the settings and the locks of the old.
    if not getattr(_opening, "allowed", False):
        raise LostConnectionError("the connection was lost, and the settings and locks of its session with it")
