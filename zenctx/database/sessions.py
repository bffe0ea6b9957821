"""A connection that may be opened anew: with the settings and the locks without which nothing may be written."""

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from zenctx.database import locks
from zenctx.database.engine import Connection, Database
from zenctx.database.errors import UnreachableError
from zenctx.database.health import is_replica
from zenctx.database.locks import Hold
from zenctx.errors import DatabaseError

PRIMARY_HINT = "connect to the primary server"


class Session:
    """One connection at a time. A lost one is replaced by `reopen`, which has its locks before anybody can write.

    A context manager, which opens the first connection.
    """

    def __init__(self, database: Database, settings: Mapping[str, str], holds: tuple[Hold, ...] = ()) -> None:
        self._database = database
        self._settings = settings
        self._holds = holds
        self._stack = ExitStack()
        self._connection: Connection | None = None
        self._was_open = False

    @property
    def connection(self) -> Connection:
        """The connection that is open now; keep no reference to it over a failure."""
        if self._connection is None:
            raise RuntimeError("the session is not open")
        return self._connection

    def reopen(self) -> None:
        """Closes what is open, connects, and takes the locks.

        Raises TransientDatabaseError where that may succeed later, DatabaseError where it is a read replica the first
        time already, LockedError where somebody else has a lock now.
        """
        self._connection = None
        self._stack.close()
        with ExitStack() as stack:
            connection = stack.enter_context(self._database.connect(self._settings))
            self._require_primary(connection)
            stack.enter_context(locks.all_held(self._database, connection, self._holds))
            self._stack = stack.pop_all()
        self._connection = connection
        self._was_open = True

    def _require_primary(self, connection: Connection) -> None:
        """Raises where a session that is to write, or to say what was written, has come to a read replica.

        In the middle of the work that is a replica which is about to be promoted: UnreachableError, so that it is
        waited for.
        """
        if self._database.read_only or not is_replica(connection):
            return
        kind = UnreachableError if self._was_open else DatabaseError
        raise kind(f"{self._database.description} is a read replica", hint=PRIMARY_HINT)

    def __enter__(self) -> Self:
        self.reopen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection = None
        self._stack.__exit__(kind, error, trace)
