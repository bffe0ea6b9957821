"""An import that is killed: the repository verifies, and running it again finishes."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.operations.taking import add_run, check_repository, take
from tests.operations.test_archive import exported
from tests.operations.world import World
from zenctx.operations.repository import open_repository

CHILD = Path(__file__).with_name("archive_child.py")
KILLS = 8


def start(world: World, archive: Path) -> "subprocess.Popen[bytes]":
    """Start an import; gives the process once it is about to begin."""
    command = [sys.executable, str(CHILD), str(world.folder), str(archive), str(world.folder / "elsewhere")]
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root})
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_an_import_that_is_killed_leaves_all_or_nothing(sqlite_world: World) -> None:
    """At any moment: what is listed is whole, and the last import brings the same snapshot."""
    add_run(sqlite_world, {str(number): os.urandom(200_000) for number in range(60)})
    taken = take(sqlite_world).report.summary.snapshot_id
    archive = sqlite_world.folder / "archive"
    archive.write_bytes(exported(sqlite_world)[1])
    sqlite_world.options["snapshots"] = str(sqlite_world.folder / "elsewhere")
    pick = random.Random(4)  # noqa: S311 - moments, no secrets
    for _ in range(KILLS):
        process = start(sqlite_world, archive)
        time.sleep(pick.uniform(0, 0.6))
        process.kill()
        process.communicate()
        if (sqlite_world.folder / "elsewhere" / "zenctx-repository.json").exists():
            check_repository(sqlite_world)
    last = start(sqlite_world, archive)
    last.communicate()
    assert last.returncode == 0
    check_repository(sqlite_world)
    assert [info.snapshot_id for info in open_repository(sqlite_world.settings).snapshots()] == [taken]
