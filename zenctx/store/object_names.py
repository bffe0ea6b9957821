"""Which names an object store gives and accepts: checksums and names of blobs, checked before they become a path."""

import re

from zenctx.errors import DamagedFileError
from zenctx.store.names import is_reserved

OBJECTS = "objects"
"""The directory of the objects."""

_CHECKSUM = re.compile(r"sha256:([0-9a-f]{64})")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_NAME = re.compile(rf"{_PART}(?:/{_PART})?")
_OURS = re.compile(r"zenctx-(?!tmp-|lock)[A-Za-z0-9._-]{1,100}")


def object_parts(checksum: str) -> tuple[str, str]:
    """The directory and file name of an object: `sha256:abcd...` lies in `ab`, named `abcd...`.

    Raises `DamagedFileError` for what is no checksum: it may come from a manifest.
    """
    match = _CHECKSUM.fullmatch(checksum)
    if match is None:
        raise DamagedFileError(f"{checksum[:100]!a} is no checksum of an object", hint="Nothing was opened.")
    return match[1][:2], match[1]


def checksum_of(directory: str, name: str) -> str | None:
    """The checksum that a file of the objects has by its place; None for a file that is no object."""
    return f"sha256:{name}" if _DIGEST.fullmatch(name) and name.startswith(directory) else None


def blob_parts(name: str) -> tuple[str, str]:
    """The directory (or nothing) and file name of a blob; raises `ValueError` for a name that none may have."""
    folder, _, last = name.rpartition("/")
    if not is_blob_name(name):
        message = f"{name[:200]!a} is no name of a blob"
        raise ValueError(message)
    return folder, last


def is_blob_name(name: str) -> bool:
    """Whether a blob may have this name; at the top `zenctx-` may begin it, but for temporaries and the lock."""
    return _NAME.fullmatch(name) is not None and name.lower().partition("/")[0] != OBJECTS and is_listed(name)


def is_listed(name: str) -> bool:
    """Whether what has this name is listed among the blobs, be it one or not: all but hidden and zenctx's own files."""
    return not any(is_reserved(part) for part in name.split("/")) or _OURS.fullmatch(name) is not None
