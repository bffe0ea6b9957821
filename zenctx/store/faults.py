"""Turns an error of the operating system into one sentence that names the directory and what to do."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zenctx.errors import StoreError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_RIGHTS = ("this user lacks the rights", "Run zenctx as a user who has them, or give them to its group.")
_MISSING = ("it does not exist", "Check its name, and that its volume is mounted.")
_KNOWN: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space is left on its device", "Free some space, then run the command again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space or raise the quota, then run the command again."),
    errno.EFBIG: ("a file would be larger than is allowed", "Raise the limit (ulimit -f), then run the command again."),
    errno.EROFS: ("its file system is read-only", "Mount it for writing, or name another directory in the settings."),
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOENT: _MISSING,
    errno.ESTALE: ("its network mount is stale", "Mount it again, then run the command again."),
    errno.ENOTDIR: ("it, or a part of it, is no directory", "Name a directory in the settings."),
    errno.ELOOP: ("a symbolic link is in the way", "Remove the link: below the store none is followed."),
    errno.EIO: ("its device reported an error", "Check the device before anything else is written to it."),
    errno.EMFILE: ("too many files are open", "Raise the limit of open files (ulimit -n), then run the command again."),
    errno.ENFILE: ("too many files are open on this machine", "Close some programs, then run the command again."),
    errno.ENOLCK: ("its file system does not support locks", "Use a file system that does."),
    errno.EOPNOTSUPP: ("its file system does not support what is needed", "Use a local or a POSIX file system."),
}


def shown(path: str | os.PathLike[str]) -> str:
    """A path as it may stand in a sentence: on one line, without control characters."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


def store_error(error: OSError, directory: Path, done: str) -> StoreError:
    """The sentence for `error`, which occurred when `directory` was to be `done` ("read", "written", "locked")."""
    clause, hint = _KNOWN.get(error.errno or 0, (f"{error.strerror or type(error).__name__}", None))
    return StoreError(f"the directory {shown(directory)} cannot be {done}: {clause}", hint=hint)


@contextmanager
def translated(directory: Path, done: str) -> Iterator[None]:
    """Within this context an `OSError` becomes a `StoreError` about `directory`."""
    try:
        yield
    except OSError as error:
        raise store_error(error, directory, done) from error


class SpeakingFile(io.FileIO):
    """An open file below `directory`, whose errors are sentences."""

    def __init__(self, fd: int, directory: Path, mode: Literal["r", "r+"]) -> None:
        super().__init__(fd, mode)
        self._directory = directory

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        """See `io.FileIO`; raises StoreError, as the others do."""
        with translated(self._directory, "read"):
            return super().readinto(buffer)

    def readall(self) -> bytes | None:  # type: ignore[override]  # typeshed: FileIO.readall may also return None
        """See `io.FileIO`."""
        with translated(self._directory, "read"):
            return super().readall()

    def write(self, data: "ReadableBuffer", /) -> int | None:  # type: ignore[override]
        """See `io.FileIO`."""
        with translated(self._directory, "written"):
            return super().write(data)
