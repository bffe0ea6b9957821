"""A context from elsewhere (another database, a ticket, an editor), read from a file or from standard input."""

import hashlib
import sys
from pathlib import Path
from typing import BinaryIO
from uuid import NAMESPACE_URL, uuid5

from zenctx.context.rawjson import split_object
from zenctx.errors import InvalidContextError, NotFoundError, StoreError
from zenctx.operations.snapshotting.request import GivenContext

STANDARD_INPUT = "-"
MAX_BYTES = 1024 * 1024 * 1024
"""More than any database holds in one value."""


def read_given(path: str, run_id: str | None) -> GivenContext:
    """Reads a context from a file, or from standard input where the path is `-`.

    Without a `run_id` it gets one that follows from its bytes: the same context is the same run each time. Raises
    NotFoundError where there is no such file, StoreError where it cannot be read, InvalidContextError for what is no
    context: a JSON object, in UTF-8, without a byte order mark.
    """
    origin = "standard input" if path == STANDARD_INPUT else f"the file {path}"
    text = _read(path, origin)
    if len(text) > MAX_BYTES:
        raise InvalidContextError(f"{origin} has more than {MAX_BYTES:,} bytes, which no context has")
    try:
        split_object(text)
    except InvalidContextError as error:
        hint = "give the JSON object that the column workflow_runs.context holds"
        raise InvalidContextError(f"{origin} is no context: {error.message}", hint=hint) from None
    return GivenContext(text, origin, run_id or _made_up(text))


def _read(path: str, origin: str) -> bytes:
    if path == STANDARD_INPUT:
        return _at_most(sys.stdin.buffer)
    try:
        with Path(path).open("rb") as file:
            return _at_most(file)
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise StoreError(f"{origin} cannot be read: {error.strerror}") from None


def _at_most(file: BinaryIO) -> bytes:
    return file.read(MAX_BYTES + 1)


def _made_up(text: bytes) -> str:
    return str(uuid5(NAMESPACE_URL, f"zenctx:given:{hashlib.sha256(text).hexdigest()}"))
