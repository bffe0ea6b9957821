"""Which form of contexts the engine in use writes, as far as the rows tell: nothing else says it."""

from collections.abc import Iterator, Sequence
from itertools import islice

from zenctx.context.forms import Form
from zenctx.database import conversions, newest, runs
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import RunRow, Selection

_TOGETHER = 50
"""Runs that are read at once: they may be large."""
_TOLD = (Form.LEGACY, Form.DESCRIPTORS)


def newest_rows(database: Database, connection: Connection, count: int) -> Iterator[RunRow]:
    """Yields about so many runs, the newest first. Leaves no transaction open."""
    chunks = newest.walk(connection, Selection(), _TOGETHER)
    for run_ids in islice(chunks, -(-count // _TOGETHER)):
        for part in runs.read_in_order(database, connection, run_ids):
            connection.rollback()
            yield from part


def form_of_the_engine(connection: Connection, forms: Sequence[tuple[str, Form]]) -> Form | None:
    """Tells the form that the engine itself wrote last, from runs and their forms, newest first; None where none tells.

    A context that zenctx converted or restored says nothing, unless it has another form than the record says: then the
    engine has written it since.
    """
    told = [(run_id, form) for run_id, form in forms if form in _TOLD and conversions.is_run_id(run_id)]
    if not told:
        return None
    recorded: dict[str, conversions.Conversion] = {}
    if has_zenctx_tables(connection) and conversions.has_any(connection):
        recorded = conversions.lookup(connection)([run_id for run_id, _ in told])
    connection.rollback()
    for run_id, form in told:
        found = recorded.get(run_id)
        if found is None or (found.direction in _TOLD and found.direction != form):
            return form
    return None
