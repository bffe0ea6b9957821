"""Files that are removed on purpose are on record before they are."""

from pathlib import Path

import pytest

from tests.operations.world import make_world
from zenctx.database import released
from zenctx.database.engine import Database, write_transaction
from zenctx.database.released import ReleasedFile

FILES = [ReleasedFile("run/a.json", "a", 10, 2**62), ReleasedFile("run/b", None, 0, 0)]


def test_each_file_has_a_record(database: Database, tmp_path: Path) -> None:
    """With its key, size, time and reason; the same file may be released again another time."""
    rows = make_world(database, tmp_path).rows
    with database.connect() as connection:
        for release_id in ("one", "two"):
            with write_transaction(connection):
                released.record(connection, release_id, "run", "superseded", FILES)
        with write_transaction(connection):
            released.record(connection, "three", "run", "superseded", [])
    query = "select gc_id, root, path, run_id, key, bytes, mtime_ns, reason, state from zenctx_released_file"
    expected = [
        (release_id, "persistent", file.path, "run", file.key, file.bytes, file.mtime_ns, "superseded", "released")
        for release_id in ("one", "two")
        for file in FILES
    ]
    assert [tuple(row) for row in rows.fetch(f"{query} order by gc_id, path")] == expected


def test_a_record_is_undone_with_its_transaction(database: Database, tmp_path: Path) -> None:
    """What was not released is not said to be."""
    rows = make_world(database, tmp_path).rows
    with database.connect() as connection, pytest.raises(ZeroDivisionError), write_transaction(connection):  # noqa: PT012 - the transaction fails
        released.record(connection, "one", "run", "superseded", FILES)
        raise ZeroDivisionError
    assert rows.fetch("select * from zenctx_released_file") == []
