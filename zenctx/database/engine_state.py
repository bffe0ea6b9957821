"""What the engine's own tables say of it: whether it is alive, and which failed runs it will try again.

Both come from Quartz, the scheduler inside the engine. What cannot be seen counts as the dangerous case.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Text, cast, select, text

from zenctx.context.datastruct import DataStruct
from zenctx.database.checks import can_read, can_read_all, has_column, has_table
from zenctx.database.engine import SQLITE
from zenctx.database.schema import node_executions, workflow_runs

RETRY_GROUP = "retry-jobs"
_CHECK_INS = 3
"""A scheduler that missed this many of its check-ins is not running."""

_AT_ONCE = 500
"""SQLite limits the parameters of a statement."""
_NUMBER = (int, float)

_SCHEDULERS = "select last_checkin_time, checkin_interval, instance_name from qrtz_scheduler_state"
_RETRIES = "select distinct job_name from qrtz_job_details where job_group = :job_group"


class Liveness(DataStruct, frozen=True):
    """Whether an engine may be running, and what says so."""

    alive: bool
    reason: str


def database_time(connection: Connection) -> datetime:
    """Gives the time of the database's clock (on SQLite, this machine's), aware."""
    if connection.dialect.name == SQLITE:
        return datetime.now(UTC)
    moment: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    return moment


def engine_liveness(connection: Connection) -> Liveness:
    """Tells whether an engine may be running against this database.

    On PostgreSQL a scheduler table that is absent or may not be read counts as a running engine; SQLite is nobody's
    production database, and there it counts as none. A check-in whose time is no number (SQLite keeps any text) counts
    as one just now.
    """
    if not can_read(connection, "qrtz_scheduler_state"):
        if connection.dialect.name == SQLITE:
            return Liveness(False, "the database has no scheduler table")
        absent = "has no" if not has_table(connection, "qrtz_scheduler_state") else "does not let this role read the"
        return Liveness(
            True, f"the database {absent} table qrtz_scheduler_state, so a running engine cannot be ruled out"
        )
    now = database_time(connection).timestamp() * 1000
    for last, interval, instance in connection.execute(text(_SCHEDULERS)):
        if not (isinstance(last, _NUMBER) and isinstance(interval, _NUMBER)):
            return Liveness(True, f"when the engine {instance} checked in cannot be read, so it may be running")
        if now - last < _CHECK_INS * interval:
            return Liveness(True, f"the engine {instance} checked in {round(max(0, now - last) / 1000)} s ago")
    return Liveness(False, "no engine has checked in lately")


def pending_retries(connection: Connection, run_ids: Sequence[str]) -> frozenset[str]:
    """Gives those of some failed runs that a job of the engine will revive (jobs are named `<runId>:<nodeKey>`).

    All of them where the jobs are there and may not be read; none where there is no such table.
    """
    if not run_ids or not has_table(connection, "qrtz_job_details"):
        return frozenset()
    if not can_read_all(connection, "qrtz_job_details"):
        return frozenset(run_ids)
    wanted = set(run_ids)
    names = connection.execute(text(_RETRIES), {"job_group": RETRY_GROUP}).scalars()
    return frozenset(run_id for name in names if (run_id := name.partition(":")[0]) in wanted)


def scheduled_retries(connection: Connection, run_ids: Sequence[str]) -> frozenset[str]:
    """Gives those of some failed runs that their own row says will be tried again: `next_retry_at` is still to come.

    An engine whose scheduler keeps its jobs in memory says it nowhere else. What is no time counts as one to come.
    """
    if not run_ids or not has_column(connection, "workflow_runs", "next_retry_at"):
        return frozenset()
    run_id, at = workflow_runs.c.id, workflow_runs.c.next_retry_at
    now, found = database_time(connection), set[str]()
    for start in range(0, len(run_ids), _AT_ONCE):
        some = run_ids[start : start + _AT_ONCE]
        rows = connection.execute(select(run_id, at).where(run_id.in_(some), at.is_not(None)))
        found.update(each for each, moment in rows if moment is None or moment > now)
    return frozenset(found)


def retrying_runs(connection: Connection) -> frozenset[str] | None:
    """Gives the runs that a job of the engine will revive; None where that may not be read: it may be any."""
    if not has_table(connection, "qrtz_job_details"):
        return frozenset()
    if not can_read_all(connection, "qrtz_job_details"):
        return None
    names = connection.execute(text(_RETRIES), {"job_group": RETRY_GROUP}).scalars()
    return frozenset(name.partition(":")[0] for name in names)


def all_scheduled_retries(connection: Connection) -> frozenset[str]:
    """Gives all failed runs of which `scheduled_retries` would say so; looks at every row, and at no context."""
    if not has_column(connection, "workflow_runs", "next_retry_at"):
        return frozenset()
    run_id, at = workflow_runs.c.id, workflow_runs.c.next_retry_at
    now = database_time(connection)
    query = select(run_id, at).where(at.is_not(None), cast(workflow_runs.c.status, Text) == "ERROR")
    rows = connection.execution_options(stream_results=True).execute(query)
    return frozenset(each for each, moment in rows if moment is None or moment > now)


def last_signs(connection: Connection, run_ids: Sequence[str]) -> dict[str, datetime]:
    """Gives the latest time at which a node of each of some runs began or ended; runs without one are absent.

    Where they may not be read, each run may have had one just now. There may be no index that helps: ask for few runs,
    and only where it matters.
    """
    if not run_ids or not has_table(connection, "node_executions"):
        return {}
    if not can_read_all(connection, "node_executions"):
        return dict.fromkeys(run_ids, database_time(connection))
    run, started, ended = (node_executions.c[name] for name in ("workflow_run_id", "started_at", "ended_at"))
    query = select(run, started, ended).where(run.in_(run_ids))
    latest: dict[str, datetime] = {}
    for run_id, *moments in connection.execute(query):
        for moment in moments:
            if moment is not None:
                latest[run_id] = max(moment, latest.get(run_id, moment))
    return latest
