"""The marker of a repository: a small file with the format of the repository and its id."""

import json
import uuid

from zenctx.errors import NotFoundError, RefusedError, StoreError
from zenctx.store.base import ObjectStore

MARKER = "zenctx-repository.json"
FORMAT = 1
_LONGEST = 4096


def read_marker(store: ObjectStore) -> str:
    """The id of the repository in a store.

    Raises `NotFoundError` when there is none, `RefusedError` for a format that this zenctx does not know, `StoreError`
    for a marker that cannot be read.
    """
    if not store.exists():
        raise NotFoundError(f"there is no repository of snapshots at {store.location}")
    try:
        file = store.open_named(MARKER)
    except NotFoundError:
        raise NotFoundError(f"there is no repository of snapshots at {store.location}") from None
    with file:
        text = file.read(_LONGEST + 1)
    return _parse(text, store.location)


def create_marker(store: ObjectStore) -> str:
    """Write the marker unless there is one; gives the id that the repository has then."""
    text = json.dumps({"format": FORMAT, "id": str(uuid.uuid4())}).encode() + b"\n"
    store.put_named(MARKER, text)  # when somebody was faster, theirs counts
    return read_marker(store)


def _parse(text: bytes, location: str) -> str:
    try:
        document = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        document = None
    version = document.get("format") if isinstance(document, dict) else None
    if type(version) is not int or version < 1:  # true is no number, though Python counts it as one
        raise _malformed(location)
    if version != FORMAT:
        message = f"the repository at {location} has format {version}, and this zenctx knows formats up to {FORMAT}"
        raise RefusedError(message, hint="Use the newer zenctx that wrote it. Nothing was changed.")
    identity = document["id"] if isinstance(document, dict) and "id" in document else None
    if not isinstance(identity, str) or not _is_uuid(identity):
        raise _malformed(location)
    return identity


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _malformed(location: str) -> StoreError:
    message = f"the marker of the repository at {location}, {MARKER}, is not what zenctx wrote"
    return StoreError(message, hint="Restore it from a copy; the snapshots beside it are not touched.")
