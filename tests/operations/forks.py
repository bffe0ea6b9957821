"""Work in processes of their own, to run side by side or to be killed, at moments over all of its time."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.operations.test_migrate_crash import CHECKOUT, heard, pipe
from tests.support.warm import warm_python

_TRIES = 6


class Forks:
    """A process that does work, each piece in a process of its own; see `tests.operations.forked`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, line: str = "go") -> int:
        """Start a piece of work; give its process."""
        pipe(self._process.stdin).write(f"{line}\n")
        return int(heard(pipe(self._process.stdout).readline()))

    def ends(self) -> list[int]:
        """Wait for all of them; give how each ended."""
        pipe(self._process.stdin).write("\n")
        ends: list[int] = json.loads(heard(pipe(self._process.stdout).readline()))
        return ends

    def seconds(self, line: str = "go") -> float:
        """Do a piece of work to its end, which is a good one; give how long it took."""
        began = time.monotonic()
        self.start(line)
        assert self.ends() == [0]
        return time.monotonic() - began

    def kill(self, delay: float, line: str = "go") -> bool:
        """Start a piece of work and kill it so many seconds later; tell whether it was still alive."""
        child = self.start(line)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        return self.ends() == [-signal.SIGKILL]


@contextmanager
def forks(module: str, *arguments: str) -> Iterator[Forks]:
    """Run a process that serves work."""
    with subprocess.Popen(
        [*warm_python(), "-m", module, *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert pipe(process.stdout).readline() == "ready\n"
        try:
            yield Forks(process)
        finally:
            process.kill()


class Moments:
    """Moments to kill something at, one in each part of its time; a kill that comes too late does not count.

    After each of them `note` has to be told whether something was there to be killed.
    """

    def __init__(self, seconds: float, kills: int) -> None:
        self._seconds = seconds
        self._kills = kills
        self._hits = self._tries = 0
        self._chance = random.Random()  # noqa: S311 - moments to be killed at, nothing secret

    def __iter__(self) -> Iterator[float]:
        while self._hits < self._kills:
            self._tries += 1
            assert self._tries <= _TRIES * self._kills, "it ended before it could be killed"
            yield self._seconds * (self._hits + self._chance.random()) / self._kills

    def note(self, was_hit: bool) -> None:
        """Takes in how it went; what ends sooner than it did is killed sooner."""
        self._hits += was_hit
        self._seconds *= 1 if was_hit else 0.9
