"""The journal of operations: who ran what, when, with which outcome and counts; never a value or a secret.

Every entry is written in a short transaction of its own, so the connection given must have none open.
"""

import getpass
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, exists, func, select, update

from zenctx import __version__
from zenctx.context.datastruct import DataStruct
from zenctx.database.columns import utc_now
from zenctx.database.engine import write_transaction
from zenctx.database.schema import zenctx_operation
from zenctx.errors import ZenctxError

Clock = Callable[[], datetime]

VERIFY = "verify"
"""The command whose arguments decide how much its counts mean."""

WENT_ON = (0, 3)
"""How a command ends that was run to its end: done, or done in part."""

_OUTCOMES = {
    0: "done",
    3: "partial",
    4: "problems",
    5: "refused",
    11: "locked",
    130: "interrupted",
    141: "interrupted",
}
_FAILED = "failed"


class Operation(DataStruct, frozen=True):
    """One entry. `outcome` is None while the operation runs, or if it died; `updated_at` is its last sign of life.

    Outcomes: done, partial, problems, refused, locked, interrupted, failed.
    """

    id: str
    command: str
    arguments: Mapping[str, Any]
    who: str
    version: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    outcome: str | None
    exit_code: int | None
    counts: Mapping[str, Any]
    error_kind: str | None
    error_message: str | None


def begin(connection: Connection, command: str, arguments: Mapping[str, object], *, clock: Clock = utc_now) -> str:
    """Record that a command starts, and give the operation's id, which begins with the time.

    `arguments` go to the journal as they are: mask what is secret in them before. What JSON does not know is written
    as its text.
    """
    now = clock()
    operation_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    with write_transaction(connection):
        connection.execute(
            zenctx_operation.insert().values(
                id=operation_id,
                command=command,
                arguments=json.dumps(dict(arguments), default=str),
                who=who(),
                version=__version__,
                started_at=now,
                updated_at=now,
                counts="{}",
            )
        )
    return operation_id


def progress(
    connection: Connection, operation_id: str, counts: Mapping[str, object], *, clock: Clock = utc_now
) -> None:
    """Record how far an operation has come, for those who look from elsewhere."""
    _change(connection, operation_id, updated_at=clock(), counts=json.dumps(dict(counts), default=str))


def finish(
    connection: Connection,
    operation_id: str,
    exit_code: int,
    counts: Mapping[str, object],
    error: ZenctxError | None = None,
    *,
    clock: Clock = utc_now,
) -> None:
    """Record how an operation ended; the outcome in words follows from the exit code."""
    now = clock()
    _change(
        connection,
        operation_id,
        updated_at=now,
        finished_at=now,
        outcome=_OUTCOMES.get(exit_code, _FAILED),
        exit_code=exit_code,
        counts=json.dumps(dict(counts), default=str),
        error_kind=error.kind if error else None,
        error_message=_storable(error.message) if error else None,
    )


def latest(connection: Connection, *, command: str | None = None, limit: int = 20) -> list[Operation]:
    """Give the newest operations (of one command, or of all), newest first."""
    query = select(zenctx_operation).order_by(zenctx_operation.c.id.desc()).limit(limit)
    if command is not None:
        query = query.where(zenctx_operation.c.command == command)
    return [_operation(row) for row in connection.execute(query)]


def latest_of(connection: Connection, commands: Sequence[str], *, limit: int | None = 20) -> list[Operation]:
    """Give the newest operations of some commands, newest first."""
    query = select(zenctx_operation).where(zenctx_operation.c.command.in_(commands))
    query = query.order_by(zenctx_operation.c.started_at.desc(), zenctx_operation.c.id.desc()).limit(limit)
    return [_operation(row) for row in connection.execute(query)]


class Alike(DataStruct, frozen=True):
    """Operations that ended alike: how many, and the latest of their beginnings and ends.

    `arguments` are those of verifications alone. A time that somebody wrote and that cannot be read is None.
    """

    command: str
    outcome: str | None
    exit_code: int | None
    error_kind: str | None
    counts: Mapping[str, Any]
    arguments: Mapping[str, Any]
    number: int
    started_at: datetime | None
    finished_at: datetime | None


def alike(connection: Connection) -> Iterator[Alike]:
    """Yield all operations, those that ended alike together, by the latest beginning; they are streamed.

    A library that fails a thousand times at the same thing leaves a thousand rows: the database counts them.
    """
    table = zenctx_operation.c
    arguments = case((table.command == VERIFY, table.arguments), else_="{}")
    same = (table.command, table.outcome, table.exit_code, table.error_kind, table.counts, arguments)
    latest_start = func.max(table.started_at)
    query = select(*same, func.count(), latest_start, func.max(table.finished_at)).group_by(*same)
    found = connection.execute(query.order_by(latest_start), execution_options={"yield_per": 500})
    for command, outcome, exit_code, error_kind, counts, asked, *rest in found:
        yield Alike(command, outcome, exit_code, error_kind, _object(counts), _object(asked), *rest)


def unfinished(connection: Connection, commands: Sequence[str] | None = None) -> list[Operation]:
    """Give the operations (of some commands, or of all) that run, or have died, oldest first."""
    query = select(zenctx_operation).where(zenctx_operation.c.outcome.is_(None))
    if commands is not None:
        query = query.where(zenctx_operation.c.command.in_(commands))
    return [_operation(row) for row in connection.execute(query.order_by(zenctx_operation.c.id))]


def left_behind(connection: Connection) -> list[Operation]:
    """Give the operations that run, or have died and were not followed by one of the same command that went on.

    What died left whole batches: whoever ran the command to its end since has done the rest.
    """
    later = zenctx_operation.alias("later")
    went_on = exists().where(
        later.c.command == zenctx_operation.c.command,
        later.c.started_at > zenctx_operation.c.started_at,
        later.c.exit_code.in_(WENT_ON),
    )
    query = select(zenctx_operation).where(zenctx_operation.c.outcome.is_(None), ~went_on)
    return [_operation(row) for row in connection.execute(query.order_by(zenctx_operation.c.id))]


def _change(connection: Connection, operation_id: str, **values: object) -> None:
    with write_transaction(connection):
        connection.execute(update(zenctx_operation).where(zenctx_operation.c.id == operation_id).values(**values))


def _operation(row: Row[Any]) -> Operation:
    fields = dict(row._mapping)
    return Operation(**{**fields, "arguments": _object(row.arguments), "counts": _object(row.counts)})


def _object(text: str) -> dict[str, Any]:
    """Read a JSON object; an empty one for what somebody else has made of it."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def who() -> str:
    """Gives who runs this process, as `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # A container's user often has no name; the class of the error depends on the version.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _storable(text: str) -> str:
    """Give the text as every database takes it: a message may name a key, and a key may be anything."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
