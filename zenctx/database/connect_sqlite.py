"""How a connection to an SQLite file is opened: never creating it, with transactions that begin when we say so."""

import os
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG

from sqlalchemy import URL, Connection, Engine, RootTransaction, create_engine, event
from sqlalchemy.pool import NullPool

from zenctx.errors import DatabaseError, RefusedError

_BUSY_SECONDS = 5.0
_BEGIN = "zenctx_begin"
_SETTING = re.compile(r"\w+")
_PLAYGROUND_HINT = "set --db, or let 'zenctx demo' make a playground"


def create_sqlite_engine(path: Path, url: URL, *, read_only: bool) -> Engine:
    """Give an engine on an existing file that opens it anew each time, and never creates it."""
    mode = "ro" if read_only else "rw"
    uri = f"{path.as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # Without an isolation level the driver begins no transactions of its own. A connection may be handed to
        # another thread; two never use it at once.
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    engine = create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "commit", _check_before_commit)
    return engine


def check_file(path: Path, description: str, *, read_only: bool) -> None:
    """Refuse what is no readable (or writable) file, in one sentence; DatabaseError.

    Looks at the file's status only: opening and closing the file ourselves would drop the locks that another connection
    of this process holds on it.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise DatabaseError(f"{description} does not exist", hint=_PLAYGROUND_HINT) from None
    except OSError as error:
        raise DatabaseError(f"{description} cannot be looked at: {error.strerror}") from None
    if not S_ISREG(mode):
        raise DatabaseError(f"{description} is not a file", hint="name the file itself")
    if not _allowed(path, os.R_OK):
        raise DatabaseError(f"{description} cannot be read: no rights to the file")
    if not read_only and not (_allowed(path, os.W_OK) and _allowed(path.parent, os.W_OK | os.X_OK)):
        raise DatabaseError(f"{description} cannot be written: no rights to the file or to its directory")


def create_file(path: Path, description: str) -> None:
    """Create an empty database file, for its owner alone, and the directories above it. RefusedError if it exists."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise RefusedError(f"{description} exists already, and was not touched") from None
    except OSError as error:
        raise DatabaseError(f"{description} cannot be created: {error.strerror}") from None


def begin_immediate(connection: Connection) -> RootTransaction:
    """Begin a transaction that holds SQLite's write lock from its start."""
    connection.info[_BEGIN] = "BEGIN IMMEDIATE"
    try:
        return connection.begin()
    finally:
        del connection.info[_BEGIN]


def apply_settings(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set pragmas for the life of the connection. ValueError for a name or value that is not one plain word."""
    cursor = connection.connection.cursor()
    for name, value in settings.items():
        if not (_SETTING.fullmatch(name) and _SETTING.fullmatch(value)):
            raise ValueError(f"not a pragma: {name}={value}")
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()


def empty_log(connection: Connection) -> None:
    """Put the write-ahead log, if there is one, into the file and empty it, as far as others let it; none may be open.

    What was overwritten in the file stands in the log until then.
    """
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    cursor.close()


def require_utf8(connection: Connection, description: str) -> None:
    """Refuse a database that stores its text as UTF-16: `cast(context as blob)` would give that. DatabaseError."""
    cursor = connection.connection.cursor()
    (encoding,) = cursor.execute("PRAGMA encoding").fetchone()
    cursor.close()
    if encoding != "UTF-8":
        raise DatabaseError(f"{description} stores its text as {encoding}, and only UTF-8 is supported")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA schema_version")  # Reads the file for the first time, and fails if it is no database.
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get(_BEGIN, "BEGIN"))


def _check_before_commit(connection: Connection) -> None:
    # SQLite undoes the whole transaction by itself on a full disk and some other errors. If such an error was caught
    # inside the transaction, the driver's commit would do nothing and report success.
    if not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
        raise DatabaseError("SQLite undid the transaction after an error: nothing was committed")


def _allowed(path: Path, mode: int) -> bool:
    # The rights of the effective user, as the open itself will ask for, where the system can tell.
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
