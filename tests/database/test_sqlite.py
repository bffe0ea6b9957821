"""Runs in SQLite: text byte for byte, whatever it is, and rowids that are not trusted alone."""

import pytest
from sqlalchemy import text

from tests.support.rows import Rows
from zenctx.database import sqlite
from zenctx.database.engine import write_transaction
from zenctx.database.rows import BatchLimits, ContextChange, RunRow, Selection


def read_all(rows: Rows) -> list[RunRow]:
    """Give all runs."""
    with rows.database.connect() as connection:
        return sqlite.read_batch(connection, None, BatchLimits(rows=1000), Selection())


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ('{"a": 1.10 }', b'{"a": 1.10 }'),
        ("", b""),
        (b"\xff\xfe\x00", b"\xff\xfe\x00"),
        (42, b"42"),
        (1.5, b"1.5"),
        ("a\0b", b"a\0b"),
        ("\ud7ff\U0010ffff", "\ud7ff\U0010ffff".encode()),
    ],
    ids=repr,
)
def test_whatever_is_stored_is_read_as_its_bytes(sqlite_rows: Rows, stored: object, read: bytes) -> None:
    """Text, blobs, numbers: nothing stops the driver, nothing is decoded."""
    rows = sqlite_rows
    run_id = rows.add("{}")
    rows.execute("update workflow_runs set context = :stored", stored=stored)
    (row,) = read_all(rows)
    assert row.text == read
    with rows.database.connect() as connection:
        again = sqlite.read_run(connection, run_id)
    assert again is not None
    assert again.text == read


def test_blanks_count_as_a_change(sqlite_rows: Rows) -> None:
    """The text itself is compared, not its value."""
    rows = sqlite_rows
    run_id = rows.add('{"a":1}')
    (row,) = read_all(rows)
    rows.replace(run_id, '{"a": 1}')
    with rows.database.connect() as connection, write_transaction(connection):
        assert sqlite.write_batch(connection, [ContextChange(row, b"{}")], "it").run_ids == []
    assert rows.text(run_id) == b'{"a": 1}'


def test_a_rowid_that_means_another_run_now_is_not_written(sqlite_rows: Rows) -> None:
    """A file that was vacuumed may number its rows anew: the id is compared, too."""
    rows = sqlite_rows
    first, second = rows.add_all(['{"a":1}', '{"a":1}'])
    read = read_all(rows)
    rows.execute("delete from workflow_runs where id = :id", id=first)
    rows.execute("update workflow_runs set rowid = 1 where id = :id", id=second)
    stale = next(row for row in read if row.run_id == first)
    with rows.database.connect() as connection, write_transaction(connection):
        assert sqlite.write_batch(connection, [ContextChange(stale, b"{}")], "it").run_ids == []
    assert rows.text(second) == b'{"a":1}'


@pytest.mark.parametrize("in_order", [True, False])
def test_each_of_many_rows_gets_its_own_text(sqlite_rows: Rows, in_order: bool) -> None:
    """Whatever the number of rows in a statement; one that was changed meanwhile keeps that, and only that one."""
    rows = sqlite_rows
    rows.add_all([f'{{"a":{number}}}' for number in range(237)])
    read = read_all(rows)
    changes = [ContextChange(row, b"{%b}" % row.run_id.encode()) for row in (read if in_order else reversed(read))]
    rows.replace(read[150].run_id, '{"b":0}')
    with rows.database.connect() as connection, write_transaction(connection):
        written = sqlite.write_batch(connection, changes, "it").run_ids
    assert set(written) == {row.run_id for row in read} - {read[150].run_id}
    for row in read_all(rows):
        assert row.text == (b"{%b}" % row.run_id.encode() if row.run_id in written else b'{"b":0}')


def test_a_context_stays_text(sqlite_rows: Rows) -> None:
    """What is written is text, as the engine writes it, also where it looks like a number."""
    rows = sqlite_rows
    rows.add('{"a":1}')
    (row,) = read_all(rows)
    with rows.database.connect() as connection, write_transaction(connection):
        sqlite.write_batch(connection, [ContextChange(row, b'{"b":2}')], "it")
    assert rows.fetch("select typeof(context), context from workflow_runs") == [("text", '{"b":2}')]


def test_reading_a_batch_ends_its_statement(sqlite_rows: Rows) -> None:
    """A batch that was cut short by its bytes holds no lock against a writer."""
    rows = sqlite_rows
    rows.add_all("{}" for _ in range(10))
    with rows.database.connect() as connection:
        assert len(sqlite.read_batch(connection, None, BatchLimits(rows=10, stored_bytes=1), Selection())) == 1
        connection.rollback()
        rows.execute("update workflow_runs set status = 'ERROR'")
        assert connection.execute(text("select count(*) from workflow_runs where status = 'ERROR'")).scalar() == 10
