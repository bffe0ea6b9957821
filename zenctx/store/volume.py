"""What can be told of a directory without writing to it: rights, room, its file system, who locks a file in it.

Nothing here opens a file of the store for writing or takes a lock. What a system does not tell is None.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE, S_ISDIR

_MOUNTS = Path("/proc/self/mountinfo")
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class Place:
    """A directory: its mode (the bits that chmod sets), owner and group by number, and what this user may do in it."""

    mode: int
    owner: int
    group: int
    may_read: bool
    may_write: bool
    device: int


@dataclass(frozen=True, slots=True)
class Room:
    """The file system of a directory: bytes and inodes for this user, and its kind in the words of the system.

    `inodes` and `free_inodes` are 0 where it makes them as they are needed.
    """

    bytes: int
    free_bytes: int
    inodes: int
    free_inodes: int
    is_read_only: bool
    kind: str | None


def place_of(path: Path) -> Place | None:
    """Looks at a directory; None where there is none. Raises OSError where that cannot be known."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not S_ISDIR(status.st_mode):
        return None
    may_read, may_write = (_may(path, mode | os.X_OK) for mode in (os.R_OK, os.W_OK))
    return Place(S_IMODE(status.st_mode), status.st_uid, status.st_gid, may_read, may_write, status.st_dev)


def room_of(path: Path) -> Room:
    """Asks how much room there is where a directory is, or where the nearest one above it is. Raises OSError."""
    there = nearest(path)
    found = os.statvfs(there)
    return Room(
        bytes=found.f_blocks * found.f_frsize,
        free_bytes=found.f_bavail * found.f_frsize,
        inodes=found.f_files,
        free_inodes=found.f_favail,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
        kind=_kind(there.stat().st_dev, os.path.realpath(there)),
    )


def nearest(path: Path) -> Path:
    """Gives the directory itself, or the nearest one above it that is there."""
    return next((each for each in (path, *path.parents) if each.is_dir()), Path("/"))


def lock_holders(path: Path) -> list[int] | None:
    """Gives the processes that hold a lock (`flock`) on a file; None where this system does not tell.

    Read from the system's own list: even to try a lock for a moment would keep another program from getting it.
    """
    try:
        status = path.lstat()
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return [] if _LOCKS.exists() else None
    except OSError:
        return None
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    # `1: FLOCK  ADVISORY  WRITE 4711 08:01:123 0 EOF`; one who waits stands behind an arrow.
    fields = (line.split() for line in lines)
    return sorted({int(each[4]) for each in fields if each[1:2] == ["FLOCK"] and each[5] == wanted})


def _may(path: Path, mode: int) -> bool:
    # The rights of the effective user, as the work itself will have them, where the system can tell.
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _kind(device: int, path: str) -> str | None:
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    mounts = [mount for mount in _mounts(lines) if mount[0] == wanted]
    above = [mount for mount in mounts if path == mount[1] or path.startswith(mount[1].rstrip("/") + "/")]
    return max(above or mounts, key=lambda mount: len(mount[1]), default=(None, "", None))[2]


def _mounts(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Device, place and kind of each mount: `36 35 98:0 / /mnt rw shared:1 - ext4 /dev/sda rw`."""
    for line in lines:
        before, separator, after = line.partition(" - ")
        fields = before.split()
        if separator and len(fields) > 4:
            yield fields[2], fields[4].encode().decode("unicode_escape"), after.split()[0]
