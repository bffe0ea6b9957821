"""The state of a run: one row each, replaced as a whole, of no concern to the engine."""

from pathlib import Path

import pytest

from tests.operations.world import make_world
from zenctx.context.state import RuntimeState
from zenctx.database import runtime_state
from zenctx.database.engine import Database, write_transaction


def test_a_state_takes_the_place_of_the_one_before(database: Database, tmp_path: Path) -> None:
    """For its run alone, with the format's version and the time."""
    rows = make_world(database, tmp_path).rows
    hostile = RuntimeState(consumers={"\0\ud800": ["\x1b"]}).to_json()
    with database.connect() as connection:
        for run_id, state in [("a", "{}"), ("b", "{}"), ("a", hostile)]:
            with write_transaction(connection):
                runtime_state.write(connection, run_id, state)
    found = rows.fetch("select run_id, format_version, state from zenctx_runtime_state order by run_id")
    assert [tuple(row) for row in found] == [("a", 1, hostile), ("b", 1, "{}")]
    assert all(row.updated_at for row in rows.fetch("select updated_at from zenctx_runtime_state"))


def test_a_state_is_undone_with_its_transaction(database: Database, tmp_path: Path) -> None:
    """It is never newer than the context."""
    rows = make_world(database, tmp_path).rows
    with database.connect() as connection:
        with write_transaction(connection):
            runtime_state.write(connection, "a", "1")
        with pytest.raises(ZeroDivisionError), write_transaction(connection):  # noqa: PT012 - the transaction fails
            runtime_state.write(connection, "a", "2")
            raise ZeroDivisionError
    assert [tuple(row) for row in rows.fetch("select state from zenctx_runtime_state")] == [("1",)]
