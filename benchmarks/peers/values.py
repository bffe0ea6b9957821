"""The values of a context that is saved and restored, the same ones in every run of the benchmark."""

from collections.abc import Iterator
from random import Random

_CHUNK = 1_000_000
_SEED = 7


def small(count: int) -> Iterator[tuple[str, object]]:
    """Yields values as nodes leave them, by key: a number, a text, an object by turns."""
    for number in range(count):
        values: tuple[object, ...] = (
            number * 7,
            f"the parcel {number} waits at the depot until Friday",
            {"sku": f"AB-{number}", "price": number / 10, "tags": ["new", "sale"], "note": None},
        )
        yield f"node{number % 50}.output.value{number}", values[number % 3]


def large(size: int) -> Iterator[bytes]:
    """Yields `size` bytes that do not repeat soon, chunk by chunk."""
    chunk = Random(_SEED).randbytes(_CHUNK)  # noqa: S311 - the same bytes every time are what is wanted
    for start in range(0, size, _CHUNK):
        yield chunk[: min(_CHUNK, size - start)]
