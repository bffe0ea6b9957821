"""Fixtures of the command line's tests: a folder without settings, and consoles for databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.cli.eventful import Past, live
from tests.database.conftest import opened
from tests.support.rows import Rows
from tests.support.tables import create_all_tables
from zenctx.config import OPTIONS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory of a user who has set nothing."""
    return _folder(tmp_path, monkeypatch)


def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", *(option.variable for option in OPTIONS)):
        monkeypatch.delenv(name, raising=False)
    return work


def _console(url: str, folder: Path) -> Iterator[Console]:
    with opened(url) as database:
        create_all_tables(database)
        yield Console(url, folder, Rows(database))


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """The metrics of an SQLite database on which much has happened, with those of its commands."""
    place = tmp_path_factory.mktemp("past")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        contextmanager(_console)(f"sqlite:///{place}/zenctx.db", _folder(place, monkeypatch)) as console,
    ):
        return live(console, place / "zenctx.prom")


@pytest.fixture
def console(database_url: str, folder: Path) -> Iterator[Console]:
    """A console on SQLite, and then on PostgreSQL."""
    yield from _console(database_url, folder)


@pytest.fixture
def sqlite_console(sqlite_url: str, folder: Path) -> Iterator[Console]:
    """A console on SQLite."""
    yield from _console(sqlite_url, folder)


@pytest.fixture
def postgres_console(postgres_url: str, folder: Path) -> Iterator[Console]:
    """A console on PostgreSQL."""
    yield from _console(postgres_url, folder)
