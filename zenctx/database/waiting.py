"""Waiting for a lock of zenctx, for a bounded time: for those whose caller cannot simply try again later."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

from zenctx.database.engine import Connection, Database
from zenctx.database.locks import Lock, held
from zenctx.errors import LockedError

SECONDS = 10.0
"""How long a lock is waited for at most."""
_PAUSES = 0.02, 0.2
"""Between two looks it waits about so long, in seconds: by chance, so that many who wait do not look all at once."""


@contextmanager
def held_patiently(database: Database, connection: Connection, lock: Lock, *, exclusive: bool) -> Iterator[None]:
    """Holds a lock within the block as `held` does; LockedError when others still hold it after `SECONDS`."""
    until = monotonic() + SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(held(database, connection, lock, exclusive=exclusive))
                break
            except LockedError:
                if monotonic() >= until:
                    raise
            sleep(random.uniform(*_PAUSES))  # noqa: S311 - nothing secret
        yield
