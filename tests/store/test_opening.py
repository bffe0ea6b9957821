"""Files are opened below the root, and nowhere else, whatever stands in the way."""

import contextlib
import hashlib
import os
import queue
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.store.conftest import RUN, listing
from zenctx.errors import DamagedFileError, LocatorRefusedError, StoreError, ZenctxError
from zenctx.store.local import LocalStore

SECRET = b"root:x:0:0"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside the store."""
    path = tmp_path / "outside" / "a" / "secret"
    path.parent.mkdir(parents=True)
    path.write_bytes(SECRET)
    return path


def test_the_root_itself_may_be_a_link(local: LocalStore, tmp_path: Path) -> None:
    """Where the store lies is the operator's choice."""
    (tmp_path / "link").symlink_to(local.root)
    linked = LocalStore(tmp_path / "link", file_mode=0o440, file_group=None)
    linked.prepare()
    name = linked.put(RUN, "k", b"x").name
    with local.open(name) as file:
        assert file.read() == b"x"
    assert linked.exists()


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_at_any_component_is_refused(local: LocalStore, secret: Path, depth: int, absolute: bool) -> None:
    """A link in place of the file or of a directory above it is named and not followed."""
    parts = ["a", "b", "secret"]
    target = [secret.parent.parent, secret.parent, secret][depth]
    place = local.root.joinpath(*parts[: depth + 1])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target if absolute else os.path.relpath(target, place.parent))
    for use in (local.open, local.stat):
        with pytest.raises(LocatorRefusedError, match="symbolic link"):
            use("/".join(parts))


def test_a_link_to_a_file_of_the_store_is_refused_too(local: LocalStore) -> None:
    """Links are not followed, wherever they lead."""
    stored = local.put(RUN, "k", b"x")
    (local.root / "alias").symlink_to(stored.name)
    with pytest.raises(LocatorRefusedError):
        local.open("alias")


def test_a_link_swapped_in_while_opening_is_refused(
    local: LocalStore, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that turns into a link between two steps of opening leads nowhere: each step holds the one before."""
    (local.root / "a" / "b").mkdir(parents=True)
    (local.root / "a" / "b" / "secret").write_bytes(b"own")
    opened: list[str] = []
    real_open = os.open

    def swapping(path: str, *arguments: int, dir_fd: int | None = None) -> int:
        if path == "b":
            (local.root / "a").rename(local.root / "away")
            (local.root / "a").symlink_to(secret.parent.parent)
        opened.append(str(path))
        return real_open(path, *arguments, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapping)
    with local.open("a/b/secret") as file:
        assert file.read() == b"own"
    assert opened == [str(local.root), "a", "b", "secret"]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(path.parent)  # the name of a socket must be short
            server.bind(path.name)
        finally:
            os.chdir(here)
            os.close(here)


def _device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root may make a device")


def error_of(use: Callable[[str], object], name: str) -> Exception:
    """What `use` raises, which must not take longer than a moment."""
    raised: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            use(name)
        except ZenctxError as error:
            raised.put(error)

    threading.Thread(target=attempt, daemon=True).start()
    return raised.get(timeout=5)


@pytest.mark.parametrize("make", [_pipe, _socket, _device, Path.mkdir], ids=["pipe", "socket", "device", "directory"])
def test_only_regular_files_are_read(local: LocalStore, make: Callable[[Path], None]) -> None:
    """A pipe, socket, device or directory in place of a file is named at once, and never waited for or read."""
    (local.root / "run").mkdir()
    make(local.root / "run" / "file")
    for use in (local.open, local.stat):
        error = error_of(use, "run/file")
        assert isinstance(error, DamagedFileError)
        assert "not a regular file" in error.message


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read, as Linux has"
)
@pytest.mark.parametrize(
    "read",
    [
        lambda file: file.read(),
        lambda file: file.read(9),
        lambda file: file.readinto(bytearray(100_000)),
        lambda file: hashlib.file_digest(file, "sha256"),
    ],
    ids=["all", "a little", "into", "hash"],
)
def test_an_error_while_reading_is_a_sentence(read: Callable[[BinaryIO], object]) -> None:
    """A device that fails after opening is no bare error of the system."""
    store = LocalStore(Path("/proc/self"), file_mode=0o440, file_group=None)
    with store.open("mem") as file, pytest.raises(StoreError, match="/proc/self cannot be read: its device reported"):
        read(file)


def test_no_descriptor_is_left_open(local: LocalStore) -> None:
    """Refusals and errors close what was opened on the way."""
    stored = local.put(RUN, "k", b"x")
    (local.root / "pipe").mkdir()
    os.mkfifo(local.root / "pipe" / "p")
    before = len(listing(Path("/dev/fd")))
    for name in (stored.name, stored.name + "/x", "missing/x", "pipe/p", f"{RUN}/missing"):
        for use in (lambda name: local.open(name).close(), local.stat):
            with contextlib.suppress(DamagedFileError):
                use(name)
    list(local.scan())
    assert len(listing(Path("/dev/fd"))) == before
