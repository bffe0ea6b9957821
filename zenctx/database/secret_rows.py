"""What a run has stored beside its context that may hold secrets: error texts, the outputs of its nodes, its state.

Everything is read as exact bytes; on SQLite with the class that it is stored as, which it keeps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from zenctx.database.checks import can_read, has_table
from zenctx.database.engine import SQLITE
from zenctx.database.run_columns import read_columns
from zenctx.database.schema import zenctx_quarantine, zenctx_runtime_state

NODES = "node_executions"
OUTPUT, ERROR, NODE_KEY = "output", "error", "node_key"

_IDS = 500
"""Ids in one statement; SQLite limits the number of its parameters."""
_PIECE = 4 * 1024 * 1024

_NODE_COLUMNS = {
    "postgresql": """
        select attname, format_type(atttypid, atttypmod) from pg_catalog.pg_attribute
        where attrelid = to_regclass('node_executions') and attnum > 0 and not attisdropped""",
    "sqlite": "select name, type from pragma_table_info('node_executions')",
}
# One statement for many runs: there may be no index that finds the nodes of a run.
_FIND_NODES = {
    "postgresql": """
        select workflow_run_id::text, id::text, {sizes} from node_executions
        where workflow_run_id = any(cast(:ids as uuid[])) order by 1, 2""",
    "sqlite": """
        select cast(workflow_run_id as text), rowid, {sizes} from node_executions
        where workflow_run_id in :ids order by 1, 2""",
}
_SIZE = {"postgresql": "coalesce(4 * pg_column_size({0}), 0)", "sqlite": "coalesce(length(cast({0} as blob)), 0)"}
_READ_NODES = {
    "postgresql": "select id::text, xmin::text, {columns} from node_executions where id = any(cast(:ids as {id}[]))",
    "sqlite": "select rowid, '', {columns} from node_executions where rowid in :ids",
}
_STORED = {"postgresql": "'', {0}::text", "sqlite": "typeof({0}), cast({0} as blob)"}
_MORE = {
    "postgresql": "select id::text, 'text', {error} from workflow_runs where id = any(cast(:ids as uuid[]))",
    "sqlite": "select id, typeof(context), {error} from workflow_runs where id in :ids",
}
_STATES = {
    "postgresql": "select run_id, '', state from zenctx_runtime_state where run_id in :ids",
    "sqlite": "select run_id, typeof(state), cast(state as blob) from zenctx_runtime_state where run_id in :ids",
}
_NOTHING = "'null', null"


class Stored(NamedTuple):
    """A stored value: its exact bytes (None: NULL), and SQLite's class of it."""

    content: bytes | None = None
    kind: str = "null"


@dataclass(frozen=True, slots=True)
class Places:
    """Where there can be secrets: `node_types` are the columns of the nodes (None: no such table, or `unread`)."""

    dialect: str
    has_error: bool
    has_state: bool
    has_quarantine: bool
    node_types: dict[str, str] | None
    unread: str | None = None
    """The table that is there and may not be read."""


class NodeRow(NamedTuple):
    """One execution of a node: `handle` is its id on PostgreSQL, its rowid on SQLite."""

    run_id: str
    handle: str | int
    node_key: str
    output: Stored
    error: Stored
    version: str


@dataclass(frozen=True, slots=True)
class MoreOfRun:
    """What a run has beside its context; `context_kind` is SQLite's class of the context."""

    context_kind: str = "text"
    error: Stored = field(default_factory=Stored)
    state: Stored = field(default_factory=Stored)
    is_quarantined: bool = False


def find_places(connection: Connection) -> Places:
    """Finds out which tables and columns there are to be searched; no transaction stays open."""
    dialect = connection.dialect.name
    has_nodes = can_read(connection, NODES)
    types = (
        {str(name): str(kind) for name, kind in connection.execute(text(_NODE_COLUMNS[dialect]))} if has_nodes else None
    )
    unread = NODES if not has_nodes and has_table(connection, NODES) else None
    has_error = "error" in read_columns(connection).types
    state, quarantine = zenctx_runtime_state.name, zenctx_quarantine.name
    places = Places(dialect, has_error, can_read(connection, state), can_read(connection, quarantine), types, unread)
    connection.rollback()
    return places


def read_more(connection: Connection, places: Places, run_ids: Sequence[str]) -> dict[str, MoreOfRun]:
    """Gives what some runs have beside their contexts, but for their nodes."""
    error = _STORED[places.dialect].format("error") if places.has_error else _NOTHING
    rows = _for_ids(connection, _MORE[places.dialect].format(error=error), run_ids)
    states: dict[str, Stored] = {}
    if places.has_state:
        states = {
            str(run_id): Stored(_bytes(state), kind)
            for run_id, kind, state in _for_ids(connection, _STATES[places.dialect], run_ids, as_list=True)
        }
    held: set[str] = set()
    if places.has_quarantine:
        query = "select run_id from zenctx_quarantine where run_id in :ids"
        held = {str(run_id) for (run_id,) in _for_ids(connection, query, run_ids, as_list=True)}
    return {
        str(run_id): MoreOfRun(
            kind, Stored(_bytes(error), error_kind), states.get(str(run_id), Stored()), str(run_id) in held
        )
        for run_id, kind, error_kind, error in rows
    }


def read_nodes(connection: Connection, places: Places, run_ids: Sequence[str]) -> Iterator[tuple[str, list[NodeRow]]]:
    """Yields the nodes of some runs, run by run: all that a run has at once, and some megabytes read ahead."""
    waiting: list[tuple[str, list[Any]]] = []
    size = 0
    for run_id, handle, bytes_ in _found_nodes(connection, places, run_ids):
        if not waiting or waiting[-1][0] != run_id:
            if size >= _PIECE:
                yield from _read_piece(connection, places, waiting)
                waiting, size = [], 0
            waiting.append((run_id, []))
        waiting[-1][1].append(handle)
        size += bytes_
    yield from _read_piece(connection, places, waiting)


def _found_nodes(connection: Connection, places: Places, run_ids: Sequence[str]) -> list[Any]:
    if not places.node_types:
        return []
    columns = [name for name in (OUTPUT, ERROR) if name in places.node_types]
    sizes = " + ".join(_SIZE[places.dialect].format(name) for name in columns) or "0"
    return _for_ids(connection, _FIND_NODES[places.dialect].format(sizes=sizes), run_ids)


def _read_piece(
    connection: Connection, places: Places, wanted: Sequence[tuple[str, list[Any]]]
) -> Iterator[tuple[str, list[NodeRow]]]:
    if not wanted:
        return
    types = places.node_types or {}
    stored = [_STORED[places.dialect].format(name) if name in types else _NOTHING for name in (OUTPUT, ERROR)]
    key = f"cast({NODE_KEY} as text)" if NODE_KEY in types else "''"
    statement = _READ_NODES[places.dialect].format(columns=", ".join([key, *stored]), id=types.get("id"))
    handles = [handle for _, some in wanted for handle in some]
    rows = {row[0]: row for row in _for_ids(connection, statement, handles)}
    for run_id, some in wanted:
        yield run_id, [_node(run_id, rows[handle]) for handle in some if handle in rows]


def _node(run_id: str, row: Any) -> NodeRow:
    handle, version, key, output_kind, output, error_kind, error = row
    return NodeRow(
        run_id, handle, str(key), Stored(_bytes(output), output_kind), Stored(_bytes(error), error_kind), version
    )


def _for_ids(connection: Connection, statement: str, ids: Sequence[Any], *, as_list: bool = False) -> list[Any]:
    """Runs a statement for some ids; `as_list`: they stand in a list of parameters also on PostgreSQL."""
    is_array = connection.dialect.name != SQLITE and not as_list
    prepared = text(statement.replace("::", "\\:\\:"))
    if is_array:
        return list(connection.execute(prepared, {"ids": list(ids)}))
    prepared = prepared.bindparams(bindparam("ids", expanding=True))
    found: list[Any] = []
    for start in range(0, len(ids), _IDS):
        found += connection.execute(prepared, {"ids": list(ids[start : start + _IDS])})
    return found


def _bytes(value: Any) -> bytes | None:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
