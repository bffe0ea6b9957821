"""`zenctx db`: zenctx's own tables, and the directory that a database is bound to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command
from zenctx.errors import UsageError


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
    examples="""
    zenctx db sql > zenctx.sql
    zenctx db sql | psql zenflow
    """
)
def sql(
    invocation: Invocation,
    dialect: Annotated[
        SqlDialect, typer.Option(metavar="postgresql|sqlite", help="The database that the SQL is for.")
    ] = SqlDialect.POSTGRESQL,
) -> int:
    """Print the SQL that creates zenctx's own tables.

    For those who apply SQL by hand or with another tool. No database is opened.
    """
    from zenctx.operations import db as operation

    if "db" in invocation.sources.given:
        raise UsageError(
            "'zenctx db sql' opens no database", hint="--dialect says which kind of database the SQL is for"
        )
    text = operation.sql(dialect.value)
    invocation.output.show(text)
    return invocation.output.finish(SqlReport(SqlSummary(dialect, text)))


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
