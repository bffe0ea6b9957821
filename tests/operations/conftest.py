"""Fixtures of the operations' tests: a world on either database, and a shelf of contexts in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.restorations import Shelter
from tests.operations.stores import Shelf
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


@pytest.fixture
def shelf(world: World) -> Shelf:
    """Give a run and stores for it, on SQLite and then on PostgreSQL."""
    return Shelf(world)


@pytest.fixture
def sqlite_shelf(sqlite_world: World) -> Shelf:
    """Give a run and stores for it, on SQLite."""
    return Shelf(sqlite_world)


@pytest.fixture
def postgres_shelf(postgres_world: World) -> Shelf:
    """Give a run and stores for it, on PostgreSQL."""
    return Shelf(postgres_world)


@pytest.fixture
def shelter(world: World) -> Shelter:
    """Give snapshots on either database; texts of more than 500 characters go to files."""
    world.options = {"memory-threshold-bytes": "1000"}
    return Shelter(world)


@pytest.fixture
def sqlite_shelter(sqlite_world: World) -> Shelter:
    """Give the same on SQLite."""
    sqlite_world.options = {"memory-threshold-bytes": "1000"}
    return Shelter(sqlite_world)
