"""Imports and exports that are killed: the repository verifies, no archive is a half, and running again finishes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.operations.forks import Forks, Moments, forks
from tests.operations.taking import add_run, check_repository, take
from tests.operations.test_archive import exported, taken_in
from tests.operations.world import World
from zenctx.operations.import_ import ImportRequest, rehearse
from zenctx.operations.repository import open_repository

KILLS = 10


@pytest.fixture
def taken(sqlite_world: World) -> str:
    """Take a snapshot of files that an archive takes some time for; give its id."""
    add_run(sqlite_world, {str(number): os.urandom(200_000) for number in range(40)})
    snapshot_id = take(sqlite_world).report.summary.snapshot_id
    assert snapshot_id is not None
    return snapshot_id


@contextmanager
def archives(world: World) -> Iterator[Forks]:
    """Run the process that exports and imports."""
    folder = world.folder
    with forks(
        "tests.operations.archive_child", str(folder), str(folder / "elsewhere"), str(folder / "archive")
    ) as run:
        yield run


def test_an_import_that_is_killed_leaves_all_or_nothing(sqlite_world: World, taken: str) -> None:
    """At any moment: what is listed is whole, and the last import brings the same snapshot."""
    elsewhere = sqlite_world.folder / "elsewhere"
    (sqlite_world.folder / "archive").write_bytes(exported(sqlite_world)[1])
    sqlite_world.options["snapshots"] = str(elsewhere)
    with archives(sqlite_world) as process:
        moments = Moments(process.seconds("import"), KILLS)
        for number, delay in enumerate(moments):
            if elsewhere.exists():
                elsewhere.rename(sqlite_world.folder / f"before{number}")
            moments.note(process.kill(delay, "import"))
            if (elsewhere / "zenctx-repository.json").exists():
                check_repository(sqlite_world)
            if number % 3 == 0:
                process.seconds("import")
                assert [info.snapshot_id for info in open_repository(sqlite_world.settings).snapshots()] == [taken]
        process.seconds("import")
        check_repository(sqlite_world)


def test_an_export_that_is_killed_leaves_a_whole_archive_or_the_one_before(sqlite_world: World, taken: str) -> None:
    """Under its name there is never half of one; what is left beside it has a name of zenctx's own."""
    request = ImportRequest("an archive")
    archive, folder = sqlite_world.folder / "archive.out", sqlite_world.folder
    names = {path.name for path in folder.iterdir()}
    with archives(sqlite_world) as process:
        moments = Moments(process.seconds("export"), KILLS)
        for number, delay in enumerate(moments):
            if number % 2:
                archive.unlink(missing_ok=True)
            moments.note(process.kill(delay, "export"))
            left = {path.name for path in folder.iterdir()} - names - {"archive.out"}
            assert all(name.startswith("zenctx-") for name in left)
            if archive.exists():
                with archive.open("rb") as file:
                    assert rehearse(sqlite_world.settings, request, file).summary.snapshot_id == taken
        check_repository(sqlite_world)
        process.seconds("export")
    assert taken_in(sqlite_world, archive.read_bytes(), "at the end").summary.snapshot_id == taken
