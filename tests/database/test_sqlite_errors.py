"""What SQLite reports becomes one sentence of ours, with the right class and without values."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.support.users import ordinary_user
from zenctx.database.engine import Database, write_transaction
from zenctx.database.errors import DatabaseBusyError, RejectedValueError, TransientDatabaseError
from zenctx.errors import DatabaseError, LockedError, RefusedError

SECRET = "s3cret-value"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a directory that every user may enter, as those made by the framework may not be."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


def make_file(path: Path, *statements: str) -> str:
    """Create an SQLite file with the given statements; give its URL."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("create table t (v text)")
        for statement in statements:
            connection.execute(statement)
    path.chmod(0o644)
    return f"sqlite:///{path}"


def look(url: str, *, read_only: bool = True) -> None:
    """Read the table's definition, as every command does first."""
    with Database.open(url, read_only=read_only) as database, database.connect() as connection:
        connection.execute(text("select count(*) from sqlite_master")).all()


def refusal(url: str, *, read_only: bool = True) -> DatabaseError:
    """Give the error that opening and reading ends in."""
    with pytest.raises(DatabaseError) as caught, ordinary_user():
        look(url, read_only=read_only)
    assert caught.value.exit_code == DatabaseError.exit_code
    return caught.value


def test_a_missing_file_is_named_and_not_created(folder: Path) -> None:
    """Opening never makes a file, whether to read or to write; the hint leads to a playground."""
    for read_only in (True, False):
        error = refusal(f"sqlite:///{folder}/gone.db", read_only=read_only)
        assert error.message == f"SQLite database {folder}/gone.db does not exist"
        assert error.hint is not None
        assert "zenctx demo" in error.hint
    assert list(folder.iterdir()) == []


def test_a_missing_directory_is_a_missing_file(folder: Path) -> None:
    """Nor is a directory made."""
    assert "does not exist" in refusal(f"sqlite:///{folder}/a/b.db").message


def test_a_directory_is_not_a_database(folder: Path) -> None:
    """It is told apart from a file that is damaged."""
    assert refusal(f"sqlite:///{folder}").message.endswith("is not a file")


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    """Opening a pipe would wait for ever."""
    os.mkfifo(folder / "pipe")
    assert refusal(f"sqlite:///{folder}/pipe").message.endswith("is not a file")


def test_a_file_of_another_kind_is_no_database(folder: Path) -> None:
    """Its content is not shown."""
    path = folder / "notes.txt"
    path.write_text(SECRET * 1000)
    error = refusal(f"sqlite:///{path}")
    assert error.message == f"SQLite database {path} is not an SQLite database, or is encrypted"


def test_a_damaged_file_is_called_damaged(folder: Path) -> None:
    """Pages of noise behind a good header."""
    path = folder / "z.db"
    url = make_file(path)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    assert "is damaged" in refusal(url).message


def test_a_file_without_rights_is_named(folder: Path) -> None:
    """To read takes the right to read, to write also that to write to the directory, where the journal goes."""
    path = folder / "z.db"
    url = make_file(path)
    path.chmod(0)
    assert "cannot be read" in refusal(url).message
    path.chmod(0o444)
    assert "cannot be written" in refusal(url, read_only=False).message
    path.chmod(0o666)
    folder.chmod(0o555)
    assert "cannot be written" in refusal(url, read_only=False).message


def test_a_directory_that_cannot_be_entered_is_named(folder: Path) -> None:
    """The file's status itself is out of sight."""
    url = make_file(folder / "z.db")
    folder.chmod(0)
    assert refusal(url).message.endswith("cannot be looked at: Permission denied")


def test_wal_in_a_read_only_directory_says_what_it_needs(folder: Path) -> None:
    """Reading in WAL mode needs a file beside the database; `immutable` would read wrong data beside a writer."""
    url = make_file(folder / "z.db", "pragma journal_mode = wal")
    folder.chmod(0o555)
    error = refusal(url)
    assert "is in WAL mode" in error.message
    assert error.hint is not None
    assert "grant that" in error.hint


def test_utf16_is_refused(folder: Path) -> None:
    """`cast(context as blob)` would give UTF-16, and every context would look damaged."""
    path = folder / "z.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma encoding = 'UTF-16le'")
        connection.execute("create table t (v text)")
    assert "stores its text as UTF-16le" in refusal(f"sqlite:///{path}").message


def test_writing_to_a_read_only_database_fails(folder: Path) -> None:
    """`read_only` holds whatever is executed."""
    with Database.open(make_file(folder / "z.db"), read_only=True) as database:
        with pytest.raises(DatabaseError, match="is read-only"), database.connect() as connection:
            connection.execute(text("insert into t values ('x')"))
        with (
            pytest.raises(DatabaseError, match="is read-only"),
            database.connect() as connection,
            write_transaction(connection),
        ):
            connection.execute(text("delete from t"))


def test_an_interrupted_write_is_named(folder: Path) -> None:
    """A journal left by a killed program must be rolled back first, which a reader may not do."""
    path = folder / "z.db"
    make_file(path, "insert into t values ('x')")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma cache_size = 1")
        connection.execute("begin immediate")
        connection.execute("insert into t select hex(randomblob(5000)) from sqlite_master, sqlite_master a")
        connection.execute("insert into t select hex(randomblob(50000)) from t")
        database_bytes, journal_bytes = path.read_bytes(), Path(f"{path}-journal").read_bytes()
    copy = folder / "copy.db"
    copy.write_bytes(database_bytes)
    journal = bytearray(journal_bytes)
    # The header that SQLite writes at commit: the journal's magic, and a count of records to be worked out.
    journal[0:12] = bytes.fromhex("d9d505f920a163d7ffffffff")
    Path(f"{copy}-journal").write_bytes(journal)
    assert "in the middle of a write" in refusal(f"sqlite:///{copy}").message


def test_a_locked_file_is_busy(folder: Path) -> None:
    """It can be tried again, ends in the code for locks, and says who to look for."""
    path = folder / "z.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        make_file(path)
        other.execute("begin immediate")
        with (
            pytest.raises(DatabaseBusyError) as caught,
            Database.open(f"sqlite:///{path}", read_only=False) as database,
            database.connect({"busy_timeout": "10"}) as connection,
            write_transaction(connection),
        ):
            pass
    assert isinstance(caught.value, TransientDatabaseError)
    assert isinstance(caught.value, LockedError)
    assert caught.value.exit_code == LockedError.exit_code
    assert caught.value.hint is not None
    assert "engine" in caught.value.hint


def fill_the_disk(database: Database, connection: Connection) -> None:
    """Write a row that fits and one that does not, and go on as if nothing had happened."""
    connection.execute(text("insert into t values ('first')"))
    with pytest.raises(DatabaseError, match="has no space left on its disk"), database.translated_errors():
        connection.execute(text("insert into t values (hex(zeroblob(50000)))"))


def test_a_full_disk_undoes_the_transaction_and_cannot_be_committed(folder: Path) -> None:
    """SQLite ends the transaction by itself: a commit after the caught error must not look like a success."""
    url = make_file(folder / "z.db")
    with (
        Database.open(url, read_only=False) as database,
        database.connect({"max_page_count": "4"}) as connection,
        pytest.raises(DatabaseError, match="nothing was committed"),
        write_transaction(connection),
    ):
        fill_the_disk(database, connection)
    with Database.open(url, read_only=True) as database, database.connect() as connection:
        assert connection.scalar(text("select count(*) from t")) == 0


def test_a_missing_table_is_named(folder: Path) -> None:
    """One of ours leads to the upgrade, another one to the question whether this is the right database."""
    with Database.open(make_file(folder / "z.db"), read_only=True) as database:
        with (
            pytest.raises(DatabaseError, match="has no table zenctx_store") as caught,
            database.connect() as connection,
        ):
            connection.execute(text("select * from zenctx_store"))
        assert caught.value.hint == "run 'zenctx db upgrade'"
        with pytest.raises(DatabaseError, match="has no column nope") as caught, database.connect() as connection:
            connection.execute(text("select nope from t"))
        assert caught.value.hint == "is this the ZenFlow database?"


def test_other_errors_show_a_code_and_no_value(folder: Path) -> None:
    """SQLite's own texts may quote what was in a statement."""
    with (
        Database.open(make_file(folder / "z.db"), read_only=True) as database,
        pytest.raises(DatabaseError) as caught,
        database.connect() as connection,
    ):
        connection.execute(text("select json(:v)"), {"v": "{" + SECRET})
    assert caught.value.message.endswith("reported an error (SQLITE_ERROR)")


def test_text_that_is_not_utf8_is_not_shown(folder: Path) -> None:
    """The driver's message would quote it."""
    url = make_file(folder / "z.db", f"insert into t values (cast(x'ff' || '{SECRET}' as text))")
    with (
        Database.open(url, read_only=True) as database,
        pytest.raises(DatabaseError) as caught,
        database.connect() as connection,
    ):
        connection.execute(text("select v from t")).all()
    assert caught.value.message.endswith("holds a text that is not valid UTF-8")


def insert_beyond_the_limit(connection: Connection) -> None:
    """Write a value that is longer than the connection allows."""
    connection.connection.driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)  # type: ignore[union-attr]
    connection.execute(text("insert into t values (:v)"), {"v": SECRET * 1000})


def test_a_value_that_is_too_large_is_rejected(folder: Path) -> None:
    """A statement of its own kind of error, so that the row can be set aside."""
    with (
        Database.open(make_file(folder / "z.db"), read_only=False) as database,
        pytest.raises(RejectedValueError) as caught,
        database.connect() as connection,
    ):
        insert_beyond_the_limit(connection)
    assert caught.value.reason == "a value of that size"
    assert SECRET not in str(caught.value)


def test_creating_never_replaces(folder: Path) -> None:
    """A file that is there is refused and stays as it was; a new one is for its owner alone."""
    path = folder / "sub" / "new.db"
    with Database.create_sqlite(path) as database, database.connect() as connection, write_transaction(connection):
        connection.execute(text("create table t (v text)"))
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RefusedError, match="exists already"):
        Database.create_sqlite(path)
    assert path.read_bytes() == before


def test_creating_without_rights_is_one_sentence(folder: Path) -> None:
    """The directory says no."""
    folder.chmod(0o555)
    with pytest.raises(DatabaseError, match="cannot be created: Permission denied"), ordinary_user():
        Database.create_sqlite(folder / "new.db")


def test_our_own_mistakes_are_not_dressed_up(folder: Path) -> None:
    """An error of another kind inside the block arrives as it is."""
    with (
        Database.open(make_file(folder / "z.db"), read_only=True) as database,
        pytest.raises(ZeroDivisionError),
        database.connect(),
    ):
        raise ZeroDivisionError
