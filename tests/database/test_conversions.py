"""The record of what was converted: the last direction of each run, and by which operation."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tests.support.rows import Rows
from zenctx.database import conversions
from zenctx.database.conversions import Conversion, Seen, is_run_id
from zenctx.database.engine import Database, write_transaction


def record(rows: Rows, direction: str, run_ids: Sequence[str], operation: str = "op") -> None:
    """Record a batch."""
    with rows.database.connect() as connection, write_transaction(connection):
        conversions.record(connection, operation, direction, run_ids)


def look_up(rows: Rows, run_ids: Sequence[str]) -> dict[str, Conversion]:
    """Ask for some runs."""
    with rows.database.connect() as connection:
        return conversions.lookup(connection)(run_ids)


def test_the_last_conversion_counts(rows: Rows) -> None:
    """There and back and there again: each run has the direction of its last batch, and its operation."""
    ids = sorted(str(uuid4()) for _ in range(6))
    record(rows, "descriptors", ids[:5], "op-1")
    record(rows, "legacy", ids[1:4], "op-2")
    record(rows, "descriptors", ids[2:3], "op-3")
    assert look_up(rows, ids) == {
        ids[0]: Conversion("descriptors", "op-1"),
        ids[1]: Conversion("legacy", "op-2"),
        ids[2]: Conversion("descriptors", "op-3"),
        ids[3]: Conversion("legacy", "op-2"),
        ids[4]: Conversion("descriptors", "op-1"),
    }
    assert look_up(rows, [ids[5]]) == look_up(rows, []) == {}


def test_many_batches_of_runs_in_any_order(rows: Rows) -> None:
    """Every run is found, whatever the range of the batch that it was in."""
    ids = [str(uuid4()) for _ in range(300)]
    for start in range(0, 300, 7):
        record(rows, "legacy" if start % 2 else "descriptors", ids[start : start + 7])
    found = look_up(rows, ids)
    assert {run_id: last.direction for run_id, last in found.items()} == {
        run_id: "legacy" if (place // 7 * 7) % 2 else "descriptors" for place, run_id in enumerate(ids)
    }


@pytest.mark.parametrize("number", [0, 1, 2**127, 2**128 - 1])
def test_the_ends_of_the_range_are_found(rows: Rows, number: int) -> None:
    """The smallest and the largest id, by themselves and among others."""
    run_id = str(UUID(int=number))
    record(rows, "legacy", [run_id])
    assert look_up(rows, [run_id]).keys() == {run_id}
    assert look_up(rows, [run_id, *(str(uuid4()) for _ in range(5))]).keys() == {run_id}


def test_no_runs_leave_no_record(rows: Rows) -> None:
    """A batch in which nothing was written."""
    record(rows, "legacy", [])
    assert rows.fetch("select * from zenctx_conversion") == []


def test_a_record_tells_its_batch(rows: Rows) -> None:
    """How many runs, and the first and the last of them."""
    ids = [str(uuid4()) for _ in range(4)]
    record(rows, "legacy", ids, "op-7")
    query = "select operation_id, direction, first_run_id, last_run_id, run_count from zenctx_conversion"
    assert rows.fetch(query) == [("op-7", "legacy", min(ids), max(ids), 4)]


def test_what_a_transaction_sees_of_the_records(rows: Rows) -> None:
    """None at first; then up to the last, whoever wrote it; what is recorded later is not among them."""
    with rows.database.connect() as connection:
        assert conversions.seen(connection) == Seen(0, "")
    for operation in ("op-1", "op-2"):
        record(rows, "legacy", [str(uuid4())], operation)
    with rows.database.connect() as connection:
        found = conversions.seen(connection)
        assert found is not None
        assert found == Seen(2, "op-2")
        assert [found.has(number) for number in (1, 2, 3)] == [True, True, False]
        assert conversions.is_of(connection, found)
        assert not conversions.is_of(connection, Seen(2, "op-1"))
        assert not conversions.is_of(connection, Seen(3, "op-2"))


def test_a_batch_that_is_not_committed_is_not_seen_though_a_later_one_is(postgresql_rows: Rows) -> None:
    """Numbers are given out in the order of the inserts, not of the commits."""
    rows = postgresql_rows
    record(rows, "legacy", [str(uuid4())], "op-0")
    with rows.database.connect() as slow, write_transaction(slow):
        conversions.record(slow, "op-1", "legacy", [str(uuid4())])
        record(rows, "legacy", [str(uuid4())], "op-2")
        with rows.database.connect() as connection:
            found = conversions.seen(connection)
    assert found == Seen(3, "op-2", (2,))
    assert [found.has(number) for number in (1, 2, 3)] == [True, False, True]


def test_the_very_first_batch_may_be_the_one_that_is_not_committed(postgresql_rows: Rows) -> None:
    """Nothing with a lower number is there to tell that one is missing."""
    rows = postgresql_rows
    with rows.database.connect() as slow, write_transaction(slow):
        conversions.record(slow, "op-1", "legacy", [str(uuid4())])
        record(rows, "legacy", [str(uuid4())], "op-2")
        with rows.database.connect() as connection:
            found = conversions.seen(connection)
    assert found == Seen(2, "op-2", (1,))


def test_without_rights_it_is_not_known_what_is_seen(postgresql_rows: Rows) -> None:
    """None, and not 'nothing': the snapshot then goes by time."""
    rows = postgresql_rows
    record(rows, "legacy", [str(uuid4())])
    with rows.database.connect() as connection:
        connection.execute(text("create role seer"))
        connection.execute(text("set local role seer"))
        assert conversions.seen(connection) is None
        connection.rollback()


def test_a_look_up_can_be_made_anew(rows: Rows) -> None:
    """Over the same connection, to know what was recorded since."""
    run_id = str(uuid4())
    with rows.database.connect() as connection:
        assert conversions.lookup(connection)([run_id]) == {}
        record(rows, "legacy", [run_id])
        assert conversions.lookup(connection)([run_id]).keys() == {run_id}
        assert not connection.in_transaction()


def test_a_look_up_needs_no_right_to_write(sqlite_rows: Rows) -> None:
    """On SQLite, too, where the records are laid out: that happens outside of the database."""
    run_id = str(uuid4())
    record(sqlite_rows, "legacy", [run_id])
    with (
        Database.open(f"sqlite:///{sqlite_rows.database.sqlite_path}", read_only=True) as database,
        database.connect() as connection,
    ):
        assert conversions.lookup(connection)([run_id]).keys() == {run_id}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", True),
        ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", False),
        ("3f2504e04f8941d39a0c0305e82c3301", False),
        ("{3f2504e0-4f89-41d3-9a0c-0305e82c3301}", False),
        ("urn:uuid:3f2504e0-4f89-41d3-9a0c-0305e82c3301", False),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c330", False),
        ("", False),
        ("run-1", False),
    ],
)
def test_only_one_spelling_of_an_id_can_be_recorded(text: str, fits: bool) -> None:
    """Two ids that differ in spelling would be one and the same sixteen bytes."""
    assert is_run_id(text) is fits
