"""A set of checksums in little memory: what snapshots need may be millions of them."""

from bisect import bisect_left
from collections.abc import Iterable

_BYTES = 32
_PREFIX = "sha256:"
_AT_ONCE = 100_000


class DigestSet:
    """Checksums of the form `sha256:<hex>`, with repetitions; about 32 bytes for each."""

    def __init__(self, checksums: Iterable[str]) -> None:
        self._runs: list[bytes] = []
        """Sorted digests, one after the other, at most so many in each."""
        some: set[bytes] = set()
        for checksum in checksums:
            some.add(_digest(checksum))
            if len(some) == _AT_ONCE:
                self._runs.append(b"".join(sorted(some)))
                some = set()
        self._runs.append(b"".join(sorted(some)))

    def __contains__(self, checksum: object) -> bool:
        """Whether a checksum was among them."""
        wanted = _digest(str(checksum))
        return any(_holds(run, wanted) for run in self._runs)


def _holds(run: bytes, wanted: bytes) -> bool:
    at = bisect_left(range(len(run) // _BYTES), wanted, key=lambda place: _at(run, place))
    return _at(run, at) == wanted


def _at(run: bytes, place: int) -> bytes:
    return run[place * _BYTES : (place + 1) * _BYTES]


def _digest(checksum: str) -> bytes:
    return bytes.fromhex(checksum.removeprefix(_PREFIX))
