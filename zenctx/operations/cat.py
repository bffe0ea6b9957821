"""The bytes of one value, streamed: the JSON text of a value in the row, the content of one in a file."""

from collections.abc import Iterator
from contextlib import contextmanager

from zenctx.config import Settings
from zenctx.context.redact import Redactor
from zenctx.database.engine import Database
from zenctx.errors import RefusedError
from zenctx.operations.contexts import LoadedContext, load
from zenctx.operations.live_files import CHUNK, chunks

_SECRETS_HINT = "--show-secrets writes it out all the same"


@contextmanager
def cat(
    database: Database, settings: Settings, run_id: str, key: str, *, show_secrets: bool
) -> Iterator[Iterator[bytes]]:
    """Gives the bytes of a value in pieces, in constant memory.

    Raises NotFoundError for an unknown run or key, RefusedError for a value that holds a secret, and what opening the
    file raises; nothing is handed out before that is known.
    """
    with database.connect() as connection:
        context = load(database, connection, settings, run_id)
    entry = context.entry(key)
    if not show_secrets and context.redactor.hides_key(key):
        raise RefusedError(f"the value of {key!r} is secret", hint=_SECRETS_HINT)
    descriptor = entry.descriptor
    if descriptor is None or descriptor.locator is None:
        content = context.raw_content(entry)
        _refuse_secret(context, key, iter([content]), show_secrets=show_secrets)
        yield iter([content])
        return
    with context.live.open(descriptor) as file:
        _refuse_secret(context, key, chunks(file), show_secrets=show_secrets)
        file.seek(0)
        yield chunks(file)


def _refuse_secret(context: LoadedContext, key: str, pieces: Iterator[bytes], *, show_secrets: bool) -> None:
    if not show_secrets and context.redactor.secrets and _holds_secret(context.redactor, pieces):
        raise RefusedError(f"the value of {key!r} holds a secret of the run", hint=_SECRETS_HINT)


def _holds_secret(redactor: Redactor, pieces: Iterator[bytes]) -> bool:
    # A secret may lie across two pieces: each is searched together with the end of the one before.
    overlap = min(redactor.longest, CHUNK)
    tail = b""
    for piece in pieces:
        if redactor.holds_secret_bytes(tail + piece):
            return True
        tail = piece[-overlap:]
    return False
