"""Writing runs back: only over what was seen, all of a run or nothing, each refusal by itself."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.database.conftest import opened
from tests.support.rows import Rows
from tests.support.tables import create_all_tables
from zenctx.database import runs
from zenctx.database.engine import Connection, Database
from zenctx.database.planned import Link
from zenctx.database.restoring import RunWriter, at_work, existing_workflows, read_links, read_states
from zenctx.database.rows import Selection
from zenctx.database.run_columns import FittedRow, read_columns
from zenctx.database.run_writes import RunWrite, SeenRun
from zenctx.database.trial import Trial
from zenctx.database.whole_rows import StoredState
from zenctx.errors import DataError

A, B = b'{"a": 1}', b'{"b": 2}'


def writer(database: Database, connection: Connection) -> RunWriter:
    """Give a writer over a connection."""
    columns = read_columns(connection)
    connection.rollback()
    return RunWriter(database, connection, columns, "operation")


def seen(rows: Rows, connection: Connection, run_id: str) -> SeenRun:
    """Give a run as it is now."""
    row = runs.read_run(rows.database, connection, run_id)
    states = read_states(connection, [run_id])
    connection.rollback()
    return SeenRun(row, states.get(run_id), None)


def inserted(rows: Rows, connection: Connection, **columns: str | None) -> RunWrite:
    """Give a run that is to be inserted."""
    run_id = columns.pop("id", None) or str(uuid4())
    values: Mapping[str, str | None] = {
        "id": run_id, "workflow_id": rows.workflow_id, "status": "SUCCESS", "started_at": "2026-01-31T00:00:00.000000Z",
        **columns,
    }  # fmt: skip
    fitted = read_columns(connection).fit(values, {})
    connection.rollback()
    return RunWrite(run_id, A, None, None, fitted)


def test_a_row_is_replaced_where_it_is_as_it_was_seen(rows: Rows) -> None:
    """Context and state together; one that was written since is left, and named."""
    same, written, stated = (rows.add(B.decode()) for _ in range(3))
    with rows.database.connect() as connection:
        state = StoredState(1, "{}")
        writes = [RunWrite(each, A, state, seen(rows, connection, each)) for each in (same, written, stated)]
        rows.replace(written, '{"new": 3}')
        rows.execute(
            "insert into zenctx_runtime_state values (:id, 1, 'x', :now)", id=stated, now="2026-01-31T00:00:00Z"
        )
        outcome = writer(rows.database, connection).write(writes)
        assert outcome.written == [same]
        assert set(outcome.changed) == {written, stated}
        assert read_states(connection, [same, written]) == {same: state}
        connection.rollback()
        before = seen(rows, connection, same)
        write = RunWrite(same, None, None, before, direction="legacy")
        assert writer(rows.database, connection).write([write]).written == [same]
        assert read_states(connection, [same]) == {}
    assert rows.text(same) is None
    assert rows.text(written) == b'{"new": 3}'
    assert rows.fetch("select direction, run_count from zenctx_conversion") == [("legacy", 1)]


def test_a_row_is_inserted_where_there_is_none(rows: Rows) -> None:
    """One that is there by now is never overwritten."""
    with rows.database.connect() as connection:
        write, other = inserted(rows, connection), inserted(rows, connection)
        rows.add(B.decode(), run_id=other.run_id)
        outcome = writer(rows.database, connection).write([write, other])
    assert (outcome.written, outcome.changed) == ([write.run_id], [other.run_id])
    assert (rows.text(write.run_id), rows.text(other.run_id)) == (A, B)


def test_each_refusal_is_found_and_the_rest_is_written(rows: Rows) -> None:
    """A reference to nothing, a missing value; the reason names no value."""
    with rows.database.connect() as connection:
        good = [inserted(rows, connection) for _ in range(5)]
        empty = inserted(rows, connection)
        empty = replace(empty, columns=FittedRow({**empty.columns.values, "status": None}))
        bad = [inserted(rows, connection, workflow_id=str(uuid4())), empty]
        outcome = writer(rows.database, connection).write([*good[:2], bad[0], *good[2:], bad[1]])
    assert sorted(outcome.written) == sorted(write.run_id for write in good)
    assert {refusal.run_id for refusal in outcome.refused} == {write.run_id for write in bad}
    assert all("does not take" in refusal.reason for refusal in outcome.refused)


def test_of_rows_that_are_inserted_together_those_that_conflict_are_named(rows: Rows) -> None:
    """They are there in another way, by whatever the table holds to be unique; the others are written."""
    rows.execute("create unique index only_once on workflow_runs (error)")
    with rows.database.connect() as connection:
        first, again, other = (inserted(rows, connection, error=error) for error in ("e", "e", "f"))
        outcome = writer(rows.database, connection).write([first, again, other])
    assert (sorted(outcome.written), outcome.changed) == (sorted([first.run_id, other.run_id]), [again.run_id])
    assert {str(run_id) for (run_id,) in rows.fetch("select id from workflow_runs")} == set(outcome.written)


def test_a_trial_says_what_the_writer_would_say(rows: Rows) -> None:
    """The same runs, for the same reasons, and nothing is written; what the database takes is not named."""
    with rows.database.connect() as connection:
        writes = [inserted(rows, connection) for _ in range(4)]
        odd = [replace(writes[0], run_id=str(uuid4()), context=b'"\xff"'),
               replace(writes[1], run_id=str(uuid4()), context=b'{"a": "\\u0000"}')]  # fmt: skip
        odd = [replace(each, columns=FittedRow({**each.columns.values, "id": each.run_id})) for each in odd]
        status = inserted(rows, connection, status="HALTED")
        trial = Trial(rows.database, connection, read_columns(connection))
        refused = trial.refusals([*writes, odd[0], status, odd[1]])
        assert rows.fetch("select count(*) from workflow_runs") == [(0,)]
        assert dict(writer(rows.database, connection).write([*writes, *odd, status]).refused) == refused
    assert len(refused) == (0 if rows.is_sqlite else 3)
    assert [reason for reason in refused.values() if "column status" in reason or rows.is_sqlite] == (
        [] if rows.is_sqlite else [refused[status.run_id]]
    )


def test_a_text_that_is_too_long_for_a_column_is_not_cut(postgres_url: str) -> None:
    """A cast to `varchar(3)` would cut it in silence: the row is refused, by the table too."""
    with opened(postgres_url) as database:
        create_all_tables(database)
        rows = Rows(database)
        rows.execute("alter table workflow_runs alter column error type varchar(3)")
        with database.connect() as connection:
            kept = inserted(rows, connection, error="abc")
            with pytest.raises(DataError, match="column error takes 3 characters"):
                inserted(rows, connection, error="abcd")
            longer = replace(kept, run_id=str(uuid4()))
            longer = replace(longer, columns=FittedRow({**kept.columns.values, "id": longer.run_id, "error": "abcd"}))
            outcome = writer(database, connection).write([kept, longer])
        assert (outcome.written, [refusal.run_id for refusal in outcome.refused]) == ([kept.run_id], [longer.run_id])
        assert rows.fetch("select error from workflow_runs") == [("abc",)]


def test_links_are_made_where_both_ends_are_there_and_none_was(rows: Rows) -> None:
    """What names a run already, or is to name one that is not there, stays; the latter is given back."""
    first, second, third = (rows.add(A.decode()) for _ in range(3))
    rows.execute("update workflow_runs set retry_of = :first where id = :third", first=first, third=third)
    links = [Link(first, second, True), Link(second, str(uuid4()), True), Link(third, second, False),
             Link(second, "no uuid", False)]  # fmt: skip
    with rows.database.connect() as connection:
        assert writer(rows.database, connection).link(links) == [links[1], links[3]]
        assert read_links(connection, [first, second, third]) == {first: second, third: first}


def test_a_value_that_is_no_text_fits_no_column(rows: Rows) -> None:
    """Half of a surrogate pair; a time that cannot be read, where times are kept as such."""
    with rows.database.connect() as connection:
        columns = read_columns(connection)
        with pytest.raises(DataError, match="error is no text"):
            columns.fit({"error": "\ud800"}, {})
        with pytest.raises(DataError, match="column error"):
            columns.fit({"error": "no digits"}, {"error": "integer" if rows.is_sqlite else "blob"})
        with pytest.raises(DataError, match="column status is empty"):
            columns.fit({"workflow_id": "w", "status": None}, {})
        with pytest.raises(DataError, match="no column workflow_id"):
            columns.fit({"status": "ERROR"}, {})
        assert columns.without_place({"status": "x", "note": "y", "none": None}) == ["note"]


def test_what_the_engine_says_of_runs(rows: Rows) -> None:
    """Workflows that are there, and runs of which a node is at work."""
    run_id, other = rows.add(A.decode()), rows.add(A.decode())
    node = "insert into node_executions (workflow_run_id, node_key, status, started_at) values (:id, 'n', :status, :at)"
    moment = "2026-01-31T00:00:00Z"
    for each, status in ((run_id, "running"), (other, "WAITING")):
        rows.execute(node, id=each, status=status, at=moment)
    with rows.database.connect() as connection:
        assert at_work(connection, [run_id, other]) == {run_id}
        found = existing_workflows(connection, [rows.workflow_id, str(uuid4())])
        assert found == frozenset({rows.workflow_id})


def test_very_many_runs_can_be_named(rows: Rows) -> None:
    """More than a statement has room for as single parameters, hostile ids among them."""
    there = rows.add_all(["{}"] * 3)
    odd = rows.add("{}", run_id='a"]\\ü') if rows.is_sqlite else there[2]
    named = Selection(run_ids=(*there[:2], odd, *(str(uuid4()) for _ in range(1000))))
    with rows.database.connect() as connection:
        assert runs.count(rows.database, connection, named) == 3
