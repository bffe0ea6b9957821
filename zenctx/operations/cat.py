"""The bytes of one value, streamed: the JSON text of a value in the row, the content of one in a file."""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from zenctx.config import Settings
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.rawjson import is_json
from zenctx.context.redact import Redactor
from zenctx.database.engine import Database
from zenctx.errors import DamagedFileError, RefusedError
from zenctx.operations.collection.explain import with_reason
from zenctx.operations.contexts import MAX_READ_FOR_SECRETS, LoadedContext, load
from zenctx.operations.live_files import check_content, chunks

_SECRETS_HINT = "--show-secrets writes it out all the same"


@contextmanager
def cat(
    database: Database, settings: Settings, run_id: str, key: str, *, show_secrets: bool
) -> Iterator[Iterator[bytes]]:
    """Gives the bytes of a value in pieces, in constant memory.

    Raises NotFoundError for an unknown run or key, RefusedError for a value that holds a secret, and what opening the
    file raises; nothing is handed out before that is known. Only at the end of a file is it known whether it has its
    checksum: the last piece is followed by DamagedFileError where it has not.
    """
    with database.connect() as connection:
        context = load(database, connection, settings, run_id)
    entry = context.entry(key)
    if not show_secrets and context.redactor.hides_key(key):
        raise RefusedError(f"the value of {key!r} is secret", hint=_SECRETS_HINT)
    descriptor = entry.descriptor
    if descriptor is None or descriptor.type is not DescriptorType.FILE or descriptor.locator is None:
        content = context.raw_content(entry)
        _refuse_secret(context, key, io.BytesIO(content), show_secrets=show_secrets)
        yield iter([content])
        return
    try:
        opened = context.live.open(descriptor)
    except DamagedFileError as error:
        raise with_reason(database, context.live, descriptor.locator, error) from error
    with opened as file:
        _refuse_secret(context, key, file, show_secrets=show_secrets)
        check_content(descriptor, file.seek(0, os.SEEK_END), None)
        file.seek(0)
        yield _checked(descriptor, file)


def _checked(descriptor: RefValueDescriptor, file: BinaryIO) -> Iterator[bytes]:
    hashed, size = hashlib.sha256(), 0
    for piece in chunks(file):
        hashed.update(piece)
        size += len(piece)
        yield piece
    check_content(descriptor, size, f"sha256:{hashed.hexdigest()}")


def _refuse_secret(context: LoadedContext, key: str, content: BinaryIO, *, show_secrets: bool) -> None:
    if not show_secrets and (_holds_secret(context.redactor, chunks(content)) or _names_secret(context, content)):
        raise RefusedError(f"the value of {key!r} holds a secret of the run", hint=_SECRETS_HINT)


def _holds_secret(redactor: Redactor, pieces: Iterator[bytes]) -> bool:
    # A secret may lie across two pieces: each is searched together with the end of what came before.
    overlap = redactor.longest
    tail = b""
    for piece in pieces if overlap else ():
        if redactor.holds_secret_bytes(tail + piece):
            return True
        tail = (tail + piece)[-overlap:]
    return False


def _names_secret(context: LoadedContext, content: BinaryIO) -> bool:
    """Tells whether a document has a member that is named like a secret; a large one is not looked into."""
    content.seek(0)
    text = content.read(MAX_READ_FOR_SECRETS + 1)
    if len(text) > MAX_READ_FOR_SECRETS or not is_json(text):
        return False
    return any(True for _ in context.redactor.hidden_parts(text))
