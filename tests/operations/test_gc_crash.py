"""A clean-up that is killed at any moment: every file lies in one of two places, and the next one goes on."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.operations.cleaning import DAY, Cleaner
from tests.operations.test_migrate_crash import pipe, start_and_kill
from tests.operations.world import World
from tests.support.warm import warm_python

CHECKOUT = Path(__file__).parents[2]
RUNS, KILLS = 120, 10


@contextmanager
def clean_ups(world: World) -> Iterator["subprocess.Popen[str]"]:
    """Run the process that starts clean-ups; it has imported everything once, for all of them."""
    url = world.database.engine.url.render_as_string(hide_password=False)
    command = [*warm_python(), "-m", "tests.operations.gc_child", url, str(world.folder)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert pipe(process.stdout).readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_killed_at_any_moment_no_file_is_lost(world: World) -> None:
    """Ten times on the way, then once to the end: what is needed is there, the rest in the trash, and comes back."""
    cleaner = Cleaner(world)
    needed = [cleaner.run_with_file(status="RUNNING", ended=None)[1] for _ in range(5)]
    old = [cleaner.run_with_file(ended=400 * DAY, age=400 * DAY)[1] for _ in range(RUNS)]
    chance = random.Random()  # noqa: S311 - moments to be killed at, nothing secret
    with clean_ups(world) as process:
        for kill in range(KILLS):
            start_and_kill(process, min(kill * 8, 60) if kill % 2 else 0, chance.uniform(0, 0.05))
            lying = [name for name in old if cleaner.there(name)]
            assert sorted([*lying, *cleaner.trashed()]) == sorted(old)
            assert all(map(cleaner.there, needed))
    report = cleaner.collect().report
    assert report.exit_code == 0
    assert [name for name in old if cleaner.there(name)] == []
    states = world.rows.fetch("select path, state from zenctx_released_file")
    assert sorted((path, state) for path, state in states) == sorted((name, "trashed") for name in old)
    for entry in cleaner.log():
        if entry.in_trash:
            cleaner.undo(entry.gc_id)
    assert all(map(cleaner.there, [*needed, *old]))
    assert all((world.store / name).read_bytes() == b'"x"' for name in old)
