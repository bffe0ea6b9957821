"""Compressed lines, streamed both ways in bounded memory: what a bomb would unpack to is never held."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from zenctx.snapshots.layout import MAX_LINE, MAX_TRAILER
from zenctx.snapshots.zstd import CompressionParameter, DecompressionParameter, ZstdCompressor, ZstdDecompressor

_LEVEL = 3
_PIECE = 256 * 1024
"""How much is read, and unpacked, in one step."""
_MAX_FRAMES = 1000
"""More than any manifest has: frames that unpack to nothing would take time without end."""
# Level 3 looks back 2 MiB. What a frame may ask for as a window is memory that it takes before a byte is unpacked.
_WINDOW: dict[int, int] = {DecompressionParameter.window_log_max: 23}
_OPTIONS: dict[int, int] = {CompressionParameter.compression_level: _LEVEL, CompressionParameter.checksum_flag: 1}


class FrameWriter:
    """Writes frames to an open file, and hashes what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hashed = hashlib.sha256()
        self._frame: ZstdCompressor | None = None
        self._length = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of all that was written so far, in hexadecimal digits."""
        return self._hashed.hexdigest()

    def write(self, line: bytes) -> None:
        """Add a line to the frame that is being written, or begin one."""
        if self._frame is None:
            self._frame = ZstdCompressor(options=_OPTIONS)
            self._length = 0
        self.write_raw(self._frame.compress(line))

    def end(self) -> int:
        """End the frame, if there is one; gives the length of the last frame."""
        if self._frame is not None:
            self.write_raw(self._frame.flush(ZstdCompressor.FLUSH_FRAME))
            self._frame = None
        return self._length

    def write_raw(self, content: bytes) -> None:
        """Write bytes as they are."""
        if content:
            self._hashed.update(content)
            self._file.write(content)
            self._length += len(content)


def unpack_line(packed: bytes, limit: int) -> bytes:
    """The one line of a frame that `packed` begins with.

    Raises `ValueError` when it is longer than `limit`, cut off, or not one line, and `ZstdError`.
    """
    frame = ZstdDecompressor(options=_WINDOW)
    line = frame.decompress(packed, limit + 1)
    if not frame.eof or len(line) > limit or line.find(b"\n") != len(line) - 1:
        message = "its first or last line is too long or cut off"
        raise ValueError(message)
    return line


class LineReader:
    """The lines of the frames in the next `size` bytes of a file; hashes both what it reads and what it unpacks.

    No more than `length` bytes are unpacked (and as many as a trailer has), and no line is longer than `MAX_LINE`:
    beyond that a `ValueError` says so.
    """

    def __init__(self, file: BinaryIO, size: int, length: int) -> None:
        self._file = file
        self._left = size
        self._room = length + MAX_TRAILER
        self.packed = hashlib.sha256()

    def lines(self) -> Iterator[bytes]:
        """Yields each line, its newline included."""
        parts: list[bytes] = []
        held = 0
        for piece in self._pieces():
            first, newline, rest = piece.partition(b"\n")
            held += len(first)
            if held > MAX_LINE:
                message = f"a line of it is longer than {MAX_LINE} bytes"
                raise ValueError(message)
            parts.append(first)
            if newline:
                yield b"".join(parts) + newline
                *whole, last = rest.split(b"\n")
                for line in whole:
                    yield line + newline
                parts, held = [last], len(last)
        if held:
            message = "its last line is cut off"
            raise ValueError(message)

    def _pieces(self) -> Iterator[bytes]:
        packed, count = self._read(), 0
        while packed:
            count += 1
            if count > _MAX_FRAMES:
                message = "it is cut into more parts than zenctx writes"
                raise ValueError(message)
            frame = ZstdDecompressor(options=_WINDOW)
            yield from self._unpacked(frame, packed)
            packed = frame.unused_data or self._read()

    def _unpacked(self, frame: ZstdDecompressor, packed: bytes) -> Iterator[bytes]:
        """What one frame holds, of which `packed` is the beginning, and perhaps more than all."""
        while not frame.eof:
            if frame.needs_input and not packed:
                packed = self._read()
                if not packed:
                    raise EOFError
            piece = frame.decompress(packed, _PIECE)
            packed = b""
            self._room -= len(piece)
            if self._room < 0:
                message = "there is more in it than its end says"
                raise ValueError(message)
            if piece:
                yield piece

    def _read(self) -> bytes:
        packed = self._file.read(min(_PIECE, self._left))
        self._left -= len(packed)
        self.packed.update(packed)
        return packed
