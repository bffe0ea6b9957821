"""What a sweep need not look at again: rows that are, beyond doubt, still as this migration has written them.

On PostgreSQL the version of a row says so. On SQLite it is the whole file: where no other connection has committed
anything since the sweep began, what the sweep found and what it wrote is what there is.
"""

from zenctx.database import runs
from zenctx.database.engine import Database
from zenctx.database.rows import Written
from zenctx.database.sessions import Session
from zenctx.database.versions import WrittenVersions
from zenctx.operations.migration.report import Tally


class Known:
    """Of a migration to descriptors: what it wrote is descriptors, and needs no detection to be known as that."""

    def __init__(self, database: Database, session: Session) -> None:
        self.versions = WrittenVersions()
        self._access = runs.access(database)
        self._session = session
        self._before: int | None = None
        self._left: Tally | None = None

    def sweep_begins(self) -> None:
        """Takes note of the moment before the first row is read."""
        self._left = None
        self._before = self._access.changes_of_others(self._session.connection)

    def wrote(self, written: Written) -> None:
        """Takes what a batch wrote."""
        for version in written.versions:
            self.versions.add(written.run_ids, version)

    def forget(self) -> None:
        """Forgets all: a server that crashed may have undone it, and may give the same versions once more."""
        self.versions.forget()
        self._left = self._before = None

    def sweep_ended(self, tally: Tally) -> None:
        """Takes what a sweep over all selected rows did, once all of it is written."""
        if tally.wrote_all:
            self._left = tally.as_left()

    def census(self) -> Tally | None:
        """Gives what another sweep would count, where that is certain without one."""
        if self._left is None or self._before is None:
            return None
        unchanged = self._before == self._access.changes_of_others(self._session.connection)
        return self._left if unchanged else None
