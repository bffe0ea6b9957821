"""Lists a store in a process of its own, while this one still loads what it needs for the database.

What it lists is older than what is listed here, and so as good: rows are read after either. Whatever becomes of that
process, the store is listed here if it did not end well.
"""

import marshal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from zenctx.store.base import EntryKind, FileEntry
from zenctx.store.listing import Directory, list_directories

ListStore = Callable[[Path], Iterator[Directory]]
"""What gives the directories of a store, as `list_directories` does."""

_AT_ONCE = 1000


@contextmanager
def listed_ahead(root: Path) -> Iterator[ListStore]:
    """Begins to list a store; gives what `list_directories` does, once that is through."""
    with ExitStack() as stack:
        try:
            # A file, since nobody would empty a pipe meanwhile.
            file = stack.enter_context(TemporaryFile(prefix="zenctx-gc-"))
            command = [sys.executable, "-P", "-m", __name__, str(root)]
            listing = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL)
        except OSError:
            yield list_directories
            return
        stack.callback(listing.wait)
        stack.callback(listing.kill)

        def directories(wanted: Path) -> Iterator[Directory]:
            if wanted != root or listing.wait() != 0:
                return list_directories(wanted)
            file.seek(0)
            return _read(file)

        yield directories


def _read(file: IO[bytes]) -> Iterator[Directory]:
    while length := int.from_bytes(file.read(8)):
        for name, values, others in marshal.loads(file.read(length)):  # noqa: S302 - written by ourselves
            yield Directory(name, values, [FileEntry(each, EntryKind(kind)) for each, kind in others])


def _write(root: Path, file: IO[bytes]) -> None:
    some: list[tuple[str, list[str], list[tuple[str, str]]]] = []
    for each in list_directories(root):
        some.append((each.name, each.values, [(entry.name, entry.kind.value) for entry in each.others]))
        if len(some) == _AT_ONCE:
            _write_some(some, file)
            some = []
    _write_some(some, file)


def _write_some(some: list[tuple[str, list[str], list[tuple[str, str]]]], file: IO[bytes]) -> None:
    data = marshal.dumps(some)
    file.write(len(data).to_bytes(8) + data)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), sys.stdout.buffer)
