"""Which names a store gives and accepts: made from hostile run ids and keys, and taken apart again."""

import hashlib
import os
import re
import secrets

from zenctx.errors import LocatorRefusedError

MARKER = ".zenctx-store.json"
LOCK = "zenctx-lock"
TEMPORARY_PREFIX = "zenctx-tmp-"
MAX_NAME_BYTES = 255
"""What the usual file systems take for one component of a path."""

_RESERVED_PREFIXES = (".", "zenctx-")
# The engine cleans up its temporary files by this prefix: a value must never look like one.
_NOT_A_SLUG = ("zenctx-", "zenflow-ctx-")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUFFIX = re.compile(r"(?:\.[A-Za-z0-9]{1,8})?")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SLUG_LENGTH = 40


def is_reserved(component: str) -> bool:
    """Whether a component is zenctx's own, and no value's; in any case, for file systems that ignore it."""
    return component.lower().startswith(_RESERVED_PREFIXES)


def is_text(name: str) -> bool:
    """Whether a name that the file system gave is text, and not just bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def temporary_name() -> str:
    """A new name for what is on its way to its final name."""
    return TEMPORARY_PREFIX + secrets.token_hex(12)


def run_directory(run_id: str) -> str:
    """The directory of a run's files: its id when that is a UUID in its usual spelling, else a hash of it.

    Different ids have different directories, also where upper and lower case are the same to the file system.
    """
    return run_id if _UUID.fullmatch(run_id) else "run-" + _digest(run_id)[:32]


def file_name(key: str, suffix: str = "") -> str:
    """A new name, at most 83 characters, for a value of `key`: `<slug>-<hash of key>-<random>[.suffix]`."""
    if not _SUFFIX.fullmatch(suffix):
        message = f"a suffix is a dot and one to eight letters or digits, not {suffix!r}"
        raise ValueError(message)
    return f"{_slug(key)}-{_digest(key)[:16]}-{secrets.token_hex(8)}{suffix}"


def split_name(name: str) -> list[str]:
    """The components of a name below a root; raises `LocatorRefusedError` for one that could lead elsewhere."""
    parts = name.split("/")
    if "\0" in name or not _encodable(name) or any(part in {"", ".", ".."} for part in parts):
        message = f"the name {name[:200]!a} could lead out of the store"
        raise LocatorRefusedError(message, hint="Nothing was opened.")
    return parts


def _slug(key: str) -> str:
    """What a person recognises of a key: for the eye alone, never empty, never hidden, reserved or like an option."""
    # A slice first: keys may be long, and no more than the slug's length of it can be seen.
    slug = _UNSAFE.sub("_", key[: 4 * _SLUG_LENGTH]).lstrip(".-")
    if slug.lower().startswith(_NOT_A_SLUG):
        slug = "key-" + slug
    return slug[:_SLUG_LENGTH] or "value"


def _encodable(name: str) -> bool:
    """Whether the file system can have such a name at all (a lone surrogate it cannot, unless it stands for a byte)."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def _digest(text: str) -> str:
    """SHA-256 of any text, lone surrogates included."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
