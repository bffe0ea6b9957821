"""Errors of the database layer, and the edge where those of drivers and SQLAlchemy become ours.

```
DatabaseError (12)
└── TransientDatabaseError        worth another try: deadlock, serialization failure, cancelled statement
    ├── UnreachableError              no connection to be had: refused, timed out, starting up, too many
    ├── LostConnectionError           the connection broke; the transaction is undone, or its end unknown
    └── DatabaseBusyError (11)        a lock is held by someone else; also a LockedError
DataError (4)
└── RejectedValueError            the database does not take this value
```

No message carries a value or a password: a driver's error may quote both, so none is passed on as text or as cause.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from sqlalchemy.exc import StatementError

from zenctx.errors import DatabaseError, DataError, LockedError, ZenctxError


class TransientDatabaseError(DatabaseError):
    """The transaction failed for a passing reason; the same work may be tried again."""


class UnreachableError(TransientDatabaseError):
    """No connection could be made: refused, timed out, still starting, or no connection left."""


class LostConnectionError(TransientDatabaseError):
    """The connection broke. If that was during a commit, whether it happened is unknown."""


class DatabaseBusyError(TransientDatabaseError, LockedError):
    """A lock is held by another session or program for longer than we wait."""

    kind = LockedError.kind
    exit_code = LockedError.exit_code


class RejectedValueError(DataError):
    """The database does not take a value. `sqlstate` (or None), `reason` (a few words); never the value."""

    kind = "rejected_value"

    def __init__(self, description: str, reason: str, sqlstate: str | None = None) -> None:
        super().__init__(f"{description} does not take {reason}")
        self.reason = reason
        self.sqlstate = sqlstate


_TRANSLATORS = {"psycopg": "zenctx.database.postgresql_errors", "sqlite3": "zenctx.database.sqlite_errors"}


@contextmanager
def translated_errors(description: str, *, connecting: bool = False) -> Iterator[None]:
    """Within the block, errors of a driver, bare or wrapped by SQLAlchemy, become errors of ours.

    `description` names the database (see `zenctx.database.url.describe`). `connecting`: the block opens a connection.
    Mistakes in our own use of a driver pass through unchanged.
    """
    try:
        yield
    except Exception as error:
        translated = _translate(error, description, connecting=connecting)
        if translated is None:
            raise
        raise translated from None


def _translate(error: Exception, description: str, *, connecting: bool) -> ZenctxError | None:
    original = error.orig if isinstance(error, StatementError) else error
    if original is not error and isinstance(original, ZenctxError):
        return original  # Raised by a listener of ours while SQLAlchemy was preparing a statement.
    module = _TRANSLATORS.get(type(original).__module__.partition(".")[0])
    if module is None:
        return None
    # Imported on failure only: the translator of psycopg's errors needs psycopg, which SQLite users never load.
    translate: Callable[..., ZenctxError | None] = import_module(module).translate
    return translate(original, description, connecting=connecting)
