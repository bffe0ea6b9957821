"""What others hold, or left behind: locks, operations without an outcome, rows in quarantine."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from zenctx.config import Settings
from zenctx.database import health, journal
from zenctx.database.engine import SQLITE, Connection, Database
from zenctx.database.health import LockHolder
from zenctx.database.locks import Lock, lock_file
from zenctx.operations.diagnosis.finding import notice, warning
from zenctx.operations.diagnosis.machine import Machine
from zenctx.operations.verification.report import FindingItem, counted
from zenctx.store.names import LOCK

QUIET = timedelta(minutes=15)
"""A session that holds a lock and does nothing for so long has been left behind."""
SILENT = timedelta(hours=1)
"""An operation that gave no sign for so long has died."""
_NAMED = 10


def check_locks(
    database: Database, connection: Connection, settings: Settings, now: datetime, machine: Machine
) -> Iterator[FindingItem]:
    """Says which locks of zenctx are held, and by whom. Takes none."""
    if database.dialect == SQLITE:
        for lock in Lock:
            yield from _file_lock(f"the lock {lock.value} of the database", Path(lock_file(database, lock)), machine)
    else:
        for holder in health.lock_holders(connection):
            yield _session(holder, now)
    yield from _file_lock("the lock of the store", settings.persistent_file_dir.path / LOCK, machine)
    if settings.snapshots.startswith("/"):
        yield from _file_lock("the lock of the repository", Path(settings.snapshots) / LOCK, machine)


def _session(holder: LockHolder, now: datetime) -> FindingItem:
    how = "waits for" if holder.is_waiting else "holds alone" if holder.is_exclusive else "holds together with others"
    since = f" since {holder.since:%Y-%m-%d %H:%M}Z" if holder.since else ""
    who = f"{holder.application or 'a program without a name'} of {holder.role or 'another role'}"
    reason = f"{who} (pid {holder.pid} of the server{since}) {how} the lock {holder.lock}"
    if holder.idle_since is not None and now - holder.idle_since > QUIET and not holder.is_waiting:
        minutes = round((now - holder.idle_since).total_seconds() / 60)
        hint = f"look for that zenctx on its machine; if it is gone: select pg_terminate_backend({holder.pid})"
        return warning("lock", f"{reason}, and has done nothing for {minutes:,} minutes", hint)
    return notice("lock", reason, "wait until it is done; commands that need the lock end with 11 meanwhile")


def _file_lock(what: str, path: Path, machine: Machine) -> Iterator[FindingItem]:
    pids = machine.lock_holders(path)
    if pids:
        named = f"process {pids[0]}" if len(pids) == 1 else f"processes {', '.join(map(str, pids))}"
        reason = f"{what} is held by {named} of this machine"
        yield notice(
            "lock", reason, f"wait until it is done; 'ps -o pid,lstart,args {pids[0]}' says what it is", path=path
        )


def check_journal(connection: Connection, now: datetime) -> Iterator[FindingItem]:
    """Names operations that began and never ended, and were not gone on with. Needs zenctx's tables."""
    died = [operation for operation in journal.left_behind(connection) if _is_silent(operation, now)]
    for operation in died[:_NAMED]:
        reason = f"{operation.command} {operation.id} of {operation.who} has no outcome, and gave no sign for an hour"
        yield warning("operation", reason, f"what it did is whole; run 'zenctx {operation.command}' again to go on")
    if len(died) > _NAMED:
        more = counted(len(died) - _NAMED, "more operation")
        yield warning("operation", f"{more} without an outcome", "run the commands again to go on")


def _is_silent(operation: journal.Operation, now: datetime) -> bool:
    """A time that cannot be read, as only other hands write one, counts as long ago."""
    updated_at: datetime | None = operation.updated_at
    return updated_at is None or now - updated_at > SILENT


def check_quarantine(connection: Connection) -> Iterator[FindingItem]:
    """Counts the rows that could not be converted. Needs zenctx's tables."""
    count = health.quarantined(connection)
    if count:
        reason = f"{counted(count, 'row')} could not be converted, and {'is' if count == 1 else 'are'} in quarantine"
        hint = "'zenctx migrate --list-quarantined' says why; '--retry-quarantined' tries again"
        yield warning("quarantine", reason, hint)
