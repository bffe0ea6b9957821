"""Hashing in the background: every digest is handed over, in order, in the thread that asked for it."""

import hashlib
import io
import threading
import time
from typing import BinaryIO, cast

import pytest

from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.operations.verification.hashing import Digest, Hasher

LARGE = 200_000


def test_digests_come_in_order_in_the_thread_that_asked() -> None:
    """Many more than are under way at once; small ones are hashed at once."""
    contents = [bytes([number]) * (LARGE + number) for number in range(30)]
    found: list[tuple[Digest | ZenctxError, bool]] = []
    with Hasher() as hasher:
        for content in contents:
            hasher.submit(
                lambda content=content: io.BytesIO(content),  # type: ignore[misc]
                len(content),
                lambda digest: found.append((digest, threading.current_thread() is threading.main_thread())),
            )
        hasher.finish()
        assert hasher.take_read() == sum(map(len, contents))
        assert hasher.take_read() == 0
        hasher.submit(lambda: io.BytesIO(b"small"), 5, lambda digest: found.append((digest, True)))
    wanted = [Digest(len(each), f"sha256:{hashlib.sha256(each).hexdigest()}") for each in [*contents, b"small"]]
    assert found == [(digest, True) for digest in wanted]


@pytest.mark.parametrize("size", [-1, 5, LARGE])
def test_a_file_that_cannot_be_read_is_handed_over_as_an_error(size: int) -> None:
    """It stops none of the others."""

    def missing() -> BinaryIO:
        raise DamagedFileError("missing")

    found: list[Digest | ZenctxError] = []
    with Hasher() as hasher:
        hasher.submit(missing, size, found.append)
        hasher.submit(lambda: io.BytesIO(b"x"), -1, found.append)
        hasher.finish()
    assert isinstance(found[0], DamagedFileError)
    assert isinstance(found[1], Digest)


class Endless(io.RawIOBase):
    """A file without an end."""

    def readinto(self, buffer: object, /) -> int:
        """Give one byte, slowly."""
        time.sleep(0.01)
        return 1


def test_an_interruption_does_not_wait_for_a_large_file() -> None:
    """Who leaves is not held up; while it waits the bytes are told."""
    told: list[int] = []

    def tick(read: int) -> None:
        told.append(read)
        raise KeyboardInterrupt

    def work() -> None:
        with Hasher() as hasher:
            hasher.tick = tick
            hasher.submit(lambda: cast("BinaryIO", Endless()), -1, lambda _digest: None)
            hasher.finish()

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - start < 5
    assert told[0] > 0
