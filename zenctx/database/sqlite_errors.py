"""Says in one sentence what SQLite reported, by its error code, without any value."""

import re
import sqlite3

from zenctx.database.errors import DatabaseBusyError, RejectedValueError
from zenctx.errors import DatabaseError, ZenctxError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_BUSY_HINT = "the engine or another zenctx is writing to it: wait for it, or stop it, and run this again"
_CUT_SHORT = (
    "was left in the middle of a write, which cannot be completed while it is read-only",
    "open it once with a program that may write to it",
)
_WAL = (
    "is in WAL mode, and its directory is read-only to us",
    "even to read it SQLite needs to create files beside it: grant that, or read a copy made by `sqlite3 .backup`",
)
_SPECIAL: dict[int, tuple[str, str | None]] = {
    sqlite3.SQLITE_READONLY_RECOVERY: _CUT_SHORT,
    sqlite3.SQLITE_READONLY_ROLLBACK: _CUT_SHORT,
    sqlite3.SQLITE_READONLY_CANTINIT: _WAL,
    sqlite3.SQLITE_READONLY_CANTLOCK: _WAL,
    sqlite3.SQLITE_READONLY_DIRECTORY: _WAL,
    sqlite3.SQLITE_READONLY_DBMOVED: (
        "was moved or replaced while it was open",
        "nothing was changed: see that the right file is there, and run this again",
    ),
}
"""Sentences by extended code."""

_EXISTS = re.compile(r"(?:table|index) \w+ already exists")

_CODES: dict[int, tuple[str, str | None]] = {
    sqlite3.SQLITE_PERM: ("does not give us the rights to it", None),
    sqlite3.SQLITE_READONLY: ("is read-only", "its file and its directory must be writable"),
    sqlite3.SQLITE_IOERR: ("failed on reading or writing its file", "is the disk in order?"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore it from a backup, or see SQLite's `.recover`"),
    sqlite3.SQLITE_FULL: ("has no space left on its disk", "nothing was changed: free some space and run it again"),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "SQLite may need to create files beside it, even to read one in WAL mode: check the rights of its directory",
    ),
    sqlite3.SQLITE_NOTADB: ("is not an SQLite database, or is encrypted", None),
    sqlite3.SQLITE_NOMEM: ("ran out of memory", None),
}
"""Sentences by primary code (the low byte of SQLite's extended codes)."""


def translate(error: sqlite3.Error, description: str, *, connecting: bool) -> ZenctxError | None:
    """Give our error for one of sqlite3's, or None where the mistake is in our own use of it."""
    del connecting  # SQLite's codes say enough.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return _without_code(error, description)
    if code in _SPECIAL:
        sentence, hint = _SPECIAL[code]
        return DatabaseError(f"{description} {sentence}", hint=hint)
    primary = code & 0xFF
    if primary in _BUSY:
        return DatabaseBusyError(f"{description} is locked by another program", hint=_BUSY_HINT)
    if primary == sqlite3.SQLITE_TOOBIG:
        return RejectedValueError(description, "a value of that size")
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return RejectedValueError(description, "a row that a constraint of its own forbids")
    if primary in _CODES:
        sentence, hint = _CODES[primary]
        return DatabaseError(f"{description} {sentence}", hint=hint)
    return _named(error, description)


def _without_code(error: sqlite3.Error, description: str) -> ZenctxError | None:
    """Errors that Python's module raises by itself."""
    if isinstance(error, sqlite3.DataError):
        return RejectedValueError(description, "a value of that size")
    if "decode to UTF-8" in str(error):
        return DatabaseError(f"{description} holds a text that is not valid UTF-8")
    return None


def _named(error: sqlite3.Error, description: str) -> DatabaseError:
    text = " ".join(str(error).split())
    if text.startswith(("no such table: ", "no such column: ")):
        ours = "zenctx_" in text
        hint = "run 'zenctx db upgrade'" if ours else "is this the ZenFlow database?"
        return DatabaseError(f"{description} has {text.replace('no such', 'no').replace(':', '')}", hint=hint)
    if _EXISTS.fullmatch(text):
        return DatabaseError(f"{description} reported an error: {text}")
    # Other texts of SQLite may quote the statement or a value.
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    return DatabaseError(f"{description} reported an error ({name})")
