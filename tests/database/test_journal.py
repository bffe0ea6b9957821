"""The journal tells who ran what, when, and how it ended."""

import getpass
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zenctx import __version__
from zenctx.database.engine import Database
from zenctx.database.journal import Operation, begin, finish, latest, progress
from zenctx.database.revisions import upgrade
from zenctx.errors import RefusedError

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def database(database: Database) -> Database:
    """Give a database with our tables."""
    upgrade(database)
    return database


def test_an_operation_from_begin_to_end(database: Database) -> None:
    """Each entry shows at once to others, and the last one holds everything."""
    later = START + timedelta(minutes=1)
    with database.connect() as connection, database.connect() as other:
        operation_id = begin(connection, "migrate", {"to": "descriptors", "path": Path("x")}, clock=lambda: START)
        (seen,) = latest(other)
        other.rollback()
        assert (seen.outcome, seen.finished_at, seen.counts) == (None, None, {})
        progress(connection, operation_id, {"rows": 3}, clock=lambda: later)
        (seen,) = latest(other)
        other.rollback()
        assert (seen.counts, seen.updated_at) == ({"rows": 3}, later)
        error = RefusedError("too many\0rows\ud800")
        finish(connection, operation_id, 5, {"rows": 4}, error, clock=lambda: later)
        (seen,) = latest(other)
    assert seen == Operation(
        id=operation_id,
        command="migrate",
        arguments={"to": "descriptors", "path": "x"},
        who=f"{getpass.getuser()}@{socket.gethostname()}",
        version=__version__,
        started_at=START,
        updated_at=later,
        finished_at=later,
        outcome="refused",
        exit_code=5,
        counts={"rows": 4},
        error_kind="refused",
        error_message="too many?rows?",
    )


@pytest.mark.parametrize(
    ("exit_code", "outcome"),
    [(0, "done"), (3, "partial"), (4, "problems"), (11, "locked"), (12, "failed"), (1, "failed"), (130, "interrupted")],
)
def test_the_outcome_follows_from_the_exit_code(database: Database, exit_code: int, outcome: str) -> None:
    """So the two can never contradict each other."""
    with database.connect() as connection:
        operation_id = begin(connection, "verify", {})
        finish(connection, operation_id, exit_code, {})
        assert latest(connection)[0].outcome == outcome


def test_the_newest_come_first(database: Database) -> None:
    """Of all commands or of one, as many as asked for."""
    with database.connect() as connection:
        ids = [
            begin(connection, name, {}, clock=lambda n=n: START + timedelta(seconds=n))  # type: ignore[misc]
            for n, name in enumerate(["gc", "migrate", "gc", "gc"])
        ]
        assert [operation.id for operation in latest(connection)] == ids[::-1]
        assert [operation.id for operation in latest(connection, command="gc", limit=2)] == [ids[3], ids[2]]


def test_a_user_without_a_name_is_recorded_by_number(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is in many containers."""

    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)
    with database.connect() as connection:
        begin(connection, "gc", {})
        assert latest(connection)[0].who.split("@")[0].isdigit()
