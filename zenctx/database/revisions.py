"""Creates zenctx's own tables by the revisions in `migrations/`, or prints the SQL that does."""

from dataclasses import dataclass
from importlib.resources import files
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from zenctx.database.checks import Current, current, current_revision, unknown_revision
from zenctx.database.engine import POSTGRESQL, Database, Dialect, write_transaction
from zenctx.database.locks import UPGRADE_LOCK
from zenctx.errors import DatabaseError

_LOCK_WAIT = {"postgresql": {"lock_timeout": "30s"}, "sqlite": {"busy_timeout": "30000"}}


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: the revision before (None: no tables) and after."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return self.before != self.after


def upgrade(database: Database) -> Upgrade:
    """Bring our tables to the newest revision, in one transaction; several at once wait for each other.

    DatabaseError if a newer zenctx made the tables, if the role may not create tables, or if the database is read-only.
    """
    with database.connect(_LOCK_WAIT[database.dialect]) as connection, write_transaction(connection):
        if database.dialect == POSTGRESQL:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        before = current_revision(connection)
        if not before.is_known:
            raise unknown_revision(database.description, before)
        if not before.is_current:
            command.upgrade(alembic_config(connection), "head")
        return Upgrade(before.revision, before.head)


def upgrade_sql(dialect: Dialect) -> str:
    """Give the SQL that creates our tables from nothing, in one transaction, for those who apply SQL by hand."""
    output = StringIO()
    config = alembic_config(output=output)
    config.attributes["dialect"] = dialect
    command.upgrade(config, "head", sql=True)
    return output.getvalue()


def alembic_config(connection: Connection | None = None, *, output: StringIO | None = None) -> Config:
    """Give Alembic's configuration, without a file and silent: on a connection, or for SQL into `output`."""
    config = Config(stdout=StringIO(), output_buffer=output)
    # Percent signs are Alembic's own placeholders.
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def script_location() -> Path:
    """Give the directory of the revisions: inside the installed package, else the repository's. Else DatabaseError."""
    package = Path(str(files("zenctx")))
    for place in (package / "migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    raise DatabaseError("the revisions of zenctx's tables are missing from this installation", hint="install it again")


__all__ = ["Current", "Upgrade", "alembic_config", "current", "script_location", "upgrade", "upgrade_sql"]
