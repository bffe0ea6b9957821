"""A snapshot of very many runs: memory does not grow with their number."""

import os
import sys
from pathlib import Path

import pytest

from tests.cli.processes import environment
from tests.operations.taking import latest, repository
from tests.operations.world import World
from tests.support.rows import compact

RUNS = 100_000
MOST_BYTES = 150_000_000
_CHUNK = 10_000
_KIBI = 1024


def fill(world: World) -> None:
    """Add finished runs of about 1.5 KB."""
    for start in range(0, RUNS, _CHUNK):
        numbers = range(start, start + _CHUNK)
        world.rows.add_all(compact({f"n{n}.output.{k}": "x" * 120 for k in range(10)}) for n in numbers)


def peak_memory(folder: Path, *arguments: str) -> int:
    """Run zenctx in a process of its own, in a folder; give the most memory that it held, in bytes."""
    code = f"import os, runpy, sys; os.chdir({str(folder)!r}); runpy.run_module('zenctx', run_name='__main__')"
    command = [sys.executable, "-c", code, *arguments]
    child = os.posix_spawn(sys.executable, command, environment(PYTHONPATH=str(Path(__file__).parents[2])))
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else _KIBI)


@pytest.mark.soak
def test_memory_stays_flat(world: World) -> None:
    """A hundred thousand runs take less than 150 MB, also where an earlier snapshot is compared."""
    fill(world)
    url = world.database.engine.url.render_as_string(hide_password=False)
    for _ in range(2):
        assert peak_memory(world.folder, "snapshot", "--all", "--quiet", "--db", url) < MOST_BYTES
    assert peak_memory(world.folder, "snapshot", "--all", "--dry-run", "--quiet", "--db", url) < MOST_BYTES
    assert peak_memory(world.folder, "snapshots", "--db", url) < MOST_BYTES
    info = latest(world)
    assert (info.totals.runs, len(repository(world).snapshots())) == (RUNS, 2)
