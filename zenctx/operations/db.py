"""zenctx's own tables: brought up to date, looked at, printed as SQL; and the store that a database is bound to."""

from dataclasses import dataclass

from zenctx.config import Settings
from zenctx.database import revisions
from zenctx.database.checks import current_revision, has_table, require_writable, require_zenctx_tables
from zenctx.database.conversion_script import conversion_script
from zenctx.database.engine import Database, Dialect
from zenctx.database.schema import REVISION_TABLE
from zenctx.database.store_binding import BoundKind, bind, bound_store, database_identity, unbind_store
from zenctx.errors import RefusedError
from zenctx.operations.guards import require_persistence
from zenctx.operations.live_files import live_files


@dataclass(frozen=True, slots=True)
class RevisionSummary:
    """The revision of zenctx's tables (None: they are not there) and the newest one."""

    database: str
    revision: str | None
    head: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class BindingSummary:
    """The store that a database is bound to: its id and where its directory is."""

    database: str
    store_id: str
    path: str


@dataclass(frozen=True, slots=True)
class DbReport:
    """The outcome of a `db` command."""

    command: str
    exit_code: int
    summary: RevisionSummary | BindingSummary
    message: str
    next_step: str | None = None
    dry_run: bool = False


def upgrade(database: Database, settings: Settings) -> DbReport:
    """Creates or updates zenctx's own tables. The engine's tables are never touched."""
    require_persistence(settings)
    done = revisions.upgrade(database)
    summary = RevisionSummary(database.description, done.after, done.after, is_current=True)
    message = f"The tables of zenctx are at revision {done.after} already"
    if done.changed:
        message = f"The tables of zenctx are now at revision {done.after} (before: {done.before or 'none'})"
    return DbReport("db upgrade", 0, summary, message, _after_upgrade(database))


def _after_upgrade(database: Database) -> str:
    with database.connect() as connection:
        if has_table(connection, "workflow_runs"):
            return "'zenctx migrate --dry-run' shows what there is to convert"
    return "there is no table workflow_runs beside them: is this the ZenFlow database, and the right schema?"


def current(database: Database) -> DbReport:
    """Tells the revision of zenctx's own tables: 4 where they are not up to date."""
    with database.connect() as connection:
        found = current_revision(connection)
        if found.revision is None and has_table(connection, REVISION_TABLE):
            require_zenctx_tables(connection)  # they are there, and this role may not read them
    summary = RevisionSummary(database.description, found.revision, found.head, found.is_current)
    if found.is_current:
        return DbReport("db current", 0, summary, f"The tables of zenctx are at revision {found.head}, up to date")
    if not found.is_known:
        message = f"The tables of zenctx are at revision {found.revision}, which this version does not know"
        return DbReport("db current", 4, summary, message, "use the newer zenctx that made them")
    message = f"The tables of zenctx are at revision {found.revision}, and {found.head} is needed"
    if found.revision is None:
        message = f"There are no tables of zenctx yet; revision {found.head} is needed"
    return DbReport("db current", 4, summary, message, "run 'zenctx db upgrade'")


def conversion_sql(settings: Settings) -> str:
    """Gives the script that converts contexts on PostgreSQL without zenctx, for those who may run nothing but SQL."""
    return conversion_script(settings.memory_threshold_bytes)


def sql(dialect: Dialect) -> str:
    """Gives the SQL that creates zenctx's own tables, for those who apply it by hand."""
    return revisions.upgrade_sql(dialect)


def bind_directory(database: Database, settings: Settings, *, replace: bool) -> DbReport:
    """Binds a database to the configured persistent directory, where it is bound to none yet, or on purpose to another.

    A directory that was another database's gets another id: that one is refused from then on, and can take none of
    these files for files that nobody needs. Raises RefusedError where this database is bound to another directory, or
    is a copy of the one that was bound, and `replace` is not given.
    """
    require_persistence(settings)
    live = live_files(settings)
    with database.connect() as connection:
        require_zenctx_tables(connection)
        # Before the marker is changed: the other half of the bond could not follow.
        require_writable(connection)
        bound = bound_store(connection)
        identity = database_identity(connection)
        connection.rollback()
        found = live.store.read_id()
        if bound is not None and found != bound.store_id and not replace:
            raise RefusedError(
                f"the database is bound to the store {bound.store_id}, last seen at {bound.location}",
                hint="--replace binds it to the configured directory all the same",
            )
        live.store.prepare()
        is_own = bound is not None and bound.store_id == found and not bound.is_of_another(identity)
        takes_over = found is not None and not is_own and (replace or bound is None)
        store_id = live.store.replace_id() if takes_over else live.store.create_id()
        if bound is not None and (replace or bound.store_id != store_id):
            unbind_store(connection, bound.store_id)
        bind(connection, BoundKind.STORE, store_id, str(live.store.root))
    summary = BindingSummary(database.description, store_id, str(live.store.root))
    message = f"The database is bound to the store {store_id} at {live.store.root}"
    return DbReport("db bind", 0, summary, message, "'zenctx verify' says whether every file is there")
