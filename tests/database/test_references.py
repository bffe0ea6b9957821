"""What rows say of files is read in one go, and whoever stops on the way leaves a connection that works."""

from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from tests.operations.world import make_world
from zenctx.database import references
from zenctx.database.engine import Database
from zenctx.database.reference_rows import Sources

SOURCES = Sources(("mark",))
COUNT = 520


def test_every_row_is_read_once(database: Database, tmp_path: Path) -> None:
    """Small contexts and large ones, as bytes; those without a mark need not be."""
    rows = make_world(database, tmp_path).rows
    texts = {str(uuid4()): '{"a": "mark ä"}', str(uuid4()): f'{{"a": "mark{"x" * 50_000}"}}', str(uuid4()): None}
    for run_id, context in texts.items():
        rows.add(context, run_id=run_id)
    with database.connect() as connection:
        found = {row.run_id: row for row in references.rows(connection, SOURCES)}
    assert {run_id: row.text and row.text.decode() for run_id, row in found.items()} == texts
    assert [found[run_id].has_context for run_id in texts] == [True, True, False]


def test_reading_can_be_stopped(database: Database, tmp_path: Path) -> None:
    """The connection is as good as before."""
    rows = make_world(database, tmp_path).rows
    for _ in range(COUNT):
        rows.add('{"a": "mark"}')
    with database.connect() as connection:
        reading = references.rows(connection, SOURCES)
        assert next(reading).text is not None
        reading.close()  # type: ignore[attr-defined]  # it is a generator
        connection.rollback()
        assert connection.scalar(text("select count(*) from workflow_runs")) == COUNT
