"""The trash of a store: there and back, nothing replaced, no link followed."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from zenctx.errors import DamagedFileError, LocatorRefusedError, StoreError
from zenctx.store import trash as trash_module
from zenctx.store.access import Access
from zenctx.store.trash import TakenError, Trash

GC = "20260101T000000-00000000"


@pytest.fixture
def trash(tmp_path: Path) -> Trash:
    """The trash of a store with one file."""
    (tmp_path / "store/run").mkdir(parents=True)
    (tmp_path / "store/run/a").write_bytes(b"content")
    return Trash(tmp_path / "store", Access(0o440))


def test_there_and_back(trash: Trash) -> None:
    """The same file, also where its directory is gone."""
    file = trash.root / "run/a"
    before = file.stat()
    with trash:
        trash.put(GC, "run/a")
        trash.sync()
        assert (trash.ids(), list(trash.names(GC)), trash.has(GC, "run/a")) == ([GC], [("run/a", 7)], True)
        assert trash.remove_directory("run")
        trash.take_back(GC, "run/a")
        trash.remove_empty(GC)
    assert (file.read_bytes(), file.stat().st_ino) == (b"content", before.st_ino)
    assert trash.ids() == []


def test_nothing_is_replaced(trash: Trash) -> None:
    """What lies in the place stays, and so does what is in the trash."""
    with trash:
        trash.put(GC, "run/a")
        (trash.root / "run/a").write_bytes(b"other")
        with pytest.raises(TakenError, match="something else lies at"):
            trash.take_back(GC, "run/a")
    assert (trash.root / "run/a").read_bytes() == b"other"
    assert (trash.root / ".trash" / GC / "run/a").read_bytes() == b"content"


def test_a_crash_between_two_names_is_gone_on_from(trash: Trash) -> None:
    """The file has both: the one in the trash is removed."""
    with trash:
        trash.put(GC, "run/a")
        trash.give_back(GC, "run/a")
        trash.take_back(GC, "run/a")
    assert (trash.root / "run/a").read_bytes() == b"content"
    assert not trash.has(GC, "run/a")


def test_a_file_system_without_links(trash: Trash, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename, where the place is free."""

    def refused(*_arguments: Any, **_options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with trash:
        trash.put(GC, "run/a")
        trash.take_back(GC, "run/a")
        assert (trash.root / "run/a").read_bytes() == b"content"
        trash.put(GC, "run/a")
        (trash.root / "run/a").write_bytes(b"other")
        with pytest.raises(TakenError):
            trash.take_back(GC, "run/a")


@pytest.mark.parametrize("name", ["../out", "run/../../out", "/etc/passwd", "run//a", ""])
def test_a_name_that_leads_elsewhere(trash: Trash, name: str) -> None:
    """A plan is a file, and may say anything."""
    with trash, pytest.raises(LocatorRefusedError):
        trash.put(GC, name)
    assert not (trash.root / ".trash").exists()


def test_a_directory_that_is_a_link(trash: Trash, tmp_path: Path) -> None:
    """It is not followed, neither there nor back, nor when the trash is emptied."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"x")
    (trash.root / "linked").symlink_to(outside)
    with trash:
        with pytest.raises((StoreError, DamagedFileError)):
            trash.put(GC, "linked/x")
        trash.put(GC, "run/a")
        (trash.root / ".trash" / GC / "link").symlink_to(outside)
        trash.purge(GC)
    assert (outside / "x").read_bytes() == b"x"
    assert trash.ids() == []


def test_another_file_system(trash: Trash, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename cannot leave it: it is said."""

    def elsewhere(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "rename", elsewhere)
    with trash, pytest.raises(StoreError, match="another file system"):
        trash.put(GC, "run/a")


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one file, as if on another file system than the store."""

    def elsewhere(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(trash_module, "_rename_within", elsewhere)
    monkeypatch.setattr(trash_module, "_link_within", elsewhere)
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/temp").write_bytes(b"temporary")
    (tmp_path / "storage/temp").chmod(0o640)
    os.utime(tmp_path / "storage/temp", ns=(1_000_000_007, 2_000_000_009))
    return tmp_path / "storage"


def test_temporary_files_of_another_file_system_go_and_come_back(trash: Trash, storage: Path) -> None:
    """Copied, with owner, mode and time; nothing is left where they were, and no copy half-way."""
    if os.getuid() == 0:
        os.chown(storage / "temp", 12345, 23456)  # the engine's, as a rule
    before = (storage / "temp").stat()
    with trash:
        trash.put(GC, "temp", source=storage, aside="storage/temp")
        trash.sync()
        assert list(storage.iterdir()) == []
        assert list(trash.names(GC)) == [("storage/temp", 9)]
        trash.take_back(GC, "temp", target=storage, aside="storage/temp")
    assert list(trash.names(GC)) == []
    (file,) = storage.iterdir()
    found = file.stat()
    assert (file.read_bytes(), found.st_mtime_ns, found.st_mode & 0o777) == (b"temporary", 2_000_000_009, 0o640)
    assert (found.st_uid, found.st_gid) == (before.st_uid, before.st_gid)


def test_a_crash_between_copy_and_removal_is_gone_on_from(trash: Trash, storage: Path) -> None:
    """Both are there then, and are the same; what is another file is not replaced."""
    with trash:
        trash.put(GC, "temp", source=storage, aside="storage/temp")
        trash.give_back(GC, "temp", target=storage, aside="storage/temp")
        trash.give_back(GC, "temp", target=storage, aside="storage/temp")
        (storage / "temp").write_bytes(b"another")
        with pytest.raises(TakenError):
            trash.give_back(GC, "temp", target=storage, aside="storage/temp")
    assert (storage / "temp").read_bytes() == b"another"
    assert list(trash.names(GC)) == [("storage/temp", 9)]


def test_a_temporary_file_that_is_being_written_stays(
    trash: Trash, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its copy does not."""
    real = os.read

    def read(fd: int, length: int) -> bytes:
        with (storage / "temp").open("ab") as file:
            file.write(b"!")
        monkeypatch.setattr(os, "read", real)
        return real(fd, length)

    monkeypatch.setattr(os, "read", read)
    with trash, pytest.raises(StoreError):
        trash.put(GC, "temp", source=storage, aside="storage/temp")
    assert (storage / "temp").read_bytes() == b"temporary!"
    assert list(trash.names(GC)) == []


def test_a_file_that_is_gone(trash: Trash) -> None:
    """Neither there nor in the trash."""
    with trash:
        for call in (trash.put, trash.take_back):
            with pytest.raises(DamagedFileError, match="is missing"):
                call(GC, "run/none")
    assert not trash.has(GC, "run/none")


def test_many_directories_are_not_held_open(tmp_path: Path) -> None:
    """However many files move."""
    trash = Trash(tmp_path, Access(0o440))
    open_before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208
    with trash:
        for number in range(200):
            (tmp_path / f"run{number}").mkdir()
            (tmp_path / f"run{number}/a").write_bytes(b"x")
            trash.put(GC, f"run{number}/a")
        trash.sync()
        if open_before:
            assert len(os.listdir("/proc/self/fd")) - open_before < 80  # noqa: PTH208
    assert len(list(trash.names(GC))) == 200
