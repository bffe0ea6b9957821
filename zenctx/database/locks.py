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
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from zenctx.database.engine import SQLITE, Database
from zenctx.database.pooling import announced_pid, keeps_its_session
from zenctx.errors import DatabaseError, LockedError, RefusedError, ZenctxError


class Lock(Enum):
    """What is locked."""

    CONTENT = "content"
    """Contexts and live files: writers share it, gc holds it alone."""
    MIGRATION = "migration"
    """Migrations: on PostgreSQL they share it, an SQLite file takes one at a time."""
    TO_DESCRIPTORS = "migration-to-descriptors"
    TO_LEGACY = "migration-to-legacy"
    """Migrations of one direction share the lock of theirs, and none begins while another holds the other one."""


class Hold(NamedTuple):
    """A lock as somebody needs it: `unless` another session holds that other lock, which counts as being locked."""

    lock: Lock
    exclusive: bool = False
    unless: Lock | None = None


UPGRADE_LOCK = 0x7A656E6374780001
"""The advisory lock of PostgreSQL that upgrades of our own tables take; the first letters spell zenctx."""
_LOCK_SUFFIX = "zenctx-lock"
_BUSY = {
    Lock.CONTENT: "another zenctx command holds the contexts and files",
    Lock.MIGRATION: "another zenctx migrate is running on this database",
    Lock.TO_DESCRIPTORS: "another zenctx migrate, to descriptors, is running on this database",
    Lock.TO_LEGACY: "another zenctx migrate, to the legacy form, is running on this database",
}
HOLDERS = """
    select count(*) filter (where pid = pg_backend_pid()) as ours, count(*) as everybodys
    from pg_locks
    where locktype = 'advisory' and granted and objsubid = 1
        and database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32 | objid::bigint) = :key"""
"""How often this session, and how often any, holds the advisory lock of a number."""

_LOOKS = 3
_TRY = "select case when cast(:pid as int) is null or pg_backend_pid() = :pid then {function}(:key) end"
_TRY_EXCLUSIVE = text(_TRY.format(function="pg_try_advisory_lock"))
_TRY_SHARED = text(_TRY.format(function="pg_try_advisory_lock_shared"))


class LocksDoNotHoldError(RefusedError):
    """A pooler lends the session to others between two transactions, and its locks with it."""


@contextmanager
def held(database: Database, connection: Connection, lock: Lock, *, exclusive: bool) -> Iterator[None]:
    """Holds a lock within the block; on PostgreSQL in the session of `connection`, which has no transaction open.

    That is the connection that writes what the lock is about: when its session ends, so does the writing. Raises
    LockedError at once if another process holds the lock against us, LocksDoNotHoldError behind a pooler that would
    leave the lock to somebody else's session; then none was taken.
    """
    in_file = database.dialect == SQLITE
    if in_file:
        holding = _held_in_file(database, lock, exclusive)
    else:
        holding = _held_in_session(database, connection, lock, exclusive)
    with holding:
        yield


@contextmanager
def held_alone(database: Database, connection: Connection, lock: Lock) -> Iterator[None]:
    """Holds a lock against everybody within the block, in a session that is our own: see `held`, `require_own_session`.

    Raises LockedError, and RefusedError where a pooler would let the lock go.
    """
    with held(database, connection, lock, exclusive=True):
        if database.dialect != SQLITE:
            with database.connect() as other:
                require_own_session(connection, other, lock)
        yield


@contextmanager
def all_held(database: Database, connection: Connection, holds: tuple[Hold, ...]) -> Iterator[None]:
    """Holds several locks within the block. Raises LockedError as `held` does, and for the locks that exclude one."""
    with contextlib.ExitStack() as stack:
        for hold in holds:
            stack.enter_context(held(database, connection, hold.lock, exclusive=hold.exclusive))
            # Own lock first, then the look at the other: of two that begin at the same moment at least one sees it.
            if hold.unless is not None and _holders(connection, hold.unless)[1]:
                raise _locked(hold.unless)
        yield


def require_own_session(holder: Connection, other: Connection, lock: Lock) -> None:
    """Makes sure that `holder` still has a lock that its session took: behind a pooler it may be somebody else's now.

    Raises RefusedError where it has not. Meanwhile `other` is kept in a transaction: a pooler that lends sessions for
    one transaction at a time gives it the one that was used last, and another one to `holder`.
    """
    for _ in range(_LOOKS):
        other.execute(text("select pg_backend_pid()")).scalar_one()
        ours, _everybodys = _holders(holder, lock)
        other.rollback()
        if not ours:
            raise _let_go()


def _let_go() -> LocksDoNotHoldError:
    return LocksDoNotHoldError(
        "the locks of zenctx do not hold here: a pooler between it and the database lends sessions for one "
        "transaction at a time",
        hint="connect to the server itself, or to a pool of sessions (pool_mode = session)",
    )


def _holders(connection: Connection, lock: Lock) -> tuple[int, int]:
    """Gives how often this session, and how often any session, holds a lock."""
    ours, everybodys = connection.execute(text(HOLDERS), {"key": advisory_key(lock)}).one()
    connection.rollback()
    return ours, everybodys


@contextmanager
def _held_in_session(database: Database, connection: Connection, lock: Lock, exclusive: bool) -> Iterator[None]:
    if not _try_advisory(database, connection, lock, exclusive=exclusive):
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


def _try_advisory(database: Database, connection: Connection, lock: Lock, *, exclusive: bool) -> bool:
    got = _try_in_session(connection, lock, exclusive, announced_pid(connection))
    if got is None:
        # Somebody stands in between, and may lend the session to others: then the lock would stay behind in it.
        with database.connect() as other:
            if not keeps_its_session(connection, other):
                raise _let_go()
        got = _try_in_session(connection, lock, exclusive, None)
    return bool(got)


def _try_in_session(connection: Connection, lock: Lock, exclusive: bool, pid: int | None) -> bool | None:
    """Tells whether the lock was taken; None, and nothing was done, where another process than `pid` answers."""
    got: bool | None = connection.execute(
        _TRY_EXCLUSIVE if exclusive else _TRY_SHARED, {"key": advisory_key(lock), "pid": pid}
    ).scalar_one()
    connection.commit()
    return got


def advisory_key(lock: Lock) -> int:
    """Gives the number by which PostgreSQL knows a lock: 64 bits of a hash of its name."""
    digest = hashlib.sha256(f"zenctx:{lock.value}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_file(database: Database, lock: Lock) -> str:
    """Gives the path of the file beside an SQLite database that is locked."""
    return f"{database.sqlite_path}.{lock.value}.{_LOCK_SUFFIX}"


@contextmanager
def _held_in_file(database: Database, lock: Lock, exclusive: bool) -> Iterator[None]:
    try:
        handle = os.open(lock_file(database, lock), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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
