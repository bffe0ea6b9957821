"""A migration that is killed at any moment: nothing is lost, and running it again finishes the work."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.operations.child import BATCH_ROWS
from tests.operations.world import LEGACY, World
from tests.support.rows import compact
from tests.support.warm import warm_python
from zenctx.database.url import parse_database_url

CHECKOUT = Path(__file__).parents[2]
ROWS, KILLS = 1500, 15
LARGE_EVERY = 50
OPTIONS = {"memory-threshold-bytes": "3000"}


def some_contexts() -> Iterator[str]:
    """Give contexts of some values; every fiftieth has two that are too large for the row."""
    for number in range(ROWS):
        context: dict[str, object] = {f"node{place}.output.value": "x" * (number % 40) for place in range(5)}
        if number % LARGE_EVERY == 0:
            context |= {"report": ["r" * 50] * 100, "log": "l" * (2000 + number)}
        yield compact({**context, "number": number})


@contextmanager
def migrations(world: World) -> Iterator[subprocess.Popen[str]]:
    """Run the process that starts migrations; it has imported everything once, for all of them."""
    url = parse_database_url(str(world.database.engine.url.render_as_string(hide_password=False)))
    command = [*warm_python(), "-m", "tests.operations.child", url.render_as_string(hide_password=False)]
    command += [str(world.folder), json.dumps(world.options)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert pipe(process.stdout).readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def pipe(stream: IO[str] | None) -> IO[str]:
    """Give a stream that is there."""
    assert stream is not None
    return stream


def start_and_kill(process: subprocess.Popen[str], dots: int, seconds: float) -> str:
    """Start a migration, and kill it so long after so many batches; give all that it said."""
    pipe(process.stdin).write("\n")
    number = int(pipe(process.stdout).readline())
    said = ""
    while said.count(".") < dots and "\n" not in said:
        said += heard(pipe(process.stdout).read(1))
    time.sleep(seconds)
    os.kill(number, signal.SIGKILL)
    pipe(process.stdin).write("\n")
    while not said.endswith("gone\n"):
        said += heard(pipe(process.stdout).readline())
    return said


def heard(text: str) -> str:
    """Give what was said; the process that starts migrations ends only with the test."""
    assert text, "the process that starts migrations is gone"
    return text


def kill_on_the_way(process: subprocess.Popen[str]) -> Iterator[str]:
    """Kill migrations again and again, each some batches further on than the one before; give what each one said."""
    chance = random.Random()  # noqa: S311 - moments to be killed at, nothing secret
    step, reached = 2 * (ROWS // BATCH_ROWS) // KILLS, 0
    for _ in range(KILLS):
        said = start_and_kill(process, reached + chance.randrange(step), chance.uniform(0, 0.02))
        reached = max(reached, said.count("."))
        yield said


def test_killed_at_any_moment_nothing_is_lost(world: World) -> None:
    """Killed fifteen times on the way, then run once more: every value is there, and comes back as it was."""
    world.options = OPTIONS
    world.rows.add_all(some_contexts())
    world.rows.remember()
    with migrations(world) as process:
        said = list(kill_on_the_way(process))
    assert sum("ended" in text for text in said) < KILLS // 2
    outcome = world.migrate()
    assert (outcome.report.exit_code, outcome.items) == (0, [])
    assert world.check().exit_code == 0
    report, _ = world.verify()
    assert (report.exit_code, report.summary.files) == (0, 2 * ROWS // LARGE_EVERY)
    assert world.migrate(LEGACY).report.summary.converted == ROWS
    assert world.rows.changed() == []
