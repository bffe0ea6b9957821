"""What will wake a run, and what it will find: its jobs and timers, its nodes, its workflow, its runtime state.

Facts of the engine: a retry is a job of Quartz in the group `retry-jobs`, a timer one in `timeout-jobs`, both named
`<runId>:<nodeKey>`; it fires by a trigger. Every question is for one run. Whoever asks first looks whether the table
may be read (`hidden`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from zenctx.database.checks import can_read, has_table
from zenctx.database.columns import read_moment
from zenctx.database.engine import SQLITE
from zenctx.database.engine_state import RETRY_GROUP

TIMER_GROUP = "timeout-jobs"
_TRUE = ("1", "true", "t")
"""How the databases, and those who fill an SQLite file, write that something is so."""

_JOBS = """
    select j.job_name, j.job_group, t.trigger_state, t.next_fire_time
    from qrtz_job_details j
    left join qrtz_triggers t on t.sched_name = j.sched_name and t.job_name = j.job_name and t.job_group = j.job_group
    where j.job_group in (:retries, :timers) and substr(j.job_name, 1, :length) = :prefix
    order by j.job_group, j.job_name"""
_NODES = """
    select cast(node_key as {bytes}), cast(status as {bytes}), {started}, {ended} from node_executions
    where workflow_run_id = {id} and node_key is not null order by started_at"""
_OUTPUT = """
    select cast(output as {bytes}) from node_executions
    where workflow_run_id = {id} and node_key = :node and upper(cast(status as {text})) = 'SUCCESS'
    order by ended_at desc limit 1"""
_WORKFLOW = """
    select cast(name as {bytes}), cast(definition as {bytes}), is_active, cast(deleted_at as text) from workflows
    where id = {id}"""
_STATE = "select format_version, state from zenctx_runtime_state where run_id = :id"


@dataclass(frozen=True, slots=True)
class Job:
    """A job that will wake the run at a node. `state` and `fires_at` are its trigger's, None where it has none."""

    node_key: str
    is_timer: bool
    state: str | None
    fires_at: datetime | None


@dataclass(frozen=True, slots=True)
class NodeRun:
    """The latest execution of a node; `succeeded`: any of them did."""

    status: str
    ended_at: datetime | None
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Workflow:
    """The workflow of a run; `definition` is its JSON text, None where there is none."""

    name: str | None
    definition: str | None
    is_active: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class StoredState:
    """The runtime state that the library saved beside a run."""

    format_version: int
    text: str


def hidden(connection: Connection, *names: str) -> str | None:
    """Tells in a clause which of some tables is not there or may not be read; None where all can be."""
    for name in names:
        if not has_table(connection, name):
            return f"the database has no table {name}"
        if not can_read(connection, name):
            return f"this role may not read the table {name}"
    return None


def jobs_of(connection: Connection, run_id: str) -> list[Job]:
    """Gives the jobs that will wake a run."""
    prefix = f"{run_id}:"
    parameters = {"retries": RETRY_GROUP, "timers": TIMER_GROUP, "length": len(prefix), "prefix": prefix}
    rows = connection.execute(text(_JOBS), parameters)
    return [
        Job(name[len(prefix) :], group == TIMER_GROUP, state, _fire_time(fires)) for name, group, state, fires in rows
    ]


def nodes_of(connection: Connection, run_id: str) -> dict[str, NodeRun]:
    """Gives the nodes of a run that were begun, each by its latest execution."""
    found: dict[str, NodeRun] = {}
    for key, status, _, ended in _execute(connection, _NODES, id=run_id):
        node, name = _shown(key), _shown(status).upper()
        succeeded = name == "SUCCESS" or (node in found and found[node].succeeded)
        found[node] = NodeRun(name, read_moment(ended), succeeded)
    return found


def output_of(connection: Connection, run_id: str, node_key: str) -> bytes | None:
    """Gives the JSON text of what a node gave out when it last succeeded; None where there is none."""
    row = _execute(connection, _OUTPUT, id=run_id, node=node_key).first()
    return None if row is None or row[0] is None else _bytes(row[0])


def workflow_of(connection: Connection, workflow_id: str) -> Workflow | None:
    """Gives the workflow of this id; None where there is none."""
    row = _execute(connection, _WORKFLOW, id=workflow_id).first()
    if row is None:
        return None
    name, definition, is_active, deleted = row
    named, defined = (None if value is None else _shown(value) for value in (name, definition))
    return Workflow(named, defined, str(is_active).lower() in _TRUE, deleted is not None)


def state_of(connection: Connection, run_id: str) -> StoredState | None:
    """Gives the runtime state of a run; None where none was saved. The table is there."""
    row = connection.execute(text(_STATE), {"id": run_id}).first()
    return None if row is None else StoredState(row[0], row[1])


def _execute(connection: Connection, template: str, **parameters: object) -> Any:
    """Runs a statement in the words of the database: ids of its type, texts as bytes where they may be no UTF-8."""
    if connection.dialect.name == SQLITE:
        words = {"id": ":id", "text": "text", "bytes": "blob", "started": "started_at", "ended": "ended_at"}
    else:
        words = {"id": "cast(:id as uuid)", "text": "text", "bytes": "text"}
        words |= {name: f"extract(epoch from {name}_at)::float8 * 1000" for name in ("started", "ended")}
    return connection.execute(text(template.format(**words).replace("::", r"\:\:")), parameters)


def _fire_time(milliseconds: Row[Any] | int | None) -> datetime | None:
    """Quartz counts in milliseconds since 1970, and writes 0 or -1 where there is no next time."""
    if not isinstance(milliseconds, int) or milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _shown(value: object) -> str:
    """A text that may be no UTF-8, or none at all."""
    return "" if value is None else _bytes(value).decode(errors="replace")
