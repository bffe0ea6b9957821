"""A new file for the one who calls zenctx, where the caller says: private, whole or not there at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zenctx.errors import RefusedError
from zenctx.store.access import Access
from zenctx.store.beneath import open_root
from zenctx.store.durable import PendingFile, sync_directory
from zenctx.store.faults import shown, translated

_PRIVATE = 0o600


class Sink:
    """Takes the bytes of a file that is being written; `size` counts them."""

    def __init__(self, pending: PendingFile, directory: Path) -> None:
        self._pending = pending
        self._directory = directory
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends bytes; raises `StoreError`."""
        with translated(self._directory, "written"):
            self._pending.write(memoryview(data))
        self.size += len(data)


@contextmanager
def new_private_file(path: Path, *, replace: bool = False, mode: int = _PRIVATE) -> Iterator[Sink]:
    """Gives what takes the bytes of a new file (0600), which has its name after a clean end of the block, durably.

    With `replace` it takes the place of a file of that name, all at once; `mode` is for a file that others read. Raises
    `RefusedError` where something has that name already, `StoreError` where the directory cannot be written.
    """
    directory = path.absolute().parent
    if os.path.lexists(path) and not replace:
        raise _exists(path)
    with translated(directory, "written"):
        parent = open_root(directory)
        pending = PendingFile(parent)
    try:
        with pending:
            yield Sink(pending, directory)
            with translated(directory, "written"):
                _publish(pending, path, Access(mode), parent if replace else None)
                sync_directory(parent)
    finally:
        os.close(parent)


def _publish(pending: PendingFile, path: Path, access: Access, replace_in: int | None) -> None:
    try:
        pending.publish([path.name], access)
    except FileExistsError:
        if replace_in is None:
            raise _exists(path) from None
        pending.replace(path.name, replace_in)


def _exists(path: Path) -> RefusedError:
    return RefusedError(f"there is something named {shown(path)} already", hint="name another file, or remove it first")
