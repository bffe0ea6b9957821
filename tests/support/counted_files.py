"""Files of values that lie in memory, and count what is done to them."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from zenctx.errors import DamagedFileError, StoreError


@dataclass
class CountedFile:
    """One file; `discarded` says how often it was done away with."""

    content: bytes
    suffix: str = ""
    discarded: int = 0
    on_open: Callable[[], object] = field(default=lambda: None)
    lock: threading.Lock = field(default_factory=threading.Lock)
    locator: str | None = None
    refuses: bool = False

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.content)

    @property
    def checksum(self) -> str | None:
        """Its checksum."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()

    def open(self) -> BinaryIO:
        """Opens it, unless it was discarded."""
        self.on_open()
        if self.discarded:
            raise DamagedFileError("the file is missing")
        return io.BytesIO(self.content)

    def discard(self) -> None:
        """Counts, and fails if it should."""
        with self.lock:
            self.discarded += 1
        if self.refuses:
            raise StoreError("the directory /nowhere cannot be written")


@dataclass
class CountedFiles:
    """Makes files, and remembers all of them."""

    made: list[CountedFile] = field(default_factory=list)
    refuse: bool = False

    def create(self, content: Iterable[bytes], suffix: str) -> CountedFile:
        """Makes one."""
        file = CountedFile(b"".join(content), suffix, refuses=self.refuse)
        self.made.append(file)
        return file

    @property
    def live(self) -> int:
        """How many are there still."""
        return sum(not file.discarded for file in self.made)

    @property
    def counts(self) -> set[int]:
        """How often files were discarded."""
        return {file.discarded for file in self.made}
