"""Reading and writing runs, alike on both databases."""

from collections.abc import Sequence
from functools import partial
from secrets import token_hex
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from tests.support.rows import Rows, compact
from zenctx.database import runs
from zenctx.database.engine import write_transaction
from zenctx.database.rows import BatchLimits, ContextChange, RunRow, Selection, Written
from zenctx.errors import NotFoundError

ALL = Selection()


def walked(rows: Rows, limits: BatchLimits, selection: Selection = ALL) -> list[list[RunRow]]:
    """Walk the runs; give the batches."""
    with rows.database.connect() as connection:
        return list(runs.walk(rows.database, connection, selection, lambda: limits))


def write(rows: Rows, changes: Sequence[tuple[RunRow, bytes]]) -> Written:
    """Write contexts in a transaction."""
    batch = [ContextChange(row, text) for row, text in changes]
    with rows.database.connect() as connection, write_transaction(connection):
        return runs.access(rows.database).write_batch(connection, batch, rows.database.description)


def test_a_walk_meets_every_run_once(rows: Rows) -> None:
    """In batches of at most so many rows, the last one perhaps shorter, each with its exact text."""
    contexts = {rows.add(f'{{"a":{number}.10}}'): number for number in range(23)}
    batches = walked(rows, BatchLimits(rows=5))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    met = [row for batch in batches for row in batch]
    assert sorted(row.run_id for row in met) == sorted(contexts)
    for row in met:
        assert row.text == rows.text(row.run_id)
        assert (row.workflow_id, row.status, row.times_readable) == (rows.workflow_id, "SUCCESS", True)
    assert [row.position for row in met] == sorted(row.position for row in met)


def test_a_batch_of_large_rows_is_short_and_never_empty(rows: Rows) -> None:
    """It ends once its bytes, as they are stored, are used up; one row always comes."""
    noise = [token_hex(60_000) for _ in range(6)]
    ids = rows.add_all(compact({"a": text}) for text in noise)
    small = rows.add("{}")
    batches = walked(rows, BatchLimits(rows=100, stored_bytes=200_000))
    assert max(map(len, batches)) < 6
    assert sorted(row.run_id for batch in batches for row in batch) == sorted([*ids, small])
    assert {len(batch) for batch in walked(rows, BatchLimits(rows=100, stored_bytes=1))} == {1}


def test_a_walk_goes_on_over_what_happens_meanwhile(rows: Rows) -> None:
    """Rows that go, and rows that are written, behind it or before it, do not disturb it."""
    ids = sorted(rows.add_all(f'{{"a":{number}}}' for number in range(12)))
    met: list[str] = []
    with rows.database.connect() as connection:
        for batch in runs.walk(rows.database, connection, ALL, lambda: BatchLimits(rows=4)):
            met += [row.run_id for row in batch]
            rows.execute("delete from workflow_runs where id = :id", id=batch[-1].run_id)
            for row in batch[:-1]:
                rows.replace(row.run_id, '{"b":1}')
    assert sorted(met) == ids


def test_selections_hold_in_a_walk_and_a_count(rows: Rows) -> None:
    """By id, status and workflow; unknown statuses select nothing."""
    other = rows.add_workflow("Other")
    first = rows.add("{}", status="ERROR", workflow=other)
    second = rows.add("{}", workflow=other)
    rows.add("{}")
    selections = [
        (ALL, 3),
        (Selection(run_ids=(first,)), 1),
        (Selection(run_ids=(first, second, str(uuid4()))), 2),
        (Selection(statuses=("SUCCESS",)), 2),
        (Selection(statuses=("SUCCESS", "ERROR", "'; --")), 3),
        (Selection(statuses=("NO SUCH",)), 0),
        (Selection(workflow_ids=(other,), statuses=("ERROR",)), 1),
    ]
    with rows.database.connect() as connection:
        for selection, count in selections:
            assert sum(map(len, walked(rows, BatchLimits(rows=2), selection))) == count
            assert runs.count(rows.database, connection, selection) == count


@pytest.mark.parametrize("context", [None, "{}", '{"a":1.10}', '{"\U0001f680":"\u00e9\u2028"}'])
def test_a_run_is_read_by_its_id(rows: Rows, context: str | None) -> None:
    """With the text as it is stored; none is None."""
    run_id = rows.add(context, status="RUNNING", ended=None)
    with rows.database.connect() as connection:
        row = runs.read_run(rows.database, connection, run_id)
        assert not connection.in_transaction()
    assert (row.run_id, row.text, row.status) == (run_id, rows.text(run_id), "RUNNING")
    assert row.started_at is not None
    assert (row.ended_at, row.times_readable) == (None, True)


def test_a_run_that_is_not_there_is_not_found(rows: Rows) -> None:
    """Whatever the id; asking for several fails on the first that is missing."""
    run_id = rows.add("{}")
    with rows.database.connect() as connection:
        for missing in (str(uuid4()), "no id", ""):
            with pytest.raises(NotFoundError):
                runs.read_run(rows.database, connection, missing)
        with pytest.raises(NotFoundError, match="no run"):
            runs.require(rows.database, connection, [run_id, str(uuid4())])
        runs.require(rows.database, connection, [run_id])


def test_ids_are_spelled_as_the_database_spells_them(rows: Rows) -> None:
    """PostgreSQL takes capitals and braces; what it could not hold is not found. SQLite compares text."""
    spelled = str(uuid4())
    asked = Selection(run_ids=(spelled.upper(),), workflow_ids=(UUID(spelled).hex,))
    if rows.is_sqlite:
        assert runs.normalised(rows.database, asked) == asked
        return
    assert runs.normalised(rows.database, asked) == Selection(run_ids=(spelled,), workflow_ids=(spelled,))
    for selection in (Selection(run_ids=("x",)), Selection(workflow_ids=("x",))):
        with pytest.raises(NotFoundError, match="not a UUID"):
            runs.normalised(rows.database, selection)


def test_runs_are_read_in_the_order_asked_for(rows: Rows) -> None:
    """Large ones by themselves, so that memory stays flat; ids without a row are left out."""
    ids = rows.add_all(["{}", compact({"a": token_hex(600_000)}), '{"b":1}', compact({"a": token_hex(600_000)})])
    ids.reverse()
    asked = [str(uuid4()), ids[0], ids[1], str(uuid4()), ids[2], ids[3], str(uuid4())]
    with rows.database.connect() as connection:
        pieces = list(runs.read_in_order(rows.database, connection, asked))
    assert [row.run_id for piece in pieces for row in piece] == ids
    assert list(runs.read_in_order(rows.database, connection, [])) == []


def test_what_has_been_read_is_not_read_again(rows: Rows) -> None:
    """Runs that are gone cost no more than one look each, and none where all are gone."""
    ids, gone = rows.add_all(["{}"] * 3), [str(uuid4()) for _ in range(40)]
    asked: list[str] = []
    with rows.database.connect() as connection:
        note = partial(lambda seen, *execution: seen.append(execution[2]), asked)
        event.listen(rows.database.engine, "before_cursor_execute", note)
        try:
            assert list(runs.read_in_order(rows.database, connection, gone)) == []
            assert len(asked) <= 3
            found = runs.read_in_order(rows.database, connection, [*gone, *ids])
            assert [row.run_id for piece in found for row in piece] == ids
            assert len(asked) <= 50
        finally:
            event.remove(rows.database.engine, "before_cursor_execute", note)


def test_only_unchanged_rows_are_written(rows: Rows) -> None:
    """Rows that were written, emptied or deleted since they were read are left, and not among the written."""
    ids = rows.add_all(f'{{"a":{number}}}' for number in range(5))
    read = {row.run_id: row for batch in walked(rows, BatchLimits(rows=10)) for row in batch}
    rows.replace(ids[1], '{"a":"changed"}')
    rows.replace(ids[2], None)
    rows.execute("delete from workflow_runs where id = :id", id=ids[3])
    written = write(rows, [(read[run_id], b'{"new":1}') for run_id in ids])
    assert (sorted(written.run_ids), written.rejected) == (sorted([ids[0], ids[4]]), [])
    texts = {run_id: (rows.text(run_id) or b"").replace(b" ", b"") for run_id in ids if run_id != ids[3]}
    assert texts == {ids[0]: b'{"new":1}', ids[1]: b'{"a":"changed"}', ids[2]: b"", ids[4]: b'{"new":1}'}


def test_other_columns_stay_as_they_are(rows: Rows) -> None:
    """Only the context is written."""
    run_id = rows.add('{"a":1}', status="ERROR")
    query = "select status, started_at, ended_at, workflow_id, error from workflow_runs"
    before = rows.fetch(query)
    ((row,),) = walked(rows, BatchLimits(rows=10))
    assert write(rows, [(row, b'{"b":1}')]).run_ids == [run_id]
    assert rows.fetch(query) == before


def test_nothing_to_write_is_no_work(rows: Rows) -> None:
    """An empty batch is written at once."""
    assert write(rows, []) == Written()


def test_the_writers_settings_are_taken(rows: Rows) -> None:
    """A connection for writing can be opened with them."""
    with rows.database.connect(runs.access(rows.database).WRITER_SETTINGS) as connection:
        assert runs.count(rows.database, connection, ALL) == 0
