"""Walks a store, one entry at a time, without following a link and without holding more than a path's depth."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from zenctx.store.base import EntryKind, FileEntry
from zenctx.store.beneath import open_directory, open_root
from zenctx.store.faults import translated
from zenctx.store.names import TEMPORARY_PREFIX, is_reserved, is_text

# Values lie one directory deep; what is nested deeper than this is nobody's, and each level holds a descriptor open.
_MAX_DEPTH = 16


def scan_directory(root: Path) -> Iterator[FileEntry]:
    """Every entry below `root`; see `ValueStore.scan`."""
    with translated(root, "read"):
        fd = open_root(root)
        try:
            yield from _entries(fd, "", 0)
        finally:
            os.close(fd)


def _entries(directory: int, prefix: str, depth: int) -> Iterator[FileEntry]:
    empty = True
    with os.scandir(directory) as entries:
        for entry in entries:
            empty = False
            name = prefix + entry.name
            kind = _kind(entry)
            if kind is not None:
                yield FileEntry(name, kind)
            elif depth == _MAX_DEPTH:
                yield FileEntry(name, EntryKind.UNKNOWN)
            else:
                yield from _below(directory, entry.name, name, depth + 1)
    if empty and prefix:
        yield FileEntry(prefix[:-1], EntryKind.EMPTY_DIRECTORY)


def _below(parent: int, component: str, name: str, depth: int) -> Iterator[FileEntry]:
    try:
        fd = open_directory(component, parent)
    except FileNotFoundError:
        return  # removed since it was listed
    except PermissionError:
        yield FileEntry(name, EntryKind.UNREADABLE)
        return
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        yield FileEntry(name, EntryKind.UNKNOWN)  # replaced since it was listed, by a link perhaps
        return
    try:
        yield from _entries(fd, name + "/", depth)
    finally:
        os.close(fd)


def _kind(entry: os.DirEntry[str]) -> EntryKind | None:
    """What the entry is; None for a directory to look into."""
    if is_reserved(entry.name):
        return EntryKind.TEMPORARY if entry.name.startswith(TEMPORARY_PREFIX) else EntryKind.RESERVED
    if not entry.name.isascii() and not is_text(entry.name):
        return EntryKind.UNKNOWN  # whatever it is: no locator could name it
    if entry.is_file(follow_symlinks=False):
        return EntryKind.VALUE
    return None if entry.is_dir(follow_symlinks=False) else EntryKind.UNKNOWN
