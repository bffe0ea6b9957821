"""The format of an archive: one snapshot with everything that it needs, as one stream that is read in one pass.

An archive is one zstd frame; decompressed (`zstd -dc` shows it) it is lines of JSON, some followed by bytes:

```
{"zenctx":"archive","format":1,...}             the header
{"part":"run","checksum":"sha256:...","size":N} N bytes: an object that holds the line of a run (only very long ones)
{"part":"manifest","checksum":...,"size":N}     N bytes: the manifest, byte for byte
{"part":"object","checksum":...,"size":N}       N bytes: an object that the manifest names, each once
{"part":"end","objects":N,"bytes":N,"digest":"sha256:..."}
```

The digest of the end is that of all lines before it; the bytes between them have their checksums in these lines. After
the frame nothing follows. A reader holds one piece at a time, whatever the archive claims.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Final, Literal, Protocol

import msgspec
from msgspec import Meta, Struct

from zenctx.errors import DamagedFileError, RefusedError
from zenctx.snapshots.encoding import Checksum
from zenctx.snapshots.zstd import (
    CompressionParameter,
    DecompressionParameter,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdError,
)

ARCHIVE_FORMAT: Final = 1
_KIND: Final = "archive"
_LONGEST_LINE = 64 * 1024
_PIECE = 256 * 1024
_OPTIONS: dict[int, int] = {CompressionParameter.compression_level: 3, CompressionParameter.checksum_flag: 1}
# What a frame may ask for as a window is memory that it takes before a byte is unpacked.
_WINDOW: dict[int, int] = {DecompressionParameter.window_log_max: 23}
_HINT = "get the archive again from where it was made; nothing of it was kept"

_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class ArchiveHeader(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an archive says of itself.

    `snapshot_id` is that of the snapshot in it, `source_id` that of the one it was made from (the same, unless it was
    `redacted` or holds some runs only). `created_at` is when the archive was made, in UTC.
    """

    zenctx: Literal["archive"] = _KIND
    format: Literal[1] = ARCHIVE_FORMAT
    version: str
    created_at: str
    snapshot_id: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    source_id: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    name: Annotated[str, Meta(max_length=200)]
    redacted: bool


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """What the bytes that follow its line are."""

    part: Literal["run", "manifest", "object"]
    checksum: Checksum
    size: _Count


class _End(Struct, frozen=True, forbid_unknown_fields=True):
    part: Literal["end"]
    objects: _Count
    bytes: _Count
    digest: Checksum


class _Kind(Struct):
    zenctx: str
    format: int


class _Name(Struct):
    part: str


class Sink(Protocol):
    """What takes the bytes of an archive."""

    def write(self, data: bytes) -> object:
        """Takes bytes."""


@dataclass(slots=True)
class _Counts:
    objects: int = 0
    bytes: int = 0


class ArchiveWriter:
    """Writes an archive: the header, then each part, then the end."""

    def __init__(self, sink: Sink, header: ArchiveHeader) -> None:
        self._sink = sink
        self._frame = ZstdCompressor(options=_OPTIONS)
        self._lines = hashlib.sha256()
        self._counts = _Counts()
        self._line(header)

    def add(self, kind: Literal["run", "manifest", "object"], checksum: str, size: int, content: BinaryIO) -> None:
        """Writes one part; `content` must have that size, and raise where it is not what the checksum says."""
        self._line(Part(kind, checksum, size))
        written = 0
        while piece := content.read(_PIECE):
            written += len(piece)
            self._write(piece)
        if written != size:
            message = f"the object {checksum} has {written} bytes, and should have {size}"
            raise DamagedFileError(message)
        if kind != "manifest":
            self._counts.objects += 1
            self._counts.bytes += size

    def finish(self) -> None:
        """Writes the end."""
        digest = f"sha256:{self._lines.hexdigest()}"
        self._line(_End("end", self._counts.objects, self._counts.bytes, digest))
        self._sink.write(self._frame.flush(ZstdCompressor.FLUSH_FRAME))

    def _line(self, value: Struct) -> None:
        line = msgspec.json.encode(value) + b"\n"
        self._lines.update(line)
        self._write(line)

    def _write(self, content: bytes) -> None:
        packed = self._frame.compress(content)
        if packed:
            self._sink.write(packed)


class ArchiveReader:
    """Reads an archive in one pass, everything checked and bounded.

    Take `header`, then `parts`, and of each part its `pieces`. Every method raises DamagedFileError where the archive
    is not what zenctx writes, and RefusedError for a format that this zenctx does not know.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._stream = _Unpacked(file)
        self._lines = hashlib.sha256()
        self._counts = _Counts()
        self._open: Part | None = None
        with _reading():
            line = self._stream.line()
            kind = msgspec.json.decode(line, type=_Kind)
            if kind.zenctx != _KIND:
                message = "it is no archive of zenctx"
                raise ValueError(message)
            _refuse_future(kind.format)
            self.header = msgspec.json.decode(line, type=ArchiveHeader)
        self._lines.update(line)

    def parts(self) -> Iterator[Part]:
        """Yields each part; those of whose pieces were not read to the end are read over."""
        while True:
            with _reading():
                line = self._stream.line()
                if msgspec.json.decode(line, type=_Name).part == "end":
                    self._finish(msgspec.json.decode(line, type=_End))
                    return
                part = msgspec.json.decode(line, type=Part)
                self._lines.update(line)
            self._open = part
            yield part
            if self._open is not None:
                for _ in self.pieces():
                    pass

    def pieces(self) -> Iterator[bytes]:
        """Yields the bytes of the part that was given last; DamagedFileError at their end if they are altered."""
        part, self._open = self._open, None
        if part is None:
            message = "the part was read already"
            raise ValueError(message)
        hashed, left = hashlib.sha256(), part.size
        while left:
            with _reading():
                piece = self._stream.read(min(left, _PIECE))
            hashed.update(piece)
            left -= len(piece)
            yield piece
        with _reading():
            if f"sha256:{hashed.hexdigest()}" != part.checksum:
                message = f"its {part.part} {part.checksum} has another content"
                raise ValueError(message)
        if part.part != "manifest":
            self._counts.objects += 1
            self._counts.bytes += part.size

    def _finish(self, end: _End) -> None:
        found = (self._counts.objects, self._counts.bytes, f"sha256:{self._lines.hexdigest()}")
        if found != (end.objects, end.bytes, end.digest):
            message = "its lines are not those that its end counts"
            raise ValueError(message)
        self._stream.end()


class _Unpacked:
    """What one zstd frame holds, piece by piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = ZstdDecompressor(options=_WINDOW)
        self._held = b""

    def line(self) -> bytes:
        """The next line, its newline included."""
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > _LONGEST_LINE:
                message = "a line of it is too long"
                raise ValueError(message)
            self._held += self._unpack()
        if end >= _LONGEST_LINE:
            message = "a line of it is too long"
            raise ValueError(message)
        line, self._held = self._held[: end + 1], self._held[end + 1 :]
        return line

    def read(self, most: int) -> bytes:
        """At least one of the next bytes, and at most so many."""
        held = self._held or self._unpack()
        piece, self._held = held[:most], held[most:]
        return piece

    def end(self) -> None:
        """Makes sure that nothing follows."""
        while not self._held and not self._frame.eof:
            self._held = self._step()
        if self._held or self._frame.unused_data or self._file.read(1):
            message = "there is more in it than its end says"
            raise ValueError(message)

    def _unpack(self) -> bytes:
        """The next bytes, at least one."""
        while True:
            if self._frame.eof:
                raise EOFError
            piece = self._step()
            if piece:
                return piece

    def _step(self) -> bytes:
        packed = b""
        if self._frame.needs_input:
            packed = self._file.read(_PIECE)
            if not packed:
                raise EOFError
        return self._frame.decompress(packed, _PIECE)


def damaged_archive(why: str) -> DamagedFileError:
    """The error for an archive that is not what zenctx writes."""
    return DamagedFileError(f"the archive is damaged: {why}", hint=_HINT)


def _refuse_future(version: int) -> None:
    if version != ARCHIVE_FORMAT:
        message = f"the archive has format {version}, and this zenctx knows {ARCHIVE_FORMAT}"
        raise RefusedError(message, hint="use the zenctx that wrote it")


@contextmanager
def _reading() -> Iterator[None]:
    """Within this context, what an archive cannot be read for becomes one sentence."""
    try:
        yield
    except EOFError as error:
        raise damaged_archive("it is cut off") from error
    except ZstdError as error:
        raise damaged_archive("its compressed content is broken, or it is encrypted, or no archive at all") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise damaged_archive("a line of it is not what zenctx writes") from error
    except (ValueError, OverflowError) as error:
        raise damaged_archive(str(error)[:200]) from error
