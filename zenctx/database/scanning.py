"""Reads every run once with its whole context, for those who count: in pieces, fast, in bounded memory.

On PostgreSQL a server-side cursor reads all runs as of one moment. On SQLite batches by rowid are read, so that no lock
is held over all. While one piece is looked at the next one is on its way.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, text

from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import MAX_DEPTH
from zenctx.context.redact import SECRET_KEYS
from zenctx.context.secrets import BLANK_VALUES
from zenctx.database.checks import can_read, has_zenctx_tables
from zenctx.database.columns import read_moment
from zenctx.database.engine import SQLITE
from zenctx.database.rows import StoredTime

_ROWS, _BYTES = 500, 4 * 1024 * 1024
_LARGE = 32 * 1024
"""Longer contexts are read after all others, some megabytes at a time: so memory is bounded."""
_NO_TIME = float("nan")
_STATES = "zenctx_runtime_state"
OWN_TABLES = ("zenctx_store", "zenctx_pin", "zenctx_quarantine", _STATES)
"""Those of zenctx's tables that say something of runs and files."""


class ScannedRun(NamedTuple):
    """One run. Times are in seconds since 1970: None where there is none, NaN where one cannot be read.

    `state_at`: when its runtime state was saved, if it has one. `text`: the exact text of its context in UTF-8, None
    for SQL NULL.
    """

    run_id: str
    workflow_id: str
    status: str
    started: float | None
    ended: float | None
    state_at: float | None
    text: "bytes | Plain | None"


class Plain(NamedTuple):
    """What stands for the text of a legacy context that the server has looked at: its length, and its secrets.

    `secrets`: those of the engine's reserved keys that it has with a value that is not blank.
    """

    length: int
    secrets: tuple[str, ...]


Scanned: TypeAlias = tuple[str, str, str, float | None, float | None, float | None, bytes | Plain | None]
"""The fields of a `ScannedRun`, as a plain tuple: there are very many of them."""


class Tables(DataStruct, frozen=True):
    """Which of zenctx's own tables can be read, by their names; `states`: whether any run has a runtime state."""

    readable: frozenset[str]
    states: bool


def find_tables(connection: Connection) -> Tables:
    """Finds out what can be read besides the runs; leaves no transaction open."""
    own = OWN_TABLES if has_zenctx_tables(connection) else ()
    readable = frozenset(name for name in own if can_read(connection, name))
    states = _STATES in readable
    if states:
        states = bool(connection.scalar(text("select exists (select 1 from zenctx_runtime_state)")))
    connection.rollback()
    return Tables(readable, states)


def scan(connection: Connection, tables: Tables, *, brief: Sequence[str] | None = None) -> Iterator[list[Scanned]]:
    """Yields all runs in pieces; on PostgreSQL within one transaction, which the caller ends.

    `brief`: instead of the text of a context that is evidently legacy, and holds none of these texts, PostgreSQL gives
    a `Plain`, which takes a third of the time.
    """
    if connection.dialect.name == SQLITE:
        yield from _ahead(_sqlite_pieces(connection, tables))
    else:
        yield from _ahead(_postgresql_pieces(connection, tables, brief))


def _ahead(pieces: Iterator[list[Scanned]]) -> Iterator[list[Scanned]]:
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = thread.submit(next, pieces, None)
            yield piece


# Sent as bytes a text need not be decoded.
_POSTGRESQL = """
    select r.id::text, r.workflow_id::text, r.status::text, extract(epoch from r.started_at)::float8,
        extract(epoch from r.ended_at)::float8, {state}, {context}
    from (
        select *, {plain} as is_plain
        from (
            select id, workflow_id, status, started_at, ended_at, context::text as t, context as c
            from {source}
            offset 0) q
        offset 0) r {join}"""
_STATE = {
    True: ("extract(epoch from s.updated_at)::float8", "left join zenctx_runtime_state s on s.run_id = r.id::text"),
    False: ("null::float8", ""),
}
_SMALL = f"case when octet_length(r.t) <= {_LARGE} then convert_to(r.t, 'UTF8') end, octet_length(r.t)"
_WHOLE = "convert_to(r.t, 'UTF8')"
_ALL, _SOME = "workflow_runs", "workflow_runs where id = any(%s::uuid[])"


# A level of nesting takes two bytes at least. What is escaped in `jsonb` are control characters alone, so a descriptor
# shows by its type.
_IS_PLAIN = """
    coalesce(left(t, 1) = '{{' and t <> '{{}}' and octet_length(t) <= {levels}
        and strpos(t, 'MEMORY') = 0 and strpos(t, 'FILE') = 0 and strpos(t, 'JSON') = 0 {marks}, false)"""
_BLANK = ", ".join(f"'{value.decode()}'" for value in sorted(BLANK_VALUES))
_BIT = "case when coalesce(({value})::text, 'null') <> all(array[{blank}]) then {bit} else 0 end"
PLAIN_SECRETS = [
    tuple(key for at, key in enumerate(SECRET_KEYS) if bits >> at & 1) for bits in range(1 << len(SECRET_KEYS))
]
"""The reserved keys that each sum of `secret_bits` stands for."""
_BRIEF = f"""
    case when octet_length(r.t) <= {_LARGE} and not r.is_plain then convert_to(r.t, 'UTF8') end, octet_length(r.t),
    case when r.is_plain then {{secrets}} end"""


def secret_bits(value: str, keys: Sequence[str] = SECRET_KEYS) -> str:
    """Gives the expression that tells which of some reserved keys have a value that is not blank.

    `value`: the expression that gives the value of a `{key}`.
    """
    bits = [_BIT.format(value=value.format(key=key), blank=_BLANK, bit=1 << SECRET_KEYS.index(key)) for key in keys]
    return " + ".join(bits) or "0"


def _brief(brief: Sequence[str]) -> tuple[str, str]:
    """Gives what tells a plain context, and the columns that say of it what there is to say."""
    marks = " ".join("and strpos(t, %s) = 0" for _ in brief)
    plain = _IS_PLAIN.format(levels=2 * MAX_DEPTH, marks=marks)
    return plain, _BRIEF.format(secrets=secret_bits("r.c -> '{key}'"))


def _postgresql_pieces(connection: Connection, tables: Tables, brief: Sequence[str] | None) -> Iterator[list[Scanned]]:
    driver: Any = connection.connection.driver_connection
    large: list[tuple[str, int]] = []
    plain, columns = ("false", f"{_SMALL}, null::int") if brief is None else _brief(brief)
    with driver.cursor(name="zenctx_scan") as cursor:
        cursor.execute(_statement(tables, columns, _ALL, plain), brief or None, binary=True)
        while rows := cursor.fetchmany(_ROWS):
            large += [(row[0], row[7]) for row in rows if row[6] is None and row[7] is not None and row[8] is None]
            yield [_scanned(row) for row in rows if row[6] is not None or row[7] is None or row[8] is not None]
    yield from _by_id(driver, tables, large)


def _by_id(driver: Any, tables: Tables, large: Iterable[tuple[str, int]]) -> Iterator[list[Scanned]]:
    statement = _statement(tables, _WHOLE, _SOME)
    for ids in _some(large):
        with driver.cursor(binary=True) as cursor:
            yield cursor.execute(statement, (ids,)).fetchall()


def scan_some(connection: Connection, tables: Tables, run_ids: Iterable[tuple[str, int]]) -> Iterator[list[Scanned]]:
    """Yields some runs of PostgreSQL in pieces: they are named with the lengths of their contexts."""
    yield from _ahead(_by_id(connection.connection.driver_connection, tables, run_ids))


def with_texts(connection: Connection, tables: Tables, source: str, most: int) -> Iterator[Scanned]:
    """Yields up to `most` runs of a part of PostgreSQL's table, those with long contexts left out."""
    driver: Any = connection.connection.driver_connection
    statement = f"{_statement(tables, _WHOLE, source)} where coalesce(octet_length(r.t), 0) <= {_LARGE} limit {most}"
    with driver.cursor(name="zenctx_sample") as cursor:
        cursor.execute(statement, binary=True)
        while rows := cursor.fetchmany(_ROWS):
            yield from rows


def _scanned(row: Any) -> Scanned:
    return row[:7] if row[8] is None else (*row[:6], Plain(row[7], PLAIN_SECRETS[row[8]]))


def _statement(tables: Tables, context: str, source: str, plain: str = "false") -> str:
    state, join = _STATE[tables.states]
    return _POSTGRESQL.format(state=state, join=join, context=context, source=source, plain=plain)


def _some(large: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Yields the ids of contexts that are not too long together, or of a single one."""
    ids: list[str] = []
    length = 0
    for run_id, more in large:
        if ids and (length + more > _BYTES or len(ids) >= _ROWS):
            yield ids
            ids, length = [], 0
        ids.append(run_id)
        length += more
    if ids:
        yield ids


_SQLITE = """
    select r.rowid, r.id, r.workflow_id, r.status, r.started_at, r.ended_at, {state}, cast(r.context as blob)
    from workflow_runs r {join} where r.rowid > ? order by r.rowid limit ?"""
_SQLITE_STATE = {
    True: ("s.updated_at", "left join zenctx_runtime_state s on s.run_id = r.id"),
    False: ("null", ""),
}


def _sqlite_pieces(connection: Connection, tables: Tables) -> Iterator[list[Scanned]]:
    state, join = _SQLITE_STATE[tables.states]
    statement = _SQLITE.format(state=state, join=join)
    after = -(2**63)
    while True:
        piece: list[Scanned] = []
        length = 0
        cursor: Any = connection.connection.cursor()
        for rowid, *values in iter(cursor.execute(statement, (after, _ROWS)).fetchone, None):
            piece.append(_sqlite_row(values))
            after = rowid
            length += len(values[6] or b"")
            if length >= _BYTES:
                break
        cursor.close()
        if not piece:
            return
        yield piece


def _sqlite_row(values: list[Any]) -> Scanned:
    run_id, workflow_id, status, started, ended, state_at, context = values
    times = _seconds(started), _seconds(ended), _seconds(state_at)
    return (str(run_id), str(workflow_id), str(status), *times, context)


def _seconds(stored: StoredTime) -> float | None:
    if stored is None:
        return None
    moment = read_moment(stored)
    return _NO_TIME if moment is None else moment.timestamp()
