"""The record of rows that could not be converted."""

from tests.support.rows import Rows
from zenctx.database import quarantine
from zenctx.database.engine import write_transaction
from zenctx.database.quarantine import Quarantined, fingerprint


def put(rows: Rows, *quarantined: Quarantined, operation: str = "op-1") -> None:
    """Record rows."""
    with rows.database.connect() as connection, write_transaction(connection):
        quarantine.put(connection, quarantined, operation)


def one(run_id: str, direction: str = "descriptors", reason: str = "no object") -> Quarantined:
    """Give a row that could not be converted."""
    return Quarantined(run_id, direction, reason, fingerprint(b"[]"))


def listed(rows: Rows) -> list[Quarantined]:
    """Give all records."""
    with rows.database.connect() as connection:
        return list(quarantine.walk(connection))


def test_a_record_tells_what_where_and_since_when(rows: Rows) -> None:
    """And is found again by run and direction."""
    put(rows, one("b"), one("a", "legacy", "a file is gone"))
    found = listed(rows)
    assert [(row.run_id, row.direction, row.reason, row.operation_id) for row in found] == [
        ("a", "legacy", "a file is gone", "op-1"),
        ("b", "descriptors", "no object", "op-1"),
    ]
    assert all(row.created_at is not None and row.created_at.tzinfo for row in found)
    with rows.database.connect() as connection:
        assert quarantine.has_any(connection)
        assert quarantine.find(connection, ["a", "b", "c"], "descriptors").keys() == {"b"}
        assert quarantine.find(connection, [], "legacy") == {}


def test_a_newer_record_takes_the_place_of_the_older(rows: Rows) -> None:
    """Of the same run, whatever the direction."""
    put(rows, one("a"), one("b"))
    put(rows, one("a", "legacy", "another reason"), operation="op-2")
    assert [(row.run_id, row.reason, row.operation_id) for row in listed(rows)] == [
        ("a", "another reason", "op-2"),
        ("b", "no object", "op-1"),
    ]


def test_records_are_taken_back(rows: Rows) -> None:
    """Those of the runs that are named, and no others; nothing of none."""
    put(rows, one("a"), one("b"))
    with rows.database.connect() as connection:
        with write_transaction(connection):
            quarantine.remove(connection, ["b", "c"])
            quarantine.remove(connection, [])
            quarantine.put(connection, [], "op-2")
        assert quarantine.has_any(connection)
        connection.rollback()
        with write_transaction(connection):
            quarantine.remove(connection, ["a"])
        assert not quarantine.has_any(connection)


def test_more_than_one_statement_takes(rows: Rows) -> None:
    """Thousands of rows are found, listed and taken back, in pieces."""
    ids = [f"{number:05}" for number in range(1203)]
    put(rows, *map(one, ids))
    assert [row.run_id for row in listed(rows)] == ids
    with rows.database.connect() as connection:
        assert len(quarantine.find(connection, ids, "descriptors")) == len(ids)
        connection.rollback()
        with write_transaction(connection):
            quarantine.remove(connection, ids)
        assert not quarantine.has_any(connection)


def test_a_record_lives_and_dies_with_its_transaction(rows: Rows) -> None:
    """What is undone leaves none."""
    with rows.database.connect() as connection:
        quarantine.put(connection, [one("a")], "op-1")
        assert quarantine.has_any(connection)
        connection.rollback()
        assert not quarantine.has_any(connection)


def test_a_fingerprint_tells_texts_apart() -> None:
    """By a blank, too; it is of one length, and says nothing of the text."""
    assert fingerprint(b'{"a":1}') != fingerprint(b'{"a": 1}')
    assert len(fingerprint(b"x" * 10_000)) == 64
