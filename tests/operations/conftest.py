"""Fixtures of the operations' tests: a world on either database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.world import World, make_world


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the user who runs the tests play a part in them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Give a world, on SQLite and then on PostgreSQL."""
    with opened(database_url) as database:
        yield make_world(database, tmp_path)


@pytest.fixture
def sqlite_world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """Give a world on SQLite."""
    with opened(sqlite_url) as database:
        yield make_world(database, tmp_path)


@pytest.fixture
def postgres_world(postgres_url: str, tmp_path: Path) -> Iterator[World]:
    """Give a world on PostgreSQL."""
    with opened(postgres_url) as database:
        yield make_world(database, tmp_path)
