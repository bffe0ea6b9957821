"""Values too large for the row: where each goes, what its file is like, and that it comes back exactly."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.database.conftest import opened
from tests.operations.world import LEGACY, World, make_world
from tests.support.rows import compact
from zenctx.errors import RefusedError, SettingsError
from zenctx.operations.db import bind_directory
from zenctx.store.durable import PendingFile

SHORT, TEXT, REPORT, ARCHIVE, LOG = "short", "text é", "report", "archive/../x", "log"
CONTEXT = {
    SHORT: "x" * 298,
    TEXT: "é" * 100_000 + "x" * 500_000,
    REPORT: {"rows": [{"id": number, "state": "shipped"} for number in range(50_000)]},
    ARCHIVE: [["a" * 30, 1.5]] * 80_000,
    LOG: "line " * 1_000_000,
}
CONTEXT_TEXT = compact(CONTEXT)
IN_THE_ROW, AS_JSON, FILE_INLINE, IN_A_FILE = "row", "json", "inline", "file"
EXPECTED = {
    "published": {SHORT: IN_THE_ROW, TEXT: IN_A_FILE, REPORT: IN_A_FILE, ARCHIVE: IN_A_FILE, LOG: IN_A_FILE},
    "all": {SHORT: IN_THE_ROW, TEXT: FILE_INLINE, REPORT: AS_JSON, ARCHIVE: IN_A_FILE, LOG: IN_A_FILE},
    "all, inline": {SHORT: IN_THE_ROW, TEXT: FILE_INLINE, REPORT: AS_JSON, ARCHIVE: FILE_INLINE, LOG: FILE_INLINE},
    "all, persistent": {SHORT: IN_THE_ROW, TEXT: IN_A_FILE, REPORT: AS_JSON, ARCHIVE: IN_A_FILE, LOG: IN_A_FILE},
}


def place_of(descriptor: dict[str, Any]) -> str:
    """Tell where a descriptor keeps its value; it holds nothing else."""
    assert list(descriptor.keys() - {"type", "locator", "mediaType", "size", "checksum", "inlineValue"}) == []
    has = (descriptor["type"], descriptor["locator"] is not None, descriptor["inlineValue"] is not None)
    return {
        ("MEMORY", False, True): IN_THE_ROW,
        ("JSON", False, True): AS_JSON,
        ("FILE", False, True): FILE_INLINE,
        ("FILE", True, False): IN_A_FILE,
    }[has]


def content_of(world: World, descriptor: dict[str, Any]) -> bytes:
    """Give the bytes of a value that is not in the row as it is."""
    if descriptor["locator"] is None:
        return base64.b64decode(str(descriptor["inlineValue"]), validate=True)
    file: Path = world.folder / str(descriptor["locator"])
    return file.read_bytes()


def as_stored(world: World, key: str) -> bytes:
    """Give the JSON text that a value had in its row; PostgreSQL puts blanks into it."""
    value = CONTEXT[key]
    return (compact(value) if world.rows.is_sqlite else json.dumps(value, ensure_ascii=False)).encode()


@pytest.mark.parametrize("reader", ["published", "all"])
def test_each_value_goes_where_its_size_says(world: World, reader: str) -> None:
    """By size and by what the engine reads: in the row, inline as base64, or in a file; all come back exactly."""
    check_places(world, reader)


@pytest.mark.parametrize("reader", ["all, inline", "all, persistent"])
def test_each_value_goes_where_the_strategy_says(sqlite_world: World, reader: str) -> None:
    """A FILE value can be kept inline or in a file whatever its size, where the engine reads both."""
    check_places(sqlite_world, reader)


def check_places(world: World, reader: str) -> None:
    """Migrate and go back, and look at everything that lies in between."""
    reads, _, strategy = reader.partition(", ")
    world.options = {"engine-reads": reads, "file-strategy": strategy or "hybrid"}
    run_id = world.rows.add(CONTEXT_TEXT)
    world.rows.remember()
    report = world.migrate().report
    descriptors = json.loads(world.rows.text(run_id) or b"")
    assert {key: place_of(descriptor) for key, descriptor in descriptors.items()} == EXPECTED[reader]
    assert descriptors.pop(SHORT)["size"] == 596
    for key, descriptor in descriptors.items():
        content = as_stored(world, key)
        assert content_of(world, descriptor) == content
        assert (descriptor["size"], descriptor["mediaType"]) == (len(content), "application/json")
        checksum = None if descriptor["type"] == "JSON" else f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert descriptor["checksum"] == checksum
    locators = [descriptor["locator"] for descriptor in descriptors.values() if descriptor["locator"]]
    assert report.summary.files == len(locators) == len(set(locators))
    assert sorted(world.folder / locator for locator in locators) == [world.store / name for name in world.files()]
    assert all(locator.isascii() and f"/{run_id}/" in locator for locator in locators)
    assert world.verify()[0].exit_code == 0
    assert world.migrate(LEGACY).report.exit_code == 0
    assert world.rows.changed() == []


def test_every_descriptor_has_a_file_of_its_own(world: World) -> None:
    """The engine deletes a value's file with the value: equal values, and values written again, share none."""
    world.options = {"memory-threshold-bytes": "100"}
    same = "x" * 200
    runs = [world.rows.add(compact({"a": same, "b": same})) for _ in range(2)]
    world.migrate()
    assert len(world.files()) == 4
    world.migrate(LEGACY)
    assert len(world.files()) == 4
    world.migrate()
    named = [descriptor["locator"] for run in runs for descriptor in json.loads(world.rows.text(run) or b"").values()]
    assert len(set(named)) == 4
    assert len(world.files()) == 8


def test_files_do_not_stay_in_the_memory_of_the_system(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a whole migration would drive out the pages of a database on the same host."""
    left: list[PendingFile] = []

    def leave(pending: PendingFile) -> None:
        left.append(pending)

    monkeypatch.setattr(PendingFile, "leave_memory", leave)
    sqlite_world.rows.add_all([compact({"a": "x" * 3_000_000, "b": "y" * 3_000_000})] * 2)
    outcome = sqlite_world.migrate()
    assert outcome.report.summary.files == len(left) == 4


def test_files_are_for_the_engine_to_read_and_for_nobody_to_change(sqlite_world: World) -> None:
    """They have the mode of the settings, in directories that the engine's group may clean up."""
    sqlite_world.options = {"memory-threshold-bytes": "100", "file-mode": "0440"}
    sqlite_world.rows.add(compact({"a": "x" * 200}))
    sqlite_world.migrate()
    file = sqlite_world.store / sqlite_world.files()[0]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o440, 0o770)


def test_checksums_can_be_left_out(sqlite_world: World) -> None:
    """With checksum-enabled = false a descriptor carries none, as the engine itself writes them."""
    sqlite_world.options = {"memory-threshold-bytes": "100", "checksum-enabled": "false"}
    run_id = sqlite_world.rows.add(compact({"a": "x" * 200}))
    sqlite_world.migrate()
    assert json.loads(sqlite_world.rows.text(run_id) or b"")["a"]["checksum"] is None
    assert sqlite_world.migrate(LEGACY).report.exit_code == 0


def test_the_engine_may_see_the_directory_elsewhere(sqlite_world: World) -> None:
    """Locators begin with locator-root, and are found again through it."""
    sqlite_world.options = {"memory-threshold-bytes": "100", "locator-root": "/srv/engine/files"}
    run_id = sqlite_world.rows.add(compact({"a": "x" * 200}))
    sqlite_world.rows.remember()
    sqlite_world.migrate()
    locator = json.loads(sqlite_world.rows.text(run_id) or b"")["a"]["locator"]
    assert Path(locator).parts[:4] == ("/", "srv", "engine", "files")
    assert sqlite_world.verify()[0].exit_code == 0
    assert sqlite_world.migrate(LEGACY).report.exit_code == 0
    assert sqlite_world.rows.changed() == []


def test_a_locator_that_the_engine_could_not_follow_stops_before_the_row(sqlite_world: World) -> None:
    """A directory whose name is not ASCII is a matter of settings, and no row names a file in it."""
    sqlite_world.options = {"memory-threshold-bytes": "100", "persistent-file-dir": "./Dateien/für alle"}
    sqlite_world.rows.add(compact({"a": "x" * 200}))
    sqlite_world.rows.remember()
    with pytest.raises(SettingsError, match="ASCII"):
        sqlite_world.migrate()
    assert sqlite_world.rows.changed() == []


def test_a_value_that_has_no_place_is_quarantined(sqlite_world: World) -> None:
    """With the strategy inline, what the engine could not read inline stays as it is, and is named with its size."""
    sqlite_world.options = {"engine-reads": "all", "file-strategy": "inline"}
    run_id = sqlite_world.rows.add(compact({"a": "x" * 15_000_001}))
    other = sqlite_world.rows.add('{"a":1}')
    sqlite_world.rows.remember()
    outcome = sqlite_world.migrate()
    assert outcome.actions == {run_id: "quarantine"}
    assert "15000003 bytes" in (outcome.reasons[run_id] or "")
    assert sqlite_world.rows.changed() == [other]
    assert outcome.report.exit_code == 3


def test_a_directory_with_the_files_of_another_database_is_refused(sqlite_world: World, tmp_path: Path) -> None:
    """Two databases in one directory would take each other's files for garbage; saying so on purpose is allowed."""
    sqlite_world.options = {"memory-threshold-bytes": "100"}
    sqlite_world.rows.add(compact({"a": "x" * 200}))
    assert sqlite_world.migrate().report.exit_code == 0
    with opened(f"sqlite:///{tmp_path / 'other.db'}") as database:
        other = make_world(database, tmp_path)
        other.options = sqlite_world.options
        other.rows.add(compact({"a": "small"}))
        other.rows.add(compact({"a": "y" * 200}))
        other.rows.remember()
        with pytest.raises(RefusedError, match="files of another database"):
            other.migrate(batch_rows=1)  # before anything was converted
        assert other.rows.changed() == []
        bind_directory(database, other.settings, replace=False)
        assert other.migrate().report.summary.files == 1
