"""Locks on a store that die with the process that holds them: flock on a file that is never removed."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zenctx.errors import LockedError, StoreError
from zenctx.store.access import Access
from zenctx.store.beneath import open_root
from zenctx.store.faults import shown, translated
from zenctx.store.names import LOCK

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_WRITING = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def hold(root: Path, access: Access, *, exclusive: bool) -> Iterator[None]:
    """Hold the store's lock, shared or exclusive, for the length of the context.

    Raises `LockedError` at once when another holder excludes it, in this process or another, and `StoreError` when the
    lock file cannot be made or locked.
    """
    fd = _open(root, access, exclusive=exclusive)
    try:
        _lock(fd, root, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)  # releases it; the file stays, for removing it would let two holders lock two files


def _lock(fd: int, root: Path, how: int) -> None:
    with translated(root, "locked"):
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another zenctx is at work in {shown(root)}"
            raise LockedError(message, hint="Run the command again when it has finished.") from error


def _open(root: Path, access: Access, *, exclusive: bool) -> int:
    with translated(root, "locked"):
        directory = open_root(root)
        try:
            fd = _open_lock(directory, exclusive=exclusive)
        finally:
            os.close(directory)
        try:
            _settle(fd, root, access)
        except BaseException:
            os.close(fd)
            raise
    return fd


def _open_lock(directory: int, *, exclusive: bool) -> int:
    try:
        return os.open(LOCK, _FLAGS, 0o600, dir_fd=directory)
    except OSError as error:
        if exclusive or error.errno not in _NO_WRITING:
            raise
        # Who may only read, a copy on a read-only file system say, holds what is there already.
        with contextlib.suppress(OSError):
            return os.open(LOCK, _READ_FLAGS, dir_fd=directory)
        raise


def _settle(fd: int, root: Path, access: Access) -> None:
    """Refuse what is no regular file, and give our own file its mode, also one whose creator died before that."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"the lock {shown(root / LOCK)} is not a regular file", hint="Remove it.")
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != access.lock_mode:
        access.apply(fd, access.lock_mode)
