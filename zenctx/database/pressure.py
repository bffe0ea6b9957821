"""How hard the server has it, as far as this role may see: replicas, WAL, vacuum, long transactions, whom we block.

PostgreSQL only; one statement, which looks at statistics alone.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from zenctx.database.locks import Lock, advisory_key

_MAY_SEE_ALL = "select pg_has_role(current_user, 'pg_read_all_stats', 'usage')"

_PRESSURE = """
    with wal as (select pg_current_wal_lsn() as at),
    runs as (
        select c.oid, c.reltoastrelid from pg_class c where c.oid = to_regclass('workflow_runs')),
    tables as (
        select s.n_dead_tup, s.n_live_tup from pg_stat_all_tables s, runs r where s.relid in (r.oid, r.reltoastrelid)),
    ours as (
        select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from pg_database where datname = current_database())
            and (classid::bigint << 32 | objid::bigint) = :key),
    archived as (
        select last_failed_time > coalesce(last_archived_time, '-infinity') as is_failing,
            case when last_archived_wal ~ '^[0-9A-F]{24}$' then last_archived_wal end as name
        from pg_stat_archiver where current_setting('archive_mode') <> 'off')
    select
        (select max(wal.at - replay_lsn) from pg_stat_replication, wal)::bigint,
        (select extract(epoch from max(replay_lag)) from pg_stat_replication)::float8,
        (select max(wal.at - restart_lsn) from pg_replication_slots, wal)::bigint,
        (select is_failing from archived),
        (select (number(pg_walfile_name(wal.at)) - number(name))
            * (select setting::bigint from pg_settings where name = 'wal_segment_size') from archived, wal),
        exists (select from pg_stat_progress_vacuum v, runs r where v.relid in (r.oid, r.reltoastrelid)),
        (select max(n_dead_tup) from tables),
        (select max(n_live_tup) from tables),
        (select extract(epoch from clock_timestamp() - min(xact_start)) from pg_stat_activity
            where backend_xmin is not null and pid not in (select pid from ours) and pid <> pg_backend_pid()
                and backend_type = 'client backend')::float8,
        (select count(distinct w.pid) from pg_locks w where not w.granted
            and w.pid not in (select pid from ours)
            and pg_blocking_pids(w.pid) && array(select pid from ours))"""
# The place of a segment among all, from its name; the part that tells timelines apart is left out.
_NUMBER = """(('x' || substr({name}, 9, 8))::bit(32)::bigint
    * (4294967296 / (select setting::bigint from pg_settings where name = 'wal_segment_size'))
    + ('x' || substr({name}, 17, 8))::bit(32)::bigint)"""
_STATEMENT = text(
    _PRESSURE.replace("number(pg_walfile_name(wal.at))", _NUMBER.format(name="pg_walfile_name(wal.at)"))
    .replace("number(name)", _NUMBER.format(name="name"))
    .replace("::", "\\:\\:")
)


@dataclass(frozen=True, slots=True)
class Pressure:
    """What was seen at one moment; None: there is no such thing, or it may not be seen."""

    lag_bytes: int | None = None
    """What the slowest replica has not applied yet."""
    lag_seconds: float | None = None
    slot_bytes: int | None = None
    """WAL kept for the replication slot that needs most."""
    archiver_fails: bool | None = None
    archive_bytes: int | None = None
    """WAL that is not archived yet."""
    vacuum_runs: bool = False
    """Of workflow_runs, or of the table that holds its large values."""
    dead_rows: int | None = None
    live_rows: int | None = None
    oldest_seconds: float | None = None
    """How long the transaction of others has lasted that keeps dead rows from being removed."""
    blocked: int = 0
    """Sessions of others that wait for a lock of ours."""


def pressure(connection: Connection) -> Pressure:
    """Looks once; no transaction stays open."""
    values = connection.execute(_STATEMENT, {"key": advisory_key(Lock.CONTENT)}).one()
    connection.rollback()
    return Pressure(*values)


def may_see_all(connection: Connection) -> bool:
    """Tells whether this role sees the activity of others; else replicas, vacuum and transactions stay hidden."""
    seen = bool(connection.execute(text(_MAY_SEE_ALL)).scalar_one())
    connection.rollback()
    return seen
