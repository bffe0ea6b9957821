"""Lists a store directory by directory, for those who go over very many files: names only, nothing is looked at twice.

The same rules as `zenctx.store.scan`: no link is followed, and what begins with `.` or `zenctx-` is no value.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zenctx.store.base import EntryKind, FileEntry, FileStat
from zenctx.store.beneath import open_directory, open_root
from zenctx.store.faults import translated
from zenctx.store.names import TEMPORARY_PREFIX, is_reserved, is_text

_MAX_DEPTH = 16
_NOT_OURS = {errno.ENOTDIR, errno.ELOOP}


@dataclass(slots=True)
class Directory:
    """What lies in one directory of the store: values by their names in it, and what is no value.

    `name` is empty for the root. Values that lie deeper are named from here (`sub/file`).
    """

    name: str
    values: list[str] = field(default_factory=list)
    others: list[FileEntry] = field(default_factory=list)
    """Temporaries, empty directories, and what could not be looked into or is nobody's; names below the root."""


def list_directories(root: Path) -> Iterator[Directory]:
    """Yields the root and each directory in it; what vanishes meanwhile is left out.

    Raises `StoreError` when the store is missing or cannot be read.
    """
    with translated(root, "read"):
        fd = open_root(root)
        try:
            own = Directory("")
            names, _ = _sorted_in(fd, own, "")
            yield own
            for name in names:
                found = _look_into(fd, name)
                if found is not None:
                    yield found
        finally:
            os.close(fd)


def stat_names(root: Path, directory: str, names: Iterable[str]) -> Iterator[tuple[str, FileStat | None]]:
    """Yields what tells each of some files in one directory from others; None where it is gone, or no regular file."""
    with translated(root, "read"):
        fd = open_root(root)
        try:
            for part in directory.split("/") if directory else ():
                inner = open_directory(part, fd)
                os.close(fd)
                fd = inner
        except (FileNotFoundError, NotADirectoryError):
            os.close(fd)
            yield from ((name, None) for name in names)
            return
        except BaseException:
            os.close(fd)
            raise
        try:
            for name in names:
                yield name, _stat(fd, name)
        finally:
            os.close(fd)


def _stat(directory: int, name: str) -> FileStat | None:
    try:
        # Names with a slash lie deeper: no value of ours does, and a link on the way is refused when it is moved.
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileStat(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def list_temporaries(directory: Path, prefix: str) -> Iterator[str]:
    """Yields the names of regular files in a directory that begin with `prefix`; none where there is no directory.

    Names that are no text are left out: nobody could name such a file.
    """
    with translated(directory, "read"):
        try:
            entries = os.scandir(directory)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                if entry.name.startswith(prefix) and is_text(entry.name) and entry.is_file(follow_symlinks=False):
                    yield entry.name


def _look_into(root: int, name: str) -> Directory | None:
    found = Directory(name)
    if not _descend(root, name, found, "", 1):
        return None
    return found


def _descend(parent: int, component: str, found: Directory, prefix: str, depth: int) -> bool:
    """Lists a directory and what lies below it; False where it is gone."""
    path = f"{found.name}/{prefix}".rstrip("/")
    try:
        fd = open_directory(component, parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        found.others.append(FileEntry(path, _closed(error)))
        return True
    try:
        inner, is_empty = _sorted_in(fd, found, prefix)
        if is_empty:
            found.others.append(FileEntry(path, EntryKind.EMPTY_DIRECTORY))
        for name in inner:
            if depth == _MAX_DEPTH:
                found.others.append(FileEntry(f"{path}/{name}", EntryKind.UNKNOWN))
            else:
                _descend(fd, name, found, f"{prefix}{name}/", depth + 1)
    finally:
        os.close(fd)
    return True


def _closed(error: OSError) -> EntryKind:
    """What a directory is that cannot be opened; raises what is about more than this one."""
    if isinstance(error, PermissionError):
        return EntryKind.UNREADABLE
    if error.errno in _NOT_OURS:
        return EntryKind.UNKNOWN  # replaced since it was listed, by a link perhaps
    raise error


def _sorted_in(fd: int, found: Directory, prefix: str) -> tuple[list[str], bool]:
    """Sorts the entries of an open directory into `found`; gives the directories, and whether it is empty."""
    directories: list[str] = []
    values = found.values
    is_empty = True
    with os.scandir(fd) as entries:
        for entry in entries:
            name, is_empty = entry.name, False
            is_plain = not (name[0] in ".zZ" and is_reserved(name)) and (name.isascii() or is_text(name))
            if is_plain and entry.is_file(follow_symlinks=False):
                values.append(prefix + name)
            elif is_plain and entry.is_dir(follow_symlinks=False):
                directories.append(name)
            else:
                _set_aside(entry, found, prefix)
    return directories, is_empty


def _set_aside(entry: os.DirEntry[str], found: Directory, prefix: str) -> None:
    """Takes note of what is no value by its name, if it is worth one. A name that is no text is written as one."""
    kind = EntryKind.UNKNOWN
    if not is_text(entry.name):
        shown = os.fsencode(prefix + entry.name).decode(errors="backslashreplace")
        found.others.append(FileEntry(_below(found.name, shown), kind))
        return
    if is_reserved(entry.name):
        if not entry.name.startswith(TEMPORARY_PREFIX):
            return
        # A directory on its way to its name is empty.
        kind = EntryKind.EMPTY_DIRECTORY if entry.is_dir(follow_symlinks=False) else EntryKind.TEMPORARY
    found.others.append(FileEntry(_below(found.name, prefix + entry.name), kind))


def _below(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
