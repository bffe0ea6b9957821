"""Stores to test: over every backend, or the local one by itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from zenctx.store.base import ValueStore
from zenctx.store.local import LocalStore

RUN = "3f2b8c1e-0d4a-4b6f-9a77-5e0c1d2f3a4b"


def listing(directory: Path) -> list[str]:
    """The names in a directory, sorted."""
    return sorted(path.name for path in directory.iterdir())


def _local(directory: Path) -> LocalStore:
    return LocalStore(directory / "persistent", file_mode=0o440, file_group=None)


BACKENDS: dict[str, Callable[[Path], ValueStore]] = {"local": _local}


@pytest.fixture(params=BACKENDS)
def missing_store(request: pytest.FixtureRequest, tmp_path: Path) -> ValueStore:
    """A store that was never made, over each backend."""
    return BACKENDS[request.param](tmp_path)


@pytest.fixture
def store(missing_store: ValueStore) -> ValueStore:
    """An empty store, over each backend."""
    missing_store.prepare()
    return missing_store


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    """An empty store on a local directory."""
    store = _local(tmp_path)
    store.prepare()
    return store
