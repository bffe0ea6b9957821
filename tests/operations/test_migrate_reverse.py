"""The way back: files that are damaged, gone, elsewhere or no JSON; nothing is opened that must not be."""

import base64
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.operations.world import DESCRIPTORS, LEGACY, World
from tests.support.rows import compact
from zenctx.context.canonical import canonical
from zenctx.context.convert import BytesAs
from zenctx.errors import RefusedError

FILES = {"memory-threshold-bytes": "100"}
FILE = {"type": "FILE", "mediaType": None, "checksum": None, "inlineValue": None}
RAW = b"\x00\xff not JSON"


def converted(world: World) -> tuple[str, Path, dict[str, Any]]:
    """Migrate a run with one value in a file; give the run, the file and the descriptor."""
    world.options = FILES
    run_id = world.rows.add(compact({"a": "x" * 200}))
    world.migrate()
    descriptor = json.loads(world.rows.text(run_id) or b"")["a"]
    return run_id, world.folder / descriptor["locator"], descriptor


def write_anew(file: Path, content: bytes) -> None:
    """Put another content in the place of a file, which nobody may write."""
    file.unlink()
    file.write_bytes(content)


def test_a_missing_file_leaves_its_row(world: World) -> None:
    """The row is quarantined with the name of the file, unchanged; the others go back."""
    run_id, file, _ = converted(world)
    other = world.rows.add('{"b":1}')
    world.migrate()
    file.rename(world.folder / "kept")
    world.rows.remember()
    outcome = world.migrate(LEGACY)
    assert outcome.actions == {run_id: "quarantine"}
    assert file.name in (outcome.reasons[run_id] or "")
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (3, 1)
    assert world.rows.changed() == [other]
    (world.folder / "kept").rename(file)
    assert world.migrate(LEGACY, retry_quarantined=True).report.exit_code == 0
    assert (world.rows.text(run_id) or b"").replace(b" ", b"") == compact({"a": "x" * 200}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'"' + b"y" * 200 + b'"', "checksum"),
        (b'"x"', "3 bytes"),
        (b"", "0 bytes"),
        (b'"' + b"x" * 201 + b'"', "203 bytes"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_not_read_back(world: World, content: bytes, reason: str) -> None:
    """Altered, cut short, emptied or grown: its size and checksum tell, and the row stays."""
    run_id, file, _ = converted(world)
    write_anew(file, content)
    world.rows.remember()
    outcome = world.migrate(LEGACY)
    assert outcome.actions == {run_id: "quarantine"}
    assert reason in (outcome.reasons[run_id] or "")
    assert world.rows.changed() == []


@pytest.mark.parametrize(
    "locator",
    [
        "/etc/passwd",
        "../../x",
        "./data/context-files/../../../etc/passwd",
        "~/x",
        "",
        "./data/context-files/persistent",
        "./data/context-files/persistent/.zenctx-store.json",
        "./data/context-files/\x1b[31m",
        "file:///etc/passwd",
    ],
)
def test_a_locator_out_of_the_directories_is_refused(
    world: World, locator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the row is said to be descriptors: it is named, the row stays, and nothing is opened."""
    run_id, _, descriptor = converted(world)
    world.rows.replace(run_id, compact({"a": {**descriptor, "locator": locator}}))
    world.rows.remember()
    opened: list[object] = []
    real = os.open

    def watched(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", watched)
    assert world.migrate(LEGACY).actions == {run_id: "leave"}
    outcome = world.migrate(LEGACY, assume=DESCRIPTORS, runs=(run_id,))
    assert outcome.actions == {run_id: "quarantine"}
    assert world.rows.changed() == []
    assert not [path for path in opened if "passwd" in str(path) or str(path) in {"x", "persistent"}]


@pytest.mark.parametrize("at", ["file", "directory"])
def test_a_symbolic_link_is_not_followed(world: World, at: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither for the file nor for the directory above it, whatever lies behind."""
    run_id, file, _ = converted(world)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    moved = file if at == "file" else file.parent
    moved.rename(elsewhere / "moved")
    moved.symlink_to(elsewhere / "moved")
    world.rows.remember()
    outcome = world.migrate(LEGACY)
    assert outcome.actions == {run_id: "quarantine"}
    assert "link" in (outcome.reasons[run_id] or "")
    assert world.rows.changed() == []


def test_a_pipe_is_not_waited_for(sqlite_world: World) -> None:
    """What is no regular file is not read."""
    run_id, file, _ = converted(sqlite_world)
    file.unlink()
    os.mkfifo(file)
    worker = threading.Thread(target=sqlite_world.migrate, args=(LEGACY,))
    worker.start()
    worker.join(10)
    assert not worker.is_alive()
    assert [item.run_id for item in sqlite_world.quarantined()] == [run_id]


@pytest.mark.parametrize("inline", [False, True])
def test_bytes_that_are_no_json_need_a_decision(world: World, inline: bool) -> None:
    """They are quarantined with the option that takes them as base64 text, which then does so by itself."""
    run_id, _, _ = converted(world)
    raw = world.store / run_id / "raw.bin"
    raw.write_bytes(RAW)
    locator = f"./data/context-files/persistent/{run_id}/raw.bin"
    encoded = base64.b64encode(RAW).decode()
    place: dict[str, str | int | None] = {"locator": None, "inlineValue": encoded} if inline else {"locator": locator}
    world.rows.replace(run_id, compact({"raw": FILE | {"size": len(RAW)} | place}))
    world.rows.remember()
    outcome = world.migrate(LEGACY)
    assert outcome.actions == {run_id: "quarantine"}
    assert "not JSON" in (outcome.reasons[run_id] or "")
    assert world.rows.changed() == []
    decided = world.migrate(LEGACY, bytes_as=BytesAs.BASE64)
    assert (decided.report.exit_code, decided.report.summary.converted) == (0, 1)
    assert canonical(world.rows.text(run_id) or b"") == compact({"raw": encoded}).encode()
    assert world.quarantined() == []


def test_a_file_that_holds_json_by_chance_reads_as_the_engine_reads_it(world: World) -> None:
    """A text file with digits in it is a number; blanks around it are not part of the value."""
    run_id, _, _ = converted(world)
    (world.store / run_id / "number.txt").write_bytes(b" 12.50\n")
    locator = f"./data/context-files/persistent/{run_id}/number.txt"
    world.rows.replace(run_id, compact({"n": FILE | {"size": -1, "mediaType": "text/plain", "locator": locator}}))
    assert world.migrate(LEGACY).report.exit_code == 0
    assert (world.rows.text(run_id) or b"").replace(b" ", b"") == b'{"n":12.50}'


def test_an_engine_s_own_spellings_go_back_too(world: World) -> None:
    """A null instead of a descriptor, JSON inline, a bare checksum in capitals."""
    run_id, _, _ = converted(world)
    document = b'{"b":[1.10,null]}'
    inline = {"type": "JSON", "locator": None, "mediaType": "application/json", "size": 17, "checksum": None}
    context = {
        "gone": None,
        "json": inline | {"inlineValue": base64.b64encode(document).decode()},
        "memory": {**inline, "type": "MEMORY", "inlineValue": {"c": None}},
    }
    world.rows.replace(run_id, compact(context))
    assert world.migrate(LEGACY).report.exit_code == 0
    expected = b'{"gone":null,"json":{"b":[1.10,null]},"memory":{"c":null}}'
    assert canonical(world.rows.text(run_id) or b"") == canonical(expected)


@pytest.mark.parametrize("how", ["emptied", "another store", "moved away"])
def test_a_directory_that_is_not_the_bound_one_is_refused(world: World, how: str) -> None:
    """A volume that is not mounted looks like an empty directory: no row is quarantined for that."""
    converted(world)
    world.rows.remember()
    world.store.rename(world.folder / "elsewhere")
    if how == "emptied":
        world.store.mkdir()
    elif how == "another store":
        world.store.mkdir()
        identity = '{"format": 1, "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}'
        (world.store / ".zenctx-store.json").write_text(identity)
    with pytest.raises(RefusedError, match="bound to the store") as caught:
        world.migrate(LEGACY)
    assert "mounted" in (caught.value.hint or "")
    assert (world.rows.changed(), world.quarantined()) == ([], [])


def test_a_value_past_the_size_of_a_row_is_not_read(sqlite_world: World) -> None:
    """A file that could not be a value in a database is quarantined after its limit, not read to its end."""
    run_id, file, descriptor = converted(sqlite_world)
    size = 300 * 1024 * 1024
    write_anew(file, b"")
    os.truncate(file, size)
    sqlite_world.rows.replace(run_id, compact({"a": {**descriptor, "size": size, "checksum": None}}))
    sqlite_world.rows.remember()
    outcome = sqlite_world.migrate(LEGACY)
    assert "more than 268,435,455 bytes" in (outcome.reasons[run_id] or "")
    assert sqlite_world.rows.changed() == []


def test_what_postgresql_does_not_take_back_stays(postgres_world: World) -> None:
    """A file of an engine may hold what jsonb cannot, such as a NUL: the row is quarantined without the value."""
    run_id, _, _ = converted(postgres_world)
    (postgres_world.store / run_id / "nul.json").write_bytes(b'"secret\\u0000"')
    locator = f"./data/context-files/persistent/{run_id}/nul.json"
    postgres_world.rows.replace(run_id, compact({"n": FILE | {"size": 14, "locator": locator}}))
    postgres_world.rows.remember()
    outcome = postgres_world.migrate(LEGACY)
    assert outcome.actions == {run_id: "quarantine"}
    assert "\\u0000" in (outcome.reasons[run_id] or "")
    assert "secret" not in str(outcome)
    assert postgres_world.rows.changed() == []
