"""A database that was named by URL: opens connections to it, and turns its errors into ours."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from zenctx.database import connect_postgresql, connect_sqlite
from zenctx.database.errors import translated_errors
from zenctx.database.url import POSTGRESQL, SQLITE, describe, parse_database_url, sqlite_url

Dialect = Literal["postgresql", "sqlite"]
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class Database:
    """One database, `read_only` or not. A context manager, whose end closes what was kept for the next `connect`.

    `dialect`, `description` (for messages, without secrets), `sqlite_path` (absolute; None on PostgreSQL), `engine`
    (SQLAlchemy's; connections come from `connect` alone).
    """

    def __init__(self, engine: Engine, *, read_only: bool) -> None:
        self.engine = engine
        self.read_only = read_only
        self.description = describe(engine.url)
        self.dialect: Dialect = "sqlite" if engine.dialect.name == SQLITE else "postgresql"
        self.sqlite_path = Path(str(engine.url.database)) if self.dialect == SQLITE else None

    @classmethod
    def open(cls, url_text: str, *, read_only: bool, application_name: str = "zenctx") -> Self:
        """Take a URL (see `zenctx.database.url`); nothing connects yet, but an SQLite file must be there.

        SettingsError for a URL that cannot be read, DatabaseError for an SQLite file that cannot be used.
        """
        url = parse_database_url(url_text)
        if url.get_backend_name() == SQLITE:
            return cls._open_sqlite(url, read_only=read_only)
        engine = connect_postgresql.create_postgresql_engine(
            url, read_only=read_only, application_name=application_name
        )
        return cls(engine, read_only=read_only)

    @classmethod
    def create_sqlite(cls, path: Path) -> Self:
        """Create an empty SQLite file (0600) with its directories, and open it for writing.

        RefusedError if it exists; DatabaseError if it cannot be created.
        """
        url = sqlite_url(path)
        connect_sqlite.create_file(path.absolute(), describe(url))
        return cls._open_sqlite(url, read_only=False)

    @classmethod
    def _open_sqlite(cls, url: URL, *, read_only: bool) -> Self:
        path = Path(str(url.database))
        connect_sqlite.check_file(path, describe(url), read_only=read_only)
        return cls(connect_sqlite.create_sqlite_engine(path, url, read_only=read_only), read_only=read_only)

    @contextmanager
    def connect(self, settings: Mapping[str, str] = _NO_SETTINGS) -> Iterator[Connection]:
        """Open a connection for the block, new or as good as new; errors of the database inside it arrive as ours.

        `settings` hold for this connection: run-time parameters of PostgreSQL, pragmas of SQLite. A transaction that is
        still open at the end of the block is undone. A lost connection is not replaced: open a new one.
        """
        with translated_errors(self.description, connecting=True), connect_postgresql.opening():
            connection = self.engine.connect()
        try:
            with self.translated_errors():
                self._prepare(connection, settings)
                yield connection
        finally:
            _close(connection)

    @property
    def is_open(self) -> bool:
        """Whether any connection is open, those that are kept for the next `connect` among them."""
        pool = self.engine.pool
        return not isinstance(pool, QueuePool) or bool(pool.checkedin() + pool.checkedout())

    def translated_errors(self) -> AbstractContextManager[None]:
        """Turn errors of the database inside the block into ours: for retries within a connection's block."""
        return translated_errors(self.description)

    def close(self) -> None:
        """Close the connections that no block has open."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, connection: Connection, settings: Mapping[str, str]) -> None:
        if self.dialect == SQLITE:
            connect_sqlite.require_utf8(connection, self.description)
            connect_sqlite.apply_settings(connection, settings)
        elif settings:
            connect_postgresql.apply_settings(connection, settings)


def _close(connection: Connection) -> None:
    try:
        connection.close()
    except SQLAlchemyError:
        # What could not be undone over a broken connection is undone by its end.
        if not connection.closed:
            connection.invalidate()
            connection.close()


@contextmanager
def write_transaction(connection: Connection) -> Iterator[Connection]:
    """Begin, and commit at the end of the block; undo on an error. No transaction may be open.

    On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): taking it later, after a read, can fail at any time.
    DatabaseError on PostgreSQL's read-only sessions and SQLite's read-only files, at the first statement.
    """
    immediate = connection.dialect.name == SQLITE
    transaction = connect_sqlite.begin_immediate(connection) if immediate else connection.begin()
    with transaction:
        yield connection


__all__ = ["POSTGRESQL", "SQLITE", "Connection", "Database", "Dialect", "write_transaction"]
