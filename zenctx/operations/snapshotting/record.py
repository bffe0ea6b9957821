"""The record of a snapshot in the database: made where that can be, and done without where it cannot."""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Self

from zenctx.database import journal, locks
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import SQLITE, Connection, Database
from zenctx.database.locks import Lock, LocksDoNotHoldError
from zenctx.errors import DatabaseError, LockedError, ZenctxError
from zenctx.operations.repository import bind_repository
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.snapshots.repository import Repository


class Record:
    """An entry in the journal, or the reason why there is none: a snapshot needs no more than rights to read."""

    def __init__(self, database: Database, operation_id: str | None, note: str) -> None:
        self._database = database
        self._operation_id = operation_id
        self.note = note

    @classmethod
    def begin(
        cls, database: Database, connection: Connection, repository: Repository, request: SnapshotRequest
    ) -> Self:
        """Records that a snapshot is taken into a repository.

        Raises RefusedError where the database is a copy of the one that the repository belongs to.
        """
        if database.read_only:
            return cls(database, None, "not recorded: the database can only be read")
        try:
            with database.translated_errors():
                known = has_zenctx_tables(connection)
                connection.rollback()
                if not known:
                    return cls(database, None, "not recorded: the tables of zenctx are not there ('zenctx db upgrade')")
                bind_repository(repository, connection)
                operation_id = journal.begin(connection, "snapshot", _arguments(request))
        except DatabaseError as error:
            connection.rollback()
            return cls(database, None, f"not recorded: {error.message}")
        return cls(database, operation_id, f"recorded as {operation_id}")

    def finish(self, exit_code: int, counts: Mapping[str, object], error: ZenctxError | None = None) -> None:
        """Records how it ended. The snapshot is what it is, also where the database can no longer be told of it."""
        if self._operation_id is None:
            return
        # Over a connection of its own: the one that failed may be in any state.
        with contextlib.suppress(ZenctxError), self._database.connect() as connection:
            journal.finish(connection, self._operation_id, exit_code, counts, error)


@contextmanager
def content_lock(database: Database, connection: Connection) -> Iterator[None]:
    """Holds the lock that keeps gc from removing files meanwhile; goes without it where that cannot be had.

    That is where its file cannot be made, and behind a pooler that would let it go; on a read replica it keeps nobody
    from anything. Then a file that is removed is named as missing. Raises LockedError while a gc is at work.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.held(database, connection, Lock.CONTENT, exclusive=False))
        except LocksDoNotHoldError:
            pass
        except DatabaseError as error:
            if isinstance(error, LockedError) or database.dialect != SQLITE:
                raise
        yield


def _arguments(request: SnapshotRequest) -> dict[str, object]:
    asked = {"selection": request.describe(), "tags": request.tags, "paranoid": request.paranoid}
    return {name: value for name, value in asked.items() if value}
