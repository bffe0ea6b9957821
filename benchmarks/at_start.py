"""What `zenctx --version` and `zenctx --help` cost, in processor time, against an interpreter that does nothing."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.figures import Figure, cost

REPETITIONS = 10
"""Starts in one round: the kernel counts processor time in steps, and one start is short."""


def starts(rounds: int) -> Iterator[Figure]:
    """Measures starts, the three commands in turn."""
    nothing = [processes.PYTHON, "-c", "pass"]
    commands = {"--version": 1.5, "--help": 16.0}
    used: dict[str, list[float]] = {option: [] for option in ("", *commands)}
    with TemporaryDirectory(prefix="zenctx-bench-") as folder:
        for _ in range(rounds * REPETITIONS):
            for option, times in used.items():
                command = [*processes.zenctx_command(), option] if option else nothing
                times.append(processes.run(command, Path(folder)).cpu)
    for option, bar in commands.items():
        yield cost(f"zenctx {option}, processor time", used[option], used[""], bar)
