"""The classes of rows as the database tells them now: what may still happen to each run."""

from collections.abc import Sequence
from datetime import datetime

from zenctx.context.classes import ZOMBIE_AGE, Classified, RunClass, RunFacts, classify_run
from zenctx.database.engine import Connection
from zenctx.database.engine_state import database_time, last_signs, pending_retries, scheduled_retries
from zenctx.database.rows import RunRow


def run_classes(connection: Connection, rows: Sequence[tuple[RunRow, bool]]) -> list[RunClass]:
    """Gives the class of each row; see `classified`."""
    return [each.run_class for each in classified(connection, rows)]


def classified(connection: Connection, rows: Sequence[tuple[RunRow, bool]]) -> list[Classified]:
    """Gives class and reason for each row, told whether it has a context that is neither null nor empty.

    Ends no transaction. One question to each of the engine's tables answers for all of the rows: ask for many at once,
    there may be no index that helps.
    """
    now = database_time(connection)
    return [classify_run(facts, now) for facts in _facts(connection, rows, now)]


def silent_since(connection: Connection, rows: Sequence[RunRow]) -> list[datetime | None]:
    """Gives for each row when its run was last known to be alive; None unless it is a zombie now.

    Ends no transaction; ask for many at once.
    """
    now = database_time(connection)
    return [
        facts.latest_sign if classify_run(facts, now).run_class is RunClass.ZOMBIE else None
        for facts in _facts(connection, [(row, True) for row in rows], now)
    ]


def _facts(connection: Connection, rows: Sequence[tuple[RunRow, bool]], now: datetime) -> list[RunFacts]:
    not_done = [row.run_id for row, _ in rows if row.status != "SUCCESS"]
    failed = [row.run_id for row, _ in rows if row.status == "ERROR"]
    retries = pending_retries(connection, not_done) | scheduled_retries(connection, failed)
    old = [
        row.run_id for row, _ in rows if row.ended_at is None and row.started_at and now - row.started_at > ZOMBIE_AGE
    ]
    signs = last_signs(connection, old)
    return [
        RunFacts(
            status=row.status,
            started_at=row.started_at,
            ended_at=row.ended_at,
            has_context=has_context,
            pending_retry=row.run_id in retries,
            last_sign=signs.get(row.run_id),
            times_readable=row.times_readable,
        )
        for row, has_context in rows
    ]
