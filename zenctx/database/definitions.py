"""The definitions of workflows, as text: read some at a time, and only where somebody asks for them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from zenctx.database.checks import can_read
from zenctx.database.engine import SQLITE

_CHUNK = 200
_POSTGRESQL = "select id::text, {column}::text from workflows where id = any(cast(:ids as uuid[]))"
_SQLITE = "select id, cast({column} as blob) from workflows where id in :ids"


def definitions(connection: Connection, workflow_ids: Sequence[str]) -> dict[str, bytes]:
    """Gives the definitions of these workflows; those that are not there, or may not be read, are left out.

    Ends the transaction.
    """
    return _column(connection, "definition", workflow_ids)


def workflow_names(connection: Connection, workflow_ids: Sequence[str]) -> dict[str, str]:
    """Gives the names of these workflows, as `definitions` does."""
    return {each: name.decode("utf-8", "replace") for each, name in _column(connection, "name", workflow_ids).items()}


def _column(connection: Connection, column: str, workflow_ids: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if not can_read(connection, "workflows"):
        connection.rollback()
        return found
    is_sqlite = connection.dialect.name == SQLITE
    query = text((_SQLITE if is_sqlite else _POSTGRESQL).format(column=column))
    if is_sqlite:
        query = query.bindparams(bindparam("ids", expanding=True))
    ids = list(workflow_ids) if is_sqlite else [each for each in workflow_ids if _is_uuid(each)]
    try:
        for start in range(0, len(ids), _CHUNK):
            for workflow_id, value in connection.execute(query, {"ids": ids[start : start + _CHUNK]}):
                if value is not None:
                    found[str(workflow_id)] = value if isinstance(value, bytes) else value.encode()
    except (OperationalError, ProgrammingError):
        pass  # the table has no such column, or this one may not be read
    finally:
        connection.rollback()
    return found


def _is_uuid(text_: str) -> bool:
    try:
        UUID(text_)
    except ValueError:
        return False
    return True
