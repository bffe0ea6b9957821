"""Reads runs with everything that they have stored: row, error, state and the executions of their nodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zenctx.context.classes import RunClass
from zenctx.database import runs
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import BatchLimits, RunRow, Selection
from zenctx.database.secret_rows import MoreOfRun, NodeRow, Places, read_more, read_nodes
from zenctx.operations.run_classes import run_classes

_TOGETHER = 2000
"""Rows that are read at once: each time the nodes of all runs are searched, and there may be no index that helps."""
_EMPTY = (None, b"{}")


@dataclass(frozen=True, slots=True)
class RunParts:
    """A run as it was read, and what may still happen to it."""

    row: RunRow
    run_class: RunClass
    more: MoreOfRun
    nodes: Sequence[NodeRow]

    @property
    def size(self) -> int:
        """The bytes of all texts."""
        stored = [self.row.text, self.more.error.content, self.more.state.content]
        stored += [each.content for node in self.nodes for each in (node.output, node.error)]
        return sum(len(each) for each in stored if each is not None)


def walk(
    database: Database, connection: Connection, places: Places, selection: Selection, wanted: frozenset[RunClass] | None
) -> Iterator[RunParts | RunClass]:
    """Yields the selected runs by key with all that they have; of others than the `wanted` classes just the class.

    No transaction stays open while the caller has a run.
    """
    for rows in runs.walk(database, connection, selection, lambda: BatchLimits(rows=_TOGETHER)):
        classes = run_classes(connection, [(row, row.text not in _EMPTY) for row in rows])
        connection.rollback()
        here = {
            row.run_id: (row, run_class)
            for row, run_class in zip(rows, classes, strict=True)
            if wanted is None or run_class in wanted
        }
        yield from (run_class for run_class in classes if wanted is not None and run_class not in wanted)
        yield from _with_parts(connection, places, here)


def _with_parts(connection: Connection, places: Places, rows: dict[str, tuple[RunRow, RunClass]]) -> Iterator[RunParts]:
    if not rows:
        return
    more = read_more(connection, places, list(rows))
    connection.rollback()
    rest = dict(rows)
    for run_id, nodes in read_nodes(connection, places, list(rows)):
        connection.rollback()
        row, run_class = rest.pop(run_id)
        yield RunParts(row, run_class, more.get(run_id, MoreOfRun()), nodes)
    connection.rollback()
    for run_id, (row, run_class) in rest.items():
        yield RunParts(row, run_class, more.get(run_id, MoreOfRun()), ())
