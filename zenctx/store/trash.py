"""The trash of a store: files that are moved aside under the id of the clean-up that did it, and can be moved back.

A file moves by one rename within a file system, which happens as a whole or not at all: at every moment, and after
every crash, it lies in exactly one of the two places, whole. The directory in the trash is synced before the one that
the file left, so that no crash can make the old name vanish durably before the new one is there. Either place is good
enough to go on from: whoever cleans up next finds where a file lies, and the record follows what is found.

The engine's temporary files may lie on another file system than the store. They are copied instead, durably, and only
then leave their place: a crash may leave two of them, each whole.

On the way back a file takes its old name only if that is free (`link`, which replaces nothing, then `unlink`): a
crash in between leaves two names of the same file, of which the one in the trash is then removed.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from zenctx.errors import DamagedFileError, StoreError
from zenctx.store.access import Access
from zenctx.store.base import FileStat
from zenctx.store.beneath import open_directory, open_root, stat_file
from zenctx.store.carrying import copy_over, move_over
from zenctx.store.durable import make_directory, sync_directory
from zenctx.store.faults import shown, store_error, translated
from zenctx.store.names import split_name

TRASH = ".trash"
_NO_LINKS_HERE = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_rename_within, _link_within = os.rename, os.link
"""They know one file system only."""
_MAX_OPEN = 64
_SECOND = len("20260131T235959")


class TakenError(StoreError):
    """Something else lies in the place to which a file should go back."""


def file_stat(root: Path, name: str) -> FileStat:
    """What tells whether a file below a root is still the one that was seen; raises as `ValueStore.stat` does."""
    status = stat_file(root, name)
    return FileStat(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Trash:
    """The trash below a store's root. A context manager: leaving it syncs what was moved and closes directories."""

    def __init__(self, root: Path, access: Access) -> None:
        """Nothing is opened or made yet. `access` is what directories that must be made again are given."""
        self.root = root
        self._access = access
        self._open: dict[tuple[str, ...], int] = {}
        self._touched: dict[tuple[str, ...], None] = {}

    def put(self, gc_id: str, name: str, *, source: Path | None = None, aside: str | None = None) -> None:
        """Moves a file into the trash; it must be there, and no directory on the way may be a link.

        `name` is below the root, or below `source` where that is given; in the trash it lies under `aside`, by default
        the same name. Raises `DamagedFileError` where it is gone, `StoreError` where it cannot be moved.
        """
        target = split_name(aside or name)
        parts = split_name(name)
        self._limit()
        with translated(self.root, "written"):
            there = self._made((TRASH, gc_id, *target[:-1]))
        if source is not None:
            self._rename_from(source, parts, there, target)
            return
        with self._explained(name):
            here = self._opened(tuple(parts[:-1]))
            # The names are random: what is there under this one came by an earlier attempt, and is the same file.
            os.rename(parts[-1], target[-1], src_dir_fd=here, dst_dir_fd=there)
        self._touched[(TRASH, gc_id, *target[:-1])] = None
        self._touched[tuple(parts[:-1])] = None

    def take_back(self, gc_id: str, name: str, *, target: Path | None = None, aside: str | None = None) -> None:
        """Moves a file from the trash back to its place: `give_back`, durably, then `drop`."""
        self.give_back(gc_id, name, target=target, aside=aside)
        self.sync()
        self.drop(gc_id, aside or name)

    def give_back(self, gc_id: str, name: str, *, target: Path | None = None, aside: str | None = None) -> None:
        """Gives a file in the trash its old name as well; its directories are made again where they are gone.

        Where `target` is given its place is below that (see `put`). Raises `TakenError` where something else lies
        there, `DamagedFileError` where the trash does not have it. Not durable before `sync`; only then `drop` it.
        """
        parts, kept = split_name(name), split_name(aside or name)
        self._limit()
        if target is not None:
            place = ("", str(target), *parts[:-1])
            with translated(target, "written"):
                if place not in self._open:
                    self._open[place] = open_root(target.joinpath(*parts[:-1]))
            there = self._open[place]
        else:
            place = tuple(parts[:-1])
            with translated(self.root, "written"):
                there = self._made(place)
        with self._explained(name, "goes back to"):
            here = self._opened((TRASH, gc_id, *kept[:-1]))
            _link(here, kept[-1], there, parts[-1])
        if target is not None:
            with translated(target, "written"):
                sync_directory(there)
        else:
            self._touched[place] = None

    def drop(self, gc_id: str, kept: str) -> None:
        """Takes the name in the trash away from a file that has its old one again."""
        parts = split_name(kept)
        self._limit()
        with translated(self.root, "written"), contextlib.suppress(FileNotFoundError):
            # Where a file system has no links the file was moved already.
            os.unlink(parts[-1], dir_fd=self._opened((TRASH, gc_id, *parts[:-1])))

    def has(self, gc_id: str, name: str) -> bool:
        """Whether the trash of a clean-up has a file of this name."""
        try:
            stat_file(self.root, f"{TRASH}/{gc_id}/{name}")
        except DamagedFileError:
            return False
        return True

    def ids(self) -> list[str]:
        """The clean-ups whose files are in the trash, oldest first (their ids begin with the second)."""
        with translated(self.root / TRASH, "read"):
            try:
                with os.scandir(self.root / TRASH) as entries:
                    there = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
            except (FileNotFoundError, NotADirectoryError):
                return []
            moments = {entry.name: entry.stat(follow_symlinks=False).st_mtime_ns for entry in there}
        return sorted(moments, key=lambda gc_id: (gc_id[:_SECOND], moments[gc_id]))

    def names(self, gc_id: str) -> Iterator[tuple[str, int]]:
        """Yields the name and size of each file that a clean-up put into the trash."""
        with translated(self.root / TRASH / gc_id, "read"):
            fd = open_root(self.root)
            try:
                yield from _files(fd, [TRASH, gc_id], "")
            finally:
                os.close(fd)

    def changed_at(self, gc_id: str) -> float:
        """When the directory of a clean-up was last changed, in seconds since 1970."""
        with translated(self.root / TRASH, "read"):
            return os.lstat(self.root / TRASH / gc_id).st_mtime

    def purge(self, gc_id: str) -> None:
        """Deletes for good what a clean-up put into the trash, following no link. What it cannot delete it raises."""
        self.close()
        with translated(self.root, "written"):
            fd = open_root(self.root)
            try:
                trash = open_directory(TRASH, fd)
                try:
                    _remove_tree(trash, gc_id)
                finally:
                    os.close(trash)
            finally:
                os.close(fd)

    def remove_directory(self, name: str) -> bool:
        """Removes a directory below the root if nothing is in it; tells whether it did."""
        parts = tuple(split_name(name))
        self._limit()
        self._forget(parts)
        try:
            parent = self._opened(parts[:-1])
            os.rmdir(parts[-1], dir_fd=parent)
        except OSError:
            return False
        self._touched.pop(parts, None)
        return True

    def remove_empty(self, gc_id: str) -> None:
        """Removes the directories of a clean-up in the trash that hold nothing any more, as far as possible."""
        self.sync()
        self.close()
        for directory, _, _ in os.walk(self.root / TRASH / gc_id, topdown=False):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()

    def sync(self) -> None:
        """Makes what was moved durable: first the directories in the trash, then those that files left."""
        with translated(self.root, "written"):
            for parts in sorted(self._touched, key=lambda parts: (parts[:1] != (TRASH,), -len(parts))):
                self._limit()
                with contextlib.suppress(FileNotFoundError):
                    sync_directory(self._opened(parts))
        self._touched.clear()

    def close(self) -> None:
        """Closes the directories that are held open."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rename_from(self, source: Path, parts: list[str], there: int, target: list[str]) -> None:
        with self._explained("/".join(parts)):
            fd = open_root(source)
            try:
                for part in parts[:-1]:
                    inner = open_directory(part, fd)
                    os.close(fd)
                    fd = inner
                _rename(fd, parts[-1], there, target[-1])
                sync_directory(there)
                sync_directory(fd)
            finally:
                os.close(fd)

    def _opened(self, parts: tuple[str, ...]) -> int:
        """An open directory below the root, no link followed on the way; raises `OSError`."""
        if parts in self._open:
            return self._open[parts]
        fd = open_directory(parts[-1], self._opened(parts[:-1])) if parts else open_root(self.root)
        self._open[parts] = fd
        return fd

    def _made(self, parts: tuple[str, ...]) -> int:
        try:
            return self._opened(parts)
        except FileNotFoundError:
            parent = self._made(parts[:-1])
            if parts[0] == TRASH:
                # For its owner alone: what lies in it is no longer the group's to read. Synced with what moves there.
                os.mkdir(parts[-1], 0o700, dir_fd=parent)
                self._touched[parts[:-1]] = None
            else:
                make_directory(parent, parts[-1], self._access)
                sync_directory(parent)
            return self._opened(parts)

    def _limit(self) -> None:
        """Keeps the number of open directories low; called where none of them is in use."""
        if len(self._open) >= _MAX_OPEN:
            self.close()

    def _forget(self, parts: tuple[str, ...]) -> None:
        for key in [key for key in self._open if key[: len(parts)] == parts]:
            os.close(self._open.pop(key))

    @contextlib.contextmanager
    def _explained(self, name: str, missing: str = "") -> Iterator[None]:
        path = self.root / name
        try:
            yield
        except FileNotFoundError as error:
            what = f"what {missing} {shown(path)}" if missing else f"the file {shown(path)}"
            raise DamagedFileError(f"{what} is missing") from error
        except FileExistsError as error:
            raise TakenError(f"something else lies at {shown(path)}") from error
        except OSError as error:
            if error.errno == errno.EXDEV:
                hint = "Files can only be moved to the trash within one file system."
                raise StoreError(f"the file {shown(path)} lies on another file system", hint=hint) from error
            raise store_error(error, path.parent, "written") from error


def _rename(source: int, name: str, target: int, wanted: str) -> None:
    try:
        _rename_within(name, wanted, src_dir_fd=source, dst_dir_fd=target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        move_over(source, name, target, wanted)


def _link(source: int, name: str, target: int, wanted: str) -> None:
    """Gives a file its old name as well, replacing nothing; one that it has already is no error."""
    try:
        _link_within(name, wanted, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except FileExistsError:
        ours = os.stat(name, dir_fd=source, follow_symlinks=False)
        there = os.stat(wanted, dir_fd=target, follow_symlinks=False)
        if not os.path.samestat(ours, there):
            raise
    except OSError as error:
        if error.errno == errno.EXDEV:
            copy_over(source, name, target, wanted)
            return
        if error.errno not in _NO_LINKS_HERE:
            raise
        _rename_where_free(source, name, target, wanted)


def _rename_where_free(source: int, name: str, target: int, wanted: str) -> None:
    # A file system without links: look first. The name is random; nobody else is about to use it.
    try:
        os.stat(wanted, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, wanted, src_dir_fd=source, dst_dir_fd=target)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), wanted)


def _files(parent: int, path: list[str], prefix: str) -> Iterator[tuple[str, int]]:
    try:
        fd = open_directory(path[0], parent)
    except FileNotFoundError:
        return
    try:
        if path[1:]:
            yield from _files(fd, path[1:], prefix)
            return
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(fd, [entry.name], f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size
    finally:
        os.close(fd)


def _remove_tree(parent: int, name: str) -> None:
    try:
        fd = open_directory(name, parent)
    except FileNotFoundError:
        return
    try:
        with os.scandir(fd) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    _remove_tree(fd, entry.name)
                else:
                    os.unlink(entry.name, dir_fd=fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)
