"""The format of an archive: what a reader makes of hostile ones, in bounded memory."""

import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.snapshots.archive import ArchiveHeader, ArchiveReader, ArchiveWriter
from zenctx.snapshots.zstd import CompressionParameter, ZstdCompressor, ZstdDecompressor

HEADER = ArchiveHeader(
    version="0.1.0", created_at="2026-11-01T12:00:00+00:00", snapshot_id="0" * 64, source_id="1" * 64, name="n",
    redacted=False,
)  # fmt: skip
CONTENTS = (b"", b"one", bytes(range(256)) * 5000)


def checksum(content: bytes) -> str:
    """Give the checksum of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def written(contents: Iterable[bytes] = CONTENTS) -> bytes:
    """Write an archive of objects."""
    sink = io.BytesIO()
    archive = ArchiveWriter(sink, HEADER)
    for content in contents:
        archive.add("object", checksum(content), len(content), io.BytesIO(content))
    archive.finish()
    return sink.getvalue()


def read(archive: bytes) -> list[bytes]:
    """Read the parts of an archive."""
    reader = ArchiveReader(io.BytesIO(archive))
    return [b"".join(reader.pieces()) for _ in reader.parts()]


def read_over(archive: bytes) -> None:
    """Read the parts of an archive, and keep nothing."""
    reader = ArchiveReader(io.BytesIO(archive))
    for _ in reader.parts():
        for _ in reader.pieces():
            pass


def packed(content: bytes, window: int | None = None) -> bytes:
    """Pack bytes as an archive is."""
    options: dict[int, int] = {} if window is None else {CompressionParameter.window_log: window}
    frame = ZstdCompressor(options=options)
    return frame.compress(content) + frame.flush()


WHOLE = written()
WINDOW_AT = 5
"""Where a frame of Zstandard says how far back it looks."""
PLAIN = ZstdDecompressor().decompress(WHOLE)


@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_what_is_written_is_read(contents: list[bytes]) -> None:
    """Whatever the bytes are; the header, too."""
    archive = written(contents)
    assert read(archive) == contents
    assert ArchiveReader(io.BytesIO(archive)).header == HEADER


def test_parts_that_nobody_reads_are_checked_all_the_same() -> None:
    """They are read over, and compared."""
    assert [part.size for part in ArchiveReader(io.BytesIO(WHOLE)).parts()] == [len(each) for each in CONTENTS]
    altered = packed(PLAIN.replace(b"one", b"two"))
    with pytest.raises(DamagedFileError, match="another content"):
        list(ArchiveReader(io.BytesIO(altered)).parts())


@given(st.data())
def test_altered_bytes_of_the_archive_are_always_found(data: st.DataObject) -> None:
    """One or several, anywhere: an error with a sentence, never another content."""
    archive = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        archive[data.draw(st.integers(0, len(archive) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(archive))
    except ZenctxError:
        return
    # How much memory whoever reads it has to have stands in it, too: a little more is no damage.
    altered = {at for at, (byte, was) in enumerate(zip(archive, WHOLE, strict=True)) if byte != was}
    assert (found, altered - {WINDOW_AT}) == ([*CONTENTS], set())


@given(st.data())
def test_altered_bytes_below_the_compression_are_always_found(data: st.DataObject) -> None:
    """Where zstd's own checksum cannot help: removed, inserted, or others."""
    at = data.draw(st.integers(0, len(PLAIN) - 1))
    length = data.draw(st.integers(0, 3))
    other = data.draw(st.binary(max_size=3))
    altered = PLAIN[:at] + other + PLAIN[at + length :]
    if altered != PLAIN:
        with pytest.raises(ZenctxError):
            read(packed(altered))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_archive_or_an_error(content: bytes) -> None:
    """Packed or not."""
    for archive in (content, packed(content), packed(PLAIN[:300] + content)):
        with pytest.raises(ZenctxError):
            read(archive)


@pytest.mark.parametrize(
    "line",
    [
        {"part": "object", "checksum": "sha256:../../etc/passwd", "size": 1},
        {"part": "object", "checksum": checksum(b""), "size": -1},
        {"part": "object", "checksum": checksum(b""), "size": 2**63},
        {"part": "object", "checksum": checksum(b""), "size": 1e300},
        {"part": "object", "checksum": checksum(b""), "size": 10**12},
        {"part": "link", "checksum": checksum(b""), "size": 0},
        {"part": "object", "checksum": checksum(b""), "size": 0, "path": "../x"},
        {"part": "end", "objects": 0, "bytes": 0, "digest": checksum(b"")},
        [[[]]],
        None,
    ],
)
def test_hostile_lines_are_refused(line: object) -> None:
    """Names, sizes, and what no archive has."""
    head = PLAIN[: PLAIN.index(b"\n") + 1]
    with pytest.raises(DamagedFileError):
        read(packed(head + json.dumps(line).encode() + b"\n"))


def test_a_bomb_takes_no_memory() -> None:
    """A line without an end, an object of a terabyte, a window of two gigabytes."""
    head = PLAIN[: PLAIN.index(b"\n") + 1]
    huge = {"part": "object", "checksum": checksum(b""), "size": 10**12}
    zeros = bytes(64 * 1024 * 1024)
    bombs = [
        packed(zeros),
        packed(head + zeros),
        packed(head + json.dumps(huge).encode() + b"\n" + zeros),
        packed(PLAIN, window=27),
    ]
    del zeros
    tracemalloc.start()
    for bomb in bombs:
        with pytest.raises(DamagedFileError):
            read_over(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_nothing_may_follow_the_end() -> None:
    """Neither in the frame nor after it."""
    for archive in (WHOLE + b"x", WHOLE + WHOLE, packed(PLAIN + b"\n"), packed(PLAIN) + packed(b"")):
        with pytest.raises(DamagedFileError, match="more in it"):
            read(archive)


def test_a_source_that_is_shorter_than_it_says_is_no_part() -> None:
    """What is written has the size of its line."""
    archive = ArchiveWriter(io.BytesIO(), HEADER)
    with pytest.raises(DamagedFileError, match="should have"):
        archive.add("object", checksum(b"12"), 2, io.BytesIO(b"1"))
