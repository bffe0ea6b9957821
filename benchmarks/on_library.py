"""Saving and restoring a context through the library, against pickling the same values to a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.figures import Figure, megabytes

_PEERS = Path(__file__).parent / "peers"
_ROUNDS_FROM_1_GB = 1
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Case:
    """A context: so many small values, and one of so many bytes."""

    name: str
    values: int = 0
    bytes: int = 0


_CASES = (
    _Case("of 1,000 keys", values=1_000),
    _Case("of 10,000 keys", values=10_000),
    _Case("with a file of 10 MB", bytes=10_000_000),
    _Case("with a file of 1 GB", bytes=_GB),
)


@dataclass(frozen=True, slots=True)
class _Round:
    """Seconds of both steps, each in a process of its own, and the higher peak of the two in bytes."""

    save: float
    restore: float
    peak: int


def contexts(rounds: int) -> Iterator[Figure]:
    """Measures each context in turn: zenctx and pickle alternate, a process saves, another one restores and reads."""
    for case in _CASES:
        ours: list[_Round] = []
        theirs: list[_Round] = []
        for _ in range(_ROUNDS_FROM_1_GB if case.bytes >= _GB else rounds):
            theirs.append(_round("pickled_context.py", case))
            ours.append(_round("library_context.py", case))
        yield _speed(f"save a context {case.name}", [one.save for one in ours], [one.save for one in theirs])
        yield _speed(
            f"restore and read one {case.name}", [one.restore for one in ours], [one.restore for one in theirs]
        )
        yield _memory(case, max(one.peak for one in ours), max(one.peak for one in theirs))


def _round(script: str, case: _Case) -> _Round:
    with TemporaryDirectory(prefix="zenctx-bench-") as name:
        folder = Path(name)
        command = [processes.PYTHON, str(_PEERS / script)]
        saved = processes.run([*command, "save", str(case.values), str(case.bytes)], folder)
        restored = processes.run([*command, "restore"], folder)
    save, restore = json.loads(saved.output), json.loads(restored.output)
    if (restore["keys"], restore["bytes"]) != (save["keys"], save["bytes"]):
        raise RuntimeError(f"{script} lost values: {save} became {restore}")
    return _Round(save["seconds"], restore["seconds"], max(saved.peak, restored.peak))


def _speed(case: str, zenctx: list[float], peer: list[float]) -> Figure:
    return Figure(case, _time(zenctx), f"{_time(peer)} (pickle)", f"{median(peer) / median(zenctx):.2f}")


def _memory(case: _Case, zenctx: int, peer: int) -> Figure:
    bar = "below 100 MB" if case.bytes else ""
    return Figure(
        f"peak memory, one {case.name}", megabytes(zenctx), f"{megabytes(peer)} (pickle)", f"{zenctx / peer:.2f}", bar
    )


def _time(rounds: list[float]) -> str:
    middle = median(rounds)
    return f"{middle * 1000:.1f} ms" if middle < 1 else f"{middle:.2f} s"
