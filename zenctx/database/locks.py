"""Locks between zenctx processes on one database; they die with their process.

PostgreSQL: advisory locks of a session. SQLite: `flock` on a file beside the database.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from zenctx.database.engine import SQLITE, Database
from zenctx.errors import DatabaseError, LockedError, ZenctxError


class Lock(Enum):
    """What is locked."""

    CONTENT = "content"
    """Contexts and live files: writers share it, gc holds it alone."""
    MIGRATION = "migration"
    """One migration at a time."""


_LOCK_SUFFIX = "zenctx-lock"
_BUSY = {
    Lock.CONTENT: "another zenctx command holds the contexts and files",
    Lock.MIGRATION: "another zenctx migrate is running on this database",
}


@contextmanager
def held(database: Database, connection: Connection, lock: Lock, *, exclusive: bool) -> Iterator[None]:
    """Holds a lock within the block; on PostgreSQL in the session of `connection`, which has no transaction open.

    That is the connection that writes what the lock is about: when its session ends, so does the writing. Raises
    LockedError at once if another process holds the lock against us.
    """
    in_file = database.dialect == SQLITE
    holding = _held_in_file(database, lock, exclusive) if in_file else _held_in_session(connection, lock, exclusive)
    with holding:
        yield


@contextmanager
def _held_in_session(connection: Connection, lock: Lock, exclusive: bool) -> Iterator[None]:
    if not _try_advisory(connection, lock, exclusive=exclusive):
        raise _locked(lock)
    try:
        yield
    finally:
        _release(connection, lock, exclusive=exclusive)


def _release(connection: Connection, lock: Lock, *, exclusive: bool) -> None:
    # Where the session is gone, or in a state that nobody foresaw, its end is what releases the lock.
    with contextlib.suppress(SQLAlchemyError, ZenctxError):
        connection.rollback()
        function = "pg_advisory_unlock" if exclusive else "pg_advisory_unlock_shared"
        connection.execute(text(f"select {function}(:key)"), {"key": advisory_key(lock)})
        connection.commit()


def _try_advisory(connection: Connection, lock: Lock, *, exclusive: bool) -> bool:
    function = "pg_try_advisory_lock" if exclusive else "pg_try_advisory_lock_shared"
    got = connection.execute(text(f"select {function}(:key)"), {"key": advisory_key(lock)}).scalar_one()
    connection.commit()
    return bool(got)


def advisory_key(lock: Lock) -> int:
    """Gives the number by which PostgreSQL knows a lock: 64 bits of a hash of its name."""
    digest = hashlib.sha256(f"zenctx:{lock.value}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def _held_in_file(database: Database, lock: Lock, exclusive: bool) -> Iterator[None]:
    path = f"{database.sqlite_path}.{lock.value}.{_LOCK_SUFFIX}"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DatabaseError(f"the lock file beside {database.description} cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(lock) from None
        yield
    finally:
        os.close(handle)


def _locked(lock: Lock) -> LockedError:
    return LockedError(_BUSY[lock], hint="wait until it is done, or stop it, and try again")
