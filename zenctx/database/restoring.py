"""Writing runs back as a snapshot holds them: rows that are there only where nobody changed them, others as new ones.

One transaction writes some runs, each with its context, its runtime state and what is on record of it; a run that the
database refuses is found by halving, and the others are written.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, text

from zenctx.database import conversions, quarantine
from zenctx.database.checks import can_read, has_table
from zenctx.database.columns import utc_now
from zenctx.database.engine import SQLITE, Database, write_transaction
from zenctx.database.errors import LostConnectionError, RejectedValueError, TransientDatabaseError
from zenctx.database.planned import Link
from zenctx.database.run_columns import RunColumns
from zenctx.database.run_writes import Outcome, Refusal, RunWrite, SeenRun, bound_context, expression
from zenctx.database.schema import workflow_runs, workflows, zenctx_runtime_state
from zenctx.database.trial import Trial
from zenctx.database.whole_rows import StoredState

NEUTRAL = "restored"
"""The direction on record of a run that was restored as zenctx had never converted it."""

_CHUNK = 500
"""Ids in one statement; SQLite limits the number of its parameters."""

# FOR NO KEY UPDATE keeps others from writing the rows, and lets them insert rows that refer to a run. The order keeps
# two restorations from waiting for each other.
_LOCK = {
    "postgresql": """
        select id::text, xmin::text from workflow_runs where id = any(cast(:ids as uuid[])) order by id
        for no key update""",
    "sqlite": """
        select id, cast(context as blob), status, started_at, ended_at from workflow_runs where id in :ids""",
}
_UPDATE = {
    "postgresql": "update workflow_runs set context = {} where id = cast(:run_id as uuid)",
    "sqlite": "update workflow_runs set context = {} where id = :run_id",
}
_LINK = {
    "postgresql": """
        update workflow_runs r set retry_of = cast(:retry_of as uuid)
        where id = cast(:run_id as uuid) and retry_of is null
            and exists (select 1 from workflow_runs where id = cast(:retry_of as uuid))""",
    "sqlite": """
        update workflow_runs set retry_of = :retry_of
        where id = :run_id and retry_of is null and exists (select 1 from workflow_runs where id = :retry_of)""",
}
_OWN = """
    select id::text from workflow_runs
    where id = any(cast(:ids as uuid[])) and xmin = cast(pg_current_xact_id() as xid)"""
_AT_WORK = """
    select distinct cast(workflow_run_id as text) from node_executions
    where cast(workflow_run_id as text) in :ids and started_at is not null and ended_at is null
        and upper(status) = 'RUNNING'"""


def read_states(connection: Connection, run_ids: Sequence[str]) -> dict[str, StoredState]:
    """Gives the runtime states of some runs; runs without one are absent."""
    column = zenctx_runtime_state.c
    found: dict[str, StoredState] = {}
    for ids in _chunks(run_ids):
        query = select(column.run_id, column.format_version, column.state).where(column.run_id.in_(ids))
        found |= {run_id: StoredState(version, state) for run_id, version, state in connection.execute(query)}
    return found


def read_links(connection: Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """Gives which run each of some runs tries again; runs that try none again are absent."""
    column = workflow_runs.c
    found: dict[str, str] = {}
    for ids in _chunks(run_ids):
        query = select(column.id, column.retry_of).where(column.id.in_(ids), column.retry_of.is_not(None))
        found |= {str(run_id): str(retry_of) for run_id, retry_of in connection.execute(query)}
    return found


def existing_runs(connection: Connection, run_ids: Iterable[str]) -> frozenset[str]:
    """Gives those of some runs that are here; an id that the database cannot be asked for is none of them."""
    asked = sorted(run_id for run_id in run_ids if _may_be(connection.dialect.name, run_id))
    found: set[str] = set()
    for some in _chunks(asked):
        query = select(workflow_runs.c.id).where(workflow_runs.c.id.in_(some))
        found |= {str(run_id) for run_id in connection.scalars(query)}
    return frozenset(found)


def existing_workflows(connection: Connection, workflow_ids: Sequence[str]) -> frozenset[str] | None:
    """Gives those of some workflows that are here (on PostgreSQL: give UUIDs only); None where that cannot be seen."""
    if not can_read(connection, workflows.name):
        return None
    found: set[str] = set()
    for ids in _chunks(workflow_ids):
        found |= {str(each) for each in connection.scalars(select(workflows.c.id).where(workflows.c.id.in_(ids)))}
    return frozenset(found)


def at_work(connection: Connection, run_ids: Sequence[str]) -> frozenset[str]:
    """Gives those of some runs of which a node is at work, as far as its record says; all where that cannot be read."""
    if not run_ids or not has_table(connection, "node_executions"):
        return frozenset()
    if not can_read(connection, "node_executions"):
        return frozenset(run_ids)
    statement = text(_AT_WORK).bindparams(bindparam("ids", expanding=True))
    found: set[str] = set()
    for ids in _chunks(run_ids):
        found |= {str(run_id) for run_id in connection.scalars(statement, {"ids": list(ids)})}
    return frozenset(found)


class RunWriter:
    """Writes runs over one connection, which has no transaction open between two calls."""

    def __init__(self, database: Database, connection: Connection, columns: RunColumns, operation_id: str) -> None:
        self._database = database
        self._connection = connection
        self._columns = columns
        self._operation_id = operation_id
        self._dialect = connection.dialect.name
        self._trial = Trial(database, connection, columns)

    def write(self, writes: Sequence[RunWrite]) -> Outcome:
        """Writes runs in one transaction; where one is refused or held by somebody, in smaller ones.

        Raises DatabaseError where the database fails as a whole, then nothing of the transaction is written.
        """
        try:
            with self._database.translated_errors(), write_transaction(self._connection):
                return self._write_all(writes)
        except LostConnectionError:
            raise
        except (RejectedValueError, ValueError, OverflowError, TransientDatabaseError) as error:
            if isinstance(error, TransientDatabaseError) and self._dialect == SQLITE:
                raise  # the file is held as a whole, and has been waited for already
            if len(writes) == 1:
                return Outcome(refused=[Refusal(writes[0].run_id, self._why(writes[0], error))])
        middle = len(writes) // 2
        outcome = self.write(writes[:middle])
        outcome.add(self.write(writes[middle:]))
        return outcome

    def link(self, links: Sequence[Link]) -> list[Link]:
        """Lets runs name the runs that they try again, where they name none and that run is here.

        Gives the links of those that name none after that.
        """
        statement = text(_LINK[self._dialect])
        with self._database.translated_errors(), write_transaction(self._connection):
            for run_id, retry_of, _ in (link for link in links if _may_be(self._dialect, link.retry_of)):
                self._connection.execute(statement, {"run_id": run_id, "retry_of": retry_of})
            linked = read_links(self._connection, [link.run_id for link in links])
        return [link for link in links if link.run_id not in linked]

    def _write_all(self, writes: Sequence[RunWrite]) -> Outcome:
        found = self._lock([write.run_id for write in writes])
        states = read_states(self._connection, [write.run_id for write in writes])
        unchanged = [write for write in writes if _is_as_seen(write.seen, found.get(write.run_id), states)]
        self._update([write for write in unchanged if write.seen is not None])
        came = self._insert([write for write in unchanged if write.seen is None])
        unchanged = [write for write in unchanged if write.run_id not in came]
        self._write_states([write for write in unchanged if not write.keeps_state])
        self._record(unchanged)
        quarantine.remove(self._connection, [write.run_id for write in unchanged])
        written = {write.run_id for write in unchanged}
        return Outcome(sorted(written), [write.run_id for write in writes if write.run_id not in written])

    def _lock(self, run_ids: Sequence[str]) -> dict[str, tuple[object, ...]]:
        statement = text(_LOCK[self._dialect])
        if self._dialect == SQLITE:
            statement = statement.bindparams(bindparam("ids", expanding=True))
        rows = (row for ids in _chunks(run_ids) for row in self._connection.execute(statement, {"ids": list(ids)}))
        return {str(row[0]): tuple(row[1:]) for row in rows}

    def _update(self, writes: Sequence[RunWrite]) -> None:
        statement = _UPDATE[self._dialect]
        for storage in sorted({write.storage for write in writes}):
            alike = [write for write in writes if write.storage == storage]
            parameters = [{"run_id": write.run_id, "context": bound_context(self._dialect, write)} for write in alike]
            self._connection.execute(text(statement.format(expression(self._dialect, storage))), parameters)

    def _insert(self, writes: Sequence[RunWrite]) -> set[str]:
        """Inserts rows; gives the ids of those that somebody else has inserted meanwhile."""
        named = {link for write in writes if (link := write.columns.retry_of) is not None}
        later = named - existing_runs(self._connection, named)
        alike: dict[str, dict[str, dict[str, object]]] = {}
        came: set[str] = set()
        for write in writes:
            # The run that it tries again may be restored later.
            row = write.columns.without_link() if write.columns.retry_of in later else write.columns
            values = {f"c{number}": value for number, value in enumerate(row.values.values())}
            statement = self._columns.insertion(row, expression(self._dialect, write.storage))
            parameters = {**values, "context": bound_context(self._dialect, write)}
            if any(write.run_id in rows for rows in alike.values()):
                came.add(write.run_id)  # the first counts of those that stand twice
            else:
                alike.setdefault(statement, {})[write.run_id] = parameters
        for statement, rows in alike.items():
            inserted = self._connection.execute(text(statement), list(rows.values()))
            if inserted.rowcount != len(rows):
                came |= rows.keys() - self._own(list(rows))
        return came

    def _own(self, run_ids: Sequence[str]) -> set[str]:
        """Gives those of some runs that this transaction has inserted; none was there when it began to write."""
        if self._dialect == SQLITE:
            return set(existing_runs(self._connection, run_ids))  # nobody else can write while it is open
        return {str(run_id) for run_id in self._connection.scalars(text(_OWN), {"ids": list(run_ids)})}

    def _write_states(self, writes: Sequence[RunWrite]) -> None:
        for ids in _chunks([write.run_id for write in writes]):
            self._connection.execute(delete(zenctx_runtime_state).where(zenctx_runtime_state.c.run_id.in_(ids)))
        now = utc_now()
        states = [
            {"run_id": write.run_id, "format_version": write.state.format_version, "state": write.state.state,
             "updated_at": now}
            for write in writes if write.state is not None
        ]  # fmt: skip
        if states:
            self._connection.execute(insert(zenctx_runtime_state), states)

    def _record(self, writes: Sequence[RunWrite]) -> None:
        directions = {write.direction for write in writes if write.direction is not None}
        for direction in sorted(directions):
            ids = [write.run_id for write in writes if write.direction == direction]
            conversions.record(self._connection, self._operation_id, direction, ids)

    def _why(self, write: RunWrite, error: Exception) -> str:
        if isinstance(error, TransientDatabaseError):
            return "somebody holds its row: run the same command again"
        return self._trial.why(write, error)


def _is_as_seen(seen: SeenRun | None, found: tuple[object, ...] | None, states: Mapping[str, StoredState]) -> bool:
    if seen is None or found is None:
        return seen is None and found is None
    row = seen.row
    if states.get(row.run_id) != seen.state:
        return False
    if len(found) == 1:
        return found[0] == row.version
    return found == (row.text, row.status, row.stored_start, row.stored_end)


def _may_be(dialect: str, run_id: str) -> bool:
    """Whether the database can be asked for a run of this id."""
    return dialect == SQLITE or conversions.is_run_id(run_id)


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
