"""Disks that are full, directories without rights: one sentence that says what to do, and nothing left behind."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.conftest import RUN, listing
from zenctx.errors import StoreError
from zenctx.store import faults
from zenctx.store.base import EntryKind, NewFile
from zenctx.store.local import LocalStore

CHECKOUT = Path(__file__).parents[2]
UNSHARE = shutil.which("unshare")


def fail_on(monkeypatch: pytest.MonkeyPatch, call: str, code: int, *, after: int = 0) -> None:
    """Let the system call fail from its `after`-th use on."""
    real: Callable[..., Any] = getattr(os, call)
    uses = iter(range(1_000_000))

    def failing(*arguments: object, **options: object) -> object:
        if next(uses) >= after:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    monkeypatch.setattr(os, call, failing)


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG], ids=errno.errorcode.get
)
@pytest.mark.parametrize("call", ["write", "fchmod", "fsync", "link", "mkdir", "open"])
def test_a_fault_at_any_step_is_a_sentence_and_leaves_nothing(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """Whatever step fails, and for whatever reason: the directory is named, and no file is left."""
    with monkeypatch.context() as patch:
        fail_on(patch, call, code)
        with pytest.raises(StoreError) as caught:
            local.put(RUN, "k", b"x" * 100)
    assert str(local.root) in caught.value.message
    assert "cannot be written: " in caught.value.message
    assert [entry for entry in local.scan() if entry.kind is not EntryKind.EMPTY_DIRECTORY] == []
    assert listing(local.root) in ([], [RUN])


@pytest.mark.parametrize("after", range(8))
def test_a_disk_that_fills_up_keeps_nothing_of_a_batch(
    local: LocalStore, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """However far a batch came before a sync failed, the directories at the end included, none of it stays."""
    with monkeypatch.context() as patch:
        fail_on(patch, "fsync", errno.ENOSPC, after=after)
        with pytest.raises(StoreError, match="no space is left"):
            local.put_many(NewFile(run, "k", b"x" * 10) for run in ("a", "b", "c"))
    assert {entry.kind for entry in local.scan()} <= {EntryKind.EMPTY_DIRECTORY}


def test_a_short_write_is_continued(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take less than it is given."""
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:7]))
    stored = local.put(RUN, "k", bytes(range(100)))
    with local.open(stored.name) as file:
        assert file.read() == bytes(range(100))


def test_an_interruption_leaves_nothing(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a value passes through, and the temporary is gone."""

    def interrupted(_fd: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        (local.root / RUN).mkdir()
        with pytest.raises(KeyboardInterrupt):
            local.put(RUN, "k", b"x")
    assert listing(local.root / RUN) == []


def test_a_directory_without_fsync_is_no_fault(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems have no notion of it for directories, and then it is not asked for."""
    real_fsync = os.fsync

    def picky(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real_fsync(fd)

    monkeypatch.setattr(os, "fsync", picky)
    assert local.put(RUN, "k", b"x").size == 1


def test_every_known_fault_says_what_to_do() -> None:
    """A sentence with the directory, and a hint; an unknown one gives the system's own words."""
    for code in faults._KNOWN:
        error = faults.store_error(OSError(code, "words"), Path("/some/where"), "read")
        assert error.message.startswith("the directory /some/where cannot be read: ")
        assert error.hint
    assert "words" in faults.store_error(OSError(9999, "words"), Path("/x"), "read").message
    assert "\\x1b" in faults.store_error(OSError(5, "x"), Path("/\x1b[31m"), "read").message


def test_a_root_that_is_a_file_is_said(tmp_path: Path) -> None:
    """A file in place of the directory is named, by every use."""
    (tmp_path / "file").write_bytes(b"mine")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        store = LocalStore(root, file_mode=0o440, file_group=None)
        for use in (store.prepare, lambda s=store: s.put(RUN, "k", b"x"), lambda s=store: list(s.scan())):
            with pytest.raises(StoreError, match="no directory"):
                use()
        assert not store.exists()
        assert store.read_id() is None
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_dangling_link_as_root_is_said(tmp_path: Path) -> None:
    """A link whose volume is gone is not filled by accident."""
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    store = LocalStore(tmp_path / "link", file_mode=0o440, file_group=None)
    with pytest.raises(StoreError, match="does not exist"):
        store.prepare()
    assert listing(tmp_path) == ["link"]


def outcome_of(command: list[str], root: Path, size: int) -> dict[str, Any]:
    """What a child says that stores `size` bytes, started through `command`."""
    child = [*command, sys.executable, "-m", "tests.store.child", "put", str(root), str(size)]
    result = subprocess.run(child, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=30)
    outcome: dict[str, Any] = json.loads(result.stdout)
    return outcome


def in_mount(options: str, root: Path, before: str = "true") -> list[str]:
    """A command prefix that mounts a small file system of its own at `root`; skips where the machine refuses that."""
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && {before} && exec "$@"'
    prefix = [UNSHARE or "", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(root)]
    if UNSHARE is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let an ordinary user mount")
    return prefix


def test_a_really_full_disk(tmp_path: Path) -> None:
    """On a device of 1 MiB a value of 2 MiB is refused in a sentence, and its space is free again."""
    outcome = outcome_of(in_mount("size=1m", tmp_path), tmp_path / "store", 2 * 1024 * 1024)
    assert outcome["error"]["kind"] == "store"
    assert "no space is left on its device" in outcome["error"]["message"]
    assert str(tmp_path / "store") in outcome["error"]["message"]
    assert outcome["left"] == []
    assert outcome_of(in_mount("size=1m", tmp_path), tmp_path / "store", 100_000)["error"] is None


def test_a_really_read_only_file_system(tmp_path: Path) -> None:
    """A volume that is mounted read-only is named as such."""
    command = in_mount("size=1m", tmp_path, f'mkdir "$0/store" && mount -o remount,ro,bind "{tmp_path}"')
    outcome = outcome_of(command, tmp_path / "store", 1)
    assert "its file system is read-only" in outcome["error"]["message"]


@pytest.mark.parametrize("mode", [0o500, 0o000], ids=oct)
def test_a_directory_without_rights(tmp_path: Path, mode: int) -> None:
    """A user who may not write, or not even look, is told so."""
    command = []
    if os.geteuid() == 0:
        command = [UNSHARE or "", "--user", "--map-user=65534", "--map-group=65534", "--"]
        if UNSHARE is None or subprocess.run([*command, "true"], check=False).returncode != 0:
            pytest.skip("root has every right here, and cannot give them up")
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(mode)
    try:
        outcome = outcome_of(command, root, 1)
    finally:
        root.chmod(0o700)
    assert outcome["error"]["kind"] == "store"
    assert f"{root}" in outcome["error"]["message"]
    assert "lacks the rights" in outcome["error"]["message"]
    assert listing(root) == []
