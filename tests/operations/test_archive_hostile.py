"""Archives that zenctx would never write: each is refused, and nothing of it stays."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from tests.operations.test_archive import taken_in
from tests.operations.world import World
from tests.snapshots.samples import HEADER, RUN, a_file, local_repository
from zenctx.errors import DamagedFileError, RefusedError, StoreError, ZenctxError
from zenctx.operations import import_ as operation
from zenctx.snapshots.archive import ArchiveHeader, ArchiveWriter
from zenctx.snapshots.model import SnapshotHeader, SnapshotRun

Part = tuple[Literal["run", "manifest", "object"], bytes]
FILE = b"content"


def checksum(content: bytes) -> str:
    """Give the checksum of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(folder: Path, head: SnapshotHeader = HEADER, run: SnapshotRun | None = None) -> tuple[str, bytes]:
    """Give the name and the bytes of a manifest of one run with one file."""
    repository = local_repository(folder / "made")
    with repository.lock_shared(), repository.write(head) as writer:
        stored = writer.put_object(FILE)
        writer.add(run or replace(RUN, files=(a_file(stored.checksum, stored.size),)))
        info = writer.commit()
    with repository.open_manifest(info) as file:
        return info.name, file.read()


def archive(name: str, parts: list[Part], snapshot_id: str | None = None) -> bytes:
    """Write an archive of any parts."""
    found = next((content for kind, content in parts if kind == "manifest"), b"")
    header = ArchiveHeader(
        version="",
        created_at="",
        snapshot_id=snapshot_id or hashlib.sha256(found).hexdigest(),
        source_id="0" * 64,
        name=name,
        redacted=False,
    )
    sink = io.BytesIO()
    writer = ArchiveWriter(sink, header)
    for kind, content in parts:
        writer.add(kind, checksum(content), len(content), io.BytesIO(content))
    writer.finish()
    return sink.getvalue()


def refused(world: World, content: bytes, error: type[ZenctxError] = DamagedFileError) -> str:
    """Import an archive that must be refused; gives the sentence."""
    with pytest.raises(error) as caught:
        taken_in(world, content)
    assert not (world.folder / "elsewhere").exists()
    return caught.value.message


def test_a_made_up_archive_is_taken_when_it_is_right(sqlite_world: World) -> None:
    """So that what is refused below is refused for its reason."""
    name, content = manifest(sqlite_world.folder)
    report = taken_in(sqlite_world, archive(name, [("manifest", content), ("object", FILE)]))
    assert (report.summary.is_new, report.summary.objects) == (True, 1)


Wrong = Callable[[bytes], list[Part]]
WRONG: dict[str, tuple[Wrong, str]] = {
    "lacking": (lambda text: [("manifest", text)], "is not in it"),
    "other": (lambda text: [("manifest", text), ("object", b"other")], "does not need"),
    "more": (lambda text: [("manifest", text), ("object", FILE), ("object", b"more")], "does not need"),
    "twice": (lambda text: [("manifest", text), ("object", FILE), ("object", FILE)], "does not need"),
    "early": (lambda text: [("object", FILE), ("manifest", text)], "does not need"),
    "two": (lambda text: [("manifest", text), ("manifest", text)], "order"),
    "none": (lambda _text: [], "no manifest"),
    "run": (lambda text: [("run", FILE), ("manifest", text), ("object", FILE)], "by itself"),
    "long": (lambda text: [("run", bytes(5_000_000)), ("manifest", text), ("object", FILE)], "does not need"),
    "garbage": (lambda _text: [("manifest", b"garbage" * 100)], "damaged"),
    "empty": (lambda _text: [("manifest", b"")], "damaged"),
    "cut": (lambda text: [("manifest", text[:-20]), ("object", FILE)], "damaged"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_parts_that_do_not_fit_together_are_refused(sqlite_world: World, wrong: str) -> None:
    """More, less, or in another order; and what is no manifest."""
    name, content = manifest(sqlite_world.folder)
    make, words = WRONG[wrong]
    assert words in refused(sqlite_world, archive(name, make(content)))


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "snapshots/../../x.zst", "", "objects/ab", "\x1b[31m"])
def test_names_that_lead_elsewhere_are_refused(sqlite_world: World, name: str) -> None:
    """The name of a manifest says its time and id, and nothing else."""
    _, content = manifest(sqlite_world.folder)
    message = refused(sqlite_world, archive(name, [("manifest", content), ("object", FILE)]))
    assert message.isprintable()
    assert not (sqlite_world.folder.parent / "x").exists()


def test_a_name_of_another_time_or_id_is_refused(sqlite_world: World) -> None:
    """It would stand in another place of the list."""
    name, content = manifest(sqlite_world.folder)
    parts: list[Part] = [("manifest", content), ("object", FILE)]
    refused(sqlite_world, archive(name.replace("T12", "T13"), parts))
    refused(sqlite_world, archive(name, parts, snapshot_id="0" * 64))
    other = name.replace(name[-68:-4], "0" * 64)
    refused(sqlite_world, archive(other, parts))


def test_a_snapshot_from_the_future_is_refused(sqlite_world: World) -> None:
    """It would be the latest one for ever."""
    head = replace(HEADER, created_at=datetime.now(UTC) + timedelta(days=2))
    name, content = manifest(sqlite_world.folder, head)
    parts: list[Part] = [("manifest", content), ("object", FILE)]
    assert "dated in the future" in refused(sqlite_world, archive(name, parts), RefusedError)


def test_sizes_that_no_device_has_are_refused(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the manifest says them, one or all together."""
    files = tuple(a_file(f"sha256:{number:064x}", 2**60, str(number)) for number in range(4))
    repository = local_repository(sqlite_world.folder / "made")
    writer_run = replace(RUN, files=files)
    with repository.lock_shared(), repository.write(HEADER) as writer:
        monkeypatch.setattr(writer, "_require", lambda _checksum, _size: None)
        writer.add(writer_run)
        info = writer.commit()
    with repository.open_manifest(info) as file:
        content = file.read()
    refused(sqlite_world, archive(info.name, [("manifest", content)]), StoreError)


def test_an_archive_that_becomes_another_one_is_refused(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two readings: a manifest never names what is not there."""
    name, content = manifest(sqlite_world.folder)
    monkeypatch.setattr(operation._Work, "store_objects", lambda _self, _repository, _checked: (0, 0))
    with pytest.raises(DamagedFileError, match="changed while it was read"):
        taken_in(sqlite_world, archive(name, [("manifest", content), ("object", FILE)]))
    assert not list((sqlite_world.folder / "elsewhere").glob("snapshots/*"))
