"""Keeping the files of a snapshot: first, against a bare loop that copies them, and again with nothing changed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.figures import Figure, seconds

_PEERS = Path(__file__).parent / "peers"
_FILES = 300
_BYTES = 1024**3
_SETTLE = 0.1
"""A file that has just changed is read again: it could change once more within one tick of the clock."""


def snapshots(rounds: int) -> Iterator[Figure]:
    """Measures 1 GiB in 300 files: zenctx and the bare loop alternate, each in a process of its own."""
    first: list[float] = []
    second: list[float] = []
    bare: list[float] = []
    with TemporaryDirectory(prefix="zenctx-bench-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        _make(folder / "files")
        time.sleep(_SETTLE)
        for _ in range(rounds):
            bare.append(_seconds(folder, "copied_files.py"))
            rmtree(folder / "target")
            first.append(_seconds(folder, "kept_files.py"))
            second.append(_seconds(folder, "kept_files.py"))
            rmtree(folder / "target")
    yield Figure(
        "first snapshot of 1 GiB in 300 files, time",
        seconds(first),
        f"{seconds(bare)} (copy, hash, fsync)",
        f"{median(first) / median(bare):.2f}",
        "at most 1.3",
    )
    yield Figure(
        "second snapshot, nothing changed",
        f"{median(second) * 1000:.0f} ms",
        f"{seconds(first)} (the first)",
        f"{median(first) / median(second):.0f}",
        "at least 20",
    )


def verifying(rounds: int) -> Iterator[Figure]:
    """Measures reading 1 GiB in 300 objects back: zenctx and a bare loop that hashes alternate."""
    ours: list[float] = []
    bare: list[float] = []
    with TemporaryDirectory(prefix="zenctx-bench-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        _make(folder / "files")
        _seconds(folder, "kept_files.py")
        for _ in range(rounds):
            bare.append(_seconds(folder, "hashed_files.py"))
            ours.append(_seconds(folder, "verified_files.py"))
    yield Figure(
        "verify 1 GiB in 300 files, time",
        seconds(ours),
        f"{seconds(bare)} (SHA-256 alone)",
        f"{median(ours) / median(bare):.2f}",
        "at most 1.3",
    )


def _make(folder: Path) -> None:
    folder.mkdir()
    size = _BYTES // _FILES
    for number in range(_FILES):
        (folder / f"{number:03}").write_bytes(os.urandom(size))
    os.sync()


def _seconds(folder: Path, script: str) -> float:
    os.sync()  # what the side before has left to write is not counted
    command = [processes.PYTHON, str(_PEERS / script), str(folder / "files"), str(folder / "target")]
    return float(processes.run(command, folder).output)
