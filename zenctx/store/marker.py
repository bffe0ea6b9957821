"""The marker of a store: a small file with a format version and the store's id, to which a database is bound."""

import contextlib
import json
import os
import uuid
from pathlib import Path

from zenctx.errors import StoreError, ZenctxError
from zenctx.store.access import Access
from zenctx.store.beneath import open_file, open_root
from zenctx.store.durable import PendingFile, sync_directory
from zenctx.store.faults import shown, translated
from zenctx.store.names import MARKER

FORMAT = 1
_LONGEST = 4096


def read_marker(root: Path) -> str | None:
    """The store's id, or None when there is no marker; raises `StoreError` when there is one that cannot be used."""
    try:
        os.lstat(root / MARKER)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # open_file says it in a sentence
    try:
        with open_file(root, MARKER) as file:
            text = file.read(_LONGEST + 1)
    except StoreError:
        raise
    except ZenctxError as error:  # a link, a directory, a pipe
        raise _malformed(root) from error
    return _parse(text, root)


def create_marker(root: Path, access: Access) -> str:
    """Write the marker durably unless there is one; returns the id that the store has then."""
    with translated(root, "written"):
        directory = open_root(root)
        try:
            if read_marker(root) is None:
                _write(directory, access)
            sync_directory(directory)  # also for a marker of somebody who was killed before this step
        finally:
            os.close(directory)
    # Read rather than remembered: what is on the disk is the id.
    identity = read_marker(root)
    if identity is None:
        raise StoreError(f"the marker of the store {shown(root)} was removed while it was being written")
    return identity


def replace_marker(root: Path, access: Access) -> str:
    """Give the store another id, durably; whoever goes by the one that it had finds a store that is not theirs."""
    create_marker(root, access)
    with translated(root, "written"):
        directory = open_root(root)
        try:
            with PendingFile(directory) as pending:
                pending.write(memoryview(_new_text()))
                try:
                    pending.publish([MARKER], access)
                except FileExistsError:
                    pending.replace(MARKER, directory)
            sync_directory(directory)
        finally:
            os.close(directory)
    return create_marker(root, access)


def _write(directory: int, access: Access) -> None:
    # When it exists now, somebody else was faster, and theirs counts.
    with contextlib.suppress(FileExistsError), PendingFile(directory) as pending:
        pending.write(memoryview(_new_text()))
        pending.publish([MARKER], access)


def _new_text() -> bytes:
    return json.dumps({"format": FORMAT, "id": str(uuid.uuid4())}).encode() + b"\n"


def _parse(text: bytes, root: Path) -> str:
    try:
        document = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError) as error:
        raise _malformed(root) from error
    if not isinstance(document, dict):
        raise _malformed(root)
    version = document.get("format")
    if type(version) is not int:  # true is no number, though Python counts it as one
        raise _malformed(root)
    if version > FORMAT:
        message = f"the store {shown(root)} has format {version}, and this zenctx knows formats up to {FORMAT}"
        raise StoreError(message, hint="Use the newer zenctx that wrote it.")
    identity = document.get("id")
    if version != FORMAT or not isinstance(identity, str) or not _is_uuid(identity):
        raise _malformed(root)
    return identity


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _malformed(root: Path) -> StoreError:
    message = f"the marker of the store, {shown(root / MARKER)}, is not what zenctx wrote"
    return StoreError(
        message, hint="Restore it from a backup, or remove it: then 'zenctx db bind --replace' makes another."
    )
