"""Hashes content in the same pass that writes it, in a second thread where that is worth one."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from zenctx.store.base import Content

# Below this a hand-over to a thread costs more than it saves. Hashing and writing both release the interpreter lock.
_WORTH_A_THREAD = 512 * 1024


def copy_hashed(content: Content, write: Callable[[memoryview], None]) -> tuple[int, str]:
    """Hand all of `content` to `write`, chunk by chunk; returns its size in bytes and its `sha256:<hex>`.

    Both see the same chunk, and the next one is asked for when both are done with it, so that a source may reuse its
    buffer and one chunk at a time is held.
    """
    digest = hashlib.sha256()
    size = 0
    with ThreadPoolExecutor(1) as second:  # starts its thread at the first submit, so small content never does
        for chunk in _chunks(content):
            view = memoryview(chunk).cast("B")
            if len(view) >= _WORTH_A_THREAD:
                hashed = second.submit(digest.update, view)
                write(view)
                hashed.result()
            else:
                digest.update(view)
                write(view)
            size += len(view)
    return size, f"sha256:{digest.hexdigest()}"


def _chunks(content: Content) -> Iterable[bytes | bytearray | memoryview]:
    return (content,) if isinstance(content, bytes | bytearray | memoryview) else content
