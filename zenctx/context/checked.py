"""Streams that find out, while they are read, whether a file is still what it was."""

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO

from zenctx.context.descriptor import UNKNOWN_SIZE, ChecksumState, compare_checksum
from zenctx.errors import DamagedFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 256 * 1024


def checked(file: BinaryIO, name: str, size: int, checksum: str | None) -> BinaryIO:
    """Gives a stream of an open file that closes it, too, and compares what it read when it comes to the end.

    `size` is in bytes (-1: unknown), `checksum` as in a descriptor (None: unknown), `name` how messages name the file.
    Reading raises DamagedFileError at the end of a file that has another size or checksum, and as soon as it is longer.
    A stream that was moved by `seek` elsewhere than to the beginning is not compared any more.
    """
    return io.BufferedReader(_Checked(file, name, size, checksum), _BUFFER)


class _Checked(io.RawIOBase):
    """The raw part of a checked stream: counts and hashes what passes through in order."""

    def __init__(self, file: BinaryIO, name: str, size: int, checksum: str | None) -> None:
        super().__init__()
        self._file = file
        self._name = name
        self._expected_size = size
        self._expected_checksum = checksum
        self._position = 0
        self._start_over()

    def _start_over(self) -> None:
        self._is_in_order = True
        self._digest = hashlib.sha256() if self._expected_checksum is not None else None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        content = self._file.read(len(view))
        view[: len(content)] = content
        self._position += len(content)
        if self._is_in_order:
            if self._digest is not None:
                self._digest.update(content)
            self._compare(at_end=not content and len(view) > 0)
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = self._file.seek(offset, whence)
        if position == 0:
            self._start_over()
        elif position != self._position:
            self._is_in_order = False
        self._position = position
        return position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            super().close()

    def _compare(self, *, at_end: bool) -> None:
        size, expected = self._position, self._expected_size
        if expected != UNKNOWN_SIZE and (size > expected or (at_end and size < expected)):
            found = f"{size}" if at_end else f"at least {size}"
            raise DamagedFileError(f"the file {self._name!r} has {found} bytes, and had {expected} when it was kept")
        # Who knows the size may stop there, and never come to the end.
        if self._digest is not None and (at_end or size == expected):
            actual = f"sha256:{self._digest.hexdigest()}"
            if compare_checksum(self._expected_checksum, actual) is ChecksumState.MISMATCH:
                raise DamagedFileError(f"the file {self._name!r} has another checksum than when it was kept")
