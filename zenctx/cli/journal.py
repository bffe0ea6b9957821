"""The database whose journal is told of a command that changes the repository of snapshots alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zenctx.errors import SetupError

if TYPE_CHECKING:
    from zenctx.config import Settings
    from zenctx.database.engine import Database


@contextmanager
def journal_database(settings: "Settings") -> "Iterator[Database | None]":
    """Opens it; None where it cannot be opened: snapshots may have to go, or to come, while the database is away."""
    # Lazy: SQLAlchemy loads slowly.
    from zenctx.database.engine import Database

    try:
        database = Database.open(settings.db, read_only=False)
    except SetupError:
        yield None
        return
    with database:
        yield database
