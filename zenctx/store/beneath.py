"""Opens what lies below a root without following a link at any component below it.

The root itself may be a link: where the store lies is the operator's choice. Everything below it is data.
"""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from zenctx.errors import LocatorRefusedError, MissingFileError
from zenctx.store.faults import SpeakingFile, shown, store_error, translated
from zenctx.store.names import split_name

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_DIRECTORY = _ROOT | os.O_NOFOLLOW
# Without O_NONBLOCK the opening of a FIFO would wait for somebody to write into it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_root(root: Path) -> int:
    """A descriptor of the root directory, links followed; raises `OSError`."""
    return os.open(root, _ROOT)


def open_directory(name: str, parent: int) -> int:
    """A descriptor of the directory `name` in the open directory `parent`, no link followed; raises `OSError`."""
    return os.open(name, _DIRECTORY, dir_fd=parent)


def open_file(root: Path, name: str) -> BinaryIO:
    """The regular file `name` below `root`, to be read.

    Raises `LocatorRefusedError` for a link on the way, `MissingFileError` when there is no such regular file,
    `StoreError` when the root is missing or something cannot be read.
    """
    with _parent_of(root, name) as (parent, last):
        try:
            fd = os.open(last, _FILE, dir_fd=parent)
        except OSError as error:
            _explain(error, root, name, last, parent)
    try:
        _require_regular(os.fstat(fd).st_mode, shown(root / name))
        return io.BufferedReader(SpeakingFile(fd, root, "r"))
    except BaseException:
        os.close(fd)
        raise


def stat_file(root: Path, name: str) -> os.stat_result:
    """The status of the regular file `name` below `root`; raises as `open_file` does, without opening the file."""
    with _parent_of(root, name) as (parent, last):
        try:
            status = os.stat(last, dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            _explain(error, root, name, last, parent)
    _refuse_link(status.st_mode, shown(root / name), last)
    _require_regular(status.st_mode, shown(root / name))
    return status


@contextmanager
def _parent_of(root: Path, name: str) -> Iterator[tuple[int, str]]:
    """The open directory that holds the last component of `name`, and that component."""
    *directories, last = split_name(name)
    with translated(root, "read"):
        fd = open_root(root)
    try:
        for part in directories:
            try:
                child = open_directory(part, fd)
            except OSError as error:
                _explain(error, root, name, part, fd)
            os.close(fd)
            fd = child
        yield fd, last
    finally:
        os.close(fd)


def _explain(error: OSError, root: Path, name: str, part: str, parent: int) -> NoReturn:
    """What opening `part` of `name` failed for. Systems differ in what they answer for a link, so look at it."""
    path = shown(root / name)
    try:
        mode = os.stat(part, dir_fd=parent, follow_symlinks=False).st_mode
    except OSError:
        mode = None
    if mode is not None:
        _refuse_link(mode, path, part)
    if error.errno in _ABSENT:
        raise MissingFileError(f"the file {path} is missing") from error
    if mode is not None and not stat.S_ISDIR(mode):
        _require_regular(mode, path)
    raise store_error(error, (root / name).parent, "read") from error


def _refuse_link(mode: int, path: str, part: str) -> None:
    if stat.S_ISLNK(mode):
        message = f"the file {path} lies behind a symbolic link ({shown(part)}), and links are not followed"
        raise LocatorRefusedError(message, hint="Nothing was opened. Remove the link if it should not be there.")


def _require_regular(mode: int, path: str) -> None:
    if not stat.S_ISREG(mode):
        message = f"the file {path} is {_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a regular file"
        raise MissingFileError(message, hint="It was not read.")
