"""Manifests that zenctx would never write, under the names that their digests give them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.snapshots.samples import HEADER, RUN
from zenctx.snapshots.encoding import encode_header, encode_run
from zenctx.snapshots.layout import manifest_name, pack_footer
from zenctx.snapshots.model import SnapshotInfo, SnapshotTotals
from zenctx.snapshots.zstd import CompressionParameter, ZstdCompressor

HEAD = encode_header(HEADER)
LINE = encode_run(RUN)
MIB = bytes(1024 * 1024)


def altered(line: bytes, **changes: object) -> bytes:
    """A line with some of its members changed; those that become `...` are removed."""
    document: dict[str, Any] = json.loads(line) | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode() + b"\n"


def trailer(lines: Iterable[bytes], count: int, **changes: object) -> bytes:
    """The right last line for these lines, but for what is changed in it."""
    content = b"".join(lines)
    totals: dict[str, object] = {
        "runs": count,
        "context_bytes": count * len(RUN.context or b""),
        "files": 0,
        "file_bytes": 0,
        "missing": 0,
    }
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    document: dict[str, object] = {"totals": totals, "length": len(content), "digest": digest}
    for name, value in changes.items():
        where = totals if name in totals else document
        where[name] = value
    return json.dumps(document).encode() + b"\n"


def pack(*pieces: bytes, window: int | None = None) -> bytes:
    """A frame of these pieces."""
    return b"".join(_packed(pieces, window))


def _packed(pieces: Iterable[bytes], window: int | None) -> Iterator[bytes]:
    options: dict[int, int] = {CompressionParameter.compression_level: 3}
    if window is not None:
        options[CompressionParameter.window_log] = window
    frame = ZstdCompressor(options=options)
    for piece in pieces:
        yield frame.compress(piece)
    yield frame.flush(ZstdCompressor.FLUSH_FRAME)


def place(root: Path, *frames: bytes, name: str | None = None) -> str:
    """Put a manifest of these frames, the last of which is the trailer's, in its place; gives its name."""
    return place_raw(root, b"".join(frames) + pack_footer(min(len(frames[-1]), 4096)), name)


def place_raw(root: Path, content: bytes, name: str | None = None) -> str:
    """Put any bytes in the place of a manifest; gives its name."""
    chosen = name or manifest_name(HEADER.created_at, hashlib.sha256(content).hexdigest())
    (root / "snapshots").mkdir(exist_ok=True)
    (root / chosen).write_bytes(content)
    return chosen


def claimed(name: str, runs: int = 1) -> SnapshotInfo:
    """What somebody may believe of such a manifest who has not read it."""
    totals = SnapshotTotals(runs, runs * len(RUN.context or b""), 0, 0, 0)
    return SnapshotInfo(name[-68:-4], name, HEADER, totals)
