"""Snapshots that are killed, and snapshots side by side: the repository is sound, each snapshot whole or absent."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.operations.forks import Forks, Moments, forks
from tests.operations.taking import add_run, check_repository, content_of, contents, repository, take
from tests.operations.world import World

RUNS, FILES, KILLS = 20, 3, 10


@contextmanager
def snapshots(world: World) -> Iterator[Forks]:
    """Run the process that takes snapshots."""
    url = world.database.engine.url.render_as_string(hide_password=False)
    with forks("tests.operations.snapshot_child", url, str(world.folder), json.dumps(world.options)) as process:
        yield process


def fill(world: World) -> None:
    """Add runs with files."""
    files = {f"k{place}": bytes([place]) * 100_000 for place in range(FILES)}
    for number in range(RUNS):
        add_run(world, {**files, f"own{number}": os.urandom(3000)})


def kill_again_and_again(world: World, kills: int) -> None:
    """Kill a snapshot at moments over all of its time, and check the repository each time; then let it finish."""
    fill(world)
    with snapshots(world) as process:
        process.seconds()
        add_run(world, {"measured": os.urandom(2_000_000)})
        moments, done = Moments(process.seconds(), kills), 2
        for number, delay in enumerate(moments):
            # What an earlier one copied is not copied again: each finds something new, and may be killed over it.
            add_run(world, {f"kill{number}": os.urandom(2_000_000)})
            was_hit = process.kill(delay)
            moments.note(was_hit)
            check_repository(world)
            # Killed as it ended, it may have made one all the same.
            made, done = len(repository(world).snapshots()) - done, len(repository(world).snapshots())
            assert made in ((0, 1) if was_hit else (1,))
    assert take(world).report.exit_code == 0
    assert len(repository(world).snapshots()) == done + 1
    check_repository(world)
    found = contents(world)
    assert len(found) > RUNS + kills
    for run in found.values():
        assert all(len(content_of(world, file)) == file.size for file in run.files)


def test_killed_at_any_moment_there_is_a_whole_snapshot_or_none(world: World) -> None:
    """Every manifest reads to its end, and all that it names is there."""
    kill_again_and_again(world, KILLS)


@pytest.mark.soak
def test_killed_thirty_times_there_is_a_whole_snapshot_or_none(world: World) -> None:
    """The same, more often."""
    kill_again_and_again(world, 30)


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
        moments = Moments(process.seconds(), 1)
        for delay in moments:
            moments.note(process.kill(delay))
    assert {path.name for path in place.iterdir()} == names
