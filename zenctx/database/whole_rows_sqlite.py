"""Whole rows of SQLite, each value with the class that it is stored as, whatever the column was declared to hold."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from zenctx.database.rows import Selection
from zenctx.database.sqlite import selected
from zenctx.database.stored_values import INTEGER, read_text, spell

if TYPE_CHECKING:
    from zenctx.database.whole_rows import WholeSelection

Values = tuple[dict[str, str | None], bytes | None, str | None, dict[str, str]]

MAX_ROWS, MAX_BYTES = 500, 4 * 1024 * 1024
MAX_IDS = 5000

_COLUMNS = "select name, upper(type) like '%INT%' from pragma_table_info('workflow_runs') where name <> 'context'"
_READ = "select {context}, {state}, {columns} from workflow_runs{where} order by id"
# As a blob the text comes byte for byte; a number would lose digits on the way to one.
_CONTEXT = "typeof(context), case typeof(context) when 'text' then cast(context as blob) else context end"
_STATE = """
    (select s.format_version || ':' || s.state from zenctx_runtime_state s
    where s.run_id = cast(workflow_runs.id as text))"""
_UNFINISHED = "(status = 'SUCCESS' and ended_at is not null) is not true"


def begin(connection: Connection) -> None:
    """Begins a transaction; what is read first settles what all of it sees."""
    driver: Any = connection.connection.driver_connection
    driver.text_factory = read_text


def batches(connection: Connection, wanted: "WholeSelection", *, with_state: bool) -> Iterator[list[Values]]:
    """Yields rows by id, some at a time: at most `MAX_ROWS`, and `MAX_BYTES` or one more row."""
    # In a column of integers the digits become a number again by themselves; elsewhere the class must be told.
    columns = {str(name): bool(is_integer) for name, is_integer in connection.execute(text(_COLUMNS))}
    for selection in _parts(wanted.selection):
        conditions, parameters = selected(selection)
        if wanted.unfinished:
            conditions.append(_UNFINISHED)
        statement = _READ.format(
            context=_CONTEXT,
            state=_STATE if with_state else "null",
            columns=", ".join(_quoted(name) for name in columns),
            where=f" where {' and '.join(conditions)}" if conditions else "",
        )
        with connection.execute(text(statement), parameters) as result:
            yield from _pieces(columns, iter(result.cursor.fetchone, None))


def _parts(selection: Selection) -> Iterator[Selection]:
    """Takes a selection of very many ids apart, in the order of the ids: a statement has room for so many."""
    ids = sorted(set(selection.run_ids), key=_as_sorted)
    if not ids:
        yield selection
    for start in range(0, len(ids), MAX_IDS):
        yield replace(selection, run_ids=tuple(ids[start : start + MAX_IDS]))


def _as_sorted(run_id: str) -> bytes:
    return run_id.encode("utf-8", "surrogatepass")


def _pieces(columns: dict[str, bool], rows: Iterator[Any]) -> Iterator[list[Values]]:
    piece: list[Values] = []
    read = 0
    for row in rows:
        values = _values(columns, row)
        piece.append(values)
        read += len(values[1] or b"") + sum(map(len, filter(None, values[0].values())))
        if len(piece) == MAX_ROWS or read >= MAX_BYTES:
            yield piece
            piece, read = [], 0
    if piece:
        yield piece


def _quoted(name: str) -> str:
    # A colon begins a parameter unless it is escaped.
    return '"' + name.replace('"', '""').replace("\\", "\\\\").replace(":", "\\:") + '"'


def _values(columns: dict[str, bool], row: Sequence[Any]) -> Values:
    kind, context, state, *values = row
    spelled: dict[str, str | None] = {}
    storage: dict[str, str] = {}
    for (name, is_integer), value in zip(columns.items(), values, strict=True):
        spelled[name], stored = spell(value)
        if stored is not None and not (stored == INTEGER and is_integer):
            storage[name] = stored
    if kind not in ("text", "null"):
        storage["context"] = kind
    return spelled, _context(context), state, storage


def _context(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    digits, _ = spell(value)
    return None if digits is None else digits.encode()
