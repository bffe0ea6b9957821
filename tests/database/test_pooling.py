"""Whether sessions are one's own, and what becomes of locks where they are not."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.rows import Rows
from zenctx.database import locks, pooling
from zenctx.database.engine import Database
from zenctx.database.locks import Lock, LocksDoNotHoldError


def test_sessions_of_ones_own(rows: Rows) -> None:
    """Without a pooler a setting of a session is there as long as that."""
    assert not pooling.is_pooled_by_transaction(rows.database)


def test_a_session_that_is_lent_to_others(postgresql_rows: Rows) -> None:
    """Behind a pooler of transactions the next one of a connection may be in another session."""
    with postgresql_rows.database.connect() as one, postgresql_rows.database.connect() as other:

        def undo() -> None:
            one.rollback()
            other.rollback()

        first: Any = SimpleNamespace(execute=one.execute, commit=one.commit, scalar=other.scalar, rollback=undo)
        second: Any = SimpleNamespace(execute=one.execute, rollback=undo)
        connections = iter([first, second])
        pooled = SimpleNamespace(dialect="postgresql", connect=lambda: nullcontext(next(connections)))
        assert pooling.is_pooled_by_transaction(cast("Database", pooled))


def test_a_lock_behind_a_pooler(postgresql_rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lends sessions as long as a connection lasts is as good as none; else no lock is taken, nor left."""
    database = postgresql_rows.database
    monkeypatch.setattr(locks, "announced_pid", lambda _connection: -1)
    with database.connect() as connection:
        with locks.held(database, connection, Lock.CONTENT, exclusive=True):
            assert held(postgresql_rows) == 1
        monkeypatch.setattr(locks, "keeps_its_session", lambda *_: False)
        with (
            pytest.raises(LocksDoNotHoldError, match="a pooler between it and the database"),
            locks.held(database, connection, Lock.CONTENT, exclusive=True),
        ):
            pytest.fail("it counts as held")
        assert held(postgresql_rows) == 0


def held(rows: Rows) -> int:
    """Count the advisory locks of all sessions in this database."""
    database = "(select oid from pg_database where datname = current_database())"
    (count,) = rows.fetch(f"select count(*) from pg_locks where locktype = 'advisory' and database = {database}")[0]
    return int(count)
