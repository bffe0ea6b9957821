"""A store that is listed in another process is listed as here."""

import sys
from pathlib import Path

import pytest

from zenctx.operations.collection.ahead import listed_ahead
from zenctx.store.listing import list_directories


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with values, something else, and names of several kinds."""
    for name in ("a.json", "run/b.json", "run/zenctx-tmp-1", "r\u00fcn/\u65e5.json", "run/sub/c"):
        path = tmp_path / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "store" / "empty").mkdir()
    return tmp_path / "store"


def test_as_here(store: Path) -> None:
    """All directories, with what is no value; another store than the one that was begun with is listed here."""
    with listed_ahead(store) as listed:
        assert sorted(listed(store), key=str) == sorted(list_directories(store), key=str)
        assert [each.name for each in listed(store / "run")] == ["", "sub"]


def test_where_there_is_no_such_process(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it ends badly: nothing is missing."""
    for program in ("/nowhere/python", "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        with listed_ahead(store) as listed:
            assert sorted(listed(store), key=str) == sorted(list_directories(store), key=str)
