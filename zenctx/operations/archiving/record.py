"""The record of an import in the journal: made where a database can be written, done without elsewhere."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from zenctx.database import journal
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Database
from zenctx.errors import ZenctxError

_INTERRUPTED = 130


@dataclass(slots=True)
class Record:
    """What the journal will be told at the end; `note` says whether it will be."""

    note: str
    counts: Mapping[str, object] = field(default_factory=dict)


@contextlib.contextmanager
def recorded(database: Database | None, command: str, arguments: Mapping[str, object]) -> Iterator[Record]:
    """Records a command that changes the repository alone, and how it ended."""
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
