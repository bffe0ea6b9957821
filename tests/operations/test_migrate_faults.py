"""Disks that fill up, directories without rights, servers that go away: one sentence, nothing lost, and going on."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NEWEST, _bin_of
from tests.database.conftest import opened
from tests.operations.test_migrate_concurrent import Recorder, before_writing
from tests.operations.world import LEGACY, World, make_world
from tests.store.test_faults import in_mount
from tests.support.postgres import Server, running_server
from tests.support.rows import compact
from zenctx.errors import DatabaseError, PartialError, RefusedError, StoreError, ZenctxError
from zenctx.operations.migration import patience

CHECKOUT = Path(__file__).parents[2]
LARGE = {"memory-threshold-bytes": "100"}


def add_small_and_large(world: World) -> list[str]:
    """Add ten runs with a small value each, and ten with one that goes to a file."""
    world.options = dict(LARGE)
    ids = world.rows.add_all(compact({"a": "x" * (10 if number < 10 else 10_000)}) for number in range(20))
    world.rows.remember()
    return ids


def finish_and_compare(world: World) -> None:
    """Migrate to the end, verify, and go back: every value is what it was."""
    assert world.migrate().report.exit_code == 0
    assert world.verify()[0].exit_code == 0
    assert world.migrate(LEGACY).report.exit_code == 0
    assert world.rows.changed() == []


@pytest.mark.parametrize("call", ["write", "fsync", "link", "mkdir"])
@pytest.mark.parametrize("uses", [0, 7])
def test_a_full_disk_stops_the_migration(world: World, monkeypatch: pytest.MonkeyPatch, call: str, uses: int) -> None:
    """At whatever step: the directory is named, no row names a file that is not whole, and the rest is done later."""
    add_small_and_large(world)
    real, left = getattr(os, call), iter(range(uses))

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(ZenctxError) as caught:
            world.migrate(batch_rows=3)
    assert caught.value.exit_code == (3 if world.rows.changed() else 12)
    assert "no space is left" in caught.value.message
    assert world.verify()[0].exit_code == 0
    finish_and_compare(world)


def run_once(world: World, prefix: list[str]) -> dict[str, Any]:
    """Migrate in a process of its own, behind a command that takes something from it."""
    url = world.database.engine.url.render_as_string(hide_password=False)
    command = [*prefix, sys.executable, "-m", "tests.operations.child", "once", url, str(world.folder)]
    done = subprocess.run(
        [*command, json.dumps(world.options)], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def test_a_really_full_disk(sqlite_world: World) -> None:
    """On a device that takes some of the files: those are whole and named, the other rows are as they were."""
    ids = add_small_and_large(sqlite_world)
    small_disk = sqlite_world.folder / "disk"
    small_disk.mkdir()
    sqlite_world.options |= {"persistent-file-dir": "./disk/persistent", "file-storage-dir": "./disk"}
    outcome = run_once(sqlite_world, in_mount("size=64k", small_disk))
    assert outcome["migrate"] == 3
    assert "no space is left on its device" in outcome["error"]
    assert "run the command again" in outcome["hint"]
    assert (outcome["verify"], 0 < outcome["files"] < 10) == (0, True)
    assert len(sqlite_world.rows.changed()) == 10 + outcome["files"] < len(ids)


def test_a_directory_without_rights_is_said(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who may not write there is told so before any row is changed."""
    run_id = add_small_and_large(sqlite_world)[-1]
    real = os.open

    def refused(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_CREAT and "zenctx-tmp" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StoreError, match="lacks the rights") as caught:
        sqlite_world.migrate(runs=(run_id,))
    assert caught.value.exit_code == 12
    assert sqlite_world.rows.changed() == []


@pytest.mark.parametrize("marker", [None, '{"format": 1, "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}', "garbage"])
def test_a_store_that_is_not_the_bound_one_is_not_written_to(world: World, marker: str | None) -> None:
    """Its marker is missing, another one's, or no marker at all: nothing is stored there, and no row names it."""
    first = add_small_and_large(world)[-1]
    world.migrate(runs=(first,))
    file = world.store / ".zenctx-store.json"
    file.unlink()
    if marker is not None:
        file.write_text(marker)
    before = world.files()
    world.rows.remember()
    with pytest.raises(StoreError if marker == "garbage" else RefusedError) as caught:
        world.migrate()
    assert str(world.store) in caught.value.message
    assert (world.files(), world.rows.changed()) == (before, [])


def test_small_values_need_no_store(world: World) -> None:
    """A migration that writes no file neither makes a directory nor binds one."""
    world.rows.add('{"a":1}')
    assert world.migrate().report.exit_code == 0
    assert not world.store.exists()
    assert world.rows.fetch("select * from zenctx_store") == []


def test_a_copy_of_the_directory_is_the_store(world: World) -> None:
    """What counts is the marker, not the path: a volume may be mounted elsewhere."""
    add_small_and_large(world)
    world.migrate()
    world.store.rename(world.folder / "elsewhere")
    world.options |= {
        "persistent-file-dir": str(world.folder / "elsewhere"),
        "locator-root": "./data/context-files/persistent",
    }
    assert world.verify()[0].exit_code == 0
    assert world.migrate(LEGACY).report.exit_code == 0
    assert world.rows.changed() == []


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that tests may stop or kill; what it has committed is then still there."""
    with running_server(_bin_of(NEWEST), settings={"synchronous_commit": "on"}) as server:
        yield server


@pytest.fixture
def lonely_world(own_server: Server, tmp_path: Path) -> Iterator[World]:
    """A world on that server."""
    with opened(own_server.url()) as database:
        with database.connect() as connection:
            for statement in ("drop schema public cascade", "create schema public"):
                connection.exec_driver_sql(statement)
            connection.commit()
        yield make_world(database, tmp_path)


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("at", [1, 4])
def test_a_server_that_stays_away_is_one_sentence(
    lonely_world: World, own_server: Server, how: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In good order or by a crash: what was committed stays, the rest is as it was, and a later run finishes."""
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.5)
    add_small_and_large(lonely_world)
    batches = iter(range(100))

    def end() -> None:
        if next(batches) == at:
            getattr(own_server, how)()

    with pytest.raises(ZenctxError) as caught:
        lonely_world.migrate(progress=Recorder(on_batch=end), batch_rows=2)
    own_server.start()
    assert isinstance(caught.value, PartialError | DatabaseError)
    assert caught.value.exit_code == (3 if lonely_world.rows.changed() else 12)
    assert "\n" not in caught.value.message
    assert "no progress for" in caught.value.message
    finish_and_compare(lonely_world)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_server_that_comes_back_is_gone_on_with(lonely_world: World, own_server: Server, how: str) -> None:
    """In good order or by a crash: every row is converted once, and the counts are those of what is on record."""
    ids = add_small_and_large(lonely_world)
    batches = iter(range(100))

    def restart() -> None:
        if next(batches) in (2, 5):
            getattr(own_server, how)()
            own_server.start()

    outcome = lonely_world.migrate(progress=Recorder(on_batch=restart), batch_rows=2)
    recorded = lonely_world.rows.fetch("select sum(run_count) from zenctx_conversion")[0][0]
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, len(ids))
    assert recorded == len(ids)
    finish_and_compare(lonely_world)


def test_a_server_that_goes_away_before_the_row_leaves_a_file_nobody_names(
    lonely_world: World, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files come first: the row that would have named it is unchanged, and verify tells of the file."""
    add_small_and_large(lonely_world)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.5)
    before_writing(monkeypatch, own_server.kill)
    with pytest.raises(ZenctxError, match="no progress"):
        lonely_world.migrate()
    own_server.start()
    assert lonely_world.rows.changed() == []
    report, findings = lonely_world.verify()
    assert (report.exit_code, {finding.kind for finding in findings}) == (0, {"unreferenced"})
    finish_and_compare(lonely_world)
