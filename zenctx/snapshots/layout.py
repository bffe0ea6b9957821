"""How a manifest is laid out and named, and the sentence that says what is wrong with one.

A manifest is zstd frames, one after the other; decompressed they are lines of JSON (`zstd -dc` shows them):

```
frame       the header, one line
frame       a line for each run (no frame where there is none)
frame       the trailer, one line: counts, length and SHA-256 of all lines before it
skippable   16 bytes: magic, 8, the length of the trailer's frame, "zxs1"
```

So the header is read from the beginning and the trailer from the end, and a listing reads no more than that. Every
frame carries zstd's own checksum. The id of a snapshot is the SHA-256 of the whole file, as `sha256sum` gives it, and
stands in the file's name: no byte of it can change unseen. The name is given last, to a file that is whole.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from zenctx.errors import DamagedFileError
from zenctx.snapshots.zstd import ZstdError

FOLDER = "snapshots/"
MAX_HEADER = 64 * 1024
"""The longest line of a header, in bytes."""
MAX_TRAILER = 4096
"""The longest line of a trailer, and the longest frame of one."""
MAX_LINE = 16 * 1024 * 1024
"""The longest line of a run. A longer one is an object, and its line in the manifest names that."""
INLINE_LINE = 4 * 1024 * 1024
"""The longest line of a run that is written into the manifest itself."""
MAX_RUN = 2 * 1024 * 1024 * 1024
"""The longest line of a run that is an object."""

FOOTER = struct.Struct("<III4s")
_SKIPPABLE = 0x184D2A5E
_PAYLOAD = 8
_MARK = b"zxs1"

_NAME = re.compile(r"snapshots/([0-9]{8})T([0-9]{6})\.([0-9]{6})Z-([0-9a-f]{64})\.zst")


def pack_footer(trailer_length: int) -> bytes:
    """The last bytes of a manifest whose trailer's frame has this length."""
    return FOOTER.pack(_SKIPPABLE, _PAYLOAD, trailer_length, _MARK)


def unpack_footer(footer: bytes) -> int:
    """The length of the trailer's frame; raises `ValueError` for what is no footer."""
    if len(footer) == FOOTER.size:
        magic, payload, length, mark = FOOTER.unpack(footer)
        if (magic, payload, mark) == (_SKIPPABLE, _PAYLOAD, _MARK) and 0 < length <= MAX_TRAILER:
            return int(length)
    message = "it is cut off, or no manifest at all"
    raise ValueError(message)


def manifest_name(created_at: datetime, snapshot_id: str) -> str:
    """The name of a manifest: when its rows were read, and its id."""
    moment = created_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{FOLDER}{moment.replace('-', '').replace(':', '')}Z-{snapshot_id}.zst"


def id_in_name(name: str) -> str | None:
    """The id that a name gives; None for a name that zenctx does not give."""
    match = _NAME.fullmatch(name)
    return match[4] if match else None


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Within this context, what a manifest cannot be read for becomes one sentence that names it."""
    try:
        yield
    except (ZstdError, msgspec.MsgspecError, ValueError, OverflowError, RecursionError, EOFError) as error:
        raise damaged(name, _why(error)) from error


def damaged(name: str, why: str, hint: str | None = None) -> DamagedFileError:
    """The error for a manifest: its name, and why it cannot be used."""
    shown = name if name.isprintable() else ascii(name)
    return DamagedFileError(
        f"the manifest {shown[:200]} is damaged: {why}",
        hint=hint or "Restore it from a copy of the repository, or forget it.",
    )


def _why(error: Exception) -> str:
    match error:
        case ZstdError() | EOFError():
            return "its compressed content is broken"
        case msgspec.MsgspecError() | UnicodeError():
            return "a line of it is not what zenctx writes"
        case RecursionError():
            return "a line of it is nested too deeply"
        case _:
            return str(error)[:200]
