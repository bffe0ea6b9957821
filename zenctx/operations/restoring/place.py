"""Where a snapshot comes from, and whether what it holds may be put into the directory of live files."""

from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.store_binding import database_identity
from zenctx.errors import RefusedError
from zenctx.operations.live_files import LiveFiles, check_store
from zenctx.snapshots.model import SnapshotInfo

_DATABASES = ("sqlite", "postgresql")


def check_place(live: LiveFiles, database: Database, connection: Connection, info: SnapshotInfo) -> str | None:
    """Gives the name of the database that a snapshot was taken of, where that is another than this one.

    Raises RefusedError for a directory that is not the database's own; no transaction stays open.

    It is another's where the database is bound to another store, and where it is bound to none while the directory is
    that of the database that the snapshot was taken of. Two databases in one directory take each other's files for
    files that nobody needs any more.
    """
    with database.translated_errors():
        is_bound = has_zenctx_tables(connection) and check_store(live, connection)
        is_of_another = _is_of_another(database, database_identity(connection), info)
        connection.rollback()
    if not is_bound and is_of_another and live.store.read_id() in {info.header.store_id} - {None}:
        raise RefusedError(
            f"the directory {live.store.root} belongs to another database, of which snapshot {info.short_id} was taken",
            hint="set persistent-file-dir to another directory; where this database has taken the other one's place, "
            "'zenctx db bind' says so",
        )
    return info.header.database if is_of_another else None


def _is_of_another(database: Database, identity: str | None, info: SnapshotInfo) -> bool:
    header = info.header
    if header.dialect not in _DATABASES:
        return False  # of a file that somebody gave
    if header.dialect != database.dialect:
        return True
    return None not in {identity, header.database_identity} and identity != header.database_identity
