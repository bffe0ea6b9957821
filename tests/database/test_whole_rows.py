"""Whole rows are read as of one moment, every column exactly, in pieces that fit memory."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from secrets import token_hex
from uuid import uuid4

import pytest

from tests.database.conftest import opened
from tests.support.rows import DAY, Rows, compact
from zenctx.database import runtime_state, whole_rows_postgresql, whole_rows_sqlite
from zenctx.database.engine import Database, write_transaction
from zenctx.database.rows import Selection
from zenctx.database.whole_rows import StoredState, WholeRow, WholeSelection, consistent_read
from zenctx.errors import DatabaseError

AT = datetime(2026, 1, 31, 23, 59, 59, 120, tzinfo=UTC)
COLUMNS = [
    *("id", "workflow_id", "status", "error", "trigger_type", "started_at", "ended_at", "retry_of"),
    *("retry_attempt", "next_retry_at"),
]


def read(database: Database, *, unfinished: bool = False, **selected: tuple[str, ...]) -> list[WholeRow]:
    """Read rows."""
    with consistent_read(database) as reading:
        pieces = reading.batches(WholeSelection(Selection(**selected), unfinished))  # type: ignore[arg-type]
        return [row for piece in pieces for row in piece]


def only(database: Database) -> WholeRow:
    """Read the one row that there is."""
    (row,) = read(database)
    return row


def test_every_column_is_there_and_exact(rows: Rows) -> None:
    """Texts as they are, times in UTC with microseconds, NULL as None; the context as its exact text."""
    run_id = rows.add('{"a":1.10}', started=AT, ended=None)
    rows.execute("update workflow_runs set error = :text", text="quote \" ' \\ and\nline \u2028 \U0001f680")
    row = only(rows.database)
    assert list(row.columns) == COLUMNS
    assert row.columns == {
        **dict.fromkeys(COLUMNS),
        "id": run_id,
        "workflow_id": rows.workflow_id,
        "status": "SUCCESS",
        "error": "quote \" ' \\ and\nline \u2028 \U0001f680",
        "started_at": "2026-01-31T23:59:59.000120Z",
        "retry_attempt": "0",
    }
    assert (row.run_id, row.context, row.state, row.storage) == (run_id, rows.text(run_id), None, {})
    assert (row.as_run_row.started_at, row.as_run_row.ended_at) == (AT, None)


def test_columns_that_zenctx_does_not_know_are_taken_too(rows: Rows) -> None:
    """What a newer engine adds is there, whatever its name and type; what follows from other columns is not."""
    kind = "blob" if rows.is_sqlite else "bytea"
    rows.execute(f'alter table workflow_runs add column "odd "" \\:name" {kind}')
    rows.execute("alter table workflow_runs add column twice int generated always as (retry_attempt * 2) virtual")
    run_id = rows.add("{}")
    rows.execute('update workflow_runs set "odd "" \\:name" = :bytes', bytes=b"\x00\xff")
    columns = only(rows.database).columns
    assert list(columns) == [*COLUMNS, 'odd " :name']
    assert (columns['odd " :name'], columns["id"]) == ("\\x00ff", run_id)


def test_null_and_empty_contexts_are_told_apart(rows: Rows) -> None:
    """SQL NULL is None, JSON's null and an empty object are texts."""
    ids = {context: rows.add(context) for context in (None, "null", "{}")}
    found = {row.run_id: row.context for row in read(rows.database)}
    assert [found[ids[context]] for context in (None, "null", "{}")] == [None, b"null", b"{}"]


def test_the_runtime_state_comes_with_its_row(rows: Rows) -> None:
    """It may hold any text; rows without one have none."""
    with_state, without = sorted((rows.add("{}"), rows.add("{}")))
    state = '{"consumers": {"a:b": 2}}'
    with rows.database.connect() as connection, write_transaction(connection):
        runtime_state.write(connection, with_state, state)
    found = {row.run_id: row.state for row in read(rows.database)}
    assert found == {with_state: StoredState(1, state), without: None}


def test_without_tables_of_ours_rows_have_no_state(rows: Rows) -> None:
    """Nothing of ours is needed."""
    run_id = rows.add("{}")
    rows.execute("drop table zenctx_runtime_state")
    assert [(row.run_id, row.state) for row in read(rows.database)] == [(run_id, None)]


def test_rows_come_by_id_and_as_selected(rows: Rows) -> None:
    """By id, status, workflow, or only those that have not ended with success."""
    workflow = rows.add_workflow()
    done = rows.add("{}")
    parked = rows.add("{}", status="RUNNING", ended=None)
    failed = rows.add("{}", status="ERROR", workflow=workflow)
    odd = rows.add("{}", status="SUCCESS", ended=None)

    def ids(**selected: object) -> list[str]:
        return [row.run_id for row in read(rows.database, **selected)]  # type: ignore[arg-type]

    assert ids() == sorted((done, parked, failed, odd))
    assert ids(unfinished=True) == sorted((parked, failed, odd))
    assert ids(unfinished=True, statuses=("ERROR",)) == [failed]
    assert ids(statuses=("RUNNING", "ERROR")) == sorted((parked, failed))
    assert ids(workflow_ids=(workflow,)) == [failed]
    assert ids(run_ids=(done, str(uuid4()))) == [done]


def test_pieces_stay_small(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rows and by bytes; a row that is larger than a piece may be comes by itself."""
    for dialect in (whole_rows_sqlite, whole_rows_postgresql):
        monkeypatch.setattr(dialect, "MAX_ROWS", 3)
        monkeypatch.setattr(dialect, "MAX_BYTES", 10_000)
    ids = sorted(str(uuid4()) for _ in range(9))
    large = ids[4]
    for run_id in ids:
        rows.add(compact({"a": token_hex(15_000 if run_id == large else 5)}), run_id=run_id)
    with consistent_read(rows.database) as reading:
        pieces = [[row.run_id for row in piece] for piece in reading.batches(WholeSelection())]
    assert [run_id for piece in pieces for run_id in piece] == ids
    assert max(map(len, pieces)) <= 3
    assert next(piece for piece in pieces if large in piece)[-1] == large


def test_other_columns_count_as_well(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row may have a long error beside a short context."""
    for dialect in (whole_rows_sqlite, whole_rows_postgresql):
        monkeypatch.setattr(dialect, "MAX_BYTES", 10_000)
    rows.add_all("{}" for _ in range(6))
    rows.execute("update workflow_runs set error = :text", text=token_hex(4000))
    with consistent_read(rows.database) as reading:
        pieces = list(reading.batches(WholeSelection()))
    assert max(map(len, pieces)) <= 2


@pytest.mark.parametrize("postgres_url", ["oldest"], indirect=True)
def test_an_older_server_spells_alike(postgresql_rows: Rows) -> None:
    """What is asked of the server is not only known to the newest."""
    run_id = postgresql_rows.add('{"a":1.10}', started=AT)
    row = only(postgresql_rows.database)
    assert (row.run_id, row.context, row.columns["started_at"]) == (
        run_id,
        b'{"a": 1.10}',
        "2026-01-31T23:59:59.000120Z",
    )


def test_very_many_ids_may_be_asked_for(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a statement has room for; each row comes once, by id."""
    monkeypatch.setattr(whole_rows_sqlite, "MAX_IDS", 100)
    ids = sorted(rows.add_all("{}" for _ in range(250)))
    absent = [str(uuid4()) for _ in range(40_000)]
    found = read(rows.database, run_ids=(*absent, *reversed(ids), *ids))
    assert [row.run_id for row in found] == ids


def _slowly(pieces: Iterator[list[WholeRow]], first: list[WholeRow]) -> Iterator[WholeRow]:
    yield from first
    for piece in pieces:
        yield from piece


def test_all_is_seen_as_of_one_moment(postgresql_rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others commit while it is read, changes nothing: neither rows nor states nor the columns."""
    rows = postgresql_rows
    monkeypatch.setattr(whole_rows_postgresql, "MAX_ROWS", 2)
    ids = sorted(rows.add('{"a":1}') for _ in range(7))
    with consistent_read(rows.database) as reading:
        pieces = reading.batches(WholeSelection())
        first = next(pieces)
        rows.execute("update workflow_runs set context = '{}', status = 'ERROR'")
        rows.add("{}", run_id="ffffffff-ffff-4fff-8fff-ffffffffffff")
        rows.execute("delete from workflow_runs where id = cast(:id as uuid)", id=ids[-1])
        found = list(_slowly(pieces, first))
    assert [row.run_id for row in found] == ids
    assert {row.context for row in found} == {b'{"a": 1}'}
    assert {row.columns["status"] for row in found} == {"SUCCESS"}


def test_reading_an_sqlite_file_waits_for_nobody_and_sees_one_state(sqlite_rows: Rows) -> None:
    """In WAL mode others write meanwhile; what they write is not seen."""
    rows = sqlite_rows
    with closing(sqlite3.connect(str(rows.database.sqlite_path))) as connection:
        connection.execute("pragma journal_mode = wal")
    ids = sorted(rows.add('{"a":1}') for _ in range(1200))
    with consistent_read(rows.database) as reading:
        pieces = reading.batches(WholeSelection())
        first = next(pieces)
        rows.execute("update workflow_runs set context = '{}'")
        found = list(_slowly(pieces, first))
    assert [row.run_id for row in found] == ids
    assert {row.context for row in found} == {b'{"a":1}'}


@pytest.mark.parametrize(
    "options",
    ["-c TimeZone=Asia/Kolkata", "-c DateStyle=German", "-c extra_float_digits=0 -c IntervalStyle=sql_standard"],
)
def test_no_setting_of_the_session_changes_a_spelling(
    postgresql_rows: Rows, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every digit is there, and times are those of UTC, whatever the role, the database or PGOPTIONS say."""
    rows = postgresql_rows
    rows.execute("alter table workflow_runs add column weight double precision, add column length interval")
    rows.add("{}", started=AT, ended=AT)
    rows.execute("update workflow_runs set weight = 0.1::float8 + 0.2::float8, length = '1 year 2 days 03:04:05.5'")
    monkeypatch.setenv("PGOPTIONS", options)
    url = rows.database.engine.url.render_as_string(hide_password=False)
    with opened(url, read_only=True) as database:
        columns = only(database).columns
    assert columns["ended_at"] == "2026-01-31T23:59:59.000120Z"
    assert (columns["weight"], columns["length"]) == ("0.30000000000000004", "1 year 2 days 03:04:05.5")


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
        ("0044-03-15 00:00:00 BC", "0044-03-15 00:00:00+00 BC"),
        ("12026-01-02 03:04:05.5+01", "12026-01-02 02:04:05.5+00"),
        ("9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_times_that_no_calendar_has_are_exact_too(postgresql_rows: Rows, stored: str, text: str) -> None:
    """Each can be cast back to the very same time."""
    rows = postgresql_rows
    rows.add("{}")
    rows.execute("update workflow_runs set ended_at = cast(:stored as timestamptz)", stored=stored)
    columns = only(rows.database).columns
    assert columns["ended_at"] == text
    (same,) = rows.fetch("select ended_at = cast(:text as timestamptz) from workflow_runs", text=columns["ended_at"])[0]
    assert same is True


def test_every_column_of_postgresql_can_be_cast_back(postgresql_rows: Rows) -> None:
    """Numbers, arrays, documents, enums: the text, cast to the type of the column, is the value."""
    rows = postgresql_rows
    values = {
        "numeric": "'1.10'",
        "jsonb": """'{"a": [1.10, 18446744073709551616]}'""",
        "text[]": """array['a,b', '"', null]""",
        "timestamptz[]": "array[now()]",
        "real": "'0.1'",
        "boolean": "true",
        "tstzrange": "tstzrange(now(), null)",
        "inet": "'::1/128'",
        "workflow_status_enum": "'WAITING'",
        "time with time zone": "'23:59:59.999999+05:30'",
        "interval": "interval '-1 month 2 days'",
    }
    rows.add("{}")
    for place, (kind, value) in enumerate(values.items()):
        rows.execute(f"alter table workflow_runs add column c{place} {kind}".replace(":", "\\:"))
        rows.execute(f"update workflow_runs set c{place} = {value}".replace(":", "\\:"))
    columns = only(rows.database).columns
    for place, kind in enumerate(values):
        query = f"select cast(cast(:text as text) as {kind}) is not distinct from c{place} from workflow_runs"
        if kind == "jsonb":
            query = f"select cast(:text as jsonb)::text = c{place}::text from workflow_runs"
        assert rows.fetch(query, text=columns[f"c{place}"])[0][0] is True, kind


def test_sqlite_values_keep_the_class_they_are_stored_as(sqlite_rows: Rows) -> None:
    """Numbers in columns of text, blobs and texts that are not UTF-8: each is named beside its text."""
    rows = sqlite_rows
    rows.execute("alter table workflow_runs add column a")
    rows.execute("alter table workflow_runs add column b")
    run_id = rows.add("{}", ended=None)
    rows.execute("update workflow_runs set error = cast(x'ff41' as text), retry_attempt = 'many', a = 5, b = 0.1")
    rows.execute("update workflow_runs set trigger_type = x'4d', next_retry_at = cast('x' || char(0) || 'y' as text)")
    row = only(rows.database)
    assert row.storage == {"error": "text", "a": "integer", "b": "real", "trigger_type": "blob"}
    shown = {name: row.columns[name] for name in ("error", "retry_attempt", "a", "b", "trigger_type", "next_retry_at")}
    assert list(shown.values()) == ["\\xff41", "many", "5", "0.1", "\\x4d", "x\0y"]
    assert row.run_id == run_id


@pytest.mark.parametrize(
    ("expression", "context", "storage"),
    [
        ("x'7b7d'", b"{}", {"context": "blob"}),
        ("cast(x'7b22ff227d' as text)", b'{"\xff"}', {}),
        ("'{' || char(0) || '}'", b"{\0}", {}),
        ("''", b"", {}),
    ],
)
def test_sqlite_contexts_are_the_bytes_that_are_stored(
    sqlite_rows: Rows, expression: str, context: bytes, storage: dict[str, str]
) -> None:
    """Also those that are no text, or end early for a careless reader."""
    sqlite_rows.add("{}")
    sqlite_rows.execute(f"update workflow_runs set context = {expression}")
    row = only(sqlite_rows.database)
    assert (row.context, row.storage) == (context, storage)


def test_sqlite_contexts_in_a_column_of_numbers(sqlite: Database) -> None:
    """A column declared `jsonb` turns a text of digits into a number: it is read with all its digits."""
    with sqlite.connect() as connection, write_transaction(connection):
        connection.exec_driver_sql(
            "create table workflow_runs (id text primary key, workflow_id text, status text, started_at text,"
            " ended_at text, context jsonb)"
        )
        connection.exec_driver_sql("insert into workflow_runs (id, context) values ('a', '12345678901'), ('b', '0.1')")
    assert [(row.context, row.storage) for row in read(sqlite)] == [
        (b"12345678901", {"context": "integer"}),
        (b"0.1", {"context": "real"}),
    ]


def test_sqlite_ids_may_be_anything(sqlite_rows: Rows) -> None:
    """An id is no more than a text, and need not be one."""
    rows = sqlite_rows
    rows.add("{}", run_id="")
    rows.add("{}", run_id="../../x")
    rows.execute(
        "insert into workflow_runs (id, workflow_id, status) values (x'00', :workflow, 'X')", workflow=rows.workflow_id
    )
    assert [(row.run_id, row.storage.get("id")) for row in read(rows.database)] == [
        ("", None),
        ("../../x", None),
        ("\\x00", "blob"),
    ]


def test_rights_to_read_are_enough_but_for_states_that_may_not_be_read(postgresql_rows: Rows) -> None:
    """A role that may read the engine's table reads whole rows; states that it may not see are not passed over."""
    rows = postgresql_rows
    run_id = rows.add("{}", ended=DAY)
    role = "zenctx_whole_rows"
    rows.execute(f"create role {role} login")
    try:
        rows.execute(f"grant select on workflow_runs to {role}")
        url = rows.database.engine.url.set(username=role).render_as_string(hide_password=False)
        with opened(url, read_only=True) as database:
            with pytest.raises(DatabaseError, match="zenctx_runtime_state"):
                read(database)
            rows.execute("drop table zenctx_runtime_state")
            assert [row.run_id for row in read(database)] == [run_id]
    finally:
        rows.execute(f"drop owned by {role}")
        rows.execute(f"drop role {role}")


def test_a_database_of_something_else_is_named(database: Database) -> None:
    """One sentence says that the table is missing."""
    with pytest.raises(DatabaseError, match="no table workflow_runs"):
        read(database)
