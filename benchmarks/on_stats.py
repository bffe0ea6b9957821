"""`stats` and `metrics` over many runs against what neither can do without: one scan of the columns that they read."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks import processes, sample
from benchmarks.figures import Figure, megabytes, seconds
from benchmarks.on_postgresql import running_bench
from benchmarks.on_sqlite import create
from benchmarks.processes import Usage

COMMANDS = (("stats", "--no-record", "--quiet"), ("metrics", "--quiet"))
_COLUMNS = "select id, workflow_id, status, started_at, ended_at, context from workflow_runs"


def counting(rows: int, rounds: int) -> Iterator[Figure]:
    """Measures both over legacy contexts and over descriptors on PostgreSQL, and over legacy ones on SQLite."""
    with running_bench() as bench:
        bench.load(sample.rows(rows))
        bench.put_back()
        for form in ("legacy", "descriptors"):
            if form == "descriptors":
                bench.zenctx("migrate", "--include-active", "--quiet")

            def scan() -> None:
                bench.read_all(f"copy ({_COLUMNS}) to stdout")

            yield from _compared(f"PostgreSQL, {rows:,} runs, {form}", rounds, scan, bench.zenctx)
    with TemporaryDirectory(prefix="zenctx-bench-") as name:
        yield from _on_sqlite(Path(name), rows, rounds)


def _on_sqlite(folder: Path, rows: int, rounds: int) -> Iterator[Figure]:
    file = folder / "runs.db"
    create(file, rows)

    def scan() -> None:
        with sqlite3.connect(file) as connection:
            for _ in connection.execute(_COLUMNS):
                pass
        connection.close()

    def zenctx(*arguments: str) -> Usage:
        return processes.run([*processes.zenctx_command(), *arguments, "--db", f"sqlite:///{file}"], folder)

    yield from _compared(f"SQLite, {rows:,} runs, legacy", rounds, scan, zenctx)


def _compared(what: str, rounds: int, scan: Callable[[], None], zenctx: Callable[..., Usage]) -> Iterator[Figure]:
    scans: list[float] = []
    ours: dict[str, list[Usage]] = {command[0]: [] for command in COMMANDS}
    for _ in range(rounds):
        started = monotonic()
        scan()
        scans.append(monotonic() - started)
        for command in COMMANDS:
            ours[command[0]].append(zenctx(*command))
    for name, usages in ours.items():
        wall = [usage.wall for usage in usages]
        required = "" if what.startswith("SQLite") else "at most 1.5"
        yield Figure(f"{name}, {what}", seconds(wall), seconds(scans), f"{median(wall) / median(scans):.2f}", required)
        yield Figure(f"{name}, its memory", megabytes(max(usage.peak for usage in usages)), "", "", "below 150 MB")
