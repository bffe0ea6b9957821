"""Snapshots that are killed, and snapshots side by side: the repository is sound, each snapshot whole or absent."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.operations.taking import add_run, check_repository, content_of, contents, repository, take
from tests.operations.test_migrate_crash import CHECKOUT, heard, pipe
from tests.operations.world import World

RUNS, FILES, KILLS = 40, 3, 10


class Snapshots:
    """A process that takes snapshots, each in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self) -> int:
        """Start one; give its process."""
        pipe(self._process.stdin).write("go\n")
        return int(heard(pipe(self._process.stdout).readline()))

    def ends(self) -> list[int]:
        """Wait for all of them; give how each ended."""
        pipe(self._process.stdin).write("\n")
        ends: list[int] = json.loads(heard(pipe(self._process.stdout).readline()))
        return ends


@contextmanager
def snapshots(world: World) -> Iterator[Snapshots]:
    """Run the process that takes snapshots; it has imported everything once, for all of them."""
    url = world.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.operations.snapshot_child", url, str(world.folder)]
    with subprocess.Popen(
        [*command, json.dumps(world.options)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert pipe(process.stdout).readline() == "ready\n"
        try:
            yield Snapshots(process)
        finally:
            process.kill()


def fill(world: World) -> dict[str, dict[str, bytes]]:
    """Add runs with files; give the contents of the files by run and key."""
    files = {f"k{place}": bytes([place]) * 200_000 for place in range(FILES)}
    return {add_run(world, {**files, f"own{number}": os.urandom(3000)}): {} for number in range(RUNS)}


def test_killed_at_any_moment_there_is_a_whole_snapshot_or_none(world: World) -> None:
    """Killed again and again, each time at another moment: every manifest reads to its end, all it names is there."""
    fill(world)
    chance = random.Random()  # noqa: S311 - moments to be killed at, nothing secret
    with snapshots(world) as process:
        began = time.monotonic()
        process.start()
        assert process.ends() == [0]
        takes = time.monotonic() - began
        for kill in range(KILLS):
            # What an earlier one copied is not copied again: each finds something new, and may be killed over it.
            add_run(world, {f"kill{kill}": os.urandom(2_000_000)})
            child = process.start()
            time.sleep(chance.uniform(0, takes))
            os.kill(child, signal.SIGKILL)
            process.ends()
            check_repository(world)
    before = len(repository(world).snapshots())
    assert take(world).report.exit_code == 0
    assert len(repository(world).snapshots()) == before + 1
    check_repository(world)
    found = contents(world)
    assert len(found) == RUNS + KILLS
    for run in found.values():
        assert all(len(content_of(world, file)) == file.size for file in run.files)


def test_two_snapshots_at_once_are_two_snapshots(world: World) -> None:
    """Neither waits for the other nor disturbs it: both are whole, and hold the same."""
    fill(world)
    with snapshots(world) as process:
        for _ in range(3):
            process.start()
            process.start()
            assert process.ends() == [0, 0]
    found = repository(world).snapshots()
    assert len(found) == 6
    check_repository(world)
    first, *others = ({run: each.context for run, each in contents(world, info).items()} for info in found)
    assert all(other == first for other in others)


def test_a_killed_snapshot_leaves_nothing_to_be_seen(sqlite_world: World) -> None:
    """No spool lies about with contexts in it."""
    fill(sqlite_world)
    take(sqlite_world)
    place = Path(sqlite_world.settings.snapshots)
    names = {path.name for path in place.iterdir()}
    with snapshots(sqlite_world) as process:
        child = process.start()
        time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        process.ends()
    assert {path.name for path in place.iterdir()} == names
