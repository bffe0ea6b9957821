"""Contexts that are saved while the database fails: one clear error, no value lost, and it can be saved again."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.stores import Pause, Shelf, plain, slow
from tests.operations.world import make_world
from tests.support.postgres import Server, running_server
from tests.support.users import NOBODY, ordinary_user
from zenctx.context.runtime import RuntimeContext
from zenctx.database import connect_sqlite, released, saving
from zenctx.database.engine import Connection, write_transaction
from zenctx.database.errors import LostConnectionError, RejectedValueError
from zenctx.errors import DatabaseError, LockedError
from zenctx.operations import context_save
from zenctx.operations.context_store import ContextStore

LONG = "l" * 3000
END_SESSION = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"


def test_a_database_that_another_holds_is_not_waited_for_without_end(
    sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error, nothing half-written."""
    monkeypatch.setattr(connect_sqlite, "_BUSY_SECONDS", 0.1)
    with (
        sqlite_shelf.world.database.connect() as connection,
        write_transaction(connection),
        pytest.raises(LockedError, match="is locked by another program"),
    ):
        sqlite_shelf.save(key=LONG)
    assert (sqlite_shelf.world.rows.text(sqlite_shelf.run_id), sqlite_shelf.world.files()) == (None, [])


def test_a_row_that_another_holds_is_not_waited_for_without_end(
    postgres_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error, nothing half-written."""
    monkeypatch.setattr(saving, "_PATIENT", {"lock_timeout": "100ms"})
    with postgres_shelf.world.database.connect() as connection, write_transaction(connection):
        saving.lock_run(connection, postgres_shelf.run_id)
        with pytest.raises(LockedError, match="has a lock held by another session"):
            postgres_shelf.save(key=LONG)
    assert (postgres_shelf.world.rows.text(postgres_shelf.run_id), postgres_shelf.world.files()) == (None, [])


def test_a_database_that_takes_no_update(sqlite_shelf: Shelf) -> None:
    """One clear error; context and files are as they were, and the values in memory are there."""
    context = sqlite_shelf.save(key=LONG)
    files = sqlite_shelf.world.files()
    forbid = "create trigger no_more before update on workflow_runs begin select raise(fail, 'x'); end"
    sqlite_shelf.world.rows.execute(forbid)
    context.put("more", LONG)
    with pytest.raises(RejectedValueError, match="does not take") as caught:
        sqlite_shelf.store().save_context(sqlite_shelf.run_id, context)
    assert LONG not in str(caught.value)
    assert sqlite_shelf.world.files() == files
    sqlite_shelf.world.rows.execute("drop trigger no_more")
    assert sqlite_shelf.values() == {"key": LONG}
    sqlite_shelf.store().save_context(sqlite_shelf.run_id, context)
    assert sqlite_shelf.values() == {"key": LONG, "more": LONG}


def test_a_server_that_goes_away_during_a_save(tmp_path: Path, postgres_server: Server) -> None:
    """One clear error; when it is back the row is as it was, and the same context can be saved."""
    durable = {"synchronous_commit": "on"}
    with running_server(postgres_server.bin_dir, settings=durable) as server, opened(server.url()) as database:
        shelf = Shelf(make_world(database, tmp_path))
        context = shelf.save(key=LONG)
        files = shelf.world.files()
        store, pause = shelf.store(), Pause()
        slow(store, pause)
        context.put("more", LONG)
        with ThreadPoolExecutor(1) as pool:
            saving_it = pool.submit(store.save_context, shelf.run_id, context)
            assert pause.reached.wait(20)
            server.kill()
            pause.go_on.set()
            with pytest.raises(DatabaseError):
                saving_it.result()
        with pytest.raises(DatabaseError):
            shelf.store().restore_context(shelf.run_id)
        server.start()
        assert (shelf.values(), shelf.world.files()) == ({"key": LONG}, files)
        assert plain(context) == {"key": LONG, "more": LONG}
        shelf.store().save_context(shelf.run_id, context)
        assert shelf.values() == {"key": LONG, "more": LONG}


def test_a_connection_lost_at_the_commit_leaves_old_or_new(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it was the new one: its files are there, and saving again is not refused."""
    context = shelf.save(key=LONG)

    @contextmanager
    def answer_lost(connection: Connection) -> Iterator[Connection]:
        with write_transaction(connection):
            yield connection
        raise LostConnectionError("the connection was lost")

    context.put("more", LONG)
    with monkeypatch.context() as patch:
        patch.setattr(context_save, "write_transaction", answer_lost)
        with pytest.raises(LostConnectionError):
            shelf.store().save_context(shelf.run_id, context)
    assert shelf.values() == plain(context) == {"key": LONG, "more": LONG}
    shelf.store().save_context(shelf.run_id, context)
    assert shelf.values() == {"key": LONG, "more": LONG}


def before_the_files(_: pytest.MonkeyPatch, store: ContextStore, trouble: Callable[[], object]) -> None:
    """Makes trouble while the values go to files."""
    slow(store, trouble)


def before_the_commit(patch: pytest.MonkeyPatch, _: ContextStore, trouble: Callable[[], object]) -> None:
    """Makes trouble when the row is written, and not committed."""
    record = released.record

    def troubled(*given: object) -> None:
        trouble()
        record(*given)  # type: ignore[arg-type]

    patch.setattr(released, "record", troubled)


MOMENTS = pytest.mark.parametrize("moment", [before_the_files, before_the_commit])


def save_more(shelf: Shelf, context: RuntimeContext, store: ContextStore) -> None:
    """Puts one more value, and saves."""
    context.put("more", LONG)
    store.save_context(shelf.run_id, context)


@MOMENTS
def test_a_session_that_is_ended_during_a_save(
    postgres_shelf: Shelf, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]
) -> None:
    """One clear error; row and files are as they were, the values in memory are there and can be saved again."""
    context, store = postgres_shelf.save(key=LONG), postgres_shelf.store()
    files = postgres_shelf.world.files()
    with monkeypatch.context() as patch:
        moment(patch, store, lambda: postgres_shelf.world.rows.execute(END_SESSION))
        with pytest.raises(LostConnectionError, match="connection"):
            save_more(postgres_shelf, context, store)
    assert (postgres_shelf.values(), postgres_shelf.world.files()) == ({"key": LONG}, files)
    assert plain(context) == {"key": LONG, "more": LONG}
    save_more(postgres_shelf, context, postgres_shelf.store())
    assert postgres_shelf.values() == {"key": LONG, "more": LONG}


@MOMENTS
@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("is_replaced", [True, False])
def test_an_sqlite_file_that_goes_away_during_a_save(
    sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None], mode: str, *, is_replaced: bool
) -> None:
    """One clear error; neither the file that went nor the one in its place misses a value, and saving again works."""
    context, store = sqlite_shelf.save(key=LONG), sqlite_shelf.store()
    path = sqlite_shelf.world.database.sqlite_path
    assert path is not None
    gone = path.with_name("gone.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {mode}")

    def move() -> None:
        if not gone.exists():
            shutil.copy(path, f"{path}.copy")
            path.rename(gone)
            if is_replaced:
                Path(f"{path}.copy").rename(path)

    with monkeypatch.context() as patch:
        moment(patch, store, move)
        with pytest.raises(DatabaseError, match="was moved or replaced"):
            save_more(sqlite_shelf, context, store)
    if not is_replaced:
        with pytest.raises(DatabaseError, match=r"does not exist|cannot be opened"):
            sqlite_shelf.restored()
        gone.rename(path)
    assert sqlite_shelf.values() == {"key": LONG}
    assert plain(context) == {"key": LONG, "more": LONG}
    save_more(sqlite_shelf, context, sqlite_shelf.store())
    assert sqlite_shelf.values() == {"key": LONG, "more": LONG}


def test_an_sqlite_file_that_is_moved_in_the_moment_of_the_commit(
    sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values may be in the file that went: old and new files stay, so that either has all of its values."""
    context, store = sqlite_shelf.save(key=LONG), sqlite_shelf.store()
    path = sqlite_shelf.world.database.sqlite_path
    assert path is not None
    copy, gone = path.with_name("copy.db"), path.with_name("gone.db")

    @contextmanager
    def committed_elsewhere(connection: Connection) -> Iterator[Connection]:
        shutil.copy(path, copy)
        with write_transaction(connection):
            yield connection
        path.rename(gone)
        copy.rename(path)

    with monkeypatch.context() as patch:
        patch.setattr(context_save, "write_transaction", committed_elsewhere)
        with pytest.raises(DatabaseError, match="was moved or replaced"):
            save_more(sqlite_shelf, context, store)
    assert sqlite_shelf.values() == {"key": LONG}
    gone.rename(path)
    assert sqlite_shelf.values() == {"key": LONG, "more": LONG}


def test_an_sqlite_file_that_becomes_read_only_during_a_save() -> None:
    """One clear error; row and files are as they were, and when the rights are back it can be saved."""
    with tempfile.TemporaryDirectory() as name, opened(f"sqlite:///{name}/database/z.db") as database:
        shelf = Shelf(make_world(database, Path(name)))
        directory = Path(name) / "database"
        context, store = shelf.save(key=LONG), shelf.store()
        files = shelf.world.files()

        def forbid() -> None:
            (directory / "z.db").chmod(0o444)
            directory.chmod(0o555)

        slow(store, forbid)
        context.put("more", LONG)
        give_away(Path(name))
        with ordinary_user(), pytest.raises(DatabaseError, match=r"cannot be opened|is read-only"):
            store.save_context(shelf.run_id, context)
        directory.chmod(0o755)
        (directory / "z.db").chmod(0o644)
        assert (shelf.values(), shelf.world.files()) == ({"key": LONG}, files)
        shelf.store().save_context(shelf.run_id, context)
        assert shelf.values() == {"key": LONG, "more": LONG}


def give_away(folder: Path) -> None:
    """Lets an ordinary user have a directory and all that is in it; for root alone that makes a difference."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
