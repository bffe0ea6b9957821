"""Locks between processes on one database: shared or alone, gone with their holder."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.rows import Rows
from zenctx.database import locks
from zenctx.database.locks import Lock
from zenctx.errors import DatabaseError, LockedError


@contextmanager
def held(rows: Rows, lock: Lock = Lock.CONTENT, *, exclusive: bool) -> Iterator[None]:
    """Hold a lock over a connection of its own."""
    with (
        rows.database.connect() as connection,
        locks.held(rows.database, connection, lock, exclusive=exclusive),
    ):
        yield


def is_free(rows: Rows, lock: Lock = Lock.CONTENT, *, exclusive: bool) -> bool:
    """Tell whether it can be had."""
    try:
        with held(rows, lock, exclusive=exclusive):
            return True
    except LockedError:
        return False


def test_many_share_and_one_excludes(rows: Rows) -> None:
    """Writers share what somebody else may hold alone."""
    with held(rows, exclusive=False), held(rows, exclusive=False):
        assert is_free(rows, exclusive=False)
        assert not is_free(rows, exclusive=True)
    with held(rows, exclusive=True):
        assert not is_free(rows, exclusive=False)
        assert not is_free(rows, exclusive=True)
    assert is_free(rows, exclusive=True)


def test_locks_are_apart(rows: Rows) -> None:
    """One says nothing of the other, and both can be held over one connection."""
    with rows.database.connect() as connection, ExitStack() as stack:
        for lock in Lock:
            stack.enter_context(locks.held(rows.database, connection, lock, exclusive=True))
        assert not any(is_free(rows, lock, exclusive=False) for lock in Lock)
    assert all(is_free(rows, lock, exclusive=True) for lock in Lock)


def test_a_lock_outlives_transactions(rows: Rows) -> None:
    """Committed or undone, it is still held; no transaction of its own stays open."""
    with (
        rows.database.connect() as connection,
        locks.held(rows.database, connection, Lock.MIGRATION, exclusive=True),
    ):
        assert not connection.in_transaction()
        for end in (connection.commit, connection.rollback):
            connection.exec_driver_sql("select 1")
            end()
            assert not is_free(rows, Lock.MIGRATION, exclusive=True)


def test_an_error_releases_it(rows: Rows) -> None:
    """And passes through, also where the transaction was broken by it."""
    with (
        pytest.raises(DatabaseError),
        rows.database.connect() as connection,
        locks.held(rows.database, connection, Lock.CONTENT, exclusive=True),
    ):
        connection.exec_driver_sql("select * from no_such_table")
    assert is_free(rows, exclusive=True)


def test_a_lost_session_releases_it(postgresql_rows: Rows) -> None:
    """Its end is what releases it; leaving the block then is no second error."""
    with (
        postgresql_rows.database.connect() as connection,
        locks.held(postgresql_rows.database, connection, Lock.CONTENT, exclusive=True),
    ):
        postgresql_rows.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        assert is_free(postgresql_rows, exclusive=True)


def test_a_dead_process_holds_nothing(sqlite_rows: Rows) -> None:
    """The lock of a process that was killed is free at once."""
    path = f"{sqlite_rows.database.sqlite_path}.content.zenctx-lock"
    code = (
        f"import fcntl, time; f = open({path!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not is_free(sqlite_rows, exclusive=False)
        process.kill()
    assert is_free(sqlite_rows, exclusive=True)


def test_a_lock_file_that_cannot_be_made_is_said(sqlite_rows: Rows) -> None:
    """A link in its place is not followed."""
    path = sqlite_rows.database.sqlite_path
    assert path is not None
    (path.parent / f"{path.name}.content.zenctx-lock").symlink_to("/etc/passwd")
    with pytest.raises(DatabaseError, match="lock file"), held(sqlite_rows, exclusive=False):
        pass


def test_the_number_of_a_lock_is_its_own() -> None:
    """It fits PostgreSQL's bigint, and never changes: another version of zenctx must know it."""
    keys = {lock: locks.advisory_key(lock) for lock in Lock}
    assert len(set(keys.values())) == len(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys.values())
    assert keys == {
        Lock.CONTENT: 4544938063078043348,
        Lock.MIGRATION: 7994470312612837572,
        Lock.TO_DESCRIPTORS: 7574282923567262533,
        Lock.TO_LEGACY: -1354508093884534597,
    }
