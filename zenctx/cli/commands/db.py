"""`zenctx db`: zenctx's own tables, and the directory that a database is bound to."""

from enum import StrEnum
from typing import Annotated

import typer

from zenctx.cli.invocation import Invocation
from zenctx.cli.options import command


class SqlDialect(StrEnum):
    """The databases for which SQL can be printed."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@command(examples="zenctx db upgrade --db postgresql://zenctx@db.example.org/zenflow")
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


@command(examples="zenctx db current --json")
def current(invocation: Invocation) -> int:
    """Show the revision of zenctx's own tables.

    Exits with 4 where they are missing or not up to date.
    """
    from zenctx.database.engine import Database
    from zenctx.operations import db as operation

    invocation.output.begin(())
    with Database.open(invocation.settings.db, read_only=True) as database:
        return invocation.output.finish(operation.current(database))


@command(examples="zenctx db sql | psql zenflow")
def sql(
    invocation: Invocation,
    dialect: Annotated[SqlDialect, typer.Option(help="The database that the SQL is for.")] = SqlDialect.POSTGRESQL,
) -> int:
    """Print the SQL that creates zenctx's own tables.

    For those who apply SQL by hand or with another tool. Nothing is opened. Write it to a file with `>`.
    """
    from zenctx.operations import db as operation

    invocation.bytes_to_stdout().write(operation.sql(dialect.value).encode())
    return 0


@command(settings=["persistent-file-dir"], examples="zenctx db bind --replace")
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
