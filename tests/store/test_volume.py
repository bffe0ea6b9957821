"""What is told of a directory without writing to it."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.support.users import ordinary_user
from zenctx.store import volume
from zenctx.store.volume import lock_holders, nearest, place_of, room_of

MOUNTS = """\
22 1 {device} / / rw - ext4 /dev/root rw
36 22 {device} / {inner} rw,relatime shared:1 master:2 - xfs /dev/sdb rw
40 22 99:99 / /other rw - nfs4 server:/x rw
broken line
"""


def test_a_directory_as_this_user_sees_it(tmp_path: Path) -> None:
    """Mode, owner, group, and what may be done; a file and nothing are no directory."""
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o2750)
    place = place_of(folder)
    assert place is not None
    assert (place.mode, place.owner, place.may_read, place.may_write) == (0o2750, os.geteuid(), True, True)
    (tmp_path / "file").touch()
    assert place_of(tmp_path / "file") is None
    assert place_of(tmp_path / "file" / "below") is None
    assert place_of(tmp_path / "none") is None


def test_a_directory_of_somebody_else() -> None:
    """The rights are those of the effective user."""
    with ordinary_user():
        place = place_of(Path("/"))
    assert place is not None
    assert place.may_read
    assert not place.may_write


def test_the_room_is_that_of_the_nearest_directory(tmp_path: Path) -> None:
    """A directory that is not there yet will be made where that is."""
    assert nearest(tmp_path / "a" / "b") == tmp_path
    room = room_of(tmp_path / "a" / "b")
    found = os.statvfs(tmp_path)
    assert room.bytes == found.f_blocks * found.f_frsize
    assert 0 <= room.free_bytes <= room.bytes
    assert not room.is_read_only


def test_the_kind_is_that_of_the_innermost_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system lists them; where it does not, none is told."""
    inner = tmp_path / "with space"
    inner.mkdir()
    number = tmp_path.stat().st_dev
    listed = tmp_path / "mounts"
    escaped = str(inner).replace(" ", "\\040")
    listed.write_text(MOUNTS.format(device=f"{os.major(number)}:{os.minor(number)}", inner=escaped))
    monkeypatch.setattr(volume, "_MOUNTS", listed)
    assert room_of(inner).kind == "xfs"
    assert room_of(tmp_path).kind == "ext4"
    monkeypatch.setattr(volume, "_MOUNTS", tmp_path / "none")
    assert room_of(tmp_path).kind is None


def test_who_holds_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process, as long as it holds it; a file that nobody locks, or that is not there, has no holder."""
    path = tmp_path / "lock"
    assert lock_holders(path) == []
    with path.open("w") as file:
        assert lock_holders(path) == []
        fcntl.flock(file, fcntl.LOCK_SH)
        assert lock_holders(path) == [os.getpid()]
    assert lock_holders(path) == []
    monkeypatch.setattr(volume, "_LOCKS", tmp_path / "none")
    assert lock_holders(path) is None
