"""Temporary files of values that are too large to be held in memory: written once, deleted when the value is released.

They are not durable, for nothing in a database names them: after a crash they are stale, and their prefix tells so.
"""

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zenctx.errors import SettingsError
from zenctx.store.base import Content
from zenctx.store.beneath import open_file
from zenctx.store.faults import translated
from zenctx.store.hashing import copy_hashed

DEFAULT_PREFIX = "zenflow-ctx-"

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class TemporaryFile:
    """A file of a value: `size` in bytes, `checksum` as `sha256:<hex>`."""

    directory: Path
    name: str
    size: int
    checksum: str

    @property
    def locator(self) -> str:
        """Its path."""
        return str(self.directory / self.name)

    def open(self) -> BinaryIO:
        """The content, to be read and closed; raises as `ValueStore.open` does."""
        return open_file(self.directory, self.name)

    def discard(self) -> None:
        """Delete it; one that is gone already is no error. Raises `StoreError` when it cannot be deleted."""
        with translated(self.directory, "written"), contextlib.suppress(FileNotFoundError):
            (self.directory / self.name).unlink()


class LocalTemporaryFiles:
    """Makes temporary files in a directory, with names that begin with `prefix`. Threads may share one."""

    def __init__(self, directory: Path, prefix: str = DEFAULT_PREFIX) -> None:
        """Nothing is opened yet; `SettingsError` for a prefix that is no beginning of a file name."""
        if not prefix or "/" in prefix or "\0" in prefix or prefix.startswith("."):
            raise SettingsError(f"the prefix {prefix!a} of temporary files is no beginning of a file name")
        self.directory = directory.absolute()
        self._prefix = prefix

    def create(self, content: Content, suffix: str = ".dat") -> TemporaryFile:
        """Write content to a new file that this user alone may read; one chunk at a time is held in memory.

        The directory is created when it is missing. Raises `StoreError` when it cannot be written; what the caller's
        iterable raises passes through. Either way nothing is left.
        """
        name = self._prefix + secrets.token_hex(12) + suffix
        with self._writing():
            fd = self._open(name)
        try:
            size, checksum = self._fill(fd, content)
        except BaseException:
            with contextlib.suppress(OSError):  # best effort: what stays has a temporary's name
                (self.directory / name).unlink()
            raise
        return TemporaryFile(self.directory, name, size, checksum)

    def _open(self, name: str) -> int:
        path = self.directory / name
        try:
            return os.open(path, _NEW_FILE, 0o600)
        except FileNotFoundError:
            self.directory.mkdir(parents=True, exist_ok=True)  # with the usual mode: the engine writes here too
            return os.open(path, _NEW_FILE, 0o600)

    def _fill(self, fd: int, content: Content) -> tuple[int, str]:
        def write(chunk: memoryview) -> None:
            # Not around all of the copying: what the caller's iterable raises is not about this directory.
            with self._writing():
                while chunk:
                    chunk = chunk[os.write(fd, chunk) :]

        try:
            return copy_hashed(content, write)
        finally:
            with self._writing():
                os.close(fd)

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return translated(self.directory, "written")
