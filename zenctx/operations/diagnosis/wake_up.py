"""What will wake a run, and where it would go on: jobs and timers of the engine's scheduler, nodes that wait."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from zenctx.context.classes import RunClass
from zenctx.context.node_graph import NodeGraph, read_graph
from zenctx.database import waking
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import database_time, engine_liveness
from zenctx.database.errors import LostConnectionError
from zenctx.database.rows import RunRow
from zenctx.database.waking import Job, hidden
from zenctx.errors import ZenctxError
from zenctx.operations.diagnosis.finding import error, grant, notice, warning
from zenctx.operations.diagnosis.needs import Outlook
from zenctx.operations.verification.report import FindingItem

T = TypeVar("T")

OVERDUE = timedelta(minutes=10)
"""A trigger that should have fired so long ago, beside a running engine, will hardly fire by itself."""
_WAITING, _RETRYING = "WAITING", "RETRYING"
_STOPPED = {
    "ERROR": "its trigger failed, and Quartz fires it no more",
    "PAUSED": "its trigger is paused",
    "PAUSED_BLOCKED": "its trigger is paused",
}
_JOB_TABLES = ("qrtz_job_details", "qrtz_triggers")


def look_ahead(database: Database, connection: Connection, row: RunRow) -> Outlook:
    """Reads what the engine would find when it woke the run. Leaves no transaction open."""
    outlook = Outlook(now=database_time(connection), liveness=engine_liveness(connection))
    ask = partial(_ask, database, connection)
    outlook.workflow, outlook.workflow_hidden = ask(("workflows",), waking.workflow_of, row.workflow_id)
    if outlook.workflow is not None:
        outlook.definition = read_graph(outlook.workflow.definition)
    jobs, outlook.jobs_hidden = ask(_JOB_TABLES, waking.jobs_of, row.run_id)
    nodes, outlook.nodes_hidden = ask(("node_executions",), waking.nodes_of, row.run_id)
    outlook.jobs, outlook.nodes = jobs or [], nodes or {}
    outlook.next_nodes = _next_nodes(outlook)
    return outlook


def _ask(
    database: Database, connection: Connection, tables: Sequence[str], question: Callable[[Connection, str], T], of: str
) -> tuple[T | None, str | None]:
    """Asks the engine's tables; gives a clause where they cannot be asked. Leaves no transaction open."""
    reason = hidden(connection, *tables)
    if reason is not None:
        return None, reason
    try:
        with database.translated_errors():
            return question(connection, of), None
    except LostConnectionError:
        raise
    except ZenctxError as error:
        return None, error.message  # a column is missing, say: another version of the engine
    finally:
        connection.rollback()


def _next_nodes(outlook: Outlook) -> frozenset[str]:
    """The nodes at which it goes on: those that a job names, and those that wait."""
    waiting = {key for key, node in outlook.nodes.items() if node.status in (_WAITING, _RETRYING)}
    cut_off = {key for key, node in outlook.nodes.items() if node.status == "RUNNING" and node.ended_at is None}
    named = {job.node_key for job in outlook.jobs}
    return frozenset(named | waiting or cut_off)


def check_wake_up(run_id: str, run_class: RunClass, outlook: Outlook) -> Iterator[FindingItem]:
    """Says where nothing would wake the run, or what would cannot."""
    for job in outlook.jobs:
        yield from _job(run_id, job, outlook)
    if outlook.jobs_hidden is not None:
        reason = f"whether a retry or a timer is pending cannot be seen: {outlook.jobs_hidden}"
        yield notice("wake_up", reason, grant(outlook.jobs_hidden), run_id=run_id)
    elif not outlook.jobs:
        yield from _without_job(run_id, run_class, outlook)


def _job(run_id: str, job: Job, outlook: Outlook) -> Iterator[FindingItem]:
    what = f"the {'timer' if job.is_timer else 'retry'} of the node {job.node_key!r}"
    definition = outlook.definition
    if isinstance(definition, NodeGraph) and job.node_key not in definition.nodes:
        reason = f"{what} names a node that the workflow's definition has not: the engine would fail"
        yield error(
            "wake_up", reason, "put the node back into the workflow, or start the run at another one", run_id=run_id
        )
    if job.state is None:
        reason = f"{what} has no trigger, so nothing fires it"
        yield error("wake_up", reason, "start the run in the application", run_id=run_id)
    elif job.state in _STOPPED:
        yield error(
            "wake_up", f"{what} will not fire: {_STOPPED[job.state]} (state {job.state})", _RESUME, run_id=run_id
        )
    elif job.fires_at is not None and _is_overdue(job.fires_at, outlook):
        reason = f"{what} should have fired at {job.fires_at:%Y-%m-%d %H:%M:%S}Z, and an engine is running"
        yield warning(
            "wake_up", reason, "look into the engine's log: its scheduler may be stuck or in stand-by", run_id=run_id
        )


_RESUME = "let the scheduler resume the trigger (resetTriggerFromErrorState, resumeTrigger), or start the run by hand"


def _is_overdue(fires_at: datetime, outlook: Outlook) -> bool:
    return outlook.liveness.alive and outlook.now - fires_at > OVERDUE


def _without_job(run_id: str, run_class: RunClass, outlook: Outlook) -> Iterator[FindingItem]:
    if run_class is RunClass.RETRYING:
        reason = "the run failed, and no job of the engine's scheduler will retry it"
        yield error("wake_up", reason, "start the run in the application", run_id=run_id)
    elif run_class is not RunClass.PARKED:
        return
    elif outlook.nodes_hidden is not None:
        reason = f"which node waits cannot be seen: {outlook.nodes_hidden}"
        yield notice("wake_up", reason, grant(outlook.nodes_hidden), run_id=run_id)
    elif not outlook.next_nodes:
        reason = "nothing is seen that would wake it: no job, no timer, and no node that waits"
        yield warning(
            "wake_up", reason, "start the run in the application, at the node where it is to go on", run_id=run_id
        )
    else:
        yield from _waiting(run_id, outlook)


def _waiting(run_id: str, outlook: Outlook) -> Iterator[FindingItem]:
    """Nodes that wait without a job: for somebody to call back is fine; for a retry or a timer it is not."""
    for key in sorted(outlook.next_nodes):
        status = outlook.nodes[key].status
        node = outlook.definition.nodes.get(key) if isinstance(outlook.definition, NodeGraph) else None
        if status == _RETRYING:
            reason = f"the node {key!r} is to be retried, and no job of the engine's scheduler does it"
            yield error("wake_up", reason, "start the run in the application at that node", run_id=run_id)
        elif status == _WAITING and node is not None and node.is_timer:
            reason = f"the node {key!r} waits for a timer, and the engine's scheduler has none for it"
            yield error("wake_up", reason, "start the run in the application at that node", run_id=run_id)
