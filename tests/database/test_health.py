"""What is told of a database by looking: its server, rights, and whether sessions are one's own."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

from tests.support.rows import Rows
from zenctx.database import health
from zenctx.database.engine import Database


def test_a_server_is_described(rows: Rows) -> None:
    """Its version as a number where there is one to compare, its encoding, the role."""
    with rows.database.connect() as connection:
        found = health.server(connection)
        rights = health.rights(connection)
    assert (found.encoding, found.is_replica) == ("UTF8", False)
    assert (found.number == 0) is rows.is_sqlite
    assert (found.role is None) is rows.is_sqlite
    assert rights.may_update
    assert rights.may_write_own
    assert not rights.hides_rows


def test_sessions_of_ones_own(rows: Rows) -> None:
    """Without a pooler a setting of a session is there as long as that."""
    assert not health.is_pooled_by_transaction(rows.database)


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
        assert health.is_pooled_by_transaction(cast("Database", pooled))
