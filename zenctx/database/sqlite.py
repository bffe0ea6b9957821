"""Runs in SQLite: walked by rowid, read as bytes, written back where the text is unchanged.

By a random primary key a walk is half as fast. A rowid may change when the file is vacuumed, so no write trusts it
alone.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, text

from zenctx.database.columns import iso_utc
from zenctx.database.errors import RejectedValueError, translated_errors
from zenctx.database.rows import (
    BatchLimits,
    ContextChange,
    Position,
    Rejection,
    RunRow,
    Selection,
    UnknownRows,
    Written,
)

# Pages, 16 MB of the usual size: what a batch changes must fit, or some of it is written early, with its own sync.
WRITER_SETTINGS: Mapping[str, str] = MappingProxyType({"cache_size": "4096"})

# As a blob the text comes byte for byte: what is not UTF-8 is our business, and must not stop the driver.
_COLUMNS = "select rowid, id, workflow_id, status, started_at, ended_at, cast(context as blob) from workflow_runs"
_COUNT = "select count(*) from workflow_runs where {conditions}"
_UPDATE = "update workflow_runs set context = ? where rowid = ? and id = ? and cast(context as blob) = ?"
_UPDATE_SOME = """
    update workflow_runs set context = cast({new} as text)
    where rowid in ({rowids}) and id = {id} and cast(context as blob) = {old}"""
_AMONG = "{column} in (select value from json_each(:{column}_all))"
_MOST_PARAMETERS = 500
"""Values in one list of parameters; SQLite limits their number, and SQLAlchemy needs much memory for each."""
_TOGETHER = 100
"""Rows in one statement, each of four values. More save nothing: a thread that waits for its turn after each of them
waits for little."""
_BRANCHES = 3


def read_batch(
    connection: Connection, after: Position | None, limits: BatchLimits, selection: Selection
) -> list[RunRow]:
    """Reads the next runs by rowid, at most `limits` of them (at least one, if there is one)."""
    conditions, parameters = selected(selection)
    if after is not None:
        conditions.append("rowid > :after")
        parameters["after"] = after
    if limits.up_to is not None:
        conditions.append("rowid <= :up_to")
        parameters["up_to"] = limits.up_to
    where = f" where {' and '.join(conditions)}" if conditions else ""
    statement = text(f"{_COLUMNS}{where} order by rowid limit :rows")
    rows: list[RunRow] = []
    read = 0
    with connection.execute(statement, parameters | {"rows": limits.rows}) as result:
        # The driver's own rows: there are very many of them.
        for values in iter(result.cursor.fetchone, None):
            rows.append(_row(values))
            read += len(values[-1] or b"")
            if read >= limits.stored_bytes:
                break
    return rows


def read_unknown(
    connection: Connection, after: Position | None, limits: BatchLimits, selection: Selection, versions: Sequence[str]
) -> UnknownRows:
    """Reads as `read_batch` does: rows have no versions here, so none is known by it."""
    del versions
    rows = read_batch(connection, after, limits, selection)
    return UnknownRows(rows, 0, rows[-1].position if rows else None)


def read_run(connection: Connection, run_id: str) -> RunRow | None:
    """Reads one run; None if there is no such id."""
    values = connection.execute(text(f"{_COLUMNS} where id = :run_id"), {"run_id": run_id}).first()
    return None if values is None else _row(values)


def count(connection: Connection, selection: Selection) -> int:
    """Counts the selected runs."""
    conditions, parameters = selected(selection)
    statement = text(_COUNT.format(conditions=" and ".join(conditions) or "true"))
    counted: int = connection.execute(statement, parameters).scalar_one()
    return counted


def write_batch(connection: Connection, changes: Sequence[ContextChange], description: str) -> Written:
    """Writes contexts back, each only if its text is as it was read; inside the caller's immediate transaction.

    Some rows at once: it takes half the time, and all the while other threads may go on. If one of them has changed,
    or the database refuses one, all is undone and done again row by row, which tells those from the others.
    """
    cursor: Any = connection.connection.cursor()
    with translated_errors(description):
        cursor.execute("savepoint zenctx_batch")
        if _update_all_taken(cursor, changes, description):
            written = Written([change.row.run_id for change in changes])
        else:
            cursor.execute("rollback to zenctx_batch")
            written = _update_each(cursor, changes, description)
        cursor.execute("release zenctx_batch")
    return written


def _update_all_taken(cursor: Any, changes: Sequence[ContextChange], description: str) -> bool:
    try:
        with translated_errors(description):
            return _update_all(cursor, changes)
    except RejectedValueError:
        # A trigger may have ended the whole transaction, and then nothing can be told apart within it.
        if not cursor.connection.in_transaction:
            raise
        return False


def _update_all(cursor: Any, changes: Sequence[ContextChange]) -> bool:
    for start in range(0, len(changes), _TOGETHER):
        some = changes[start : start + _TOGETHER]
        parameters: list[object] = []
        for row, text_ in some:
            parameters += (row.position, row.run_id, text_, row.text)
        cursor.execute(_update_some(len(some)), parameters)
        if cursor.rowcount != len(some):
            return False
    return True


@lru_cache(maxsize=_TOGETHER)
def _update_some(count: int) -> str:
    """The statement for so many rows; each takes its rowid, its id, its new text and its old one."""
    numbers = range(1, 4 * count, 4)
    return _UPDATE_SOME.format(
        rowids=", ".join(f"?{number}" for number in numbers),
        id=_by_rowid(numbers, 1),
        new=_by_rowid(numbers, 2),
        old=_by_rowid(numbers, 3),
    )


def _by_rowid(numbers: Sequence[int], offset: int) -> str:
    """The expression for the row's own value: `offset` behind its rowid, which ascend. A search by halves."""
    if len(numbers) > _BRANCHES:
        middle = len(numbers) // 2
        less, more = _by_rowid(numbers[:middle], offset), _by_rowid(numbers[middle:], offset)
        return f"case when rowid < ?{numbers[middle]} then {less} else {more} end"
    return f"case rowid {' '.join(f'when ?{number} then ?{number + offset}' for number in numbers)} end"


def _update_each(cursor: Any, changes: Sequence[ContextChange], description: str) -> Written:
    written = Written()
    for change in changes:
        # A savepoint for each: a trigger may fail after its row was written.
        cursor.execute("savepoint zenctx_row")
        try:
            with translated_errors(description):
                if _update_one(cursor, change):
                    written.run_ids.append(change.row.run_id)
        except RejectedValueError as error:
            if not cursor.connection.in_transaction:
                raise
            cursor.execute("rollback to zenctx_row")
            written.rejected.append(Rejection(change, error.reason))
        cursor.execute("release zenctx_row")
    return written


def _update_one(cursor: Any, change: ContextChange) -> bool:
    row = change.row
    cursor.execute(_UPDATE, (change.text.decode(), row.position, row.run_id, row.text))
    return bool(cursor.rowcount == 1)


def changes_of_others(connection: Connection) -> int | None:
    """Gives a number that is another once another connection has committed any change to the file."""
    cursor: Any = connection.connection.cursor()
    (number,) = cursor.execute("pragma data_version").fetchone()
    return int(number)


def selected(selection: Selection) -> tuple[list[str], dict[str, Any]]:
    """Gives the conditions of a selection, to be joined by AND, and their parameters."""
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for column, chosen in (
        ("id", selection.run_ids),
        ("status", selection.statuses),
        ("workflow_id", selection.workflow_ids),
    ):
        if len(chosen) > _MOST_PARAMETERS:
            conditions.append(_AMONG.format(column=column))
            parameters[f"{column}_all"] = json.dumps(chosen)
        elif chosen:
            names = [f"{column}_{number}" for number in range(len(chosen))]
            conditions.append(f"{column} in ({', '.join(':' + name for name in names)})")
            parameters |= dict(zip(names, chosen, strict=True))
    if selection.since is not None:
        conditions.append("julianday(started_at) >= julianday(:since)")
        parameters["since"] = iso_utc(selection.since)
    return conditions, parameters


def _row(values: Any) -> RunRow:
    rowid, run_id, workflow_id, status, started, ended, context = values
    # `_make` takes no arguments apart, which is most of what a row costs here.
    return RunRow._make((str(run_id), str(workflow_id), str(status), started, ended, context, rowid, ""))
