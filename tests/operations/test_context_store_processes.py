"""Contexts that go from one process to another, and processes that are killed while they save."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.operations.stores import Shelf, plain
from tests.operations.workflow import KEYS
from tests.operations.world import World
from tests.support.warm import warm_python

CHECKOUT = Path(__file__).parents[2]
KILLS = 10


def command(shelf: Shelf, phase: str) -> list[str]:
    """Give the command of a process that does one phase of a workflow."""
    url = shelf.world.database.engine.url.render_as_string(hide_password=False)
    return [*warm_python(), "-m", "tests.operations.workflow", url, str(shelf.world.folder), shelf.run_id, phase]


def run(shelf: Shelf, phase: str) -> dict[str, Any]:
    """Run it to its end; give what it told."""
    done = subprocess.run(command(shelf, phase), cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_run_paused_inside_a_loop_goes_on_in_another_process(world: World) -> None:
    """Each value is there as long as somebody has to read it, and each file is released once, at the right moment."""
    shelf = Shelf(world)
    keys = ["fetch.output.rows", "fetch.output.config", "work.output.found"]
    assert run(shelf, "begin") == {"keys": keys, "temporary": 3}
    assert shelf.temporary_files() == []
    parked = shelf.world.files()
    assert len(parked) == 3
    assert shelf.released() == []
    assert sorted(shelf.restored().keys()) == sorted(keys)

    told = run(shelf, "finish")
    assert told["loops"] == ["each"]
    assert sorted(told["in the loop"]) == sorted(keys)
    assert sorted(told["after the loop"]) == sorted(keys[1:])
    assert told["saved"] == 2
    assert told["found"] == [3, 200_000]
    assert (told["at the end"], told["temporary"]) == ([], 0)
    assert told["counts"][0] == told["counts"][1]
    assert shelf.world.files() == []
    assert shelf.temporary_files() == []
    released = shelf.released()
    assert len(released) == len(dict(released)) == 5
    assert set(parked) < set(dict(released))
    assert world.rows.text(shelf.run_id) == b"{}"
    assert shelf.restored().snapshot()[1].consumers == {}


@contextmanager
def saver(shelf: Shelf) -> Iterator[Callable[[int, float], list[str]]]:
    """Start the process that starts those that save; call it with the saves and seconds that the next has to live."""
    with subprocess.Popen(
        command(shelf, "saves"), cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        told, asked = process.stdout, process.stdin
        assert told.readline() == "ready\n"

        def run_and_kill(saves: int, seconds: float) -> list[str]:
            asked.write("\n")
            number = int(told.readline())
            said = [told.readline().strip() for _ in range(saves)]
            time.sleep(seconds)
            os.kill(number, signal.SIGKILL)
            return said + list(iter(lambda: told.readline().strip(), "gone"))

        try:
            yield run_and_kill
        finally:
            process.kill()


def test_killed_while_it_saves_the_old_or_the_new_context_is_there(world: World) -> None:
    """Wholly, state included; at most files are left that no row names."""
    shelf = Shelf(world)
    shelf.save(**{f"key{number}": "0" * 1000 for number in range(KEYS)})
    chance = random.Random()  # noqa: S311 - any moment will do
    committed = 0
    with saver(shelf) as run_and_kill:
        for _ in range(KILLS):
            said = run_and_kill(chance.randrange(3), chance.uniform(0, 0.1))
            committed = int(said[-1]) if said else committed
            restored = shelf.restored()
            generation = len(restored.active_loops)
            assert set(plain(restored).values()) == {str(generation) * 1000}
            assert generation in (committed, committed + 1)
            committed = generation
    assert committed > 1
    report, found = world.verify(runs=(shelf.run_id,))
    assert (report.exit_code, found) == (0, [])
    store = shelf.store()
    last = store.restore_context(shelf.run_id)
    last.clear()
    store.save_context(shelf.run_id, last)
    assert shelf.values() == {}
