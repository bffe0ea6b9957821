"""Whether the database is one that zenctx can rely on: version, encoding, rights, tables, connection, clock, engine."""

from collections.abc import Iterator
from datetime import datetime

from zenctx.database.checks import Current, can_read, has_table
from zenctx.database.engine import SQLITE, Connection, Database
from zenctx.database.engine_state import Liveness
from zenctx.database.health import Rights, Server, rights
from zenctx.database.pooling import is_pooled_by_transaction
from zenctx.database.schema import REVISION_TABLE
from zenctx.operations.collection.guards import check_clocks
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.diagnosis.finding import error, notice, warning
from zenctx.operations.verification.report import FindingItem

OLDEST_TESTED = 150_000
"""The oldest PostgreSQL that the tests run on, as the server numbers its versions."""
_ENGINE_TABLES = ("workflows", "node_executions", "qrtz_job_details", "qrtz_triggers")


def check_server(server: Server) -> Iterator[FindingItem]:
    """Looks at version, encoding and kind of the server."""
    if 0 < server.number < OLDEST_TESTED:
        yield warning(
            "version",
            f"the server is PostgreSQL {server.version}, and zenctx is tested on 15 and newer",
            "upgrade the server; until then rehearse each command with --dry-run",
        )
    if server.encoding.upper().replace("-", "") != "UTF8":
        yield error(
            "encoding",
            f"the database stores its text as {server.encoding}, and contexts hold any character",
            "move the database to one that was created with the encoding UTF8",
        )
    if server.is_replica:
        yield warning(
            "replica",
            "the server is a read replica: nothing can be written here, and it may lag behind",
            "set db to the primary; looking works here, too",
        )


def check_rights(connection: Connection) -> Iterator[FindingItem]:
    """Looks at what this role may do, and whether the table is the right one. The engine's tables are there."""
    found = rights(connection)
    yield from _writing(found)
    if found.hides_rows:
        yield error(
            "rights",
            "a policy on workflow_runs hides rows from this role: gc would take the files of runs that it cannot see",
            "give the role BYPASSRLS, or use the owner's role",
        )
    if len(found.schemas) > 1:
        yield warning(
            "schema",
            f"workflow_runs stands in several schemas ({', '.join(found.schemas)}): that of {found.schemas[0]} is used",
            "name the schema in the URL of the database: currentSchema=NAME",
        )
    for table in _ENGINE_TABLES:
        if has_table(connection, table) and not can_read(connection, table):
            yield warning(
                "rights",
                f"this role may not read the table {table}: what it says counts as the dangerous case",
                f"let its owner run: grant select on {table} to the role of zenctx",
            )


def _writing(found: Rights) -> Iterator[FindingItem]:
    grant = "let their owner grant it to the role of zenctx, if this role is to convert, restore or clean up"
    if not found.may_update and not found.may_write_own:
        yield notice("rights", "this role may only read: converting, restoring and gc need more", grant)
    elif not found.may_update:
        yield warning("rights", "this role may not update workflow_runs.context: no context can be written", grant)
    elif not found.may_write_own:
        yield warning("rights", "this role may not write all of zenctx's own tables: nothing can be changed", grant)


def check_revision(connection: Connection, found: Current) -> Iterator[FindingItem]:
    """Looks at zenctx's own tables."""
    if found.is_current:
        return
    if found.revision is None and has_table(connection, REVISION_TABLE):
        yield warning(
            "revision",
            "zenctx's own tables are there, and this role may not read them",
            "let their owner grant select on the tables zenctx_* to the role of zenctx",
        )
    elif found.revision is None:
        # Whoever may only read misses nothing.
        add = warning if rights(connection).may_update else notice
        yield add(
            "revision",
            "the database has no tables of zenctx yet: contexts can be looked at, and nothing can be changed",
            "run 'zenctx db upgrade', or apply what 'zenctx db sql' prints",
        )
    elif found.is_known:
        yield error(
            "revision",
            f"zenctx's tables are at revision {found.revision}, and {found.head} is needed",
            "run 'zenctx db upgrade'",
        )
    else:
        yield error(
            "revision",
            f"zenctx's tables are at revision {found.revision}, which this version does not know",
            "use the newer zenctx that made them",
        )


def check_pooling(database: Database) -> Iterator[FindingItem]:
    """Looks whether locks and settings of a session last; opens two connections of its own."""
    if is_pooled_by_transaction(database):
        yield error(
            "pooler",
            "a pooler between zenctx and the database lends sessions for one transaction at a time: locks do not hold",
            "connect to the server itself, or to a pool of sessions (pool_mode = session)",
        )


def check_clock(machine: datetime, database: datetime) -> Iterator[FindingItem]:
    """Compares the clocks, by which ages of files and ends of runs are told."""
    refusal = check_clocks(machine, database, GcRequest())
    if refusal is not None:
        moments = f"machine {machine:%Y-%m-%d %H:%M:%S}Z, database {database:%Y-%m-%d %H:%M:%S}Z"
        yield error("clock", f"{refusal.message}: gc refuses", f"set the wrong one right: {moments}")


def check_engine(connection: Connection, liveness: Liveness) -> Iterator[FindingItem]:
    """Says where it cannot be seen whether the engine runs. That it does, or does not, is no finding."""
    table = "qrtz_scheduler_state"
    if can_read(connection, table) or connection.dialect.name == SQLITE:
        return
    hint = f"let its owner run: grant select on {table} to the role of zenctx"
    if not has_table(connection, table):
        hint = "'zenctx migrate --include-active' says that the engine is down, or reads both forms"
    yield notice("engine", f"{liveness.reason}: running and waiting runs are not converted", hint)
