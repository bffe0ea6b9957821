"""The order of steps that makes a file or directory exist under its final name only when it is whole and durable.

    1. create under a temporary name in the same directory  (same file system; found again by its prefix)
    2. write, hashing in the same pass
    3. group and mode                                       (before the fsync, which makes them durable too)
    4. fsync of the file                                    (content and inode are on the device)
    5. give it the final name, replacing nothing            (atomic: the name means the whole content)
    6. remove the temporary name
    7. fsync of the directory, and of the one above it      (the name survives a power cut)

A crash before 5 leaves a temporary. Between 5 and 7 the final name is there or not, but never with other content, since
4 came first; nobody references it yet, for the caller has its name only after 7. Step 7 includes the directory above
even when that already had the run's directory: whoever made it may not have come to this step.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterable
from types import TracebackType
from typing import BinaryIO, Self

from zenctx.store.access import Access
from zenctx.store.cloning import clone
from zenctx.store.names import temporary_name

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS_HERE = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
# fsync of a directory is refused so by file systems that have no notion of it, which is no failure of the device.
_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP}
_FORGETS: int | None = getattr(os, "POSIX_FADV_DONTNEED", None)
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


def sync(fd: int) -> None:
    """Bring an open file to the device itself; macOS needs more than fsync for that."""
    if _FULL_SYNC is not None:
        with contextlib.suppress(OSError):  # not every file system knows it; fsync then says what can be said
            fcntl.fcntl(fd, _FULL_SYNC)
            return
    os.fsync(fd)


def sync_directory(fd: int) -> None:
    """Make the names in an open directory durable."""
    try:
        sync(fd)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise


class PendingFile:
    """A file under a temporary name, steps 1 to 6. Leaving the context removes the temporary name, whatever happened.

    All of it raises `OSError`. A failed fsync is never tried again: the kernel may already have dropped what it could
    not write.
    """

    def __init__(self, directory: int) -> None:
        """Create it in the open `directory`; `FileNotFoundError` when that was removed meanwhile."""
        self._directory = os.dup(directory)
        self._temporary = temporary_name()
        try:
            self._fd = os.open(self._temporary, _NEW_FILE, 0o600, dir_fd=self._directory)
        except BaseException:
            os.close(self._directory)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # best effort: what stays has a temporary's name, and gc knows those
            os.unlink(self._temporary, dir_fd=self._directory)
        os.close(self._directory)
        with contextlib.suppress(OSError):  # after the fsync nothing is left that closing could fail to write
            os.close(self._fd)

    def write(self, chunk: memoryview) -> None:
        """Append all of `chunk`."""
        while chunk:
            chunk = chunk[os.write(self._fd, chunk) :]

    def clone(self, source: int) -> bool:
        """Share the content of the open file `source` instead of writing any; False where the file system cannot.

        The file system copies what either of them changes later, so neither can alter the other.
        """
        return clone(source, self._fd)

    def take_after(self, other: os.stat_result) -> None:
        """Give it the times of another file, and its owner where this user may."""
        with contextlib.suppress(PermissionError):
            os.fchown(self._fd, other.st_uid, -1)
        os.utime(self._fd, ns=(other.st_atime_ns, other.st_mtime_ns))

    def reread(self) -> BinaryIO:
        """What was written so far, to be read and closed."""
        return os.fdopen(os.open(self._temporary, _READ, dir_fd=self._directory), "rb")

    def publish(self, names: Iterable[str], access: Access, into: int | None = None) -> str:
        """Make it durable and give it the first of `names` that is free; returns that, or raises `FileExistsError`.

        The name is in the open directory `into`, on the same file system, when that is given.
        """
        access.apply(self._fd, access.file_mode)
        sync(self._fd)
        target = self._directory if into is None else into
        for name in names:
            try:
                self._take(name, target)
            except FileExistsError:
                if not self._is_ours(name, target):
                    continue
            return name
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def leave_memory(self) -> None:
        """Let the system forget the content, once `publish` has made it durable: it is read from the device again.

        The room is used for the next file, which is quicker than to find more, and pages of others stay.
        """
        if _FORGETS is not None:
            with contextlib.suppress(OSError):  # advice, which not every file system takes
                os.posix_fadvise(self._fd, 0, 0, _FORGETS)

    def replace(self, name: str, into: int) -> None:
        """Put it in the place of `name` in the open directory `into`, once `publish` has found that taken."""
        os.rename(self._temporary, name, src_dir_fd=self._directory, dst_dir_fd=into)

    def _take(self, name: str, target: int) -> None:
        # link refuses an existing name, which rename would replace.
        try:
            os.link(self._temporary, name, src_dir_fd=self._directory, dst_dir_fd=target)
        except OSError as error:
            if error.errno not in _NO_LINKS_HERE:
                raise
            self._rename(name, target)

    def _rename(self, name: str, target: int) -> None:
        # A file system without links: look first. What could slip in between would need the same 64 random bits; for
        # the marker, two first uses at the same moment, after which the earlier user holds an id that guards refuse.
        try:
            os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(self._temporary, name, src_dir_fd=self._directory, dst_dir_fd=target)
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)

    def _is_ours(self, name: str, target: int) -> bool:
        # A network file system may repeat a link whose answer was lost, and then says that the name exists.
        there = os.stat(name, dir_fd=target, follow_symlinks=False)
        return os.path.samestat(there, os.fstat(self._fd))


def make_directory(parent: int, name: str, access: Access) -> None:
    """Make sure that `name` exists in the open directory `parent`; a new one appears with its mode and group at once.

    Otherwise a crash between creation and mode would leave a directory that the engine can never read. Not durable
    before `parent` is synced. One with something in it is left as it is, whatever its mode.
    """
    temporary = temporary_name()
    os.mkdir(temporary, 0o700, dir_fd=parent)
    try:
        fd = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            access.apply(fd, access.directory_mode)
            sync_directory(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.rmdir(temporary, dir_fd=parent)
        # Somebody else was faster. (An empty directory of theirs is replaced; who had it open looks again.)
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            raise
