"""The order in which people look at runs: newest first.

There is no index on the time: each chunk of ids is found by one scan that reads no context, and chunks grow.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from zenctx.database import postgresql, sqlite
from zenctx.database.engine import SQLITE
from zenctx.database.rows import Selection

FIRST_CHUNK, MAX_CHUNK = 1000, 20_000

_POSTGRESQL = """
    select id::text, started_at::text from workflow_runs where {conditions}
    order by started_at desc, id desc limit :rows"""
_POSTGRESQL_AFTER = "(started_at, id) < (cast(:started as timestamptz), cast(:last as uuid))"
_SQLITE = """
    select rowid, started_at, id from workflow_runs where {conditions}
    order by started_at desc, rowid desc limit :rows"""
_SQLITE_AFTER = "(started_at, rowid) < (:started, :last)"


def walk(connection: Connection, selection: Selection, size: int) -> Iterator[list[str]]:
    """Yields the ids of the selected runs, newest first, `size` at a time; no transaction stays open."""
    is_sqlite = connection.dialect.name == SQLITE
    template, beyond = (_SQLITE, _SQLITE_AFTER) if is_sqlite else (_POSTGRESQL, _POSTGRESQL_AFTER)
    conditions, parameters = (sqlite if is_sqlite else postgresql).selected(selection)
    after: dict[str, Any] = {}
    rows = FIRST_CHUNK
    while True:
        where = " and ".join([*conditions, beyond] if after else conditions) or "true"
        statement = text(template.format(conditions=where))
        found = connection.execute(statement, {**parameters, **after, "rows": rows}).all()
        connection.rollback()
        for start in range(0, len(found), size):
            yield [row[-1] if is_sqlite else row[0] for row in found[start : start + size]]
        if len(found) < rows:
            return
        after = {"last": found[-1][0], "started": found[-1][1]}
        rows = min(2 * rows, MAX_CHUNK)
