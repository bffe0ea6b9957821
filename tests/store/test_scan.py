"""Walking a store: everything is seen, nothing is followed, little is held."""

import os
import tracemalloc
from pathlib import Path

import pytest

from tests.store.conftest import RUN, listing
from zenctx.store import scan
from zenctx.store.base import EntryKind, FileEntry
from zenctx.store.beneath import open_directory
from zenctx.store.local import LocalStore


def found(local: LocalStore) -> dict[str, EntryKind]:
    """What a scan says of every entry."""
    return {entry.name: entry.kind for entry in local.scan()}


def test_each_entry_is_named_by_its_kind(local: LocalStore, tmp_path: Path) -> None:
    """Values, temporaries, zenctx's own, empty directories, and what is nobody's."""
    stored = local.put(RUN, "k", b"x").name
    local.create_id()
    with local.lock_shared():
        pass
    for directory in ("empty", "zenctx-tmp-9", ".trash/1", f"{RUN}/deeper"):
        (local.root / directory).mkdir(parents=True)
    for file in ("at-the-root", f"{RUN}/zenctx-tmp-1", f"{RUN}/theirs.dat", f"{RUN}/deeper/still", ".trash/1/x"):
        (local.root / file).touch()
    (local.root / "link").symlink_to(tmp_path)
    (local.root / RUN / "link").symlink_to(local.root / stored)
    os.mkfifo(local.root / RUN / "pipe")
    assert found(local) == {
        stored: EntryKind.VALUE,
        "at-the-root": EntryKind.VALUE,
        f"{RUN}/theirs.dat": EntryKind.VALUE,
        f"{RUN}/deeper/still": EntryKind.VALUE,
        f"{RUN}/zenctx-tmp-1": EntryKind.TEMPORARY,
        "zenctx-tmp-9": EntryKind.TEMPORARY,
        ".zenctx-store.json": EntryKind.RESERVED,
        "zenctx-lock": EntryKind.RESERVED,
        ".trash": EntryKind.RESERVED,
        "empty": EntryKind.EMPTY_DIRECTORY,
        "link": EntryKind.UNKNOWN,
        f"{RUN}/link": EntryKind.UNKNOWN,
        f"{RUN}/pipe": EntryKind.UNKNOWN,
    }


def test_a_name_that_is_not_text_is_nobodys(local: LocalStore) -> None:
    """Bytes that are not UTF-8 cannot be in a locator; other letters can."""
    (local.root / RUN).mkdir()
    try:
        os.close(os.open(os.fsencode(local.root / RUN) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (local.root / RUN / "é").touch()
    assert found(local) == {f"{RUN}/\udcff": EntryKind.UNKNOWN, f"{RUN}/é": EntryKind.VALUE}


def test_too_deep_is_not_looked_into(local: LocalStore) -> None:
    """A directory nested without end costs neither descriptors nor memory."""
    directory = local.root
    for _ in range(50):
        directory = directory / "d"
        directory.mkdir()
    assert found(local) == {"/".join(["d"] * 17): EntryKind.UNKNOWN}


def test_what_vanishes_is_left_out(local: LocalStore) -> None:
    """Files and directories that are removed during the scan do no harm."""
    for n in range(5):
        local.put(f"run {n}", "k", b"x")
    entries = local.scan()
    first = next(entries)
    for directory in local.root.iterdir():
        if directory.name != first.name.split("/")[0]:
            for file in directory.iterdir():
                file.unlink()
            directory.rmdir()
    assert list(entries) == []


def test_a_directory_that_becomes_a_link_is_not_entered(local: LocalStore, tmp_path: Path) -> None:
    """A link swapped in after the directory was listed is seen for what it is."""
    for n in range(3):
        (local.root / f"d{n}").mkdir()
        (local.root / f"d{n}" / "file").touch()
    entries = local.scan()
    first = next(entries).name.split("/")[0]
    for name in {"d0", "d1", "d2"} - {first}:
        (local.root / name).rename(tmp_path / name)
        (local.root / name).symlink_to(tmp_path / name)
    assert {entry.kind for entry in entries} == {EntryKind.UNKNOWN}


def test_what_may_not_be_seen_is_said(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without rights is an entry of its own, so that nobody takes it for empty; the rest is listed."""
    stored = [local.put(f"run {n}", "k", b"x").name for n in range(3)]
    closed = stored[1].split("/")[0]
    real_open = open_directory

    def refusing(name: str, parent: int) -> int:
        if name == closed:
            raise PermissionError(13, "Permission denied")
        return real_open(name, parent)

    monkeypatch.setattr(scan, "open_directory", refusing)
    assert found(local) == {
        stored[0]: EntryKind.VALUE,
        stored[2]: EntryKind.VALUE,
        closed: EntryKind.UNREADABLE,
    }


def test_a_scan_is_lazy_and_flat(local: LocalStore) -> None:
    """Memory does not grow with the number of files."""
    for n in range(800):
        directory = local.root / f"run-{n % 20}"
        directory.mkdir(exist_ok=True)
        (directory / f"a-name-of-some-length-{n:060}").touch()
    tracemalloc.start()
    try:
        count = sum(1 for _ in local.scan())
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert count == 800


def test_an_abandoned_scan_closes_what_it_opened(local: LocalStore) -> None:
    """Who stops listening early leaks no descriptor."""
    local.put(RUN, "k", b"x")
    before = len(listing(Path("/dev/fd")))
    entries = local.scan()
    assert isinstance(next(entries), FileEntry)
    del entries
    assert len(listing(Path("/dev/fd"))) == before
