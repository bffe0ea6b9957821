"""What is read of a run and written back to it, alike on every database."""

from datetime import datetime
from typing import NamedTuple

from msgspec import field

from zenctx.context.datastruct import DataStruct
from zenctx.database.columns import read_moment

Position = str | int
"""Where a walk over the runs stands: the run's id on PostgreSQL, the rowid on SQLite."""


StoredTime = str | float | None
"""A time as it was read: milliseconds since 1970, text, or nothing. Most are never looked at."""


class RunRow(NamedTuple):
    """One run as it was read. `text` is the context's exact text in UTF-8, None for SQL NULL."""

    run_id: str
    workflow_id: str
    status: str
    stored_start: StoredTime
    stored_end: StoredTime
    text: bytes | None
    position: Position
    version: str = ""
    """What tells whether the row was written since: PostgreSQL's `xmin`; SQLite compares the text itself."""

    @property
    def started_at(self) -> datetime | None:
        """When the run started; None where that cannot be read."""
        return read_moment(self.stored_start)

    @property
    def ended_at(self) -> datetime | None:
        """When the run ended; None where it did not, or where that cannot be read (see `times_readable`)."""
        return read_moment(self.stored_end)

    @property
    def times_readable(self) -> bool:
        """Whether each time that the row has can be read."""
        return all(stored is None or read_moment(stored) is not None for stored in (self.stored_start, self.stored_end))


class UnknownRows(NamedTuple):
    """A part of a walk that leaves out rows of known versions: the others, how many it left out, where it ended.

    `last` is None where there was nothing more.
    """

    rows: list[RunRow]
    known: int
    last: Position | None


class ContextChange(NamedTuple):
    """A row as it was read, and the text that its context is to get."""

    row: RunRow
    text: bytes


class Rejection(DataStruct, frozen=True):
    """A change that the database refused, with the reason in words that hold no value."""

    change: ContextChange
    reason: str


class Written(DataStruct, frozen=True):
    """The outcome of writing a batch. What is in neither list had changed meanwhile, and was left as it is."""

    run_ids: list[str] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    """The versions that the written rows now have, where the database has such and no other row can have them."""


class BatchLimits(DataStruct, frozen=True):
    """The most that one batch may read: rows, and bytes as stored (one row is always read); nothing beyond `up_to`.

    A value that the database has compressed counts four times: reading it makes it larger, seldom by more.
    """

    rows: int
    stored_bytes: int = 4 * 1024 * 1024
    up_to: Position | None = None


class Span(NamedTuple):
    """A part of a walk: the rows behind `after`, up to and with `up_to`; None: from the first, to the last."""

    after: Position | None = None
    up_to: Position | None = None


class Selection(DataStruct, frozen=True):
    """Which runs are meant. Empty: all. Statuses are compared as text, so unknown ones are fine."""

    run_ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    workflow_ids: tuple[str, ...] = ()
    since: datetime | None = None
