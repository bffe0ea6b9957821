"""The record of a command in the journal: made where a database can be written, done without elsewhere."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.database import journal
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Database
from zenctx.database.runs import access
from zenctx.errors import ZenctxError

_INTERRUPTED = 130


@dataclass(slots=True)
class Record:
    """What the journal will be told at the end; `note` says whether it will be."""

    note: str
    counts: Mapping[str, object] = field(default_factory=dict)


class Looked(DataStruct, frozen=True):
    """What a command that only looks leaves in the journal: what it was asked, when it began, and how it ended."""

    command: str
    arguments: Mapping[str, object]
    started_at: datetime
    exit_code: int
    counts: Mapping[str, object] = msgspec.field(default_factory=dict)
    error: ZenctxError | None = None


def note(settings: Settings, looked: Looked) -> bool:
    """Records a command that has looked, over a connection of its own; tells whether it is on record.

    It needs rights to read alone, so nothing that prevents the record is an error: no rights, no tables of ours, a
    database that is away or whose writers are waited for.
    """
    if not settings.persistence_enabled:
        return False
    with (
        contextlib.suppress(ZenctxError, OSError),
        Database.open(settings.db, read_only=False) as database,
        database.connect(access(database).WRITER_SETTINGS) as connection,
    ):
        if not has_zenctx_tables(connection):
            return False
        connection.rollback()
        operation_id = journal.begin(connection, looked.command, looked.arguments, clock=lambda: looked.started_at)
        journal.finish(connection, operation_id, looked.exit_code, looked.counts, looked.error)
        return True
    return False


@contextlib.contextmanager
def recorded(database: Database | None, command: str, arguments: Mapping[str, object]) -> Iterator[Record]:
    """Records a command that changes no row, and how it ended."""
    operation_id, note = _begin(database, command, arguments)
    record = Record(note)
    ending: ZenctxError | None = None
    exit_code = _INTERRUPTED
    try:
        yield record
        exit_code = 0
    except ZenctxError as error:
        ending, exit_code = error, error.exit_code
        raise
    finally:
        if database is not None and operation_id is not None:
            # The repository is what it is, also where the database can no longer be told of it.
            with contextlib.suppress(ZenctxError), database.connect() as connection:
                journal.finish(connection, operation_id, exit_code, record.counts, ending)


def _begin(database: Database | None, command: str, arguments: Mapping[str, object]) -> tuple[str | None, str]:
    if database is None:
        return None, "not recorded: the database cannot be opened"
    try:
        with database.connect() as connection:
            known = has_zenctx_tables(connection)
            connection.rollback()
            if not known:
                return None, "not recorded: the tables of zenctx are not there ('zenctx db upgrade')"
            operation_id = journal.begin(connection, command, arguments)
            return operation_id, f"recorded as {operation_id}"
    except ZenctxError as error:
        return None, f"not recorded: {error.message}"
