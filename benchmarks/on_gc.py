"""`gc --dry-run` against what it cannot do without: listing files with their times, reading every context once."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic, time
from uuid import UUID

from benchmarks import sample
from benchmarks.figures import Figure, megabytes, seconds
from benchmarks.on_postgresql import Bench
from benchmarks.processes import Usage
from tests.support.postgres import all_postgres_bins, running_server

FILES_OF_A_RUN = 10
GARBAGE_EVERY = 20
"""One run in so many has no row any more."""
_DESCRIPTOR = (
    '"node{at}.output.value":{{"type":"FILE","locator":"./data/context-files/persistent/{name}",'
    '"mediaType":"application/json","size":1,"checksum":"sha256:{hash}","inlineValue":null}}'
)


def rehearse(files: int, rounds: int) -> Iterator[Figure]:
    """Measures a dry run over a store of so many files, ten of each run; its memory, too."""
    with _bench(files) as bench:
        ours: list[Usage] = []
        theirs: list[float] = []
        for _ in range(rounds):
            theirs.append(_find(bench.folder) + _scan(bench))
            ours.append(bench.zenctx("gc", "--dry-run", "--quiet"))
        wall = [usage.wall for usage in ours]
        ratio = sorted(wall)[len(wall) // 2] / sorted(theirs)[len(theirs) // 2]
        case = f"gc --dry-run, {files:,} files of {files // FILES_OF_A_RUN:,} runs"
        yield Figure(case, seconds(wall), seconds(theirs), f"{ratio:.2f}", "at most 1.5")
        yield Figure("its peak memory", megabytes(max(usage.peak for usage in ours)), "", "", "below 200 MB")


def _find(folder: Path) -> float:
    started = monotonic()
    command = ["find", str(folder / "data"), "-type", "f", "-printf", "%s %T@ %p\\n"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return monotonic() - started


def _scan(bench: Bench) -> float:
    started = monotonic()
    bench.read_all("copy (select id, status, started_at, ended_at, context from workflow_runs) to stdout")
    return monotonic() - started


@contextmanager
def _bench(files: int) -> Iterator[Bench]:
    bins = list(all_postgres_bins().values())
    if not bins:
        raise RuntimeError("there is no PostgreSQL to start: 'make bench' installs one")
    with running_server(bins[0], durable=True) as server:
        folder = server.folder / "home"
        folder.mkdir()
        bench = Bench(server.url(), folder)
        bench.create()
        bench.zenctx("db", "bind")
        bench.load(_rows(folder / "data/context-files/persistent", files // FILES_OF_A_RUN))
        yield bench


def _rows(store: Path, count: int) -> Iterator[sample.SampleRow]:
    """The rows of the other benchmarks, with the files that each names made beside them."""
    random = Random(11)  # noqa: S311 - the same names every time
    then = time() - 60 * 24 * 60 * 60
    for number, row in enumerate(sample.rows(count)):
        directory = store / row.run_id
        directory.mkdir()
        entries = []
        for at in range(FILES_OF_A_RUN):
            name = f"node{at}.output.value-{random.getrandbits(64):016x}-{random.getrandbits(64):016x}.json"
            with (directory / name).open("wb") as file:
                file.write(b"1")
                os.utime(file.fileno(), (then, then))
            digest = f"{random.getrandbits(256):064x}"
            entries.append(_DESCRIPTOR.format(at=at, name=f"{row.run_id}/{name}", hash=digest))
        if number % GARBAGE_EVERY:
            # Runs that ended a while ago, and are within retention.
            text = row.context[:-1] + "," + ",".join(entries) + "}"
            ended = datetime.fromtimestamp(then, UTC) + timedelta(days=40 + number % 15)
            yield sample.SampleRow(row.run_id, "SUCCESS", ended.isoformat(), ended.isoformat(), text)
        else:
            yield sample.SampleRow(str(UUID(int=random.getrandbits(128), version=4)), *row_of(row))


def row_of(row: sample.SampleRow) -> tuple[str, str, str | None, str]:
    """A row in the place of one that was deleted."""
    return row.status, row.started_at, row.ended_at, row.context
