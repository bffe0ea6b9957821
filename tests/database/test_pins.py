"""Pins outlast the runs that they are about, and are told in order."""

from pathlib import Path

from tests.operations.world import make_world
from zenctx.database import pins
from zenctx.database.engine import Database


def test_a_pin_is_set_once(database: Database, tmp_path: Path) -> None:
    """The second one changes nothing, its reason included; a run need not be there."""
    make_world(database, tmp_path)
    with database.connect() as connection:
        assert pins.pin(connection, "b", "kept for an audit")
        assert not pins.pin(connection, "b", "another reason")
        assert pins.pin(connection, "a", None)
        assert [(pin.run_id, pin.reason) for pin in pins.walk(connection)] == [("a", None), ("b", "kept for an audit")]
        assert all(pin.who and pin.created_at.tzinfo for pin in pins.walk(connection))


def test_a_pin_is_taken_away(database: Database, tmp_path: Path) -> None:
    """Once; the others stay."""
    make_world(database, tmp_path)
    with database.connect() as connection:
        pins.pin(connection, "a", None)
        pins.pin(connection, "b", None)
        assert pins.unpin(connection, "a")
        assert not pins.unpin(connection, "a")
        assert [pin.run_id for pin in pins.walk(connection)] == ["b"]
