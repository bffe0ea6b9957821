"""Says in one sentence what PostgreSQL or psycopg reported, by SQLSTATE, without any value or password."""

import psycopg

from zenctx.database.errors import (
    DatabaseBusyError,
    LostConnectionError,
    RejectedValueError,
    TransientDatabaseError,
    UnreachableError,
)
from zenctx.errors import DatabaseError, ZenctxError

_LONGEST = 200
_GRANT_HINT = "ask the owner of the database to grant it"
_PRIMARY_HINT = "name the primary server in the URL, too; while a replica is being promoted, try again"
_REPLICA_HINT = "name a read replica in the URL, too, or ask for another kind of server (target_session_attrs)"
_SCHEMA_HINT = "is this the ZenFlow database, and the right schema (currentSchema)?"

_REJECTED = {
    "22P05": "the character \\u0000 in a value",
    "22021": "a value that is not valid UTF-8",
    "22P02": "a value that it cannot parse",
    "22P03": "a value that it cannot parse",
    "22003": "a number of that size",
    "22008": "a time of that year",
    "23514": "a value that a check constraint of its own forbids",
    "44000": "a value that a check of its own forbids",
    "23502": "a missing value",
    "23503": "a reference to a row that is not there",
    "P0001": "a value that a trigger of its own forbids",
    "54000": "a value of that size or shape",
    "54001": "a value that is nested so deeply",
}
_REJECTED_CLASSES = {"22", "45", "54", "P0"}
"""SQLSTATEs that speak of a value: 45 and P0 are what triggers raise. Those of them above are named in words."""

_STATES: dict[str, tuple[type[DatabaseError], str, str | None]] = {
    "25006": (DatabaseError, "is read-only", "connect to the primary server, with a role that may write"),
    "40001": (TransientDatabaseError, "undid the transaction in favour of a concurrent one", None),
    "40003": (LostConnectionError, "does not know how the transaction ended", None),
    "40P01": (TransientDatabaseError, "undid the transaction to resolve a deadlock", None),
    "53100": (DatabaseError, "has no space left on its disk", "nothing was changed: free some space and run it again"),
    "53200": (TransientDatabaseError, "is out of memory", None),
    "53300": (UnreachableError, "has no connection left", None),
    "55P03": (DatabaseBusyError, "has a lock held by another session", "pg_stat_activity shows who holds it"),
    "57014": (TransientDatabaseError, "cancelled the statement: it ran into statement_timeout, or was stopped", None),
    "57P03": (UnreachableError, "is not ready for connections: it starts up, shuts down or recovers", None),
}
_CONFLICT = "is a read replica, and stopped reading to apply a change of the primary"
_CONFLICT_HINT = "run it again, or on the primary; max_standby_streaming_delay is how long the replica puts changes off"
_LOST = {"25P03", "25P04", "57P01", "57P02", "57P05"}

_CONNECT_FAILURES: tuple[tuple[str, type[DatabaseError], str, str | None], ...] = (
    ("password authentication failed", DatabaseError, "refuses the user or the password", None),
    ("no password supplied", DatabaseError, "asks for a password and none is set", None),
    ("pg_hba.conf", DatabaseError, "is closed to this user or this machine (pg_hba.conf)", None),
    ("is not permitted to log in", DatabaseError, "does not let this role log in", None),
    ("permission denied for database", DatabaseError, "does not let this role connect", _GRANT_HINT),
    ("session is read-only", UnreachableError, "is a read replica, or read-only", _PRIMARY_HINT),
    ("server is in hot standby mode", UnreachableError, "is a read replica, or read-only", _PRIMARY_HINT),
    ("server is not in hot standby mode", UnreachableError, "is no read replica", _REPLICA_HINT),
    ("session is not read-only", UnreachableError, "is no read replica", _REPLICA_HINT),
    ("connection refused", UnreachableError, "cannot be reached: nothing listens there", "is the server running?"),
    ("no such file or directory", UnreachableError, "cannot be reached: no such socket", "is the server running?"),
    ("timeout expired", UnreachableError, "cannot be reached: no answer in time", None),
    ("resolve host", UnreachableError, "cannot be reached: the host name is unknown", None),
    ("could not translate host name", UnreachableError, "cannot be reached: the host name is unknown", None),
    ("no route to host", UnreachableError, "cannot be reached: no route to the host", None),
    ("network is unreachable", UnreachableError, "cannot be reached: the network is down", None),
    ("server closed the connection", UnreachableError, "cannot be reached: the connection was closed at once", None),
    ("too many clients", UnreachableError, "has no connection left", None),
    ("too many connections", UnreachableError, "has no connection left", None),
    ("remaining connection slots", UnreachableError, "has no connection left", None),
    ("starting up", UnreachableError, "is still starting up", None),
    ("shutting down", UnreachableError, "is shutting down", None),
    ("in recovery mode", UnreachableError, "is recovering from a crash", None),
    ("database system is not", UnreachableError, "is not ready for connections: it starts up, shuts down or recovers",
     None),
    ("unsupported startup parameter", DatabaseError, "is behind a pooler that refuses session settings",
     "connect to the server itself, or let the pooler pass or ignore `options`"),
)  # fmt: skip
"""While connecting libpq gives no SQLSTATE, only text; a server that speaks another language falls to its own words."""


def translate(error: psycopg.Error, description: str, *, connecting: bool) -> ZenctxError | None:
    """Give our error for one of psycopg's, or None where the mistake is in our own use of it."""
    state = error.sqlstate
    if connecting and state is None:
        return _connect_failure(str(error), description)
    if state is None:
        return _without_state(error, description)
    if state == "40001" and _is_conflict_with_recovery(error):
        is_end = error.diag.severity_nonlocalized == "FATAL"
        conflict = LostConnectionError if is_end else TransientDatabaseError
        return conflict(f"{description} {_CONFLICT}", hint=_CONFLICT_HINT)
    if state in _STATES:
        kind, sentence, hint = _STATES[state]
        return kind(f"{description} {sentence}", hint=hint)
    if state in _LOST or state.startswith("08"):
        return LostConnectionError(f"{description} closed the connection")
    if state in _REJECTED or state[:2] in _REJECTED_CLASSES or "invalid memory alloc request size" in str(error):
        return RejectedValueError(description, _REJECTED.get(state, f"a value (SQLSTATE {state})"), state)
    return _named(error, state, description)


def _is_conflict_with_recovery(error: psycopg.Error) -> bool:
    """Tells it from a conflict between transactions by the server's function, whose name is not translated."""
    return "Interrupt" in (error.diag.source_function or "")


def _connect_failure(text: str, description: str) -> DatabaseError:
    lowered = text.lower()
    for part, kind, sentence, hint in _CONNECT_FAILURES:
        if part in lowered:
            return kind(f"{description} {sentence}", hint=hint)
    # The server's own words name users, databases and settings; a password is never sent back.
    reason = text.strip().partition("\n")[0].rpartition(" failed: ")[2]
    reason = _one_line(reason.removeprefix("FATAL:").removeprefix("connection is bad:"))
    return DatabaseError(f"{description} cannot be opened: {reason}")


def _without_state(error: psycopg.Error, description: str) -> ZenctxError | None:
    if isinstance(error, psycopg.DataError):
        nul = "NUL" in str(error)
        return RejectedValueError(description, _REJECTED["22P05"] if nul else "a value that cannot be passed to it")
    if isinstance(error, psycopg.OperationalError):
        return LostConnectionError(f"the connection to {description} was lost")
    return None


def _named(error: psycopg.Error, state: str, description: str) -> DatabaseError:
    """Errors about tables, columns, roles and rights: their first line holds names only, never a row's content."""
    if state[:2] not in {"28", "3D", "3F", "42", "53", "55", "57", "58"}:
        return DatabaseError(f"{description} reported an error (SQLSTATE {state})")
    primary = _one_line(error.diag.message_primary or f"SQLSTATE {state}")
    if state == "42501":
        return DatabaseError(f"{description} refuses: {primary}", hint=_GRANT_HINT)
    hint = None
    if state in {"42P01", "42703", "3F000"}:
        hint = "run 'zenctx db upgrade'" if '"zenctx_' in primary else _SCHEMA_HINT
    return DatabaseError(f"{description} reported an error: {primary}", hint=hint)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
