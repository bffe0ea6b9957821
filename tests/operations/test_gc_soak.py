"""Clean-ups really beside others for half a minute, and over a million files: nothing lost, memory flat."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from tests.database.conftest import opened
from tests.operations.cleaning import ALL, DAY, Cleaner
from tests.operations.restorations import Shelter
from tests.operations.stores import Shelf
from tests.operations.world import World, make_world
from tests.support.rows import compact
from zenctx.errors import DatabaseError, LockedError, NotFoundError
from zenctx.operations import gc as operation
from zenctx.operations.collection.report import GcItem
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.gc import Given
from zenctx.operations.live_files import live_files

SECONDS = 30.0
FILES, OF_A_RUN = 1_000_000, 10


def beside(world: World, work: Callable[[], None], seconds: float = SECONDS) -> list[BaseException]:
    """Do something again and again beside clean-ups that take everything they may; give what went wrong."""
    wrong: list[BaseException] = []
    end = time.monotonic() + seconds
    cleaner = Cleaner(world, ahead=2 * DAY)

    def again(call: Callable[[], object]) -> None:
        while time.monotonic() < end and not wrong:
            try:
                with contextlib.suppress(LockedError, DatabaseError):
                    call()
            except BaseException as error:  # noqa: BLE001 - handed to the test
                wrong.append(error)

    threads = [
        threading.Thread(target=again, args=(call,)) for call in (work, lambda: cleaner.collect(retention_days=0))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


@pytest.mark.soak
def test_beside_a_writer(world: World) -> None:
    """A workflow that saves again and again: every value that was saved can be had back."""
    shelf = Shelf(world)
    Cleaner(world).run_with_file(status="RUNNING", ended=None)
    count = 0

    def save_and_restore() -> None:
        nonlocal count
        context = shelf.store().new_context()
        value = ["x" * 50, count] * 100
        context.put("large", value)
        with contextlib.suppress(NotFoundError):
            shelf.store().save_context(shelf.run_id, context, replace_changed=True)
            assert shelf.restored().get("large") == value
            count += 1

    assert beside(world, save_and_restore) == []
    assert count > 5


@pytest.mark.soak
def test_beside_a_migration(world: World) -> None:
    """Again and again, while an engine puts old contexts back: every file that a row names is there."""
    world.options = {"memory-threshold-bytes": "1000"}
    cleaner = Cleaner(world)
    cleaner.run_with_file(status="RUNNING", ended=None)
    text = compact({"a": "x" * 2000, "n": 1})
    ids = [world.rows.add(text, status="RUNNING", ended=None) for _ in range(200)]

    def there_and_back() -> None:
        world.migrate(include_active=True)
        world.rows.replace(ids[0], text)

    assert beside(world, there_and_back) == []
    world.migrate(include_active=True)
    for run_id in ids:
        entry = json.loads(world.rows.text(run_id) or b"")["a"]
        assert cleaner.there("/".join(Path(entry["locator"]).parts[-2:])), run_id


@pytest.mark.soak
def test_beside_snapshots(world: World) -> None:
    """Taken and forgotten: every one that is there can be read."""
    cleaner, shelter = Cleaner(world), Shelter(world)
    for number in range(20):
        cleaner.run_with_file(status="RUNNING" if number % 2 else "SUCCESS", ended=None)

    def take_and_forget() -> None:
        shelter.take()
        repository = shelter.repository
        for info in repository.snapshots():
            for checksum, size in repository.references(info):
                assert repository.has_object(checksum, size)
        for info in repository.snapshots()[3:]:
            with repository.lock_exclusive():
                repository.remove(info)

    assert beside(world, take_and_forget) == []


@pytest.mark.soak
def test_a_million_files(sqlite_url: str, tmp_path: Path) -> None:
    """Twenty thousand runs and more: the plan is right, and memory stays below 200 MB."""
    with opened(sqlite_url) as database:
        world = make_world(database, tmp_path)
        cleaner = Cleaner(world)
        then = time.time() - 60 * 24 * 60 * 60
        # Asked for once: there are a million of them.
        store, locator_for, entry = world.store, live_files(world.settings).locators.locator_for, cleaner.entry("a/b")
        texts: list[str] = []
        for number in range(FILES // OF_A_RUN):
            directory = store / str(UUID(int=number, version=4))
            directory.mkdir()
            names = [f"f{at}-{number:016x}.json" for at in range(OF_A_RUN)]
            for name in names:
                with (directory / name).open("wb") as file:
                    os.utime(file.fileno(), (then, then))
            if number % 20:
                locators = {name: locator_for(f"{directory.name}/{name}") for name in names}
                texts.append(compact({name: {**entry, "locator": locator} for name, locator in locators.items()}))
            if len(texts) == 5000 or number == FILES // OF_A_RUN - 1:
                world.rows.add_all(texts)
                texts.clear()
        child = os.fork()
        if child == 0:
            os._exit(0 if _rehearse(world) else 1)
        _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    scale = 1 if os.uname().sysname == "Darwin" else 1024
    print(f"peak memory {usage.ru_maxrss * scale / 1e6:.0f} MB")  # noqa: T201 - a figure of `make soak`
    assert usage.ru_maxrss * scale < 200_000_000


def _rehearse(world: World) -> bool:
    """Make the plan in a process of its own; whether it is right."""
    cleaner = object.__new__(Cleaner)
    cleaner.world, cleaner.ahead = world, 2 * DAY
    counted = 0

    def count(_item: GcItem) -> None:
        nonlocal counted
        counted += 1

    request = GcRequest(limit=ALL)
    started = time.monotonic()
    report = operation.rehearse(Given(world.database, world.settings, request, count, clocks=cleaner.clocks))
    print(f"{report.summary.files_in_store:,} files in {time.monotonic() - started:.1f} s", flush=True)  # noqa: T201
    return counted == report.summary.removed == FILES // 20 and report.summary.held == FILES - FILES // 20
