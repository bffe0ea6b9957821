"""A store is listed directory by directory: names only, no link followed."""

import os
from pathlib import Path

import pytest

from zenctx.errors import StoreError
from zenctx.store.base import EntryKind
from zenctx.store.listing import list_directories, list_temporaries, stat_names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with a bit of everything."""
    root = tmp_path / "store"
    for name in ("a.json", "run/b.json", "run/deep/c.json", "run/zenctx-tmp-1", ".trash/x/run/d.json", "zenctx-lock"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12")
    (root / "empty").mkdir()
    (root / "run/link").symlink_to(root / "a.json")
    (root / "away").symlink_to(tmp_path)
    return root


def test_values_by_directory(root: Path) -> None:
    """What lies deeper is named from the first directory; what is reserved is no value, nor is a link."""
    found = {directory.name: sorted(directory.values) for directory in list_directories(root)}
    assert found == {"": ["a.json"], "run": ["b.json", "deep/c.json"], "empty": []}


def test_what_is_no_value(root: Path) -> None:
    """Temporaries, empty directories and links are told by name and kind."""
    others = {entry.name: entry.kind for directory in list_directories(root) for entry in directory.others}
    assert others == {
        "run/zenctx-tmp-1": EntryKind.TEMPORARY,
        "run/link": EntryKind.UNKNOWN,
        "away": EntryKind.UNKNOWN,
        "empty": EntryKind.EMPTY_DIRECTORY,
    }


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    """It is no empty one."""
    with pytest.raises(StoreError):
        list(list_directories(tmp_path / "none"))


def test_names_are_looked_at_one_by_one(root: Path) -> None:
    """What is gone has no status, nor has anything in a directory that is gone."""
    found = dict(stat_names(root, "run", ["b.json", "gone"]))
    assert found["gone"] is None
    status = (root / "run/b.json").stat()
    assert found["b.json"] is not None
    assert (found["b.json"].size, found["b.json"].inode) == (2, status.st_ino)
    assert dict(stat_names(root, "never", ["b.json"])) == {"b.json": None}


def test_temporaries_of_the_engine(tmp_path: Path) -> None:
    """Regular files by their beginning; a directory that is not there has none."""
    for name in ("zenflow-ctx-1", "other"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "zenflow-ctx-d").mkdir()
    assert list(list_temporaries(tmp_path, "zenflow-ctx-")) == ["zenflow-ctx-1"]
    assert list(list_temporaries(tmp_path / "none", "zenflow-ctx-")) == []


def test_names_that_are_no_text(root: Path) -> None:
    """Whoever made such files: they are told in letters, and never values."""
    for name in (b"run/\xff.json", b"zenctx-tmp-\xff", b"zenflow-ctx-\xff"):
        Path(os.fsdecode(bytes(root) + b"/" + name)).touch()
    others = {entry.name: entry.kind for directory in list_directories(root) for entry in directory.others}
    assert others["run/\\xff.json"] == others["zenctx-tmp-\\xff"] == EntryKind.UNKNOWN
    assert list(list_temporaries(root, "zenflow-ctx-")) == []
