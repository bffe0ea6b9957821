"""Reads the rows that a snapshot is asked for in one short transaction, and decides which of them belong to it."""

from collections.abc import Iterator
from datetime import datetime

from zenctx.context.classes import RESUMABLE, RunClass
from zenctx.context.datastruct import DataStruct
from zenctx.database import conversions
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import database_time
from zenctx.database.rows import RunRow
from zenctx.database.store_binding import database_identity
from zenctx.database.whole_rows import WholeRow, WholeSelection, consistent_read
from zenctx.operations.progress import Progress
from zenctx.operations.run_classes import run_classes
from zenctx.operations.snapshotting.request import SnapshotRequest
from zenctx.operations.snapshotting.spool import Spool
from zenctx.snapshots.model import SeenConversions

_TOGETHER = 10_000
"""Rows that are classified at once: each time the engine's own tables are searched."""

_LONGEST_EMPTY = 64
"""A context that is an empty object is not longer, blanks included; what is, has something in it."""

_TAKEN = RESUMABLE | {RunClass.UNREADABLE}
"""What nobody can tell to be over is taken, too."""

_CLASSES = tuple(RunClass)


class ReadRows(DataStruct, frozen=True):
    """The rows as of one moment, `read_at` by the database's clock; `zombies` were left out. `count` are taken.

    `applied_at`: up to when a read replica had applied its primary's changes.
    """

    spool: Spool
    classes: bytes
    count: int
    zombies: int
    read_at: datetime
    applied_at: datetime | None
    conversions: SeenConversions | None
    database_identity: str | None
    wants_all: bool

    def __iter__(self) -> Iterator[tuple[WholeRow, RunClass]]:
        """Yields the rows that belong to the snapshot, by id, each with its class."""
        for row, number in zip(self.spool, self.classes, strict=True):
            run_class = _CLASSES[number]
            if self.wants_all or run_class in _TAKEN:
                yield row, run_class


def read_rows(database: Database, request: SnapshotRequest, spool: Spool, progress: Progress) -> ReadRows:
    """Puts the rows of a request, each wholly, into a spool; gives them with their classes.

    Raises DatabaseError where they cannot be read.
    """
    with consistent_read(database) as reading:
        connection = reading.connection
        read_at = database_time(connection)
        seen = conversions.seen(connection)
        identity = database_identity(connection)
        work = _Classifier(connection)
        progress.start(None, "rows")
        for piece in reading.batches(WholeSelection(request.selection, unfinished=request.resumable)):
            for row in piece:
                spool.add(row)
                work.add(row)
            progress.advance(len(piece), sum(len(row.context or b"") for row in piece))
        classes = work.finish()
    progress.finish()
    taken = [classes.count(_CLASSES.index(each)) for each in _TAKEN]
    return ReadRows(
        spool,
        classes,
        sum(taken) if request.resumable else len(classes),
        work.zombies if request.resumable else 0,
        read_at,
        reading.applied_at,
        None if seen is None else SeenConversions(*seen),
        identity,
        wants_all=not request.resumable,
    )


class _Classifier:
    """Collects what classes are told by, and keeps one byte of each row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[RunRow, bool]] = []
        self._classes = bytearray()
        self.zombies = 0

    def add(self, row: WholeRow) -> None:
        """Takes a row; its context is not kept."""
        self._waiting.append((row.as_run_row._replace(text=None), _has_context(row.context)))
        if len(self._waiting) == _TOGETHER:
            self._classify()

    def finish(self) -> bytes:
        """Gives the class of each row, as its place among the classes."""
        self._classify()
        return bytes(self._classes)

    def _classify(self) -> None:
        if not self._waiting:
            return
        classes = run_classes(self._connection, self._waiting)
        self._classes += bytes(map(_CLASSES.index, classes))
        self.zombies += sum(
            has_context and run_class is RunClass.ZOMBIE
            for run_class, (_, has_context) in zip(classes, self._waiting, strict=True)
        )
        self._waiting = []


def _has_context(text: bytes | None) -> bool:
    if text is None:
        return False
    return len(text) > _LONGEST_EMPTY or b"".join(text.split()) != b"{}"
