"""Writing what was stored without the secrets in it: a run's context, error, state and nodes together, or none of it.

What names the secrets of a run is its context. Once that is without them nothing could find them elsewhere, so all
of a run changes in one transaction, and only if every row of it is as it was read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, text

from zenctx.database import released
from zenctx.database.engine import SQLITE, Database, write_transaction
from zenctx.database.errors import DatabaseBusyError, RejectedValueError
from zenctx.database.released import ReleasedFile, ReleasedState
from zenctx.database.rows import RunRow
from zenctx.database.secret_rows import ERROR, OUTPUT, MoreOfRun, NodeRow, Places

REASON = "it held secrets that were scrubbed"

# Rows that somebody else is writing are not waited for: they are not as they were read.
_LOCK = {
    "postgresql": """
        select id::text, xmin::text, {error} from workflow_runs where id = any(cast(:ids as uuid[])) order by id
        for no key update skip locked""",
    "sqlite": """
        select id, cast(context as blob), status, started_at, ended_at, {error} from workflow_runs where id in :ids""",
}
_RUN = {
    "postgresql": "update workflow_runs set {values} where id = cast(:id as uuid)",
    "sqlite": "update workflow_runs set {values} where id = :id",
}
_NODE = {
    "postgresql": """
        update node_executions set {values} where id = cast(:id as {id_type}) and xmin::text = :version""",
    "sqlite": """
        update node_executions set {values} where rowid = :id and cast(workflow_run_id as text) = :run_id and {same}""",
}
_STATE = "update zenctx_runtime_state set state = {value} where run_id = :id"


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node as it was read, and what its columns are to hold; None: they stay."""

    node: NodeRow
    output: bytes | None = None
    error: bytes | None = None


@dataclass(frozen=True, slots=True)
class RunChange:
    """A run as it was read, and what is to stand in its places; None: it stays.

    `released` are files that it will name no more; `unrecorded` those whose names hold a secret themselves.
    """

    row: RunRow
    more: MoreOfRun
    context: bytes | None = None
    error: bytes | None = None
    state: bytes | None = None
    nodes: Sequence[NodeChange] = ()
    released: Sequence[ReleasedFile] = ()
    unrecorded: Sequence[str] = ()

    @property
    def size(self) -> int:
        """The bytes to be written."""
        texts = [
            self.context,
            self.error,
            self.state,
            *(each for node in self.nodes for each in (node.output, node.error)),
        ]
        return sum(len(each) for each in texts if each is not None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some changes: `changed` are runs that somebody else has written since; `refused` says why."""

    written: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class _ChangedError(Exception):
    """A row of the run is not as it was read."""


class SecretWriter:
    """Writes changes over one connection, which has no transaction open between two calls."""

    def __init__(self, database: Database, connection: Connection, places: Places, operation_id: str) -> None:
        self._database = database
        self._connection = connection
        self._places = places
        self._operation_id = operation_id
        self._is_sqlite = places.dialect == SQLITE

    def write(self, changes: Sequence[RunChange], is_over: Callable[[Sequence[RunRow]], frozenset[str]]) -> Outcome:
        """Writes some runs in one transaction, each wholly or not at all.

        `is_over` tells which of the runs are over, now that their rows are held. Raises DatabaseError where the
        database fails as a whole; nothing of the transaction is written then.
        """
        outcome = Outcome()
        with self._database.translated_errors(), write_transaction(self._connection):
            found = self._lock([change.row.run_id for change in changes])
            over = is_over([change.row for change in changes])
            for change in changes:
                run_id = change.row.run_id
                if run_id in over and found.get(run_id) == self._as_read(change):
                    self._write_one(change, outcome)
                else:
                    outcome.changed.append(run_id)
        return outcome

    def _write_one(self, change: RunChange, outcome: Outcome) -> None:
        run_id = change.row.run_id
        try:
            with self._database.translated_errors(), self._connection.begin_nested():
                self._update(change)
        except (_ChangedError, DatabaseBusyError):
            outcome.changed.append(run_id)
        except RejectedValueError as error:
            outcome.refused[run_id] = f"the database does not take {error.reason}"
        else:
            outcome.written.append(run_id)

    def forget_files(self, names: Sequence[str]) -> None:
        """Records that released files have been deleted."""
        with self._database.translated_errors(), write_transaction(self._connection):
            released.set_state(self._connection, self._operation_id, released.PERSISTENT, names, ReleasedState.PURGED)

    def _lock(self, run_ids: Sequence[str]) -> dict[str, tuple[object, ...]]:
        error = "null"
        if self._places.has_error:
            error = "cast(error as blob)" if self._is_sqlite else "error::text"
        statement = text(_LOCK[self._places.dialect].format(error=error).replace("::", "\\:\\:"))
        if self._is_sqlite:
            statement = statement.bindparams(bindparam("ids", expanding=True))
        rows = self._connection.execute(statement, {"ids": list(run_ids)})
        return {str(row[0]): tuple(row[1:]) for row in rows}

    def _as_read(self, change: RunChange) -> tuple[object, ...]:
        row, error = change.row, change.more.error.content
        if self._is_sqlite:
            return row.text, row.status, row.stored_start, row.stored_end, error
        return row.version, None if error is None else error.decode("utf-8", "surrogatepass")

    def _update(self, change: RunChange) -> None:
        run_id = change.row.run_id
        for node in change.nodes:
            self._update_node(node)
        values = {
            "context": (change.context, change.more.context_kind, "jsonb"),
            "error": (change.error, change.more.error.kind, "text"),
        }
        self._execute(_RUN[self._places.dialect], values, {"id": run_id})
        if change.state is not None:
            value = self._expression("state", change.more.state.kind, "text")
            parameters = {"id": run_id, "state": self._value(change.state)}
            self._connection.execute(text(_STATE.format(value=value)), parameters)
        released.record(self._connection, self._operation_id, run_id, REASON, change.released)

    def _update_node(self, change: NodeChange) -> None:
        node, types = change.node, self._places.node_types or {}
        values = {
            OUTPUT: (change.output, node.output.kind, types.get(OUTPUT, "jsonb")),
            ERROR: (change.error, node.error.kind, types.get(ERROR, "text")),
        }
        statement = _NODE[self._places.dialect].replace("{id_type}", types.get("id", "uuid"))
        parameters: dict[str, Any] = {"id": node.handle, "version": node.version}
        if self._is_sqlite:
            old = {OUTPUT: node.output.content, ERROR: node.error.content}
            same = " and ".join(f"cast({name} as blob) is :old_{name}" for name in old if name in types)
            statement = statement.replace("{same}", same)
            there = {f"old_{name}": content for name, content in old.items() if name in types}
            parameters = {"id": node.handle, "run_id": node.run_id, **there}
        self._execute(statement, values, parameters)

    def _execute(
        self, statement: str, values: dict[str, tuple[bytes | None, str, str]], parameters: dict[str, Any]
    ) -> None:
        """Sets the columns that have a new value, if there are any; the row must be there as it was read."""
        new = {name: each for name, each in values.items() if each[0] is not None}
        if not new:
            return
        columns = ", ".join(f"{name} = {self._expression(name, kind, cast)}" for name, (_, kind, cast) in new.items())
        bound = {name: self._value(content) for name, (content, _, _) in new.items()}
        prepared = text(statement.replace("{values}", columns).replace("::", "\\:\\:"))
        if self._connection.execute(prepared, {**parameters, **bound}).rowcount != 1:
            raise _ChangedError

    def _expression(self, name: str, kind: str, cast: str) -> str:
        if not self._is_sqlite:
            return f"cast(:{name} as {cast})"
        return f":{name}" if kind == "blob" else f"cast(:{name} as text)"

    def _value(self, content: bytes | None) -> object:
        return content if self._is_sqlite or content is None else content.decode("utf-8", "surrogatepass")
