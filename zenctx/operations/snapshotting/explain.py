"""What the database can say about live files: whether their directory is the right one, and why one is missing."""

from zenctx.context.rawjson import encode_string
from zenctx.database import runs
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.whole_rows import WholeRow
from zenctx.errors import NotFoundError, ZenctxError
from zenctx.operations.live_files import LiveFiles, check_store
from zenctx.operations.snapshotting.files import Look


class StoreGuard:
    """Looks once, before the first file is, whether the directory of live files is that of the database."""

    def __init__(self, live: LiveFiles, database: Database, connection: Connection) -> None:
        self._live = live
        self._database = database
        self._connection = connection
        self._checked = False

    def check(self) -> None:
        """Raises RefusedError where the database is bound to another store: a volume may not be mounted."""
        if self._checked:
            return
        with self._database.translated_errors():
            if has_zenctx_tables(self._connection):
                check_store(self._live, self._connection)
            self._connection.rollback()
        self._checked = True


class Explainer:
    """Says why a file that a row named is not there, by looking at the row again."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def explain(self, row: WholeRow, look: Look) -> str | None:
        """Gives the reason, where the row has changed since the snapshot read it; None where nothing is known."""
        try:
            with self._database.translated_errors():
                now = runs.read_run(self._database, self._connection, row.run_id).text
        except NotFoundError:
            return "the run has been deleted meanwhile"
        except ZenctxError:
            return None  # the snapshot has its rows, and needs the database no more
        if now == row.context or encode_string(look.file.locator) in (now or b""):
            return None
        return "the engine has released it meanwhile, and the row no longer names it"
