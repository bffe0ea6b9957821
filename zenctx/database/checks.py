"""Whether the tables are there: the engine's, with the columns we use, and ours, at the revision we know."""

from collections.abc import Collection
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, column, select, table, text

from zenctx.context.datastruct import DataStruct
from zenctx.database.engine import SQLITE, Database
from zenctx.database.schema import REVISION_TABLE, REVISIONS
from zenctx.database.url import describe
from zenctx.errors import DatabaseError

_WRONG_DATABASE = "is this the ZenFlow database, and the right schema?"
_REQUIRED = ("id", "workflow_id", "status", "context", "started_at", "ended_at")
_REQUIRED_TYPES = {"id": "uuid", "context": "jsonb"}

# Made once: these are asked for again and again.
_POSTGRESQL_COLUMNS = text("""
select attname, format_type(atttypid, null) from pg_catalog.pg_attribute
where attrelid = to_regclass(quote_ident(:name)) and attnum > 0 and not attisdropped
""")
_POSTGRESQL_READABLE = text("""
select coalesce(has_any_column_privilege(to_regclass(quote_ident(:name)), 'select'), false)
""")
_POSTGRESQL_HIDDEN = text("select row_security_active(to_regclass(quote_ident(:name)))")
_POSTGRESQL_READ_ONLY = text("select current_setting('transaction_read_only') = 'on'")
_SQLITE_COLUMNS = text("select name, type from pragma_table_info(:name)")

_seen: WeakKeyDictionary[Connection, dict[str, Collection[str]]] = WeakKeyDictionary()
"""The columns of the tables that a connection has found, as long as its block lasts."""


class Current(DataStruct, frozen=True):
    """The revision of our tables in a database (None: they are not there) and the one that this zenctx uses."""

    revision: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether the tables are as this zenctx needs them."""
        return self.revision == self.head

    @property
    def is_known(self) -> bool:
        """Whether this zenctx can bring them up to date; False if a newer one made them."""
        return self.revision is None or self.revision in REVISIONS


def current(database: Database) -> Current:
    """Look up the revision of our tables over a connection of its own."""
    with database.connect() as connection:
        return current_revision(connection)


def current_revision(connection: Connection) -> Current:
    """Look up the revision of our tables; tables that may not be read count as absent."""
    revision = None
    if can_read(connection, REVISION_TABLE):
        revision = connection.scalar(select(column("version_num")).select_from(table(REVISION_TABLE)))
    return Current(revision, REVISIONS[-1])


def has_zenctx_tables(connection: Connection) -> bool:
    """Whether our tables can be used; commands that only read do without them."""
    return current_revision(connection).is_current


def require_zenctx_tables(connection: Connection) -> None:
    """DatabaseError unless our tables are at the revision that this zenctx uses."""
    found = current_revision(connection)
    if found.is_current:
        return
    place = describe(connection.engine.url)
    if found.revision is None:
        _require_right(connection, REVISION_TABLE, place)
        raise DatabaseError(f"{place} has no tables of zenctx yet", hint="run 'zenctx db upgrade'")
    if found.is_known:
        raise DatabaseError(
            f"{place} has tables of zenctx at revision {found.revision}, and {found.head} is needed",
            hint="run 'zenctx db upgrade'",
        )
    raise unknown_revision(place, found)


def unknown_revision(place: str, found: Current) -> DatabaseError:
    """Give the error for tables that a newer zenctx made."""
    return DatabaseError(
        f"{place} has tables of zenctx at revision {found.revision}, which this version does not know",
        hint="use the newer zenctx that made them",
    )


def require_engine_tables(connection: Connection) -> None:
    """DatabaseError unless `workflow_runs` is there, readable, and has the columns (and types) that we rely on."""
    place = describe(connection.engine.url)
    columns = _columns(connection, "workflow_runs")
    if not columns:
        raise DatabaseError(f"{place} has no table workflow_runs", hint=_WRONG_DATABASE)
    missing = next((name for name in _REQUIRED if name not in columns), None)
    if missing is not None:
        raise DatabaseError(f"{place} has a table workflow_runs without a column {missing}", hint=_WRONG_DATABASE)
    if connection.dialect.name != SQLITE:
        _require_types(columns, place)
    _require_right(connection, "workflow_runs", place)


def require_writable(connection: Connection) -> None:
    """DatabaseError where the server takes no changes in this session: to be asked before files are touched."""
    if connection.dialect.name != SQLITE and connection.scalar(_POSTGRESQL_READ_ONLY):
        place = describe(connection.engine.url)
        raise DatabaseError(f"{place} is read-only", hint="connect to the primary server, with a role that may write")


def has_table(connection: Connection, name: str) -> bool:
    """Whether a table or view of this name is in sight (on PostgreSQL: along the search path)."""
    return bool(_seen_in(connection, name) or _columns(connection, name))


def has_column(connection: Connection, table: str, name: str) -> bool:
    """Whether a table in sight has a column of this name."""
    return name in _seen_in(connection, table) or name in _columns(connection, table)


def _seen_in(connection: Connection, table: str) -> Collection[str]:
    """The columns that this connection has seen of a table: what is there stays, what is not may come at any time.

    Where a table goes all the same, the next statement over it fails; nothing is taken for absent that is not.
    """
    return _seen.get(connection, {}).get(table, ())


def can_read(connection: Connection, name: str) -> bool:
    """Whether a table of this name is there and may be read; asks without raising, which would end a transaction."""
    if connection.dialect.name == SQLITE:
        return has_table(connection, name)
    return bool(connection.scalar(_POSTGRESQL_READABLE, {"name": name}))


def can_read_all(connection: Connection, name: str) -> bool:
    """Whether a table of this name is there and may be read, and no row-level security may hide rows of it."""
    if not can_read(connection, name):
        return False
    return connection.dialect.name == SQLITE or not connection.scalar(_POSTGRESQL_HIDDEN, {"name": name})


def _require_right(connection: Connection, name: str, place: str) -> None:
    if has_table(connection, name) and not can_read(connection, name):
        raise DatabaseError(f"{place} does not let this role read the table {name}", hint="ask its owner to grant it")


def _require_types(columns: dict[str, str], place: str) -> None:
    for name, kind in _REQUIRED_TYPES.items():
        if columns[name] != kind:
            raise DatabaseError(
                f"{place} has a column workflow_runs.{name} of type {columns[name]}, and {kind} is needed",
                hint=_WRONG_DATABASE,
            )


def _columns(connection: Connection, name: str) -> dict[str, str]:
    query = _SQLITE_COLUMNS if connection.dialect.name == SQLITE else _POSTGRESQL_COLUMNS
    found = {row[0]: row[1] for row in connection.execute(query, {"name": name})}
    _seen.setdefault(connection, {})[name] = found.keys()
    return found
