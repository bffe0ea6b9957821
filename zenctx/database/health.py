"""What can be told of a database by looking: its server, what this role may do, who holds locks.

Everything here works with the right to read alone, and changes nothing.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, TextClause, func, select, text

from zenctx.context.datastruct import DataStruct
from zenctx.database.engine import SQLITE
from zenctx.database.locks import UPGRADE_LOCK, Lock, advisory_key
from zenctx.database.schema import METADATA, zenctx_quarantine

UPGRADE = "upgrade"
"""The name of the lock that upgrades of zenctx's own tables take."""

_SERVER = """
    select current_setting('server_version'), current_setting('server_version_num')::int,
        current_setting('server_encoding'), pg_is_in_recovery(), current_user"""
_IN_RECOVERY = text("select pg_is_in_recovery()")
_APPLIED = text("select pg_last_xact_replay_timestamp()")
_MAY = """
    select coalesce(has_column_privilege(to_regclass('workflow_runs'), 'context', 'update'), false),
        coalesce(row_security_active(to_regclass('workflow_runs')), false)"""
_SCHEMAS = """
    select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = 'workflow_runs' and c.relkind in ('r', 'p', 'v')
    order by c.oid <> coalesce(to_regclass('workflow_runs'), 0), n.nspname"""
_WRITABLE = """
    select coalesce(bool_and(has_table_privilege(r, 'insert') and has_table_privilege(r, 'update')
        and has_table_privilege(r, 'delete')), false)
    from unnest(cast(:names as text[])) as n(name), to_regclass(n.name) as r where r is not null"""
_HOLDERS = """
    select (l.classid::bigint << 32 | l.objid::bigint), l.pid, a.application_name, a.usename, l.mode, l.granted,
        a.backend_start, case when a.state = 'idle' then a.state_change end
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.objsubid = 1 and l.pid <> pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())
    order by a.backend_start, l.pid"""


class Server(DataStruct, frozen=True):
    """The server, and who we are to it. `number` is its version as a number (180001), 0 for SQLite."""

    version: str
    number: int
    encoding: str
    is_replica: bool
    role: str | None


class Rights(DataStruct, frozen=True):
    """What this role may do. `schemas`: those that have a workflow_runs, the one in use first.

    `may_write_own`: all of zenctx's tables that are there. `hides_rows`: a policy keeps rows from this role.
    """

    may_update: bool
    may_write_own: bool
    hides_rows: bool
    schemas: tuple[str, ...]


class LockHolder(DataStruct, frozen=True):
    """A session that holds a lock of zenctx, or waits for it; `idle_since` where it does nothing."""

    lock: str
    pid: int
    application: str | None
    role: str | None
    is_exclusive: bool
    is_waiting: bool
    since: datetime | None
    idle_since: datetime | None


def server(connection: Connection) -> Server:
    """Asks the server what it is."""
    if connection.dialect.name == SQLITE:
        version = connection.scalar(text("select sqlite_version()"))
        # Anything but UTF-8 was refused when the file was opened.
        return Server(str(version), 0, "UTF8", is_replica=False, role=None)
    return Server(*connection.execute(_statement(_SERVER)).one())


def is_replica(connection: Connection) -> bool:
    """Tells whether the server applies the changes of another one, and takes none itself; leaves no transaction."""
    if connection.dialect.name == SQLITE:
        return False
    found = bool(connection.scalar(_IN_RECOVERY))
    connection.rollback()
    return found


def applied_at(connection: Connection) -> datetime | None:
    """Gives up to when a read replica has applied what its primary committed, at least; None for any other server.

    That is the last change it applied: it cannot tell how far the primary is.
    """
    if not is_replica(connection):
        return None
    moment: datetime | None = connection.scalar(_APPLIED)
    connection.rollback()
    return moment or datetime.fromtimestamp(0, UTC)


def rights(connection: Connection) -> Rights:
    """Asks what this role may do; on SQLite the file's own rights decide, which are not asked here."""
    if connection.dialect.name == SQLITE:
        return Rights(may_update=True, may_write_own=True, hides_rows=False, schemas=())
    may_update, hides_rows = connection.execute(text(_MAY)).one()
    may_write = bool(connection.scalar(text(_WRITABLE), {"names": sorted(METADATA.tables)}))
    schemas = tuple(str(name) for name in connection.scalars(text(_SCHEMAS)))
    return Rights(bool(may_update), may_write, bool(hides_rows), schemas)


def lock_holders(connection: Connection) -> list[LockHolder]:
    """Gives the sessions of others that hold a lock of zenctx on PostgreSQL, or wait for one, the oldest first."""
    names = {advisory_key(lock): lock.value for lock in Lock} | {UPGRADE_LOCK: UPGRADE}
    found = connection.execute(_statement(_HOLDERS))
    return [
        LockHolder(names[key], pid, application, role, mode.startswith("Exclusive"), not granted, since, idle)
        for key, pid, application, role, mode, granted, since, idle in found
        if key in names
    ]


def quarantined(connection: Connection) -> int:
    """Counts the rows in quarantine. Needs zenctx's tables."""
    return int(connection.execute(select(func.count()).select_from(zenctx_quarantine)).scalar_one())


def _statement(template: str) -> TextClause:
    return text(template.replace("::", r"\:\:"))
