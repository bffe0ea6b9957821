"""Lists on disk, in parts by directory: what is compared with each other falls into the same part, whatever its source.

So memory holds one part of the store at a time, however many files there are. The files vanish with the spool.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self
from zlib import crc32

import orjson

from zenctx.errors import StoreError

PARTS = 32
LISTED, SAID, SAVED = "listed", "said", "saved"


class Spool:
    """Lines of JSON, by list and part. A context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: dict[tuple[str, int], IO[bytes]] = {}

    def __enter__(self) -> Self:
        with no_room():
            self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="zenctx-gc-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            with suppress(OSError):  # what could not be written is thrown away anyhow
                file.close()
        self._stack.close()

    def put(self, name: str, key: str, line: list[Any]) -> None:
        """Adds a line to the part of a list that `key` falls into. StoreError where there is no room."""
        self.put_into(name, part_of(key), line)

    def put_into(self, name: str, part: int, line: list[Any]) -> None:
        """Adds a line to a part of a list."""
        file = self._files.get((name, part))
        try:
            if file is None:
                file = self._files[name, part] = (self.folder / f"{name}-{part}").open("w+b")
            file.write(orjson.dumps(line) + b"\n")
        except OSError as error:
            raise _no_room(error) from None

    def lines(self, name: str, part: int) -> Iterator[list[Any]]:
        """Yields the lines of a part of a list in their order; nothing is added meanwhile."""
        file = self._files.get((name, part))
        if file is None:
            return
        with no_room():
            file.seek(0)
        for line in file:
            yield orjson.loads(line)
        file.seek(0, os.SEEK_END)


def part_of(key: str) -> int:
    """Gives the part that a key falls into."""
    return crc32(key.encode("utf-8", "surrogatepass")) % PARTS


@contextmanager
def no_room() -> Iterator[None]:
    """Within the block what goes wrong with a file of a clean-up's own becomes a sentence about the directory."""
    try:
        yield
    except OSError as error:
        raise _no_room(error) from None


def _no_room(error: OSError) -> StoreError:
    return StoreError(
        f"the lists of a clean-up do not fit the temporary directory: {error.strerror}",
        hint="set TMPDIR to another one",
    )
