"""`zenctx db`: zenctx's own tables, and the directory that a database is bound to."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError

if TYPE_CHECKING:
    from zenctx.operations.flyway import FlywayFiles


class SqlDialect(StrEnum):
    """The databases for which SQL can be printed."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class SqlSummary:
    """The SQL for a kind of database."""

    dialect: str
    sql: str


@dataclass(frozen=True, slots=True)
class SqlReport:
    """The report of `db sql`."""

    summary: SqlSummary
    message: str = ""
    next_step: str | None = None
    exit_code: int = 0
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class FlywayReport:
    """The report of `db sql --flyway`."""

    summary: "FlywayFiles"
    message: str
    next_step: str | None
    exit_code: int = 0
    dry_run: bool = False


@command(
    examples="""
    zenctx db upgrade
    zenctx db upgrade --db postgresql://zenctx@db.example.org/zenflow
    """,
    exit_codes={5: "persistence is switched off; nothing was changed", 11: ""},
)
def upgrade(invocation: Invocation) -> int:
    """Create zenctx's own tables, or bring them up to date.

    Their names begin with zenctx_. The engine's tables are never touched. Commands that only read do without them; the
    others ask for it.
    """
    # Lazy: SQLAlchemy and Alembic load slowly.
    from zenctx.database.engine import Database
    from zenctx.operations import db as operation

    settings = invocation.settings
    invocation.output.begin(())
    with Database.open(settings.db, read_only=False) as database:
        return invocation.output.finish(operation.upgrade(database, settings))


@command(
    examples="""
    zenctx db current
    zenctx db current --json | jq .summary
    """,
    exit_codes={4: "the tables are missing, or not at the revision that this zenctx needs"},
)
def current(invocation: Invocation) -> int:
    """Show the revision of zenctx's own tables."""
    from zenctx.database.engine import Database
    from zenctx.operations import db as operation

    invocation.output.begin(())
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(operation.current(database))


@command(
    settings=["memory-threshold-bytes"],
    examples="""
    zenctx db sql > zenctx.sql
    zenctx db sql --convert > convert.sql && psql -v ON_ERROR_STOP=1 -f convert.sql zenflow
    zenctx db sql --convert --flyway src/main/resources/db/migration
    """,
    exit_codes={5: "with --flyway: the script is there already; nothing was written"},
)
def sql(
    invocation: Invocation,
    dialect: Annotated[
        SqlDialect, typer.Option(metavar="postgresql|sqlite", help="The database that the SQL is for.")
    ] = SqlDialect.POSTGRESQL,
    convert: Annotated[
        bool, typer.Option("--convert", help="Also convert the contexts, but for values that go to files (PostgreSQL).")
    ] = False,
    flyway: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the script of --convert there, named as Flyway's next migration."),
    ] = None,
) -> int:
    """Print the SQL that creates zenctx's own tables, or also converts the contexts.

    For those who apply SQL by hand or with another tool. No database is opened. The script of --convert says at its
    top what it does, what it leaves to 'zenctx migrate', and how to run it: outside a transaction, as often as needed.
    With --flyway it gets the next version, and a file beside it that lets Flyway run it so.
    """
    from zenctx.operations import db as operation

    if "db" in invocation.sources.given:
        raise UsageError(
            "'zenctx db sql' opens no database", hint="--dialect says which kind of database the SQL is for"
        )
    if convert and dialect is not SqlDialect.POSTGRESQL:
        raise UsageError("--convert is for PostgreSQL only", hint="'zenctx migrate' converts an SQLite database")
    if flyway is not None and not convert:
        raise UsageError("--flyway is for the script of --convert", hint="give --convert with it")
    text = operation.conversion_sql(invocation.settings) if convert else operation.sql(dialect.value)
    if flyway is not None:
        return _write_for_flyway(invocation, flyway, text)
    invocation.output.show(text)
    return invocation.output.finish(SqlReport(SqlSummary(dialect, text)))


def _write_for_flyway(invocation: Invocation, directory: Path, text: str) -> int:
    from zenctx.operations.flyway import write_migration

    invocation.output.begin(())
    written = write_migration(directory, text)
    message = f"Wrote {written.path}, and {written.configuration_path} beside it"
    step = "have the next start of the application or 'flyway migrate' run it; both files are needed"
    return invocation.output.finish(FlywayReport(written, message, step))


@command(
    settings=["persistent-file-dir"],
    examples="""
    zenctx db bind
    zenctx db bind --persistent-file-dir /srv/zenflow/persistent --replace
    """,
    exit_codes={
        5: "the database is bound to another directory, or persistence is switched off; nothing was changed",
        11: "",
    },
)
def bind(
    invocation: Invocation,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where the database is bound to another directory.")
    ] = False,
) -> int:
    """Bind the database to the configured persistent directory.

    The first value that is written to a file binds both by itself. From then on zenctx refuses to write into another
    directory: a volume that is not mounted looks just like an empty one.
    """
    from zenctx.database.engine import Database
    from zenctx.operations import db as operation

    settings = invocation.settings
    invocation.output.begin(())
    with Database.open(settings.db, read_only=False) as database:
        return invocation.output.finish(operation.bind_directory(database, settings, replace=replace))
