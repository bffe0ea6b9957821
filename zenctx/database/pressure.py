"""How hard the server has it, as far as this role may see: replicas, WAL, vacuum, long transactions, whom we block.

PostgreSQL only; one statement, which looks at statistics alone.
"""

from typing import NamedTuple

from sqlalchemy import Connection, text

from zenctx.context.datastruct import DataStruct
from zenctx.database.locks import Lock, advisory_key

_MAY_SEE_ALL = "select pg_has_role(current_user, 'pg_read_all_stats', 'usage')"

_PRESSURE = """
    with wal as (select pg_current_wal_lsn() as at),
    runs as (
        select c.oid, c.reltoastrelid from pg_class c where c.oid = to_regclass('workflow_runs')),
    here as (select oid from pg_database where datname = current_database()),
    ours as (
        select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from here) and (classid::bigint << 32 | objid::bigint) = :key),
    vacuums as (select pid, relid from pg_stat_progress_vacuum),
    transactions as (
        select xact_start as began from pg_stat_activity
        where (backend_xmin is not null or backend_xid is not null) and backend_type = 'client backend'
            and datid = (select oid from here) and pid <> pg_backend_pid()
            and pid not in (select pid from ours) and pid not in (select pid from vacuums where pid is not null)
        union all
        select prepared from pg_prepared_xacts where database = current_database()),
    archived as (
        select last_failed_time > coalesce(last_archived_time, '-infinity') as is_failing,
            case when last_archived_wal ~ '^[0-9A-F]{24}$' then last_archived_wal end as name
        from pg_stat_archiver where current_setting('archive_mode') <> 'off')
    select
        (wal.at - '0/0')::bigint as wal_at,
        substr(pg_walfile_name(wal.at), 1, 8) as timeline,
        (select json_agg(json_build_array(pid, extract(epoch from reply_time)::float8,
                (wal.at - coalesce(replay_lsn, flush_lsn, write_lsn, sent_lsn))::bigint,
                extract(epoch from replay_lag)::float8))
            from pg_stat_replication where state in ('streaming', 'catchup')) as replicas,
        (select max(wal.at - restart_lsn)::bigint from pg_replication_slots where wal_status <> 'lost') as slot_bytes,
        (select setting::bigint * 1048576 from pg_settings
            where name = 'max_slot_wal_keep_size' and setting <> '-1') as slot_limit,
        (select is_failing from archived) as archiver_fails,
        exists (select from archived) as archives,
        (select (number(pg_walfile_name(wal.at)) - number(name))
            * (select setting::bigint from pg_settings where name = 'wal_segment_size')
            from archived) as archive_bytes,
        exists (select from vacuums v, runs r where v.relid in (r.oid, r.reltoastrelid)) as vacuum_runs,
        (select array[s.n_dead_tup, s.n_live_tup] from pg_stat_all_tables s, runs r where s.relid = r.oid) as rows,
        (select array[s.n_dead_tup, s.n_live_tup] from pg_stat_all_tables s, runs r
            where s.relid = r.reltoastrelid) as pieces,
        (select extract(epoch from clock_timestamp() - min(began))::float8 from transactions) as oldest_seconds,
        (select count(distinct w.pid) from pg_locks w where not w.granted
            and w.pid not in (select pid from ours)
            and pg_blocking_pids(w.pid) && array(select pid from ours)) as blocked
    from wal"""
# The place of a segment among all, from its name; the part that tells timelines apart is left out.
_NUMBER = """(('x' || substr({name}, 9, 8))::bit(32)::bigint
    * (4294967296 / (select setting::bigint from pg_settings where name = 'wal_segment_size'))
    + ('x' || substr({name}, 17, 8))::bit(32)::bigint)"""
_STATEMENT = text(
    _PRESSURE.replace("number(pg_walfile_name(wal.at))", _NUMBER.format(name="pg_walfile_name(wal.at)"))
    .replace("number(name)", _NUMBER.format(name="name"))
    .replace("::", "\\:\\:")
)


class Replica(NamedTuple):
    """One that receives WAL now. `number` tells it from others until it connects anew."""

    number: int
    replied_at: float | None
    """When it last told how far it is, by its own clock, in seconds."""
    lag_bytes: int | None
    """What it has not applied yet."""
    lag_seconds: float | None
    """As it told when it last did."""


class Table(NamedTuple):
    """Rows of a table, by its statistics."""

    dead: int
    live: int


class Pressure(DataStruct, frozen=True):
    """What was seen at one moment; None: there is no such thing, or it may not be seen."""

    wal_at: int = 0
    """How many bytes of WAL were ever written."""
    timeline: str = ""
    """What tells a server from the one that was promoted in its place."""
    replicas: tuple[Replica, ...] = ()
    missing: int = 0
    """Replicas that were seen before; never told by one look."""
    slot_bytes: int | None = None
    """WAL kept for the replication slot that needs most."""
    slot_limit: int | None = None
    """From where on the server gives up a slot."""
    archiver_fails: bool | None = None
    archives: bool = False
    """Whether WAL is to be archived at all."""
    archive_bytes: int | None = None
    """WAL that is not archived yet; None also where none ever was."""
    vacuum_runs: bool = False
    """Of workflow_runs, or of the table that holds its large values."""
    rows: Table | None = None
    pieces: Table | None = None
    """Of the table that holds large values."""
    oldest_seconds: float | None = None
    """How long the transaction of others has lasted that keeps dead rows from being removed."""
    blocked: int = 0
    """Sessions of others that wait for a lock of ours."""


def pressure(connection: Connection) -> Pressure:
    """Looks once; no transaction stays open."""
    found = connection.execute(_STATEMENT, {"key": advisory_key(Lock.CONTENT)}).one()._asdict()
    connection.rollback()
    replicas = tuple(Replica(*each) for each in found.pop("replicas") or ())
    rows, pieces = (counts and Table(*counts) for counts in (found.pop("rows"), found.pop("pieces")))
    return Pressure(replicas=replicas, rows=rows, pieces=pieces, **found)


def may_see_all(connection: Connection) -> bool:
    """Tells whether this role sees the activity of others; else replicas, vacuum and transactions stay hidden."""
    seen = bool(connection.execute(text(_MAY_SEE_ALL)).scalar_one())
    connection.rollback()
    return seen
