"""Carries a file over to another file system: copied whole and durably before anybody takes its old name away."""

import errno
import os
import stat

from zenctx.store.access import Access
from zenctx.store.durable import PendingFile, sync_directory

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK = 1024 * 1024


def copy_over(source: int, name: str, target: int, wanted: str) -> None:
    """Copies a regular file from one open directory into another, as `wanted`, with its mode, group and times.

    Replaces nothing; what an earlier try has copied there is as good. The copy is durable once its directory is synced.
    Raises `OSError`; `EBUSY` when the file is changed meanwhile.
    """
    fd = os.open(name, _READ, dir_fd=source)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "no regular file", name)
        with PendingFile(target) as copy:
            while chunk := os.read(fd, _CHUNK):
                copy.write(memoryview(chunk))
            if _is_changed(os.fstat(fd), before):
                raise OSError(errno.EBUSY, "changed while it was copied", name)
            copy.take_after(before)
            try:
                copy.publish([wanted], Access(stat.S_IMODE(before.st_mode), before.st_gid))
            except FileExistsError:
                # The names are random, and the time is to the nanosecond.
                if _is_changed(os.stat(wanted, dir_fd=target, follow_symlinks=False), before):
                    raise
    finally:
        os.close(fd)


def move_over(source: int, name: str, target: int, wanted: str) -> None:
    """Copies a file like `copy_over`, makes that durable, and then takes the old name away.

    A crash in between leaves both, each of them whole.
    """
    before = os.stat(name, dir_fd=source, follow_symlinks=False)
    copy_over(source, name, target, wanted)
    sync_directory(target)
    after = os.stat(name, dir_fd=source, follow_symlinks=False)
    if after.st_ino != before.st_ino or _is_changed(after, before):
        os.unlink(wanted, dir_fd=target)
        raise OSError(errno.EBUSY, "changed while it was copied", name)
    os.unlink(name, dir_fd=source)


def _is_changed(now: os.stat_result, before: os.stat_result) -> bool:
    return (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
