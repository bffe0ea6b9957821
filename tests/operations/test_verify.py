"""Reading everything back: each kind of finding, how bad it is, and how much of the files is read."""

import json
import os
from collections.abc import Iterable
from typing import Any

import pytest

from tests.operations.world import World
from tests.support.rows import compact
from zenctx.database.rows import Selection
from zenctx.errors import DamagedFileError, NotFoundError
from zenctx.operations import verify as operation
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.verification import rows
from zenctx.operations.verify import FindingItem, VerifyReport

FILES = {"memory-threshold-bytes": "50"}


def fill(world: World, count: int = 3) -> list[str]:
    """Migrate runs with one file each; give them in the order of their files."""
    world.options = dict(FILES)
    ids = world.rows.add_all(compact({"f": chr(ord("a") + number) * 60, "m": 1}) for number in range(count))
    world.migrate()
    return sorted(ids)


def kinds(found: tuple[VerifyReport, list[FindingItem]]) -> list[tuple[str, str]]:
    """Give severity and kind of each finding, after comparing them with the counts."""
    report, items = found
    severities = [item.severity for item in items]
    summary = report.summary
    counted = [severities.count(severity) for severity in ("error", "warning", "notice")]
    assert counted == [summary.errors, summary.warnings, summary.notices]
    assert report.exit_code == (4 if summary.errors or summary.warnings else 0)
    assert all(item.reason for item in items)
    return [(item.severity, item.kind) for item in items]


def change(world: World, run_id: str, **properties: Any) -> None:
    """Change properties of the descriptor of a run's file."""
    context = json.loads(world.rows.text(run_id) or b"")
    world.rows.replace(run_id, compact({**context, "f": context["f"] | properties}))


def write_anew(world: World, name: str, content: bytes) -> None:
    """Put another content in the place of a file."""
    (world.store / name).unlink()
    (world.store / name).write_bytes(content)


def test_all_is_well(world: World) -> None:
    """Every run, entry and file is counted, every byte read."""
    fill(world)
    world.rows.add('{"plain":1}')
    world.rows.add(None)
    found = world.verify()
    assert kinds(found) == []
    summary = found[0].summary
    assert (summary.runs, summary.entries, summary.files, summary.bytes) == (5, 7, 3, 3 * 62)
    assert (summary.files_in_store, summary.unreferenced) == (3, 0)


def test_an_empty_database_is_well(world: World) -> None:
    """Without runs and without a directory there is nothing to find, and none is made."""
    assert kinds(world.verify()) == []
    assert not world.store.exists()


@pytest.mark.parametrize("damage", ["missing", "altered", "short", "link", "pipe", "directory"])
def test_a_damaged_file_is_an_error(world: World, damage: str) -> None:
    """Whatever happened to it: the run, the key and the path are named."""
    ids = fill(world)
    name = world.files()[0]
    file = world.store / name
    file.rename(world.folder / "kept")
    if damage in ("altered", "short"):
        file.write_bytes(b"z" * (62 if damage == "altered" else 3))
    elif damage == "link":
        file.symlink_to(world.folder / "kept")
    elif damage == "pipe":
        os.mkfifo(file)
    elif damage == "directory":
        file.mkdir()
    found = world.verify()
    called = {"link": "refused", "altered": "damaged", "short": "damaged"}.get(damage, "missing")
    assert [kind for kind in kinds(found) if kind[0] == "error"] == [("error", called)]
    item = next(item for item in found[1] if item.severity == "error")
    assert (item.run_id, item.key, item.path) == (name.split("/")[0], "f", str(file))
    assert item.run_id in ids


@pytest.mark.parametrize("locator", ["/etc/passwd", "../../x", "./data/context-files/../../x"])
def test_a_locator_elsewhere_is_refused(world: World, locator: str) -> None:
    """It is named as such, and the row as ambiguous; nothing is opened."""
    ids = fill(world, 1)
    change(world, ids[0], locator=locator)
    found = world.verify()
    assert kinds(found) == [("warning", "ambiguous"), ("error", "refused"), ("notice", "unreferenced")]
    assert found[1][1].path is None


def test_a_file_that_two_descriptors_name_is_an_error(world: World) -> None:
    """The engine deletes it with the first: in one run or in two, also when only they are looked at."""
    first, second, third = fill(world)
    locator = json.loads(world.rows.text(first) or b"")["f"]["locator"]
    change(world, second, locator=locator, checksum=None)
    found = world.verify()
    assert kinds(found) == [("error", "shared"), ("notice", "unreferenced")]
    assert {item.run_id for item in found[1] if item.kind == "shared"} <= {first, second}
    assert kinds(world.verify(runs=(first, second))) == [("error", "shared")]
    assert kinds(world.verify(runs=(first, third))) == []


def test_temporary_files_can_be_shared_in_error_too(world: World) -> None:
    """A file of the same name in the other directory is another one."""
    first, second, third = fill(world)
    (world.store.parent / "t").write_bytes(b"1")
    (world.store / "t").write_bytes(b"1")
    for run_id, directory in ((first, ""), (second, ""), (third, "persistent/")):
        change(world, run_id, locator=f"./data/context-files/{directory}t", checksum=None, size=1)
    errors = [kind for kind in kinds(world.verify()) if kind[0] == "error"]
    assert errors == [("error", "shared")]


def test_what_nobody_names_is_a_notice(world: World) -> None:
    """Unreferenced files, left-over temporaries and strangers are told, and gc's business: the exit code is 0."""
    ids = fill(world)
    world.rows.replace(ids[0], None)
    (world.store / ids[1] / "zenctx-tmp-0123").write_bytes(b"x")
    (world.store / "link").symlink_to("/etc")
    found = world.verify()
    assert sorted(kinds(found)) == [("notice", "temporary"), ("notice", "unknown"), ("notice", "unreferenced")]
    assert found[0].exit_code == 0
    (item,) = (item for item in found[1] if item.kind == "unreferenced")
    assert (item.path, item.bytes) == (str(world.store / next(n for n in world.files() if n.startswith(ids[0]))), 62)


def test_contexts_that_need_a_decision(sqlite_world: World) -> None:
    """Mixed and ambiguous ones are warnings, an invalid one is an error; each says what to do."""
    add = sqlite_world.rows.add
    exact = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 42}
    add(compact({"a": exact, "b": 1}))
    add('{"a":{"type":"MEMORY","inlineValue":1}}')
    add(compact({"a": {**exact, "type": "JSON", "inlineValue": "no base64"}}))
    add("[1]")
    found = sqlite_world.verify()
    assert kinds(found) == [
        ("warning", "mixed"),
        ("warning", "ambiguous"),
        ("warning", "ambiguous"),
        ("error", "invalid"),
    ]
    assert all(item.hint for item in found[1])


@pytest.mark.parametrize("marker", ["missing", "another", "garbage"])
def test_a_directory_that_is_not_the_bound_store_is_an_error(world: World, marker: str) -> None:
    """A volume that is not mounted, or another one: told before anything else."""
    fill(world)
    file = world.store / ".zenctx-store.json"
    file.unlink()
    if marker == "another":
        file.write_text('{"format": 1, "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}')
    elif marker == "garbage":
        file.write_text("garbage")
    assert kinds(world.verify()) == [("error", "store")]


def test_a_store_that_is_gone_is_an_error(world: World) -> None:
    """The whole directory, with every file in it."""
    fill(world)
    world.store.rename(world.folder / "elsewhere")
    found = kinds(world.verify())
    assert found[0] == ("error", "store")
    assert len(found) == 4


def test_quick_compares_sizes_only(world: World) -> None:
    """It reads no content: an altered file passes, one of another size does not."""
    fill(world)
    first, second, _ = world.files()
    write_anew(world, first, b"z" * 62)
    assert kinds(world.verify(quick=True)) == []
    assert world.verify(quick=True)[0].summary.bytes == 0
    write_anew(world, second, b"z")
    assert kinds(world.verify(quick=True)) == [("error", "damaged")]
    assert len(kinds(world.verify())) == 2


def test_subsets_read_every_file_once(world: World) -> None:
    """Each part reads its own files, the same every time; together they read all of them."""
    fill(world, 12)
    parts = [world.verify(subset=(part, 3))[0].summary.bytes for part in (1, 2, 3)]
    assert sum(parts) == 12 * 62
    assert max(parts) < 12 * 62
    assert parts == [world.verify(subset=(part, 3))[0].summary.bytes for part in (1, 2, 3)]
    for name in world.files():
        write_anew(world, name, b"z" * 62)
    assert sum(len(kinds(world.verify(subset=(part, 3)))) for part in (1, 2, 3)) == 12


def test_a_run_by_itself_is_verified_without_the_store(world: World) -> None:
    """Files of other runs are neither read nor missed; an unknown run is not found."""
    first, second, _ = fill(world)
    damaged = next(name for name in world.files() if name.startswith(second))
    write_anew(world, damaged, b"z")
    assert kinds(world.verify(runs=(first,))) == []
    assert kinds(world.verify(runs=(first, second))) == [("error", "damaged")]
    with pytest.raises(NotFoundError):
        world.verify(runs=("7f2504e0-4f89-41d3-9a0c-0305e82c3301",))


def test_nothing_is_changed(world: World) -> None:
    """Neither rows nor files nor records, whatever is found."""
    ids = fill(world)
    change(world, ids[0], locator="/etc/passwd")
    world.rows.remember()
    records = world.rows.fetch("select count(*) from zenctx_operation")
    before = sorted((path, path.lstat().st_mtime_ns) for path in world.store.rglob("*"))
    world.verify()
    assert world.rows.changed() == []
    assert world.rows.fetch("select count(*) from zenctx_operation") == records
    assert sorted((path, path.lstat().st_mtime_ns) for path in world.store.rglob("*")) == before


def test_a_value_that_an_engine_releases_meanwhile_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file goes with the change of its row: that is told as a change, not as a loss."""
    (run_id,) = fill(world, 1)
    real = LiveFiles.open

    def released(self: LiveFiles, descriptor: Any) -> Any:
        world.rows.replace(run_id, '{"m":1}')
        (world.store / world.files()[0]).unlink()
        return real(self, descriptor)

    monkeypatch.setattr(LiveFiles, "open", released)
    assert kinds(world.verify()) == [("notice", "changed")]


def test_a_run_that_is_deleted_meanwhile_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one whose row is gone with its files."""
    fill(world, 1)

    def gone(_descriptor: Any, _size: int, _checksum: str | None) -> None:
        world.rows.execute("delete from workflow_runs")
        raise DamagedFileError("the file is gone")

    monkeypatch.setattr(rows, "check_content", gone)
    assert kinds(world.verify()) == [("notice", "changed")]


def test_progress_is_told(sqlite_world: World) -> None:
    """Rows and the bytes of files, in steps."""
    fill(sqlite_world)
    told: list[tuple[int, int]] = []

    class Listener:
        def start(self, total: int | None, unit: str) -> None:
            assert (total, unit) == (3, "rows")

        def advance(self, n: int, bytes_: int = 0) -> None:
            told.append((n, bytes_))

        def note(self, text: str, **_facts: object) -> None:
            pass

        def finish(self) -> None:
            pass

    request = operation.VerifyRequest(Selection())
    operation.verify(sqlite_world.database, sqlite_world.settings, request, ignore, Listener())
    assert told == [(3, 3 * 62)]


def ignore(_item: FindingItem | Iterable[FindingItem]) -> None:
    """Findings of no interest."""
