"""Export and import: what goes out comes back, byte for byte, and nothing of what is refused stays."""

import io
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.operations.taking import add_run, check_repository, contents, latest, repository, settle, take, tree
from tests.operations.test_verify_repository import of_snapshots
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.errors import (
    DamagedFileError,
    NotFoundError,
    RefusedError,
    SettingsError,
    StoreError,
    UsageError,
    ZenctxError,
)
from zenctx.operations import import_ as importing
from zenctx.operations.archiving.crypto import Keys
from zenctx.operations.archiving.report import ExportReport, ImportReport
from zenctx.operations.export import ExportRequest, export
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.zstd import ZstdCompressor

FILES = {"small": b"small", "same": b"small", "empty": b"", "large": bytes(range(256)) * 8192}
LONG = "x" * 5_000_000


class Memory(io.BytesIO):
    """An archive in memory."""


def exported(world: World, reference: str = "latest", **asked: Any) -> tuple[ExportReport, bytes]:
    """Export a snapshot; give the report and the archive."""
    sink = Memory()
    report = export(world.settings, ExportRequest(reference, **asked), sink, "an archive")
    assert report.summary.archive_bytes == len(sink.getvalue())
    return report, sink.getvalue()


def taken_in(world: World, archive: bytes, place: str = "elsewhere", **keys: Any) -> ImportReport:
    """Import an archive into a repository of its own, which the world's settings name from now on."""
    world.options = {**world.options, "snapshots": str(world.folder / place)}
    request = importing.ImportRequest("an archive", Keys(**keys))
    return importing.import_archive(world.settings, request, Memory(archive), world.database)


def fill(world: World) -> SnapshotInfo:
    """Take a snapshot of a run with files, one with a long line, and one that is odd."""
    add_run(world, FILES)
    add_run(world, {"small": b"small"})
    world.rows.add(compact({"long": LONG}))
    world.rows.add('{"number": 1.10, "big": 1e400}')
    take(world)
    return latest(world)


def test_what_goes_out_comes_back(world: World) -> None:
    """The same id, the same runs, every object; each object is in the archive once."""
    info = fill(world)
    runs = contents(world)
    report, archive = exported(world)
    assert (report.summary.snapshot_id, report.summary.source_id) == (info.snapshot_id, info.snapshot_id)
    assert report.summary.objects == 4
    back = taken_in(world, archive)
    assert (back.summary.snapshot_id, back.summary.is_new, back.summary.new_objects) == (info.snapshot_id, True, 4)
    assert latest(world) == info
    assert contents(world) == runs
    check_repository(world)
    assert of_snapshots(world, "latest")[1] == []


def test_importing_twice_is_harmless(sqlite_world: World) -> None:
    """The second time nothing is new; an object that was lost meanwhile is back."""
    fill(sqlite_world)
    _, archive = exported(sqlite_world)
    taken_in(sqlite_world, archive)
    before = list(tree(sqlite_world.folder / "elsewhere"))
    again = taken_in(sqlite_world, archive)
    assert (again.summary.is_new, again.summary.new_objects) == (False, 0)
    assert list(tree(sqlite_world.folder / "elsewhere")) == before
    next((sqlite_world.folder / "elsewhere" / "objects").glob("*/*")).unlink()
    assert taken_in(sqlite_world, archive).summary.new_objects == 1
    check_repository(sqlite_world)


def test_an_import_is_recorded(world: World) -> None:
    """In the journal, like everything that changes something."""
    fill(world)
    report = taken_in(world, exported(world)[1])
    found = world.rows.fetch("select command, outcome from zenctx_operation where command = 'import'")
    assert [tuple(row) for row in found] == [("import", "done")]
    assert report.summary.recorded.startswith("recorded as ")


def test_some_runs_are_a_snapshot_of_their_own(sqlite_world: World) -> None:
    """With another id; an unknown run is not found."""
    info = fill(sqlite_world)
    run_id = next(run.run_id for run in contents(sqlite_world).values() if len(run.files) == 1)
    run = contents(sqlite_world)[run_id]
    report, archive = exported(sqlite_world, run_ids=(run_id.upper(),))
    assert report.summary.snapshot_id != info.snapshot_id == report.summary.source_id
    taken_in(sqlite_world, archive)
    assert contents(sqlite_world) == {run_id: run}
    assert latest(sqlite_world).header.selection == "all runs; of it 1 named run"
    with pytest.raises(NotFoundError):
        exported(sqlite_world, run_ids=("7f2504e0-4f89-41d3-9a0c-0305e82c3301",))


def test_what_an_archive_says_of_live_files_is_not_believed(sqlite_world: World) -> None:
    """A snapshot that came in an archive spares no reading: another could have written it."""
    add_run(sqlite_world, {"small": b"small"})
    settle()
    take(sqlite_world)
    _, archive = exported(sqlite_world)
    assert take(sqlite_world).files == [("small", "unchanged")]
    taken_in(sqlite_world, archive)
    assert take(sqlite_world).files == [("small", "copy")]
    assert take(sqlite_world).files == [("small", "unchanged")]
    found = repository(sqlite_world)
    assert len(found.store.names("imported/")) == 1
    with found.lock_exclusive():
        found.remove(found.snapshots()[-1])
    assert found.store.names("imported/") == []


def test_an_object_that_is_altered_is_not_given_away(sqlite_world: World) -> None:
    """Nor a manifest that is."""
    info = fill(sqlite_world)
    root = Path(repository(sqlite_world).location)
    for path in (next(path for path in root.glob("objects/*/*") if path.read_bytes() == b"small"), root / info.name):
        content = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DamagedFileError):
            exported(sqlite_world)
        path.write_bytes(content)
    exported(sqlite_world)


def test_an_archive_that_is_cut_off_anywhere_leaves_nothing(sqlite_world: World) -> None:
    """Neither a snapshot nor an object, nor a repository that was not there."""
    add_run(sqlite_world, {"small": b"small", "other": b"other" * 1000})
    take(sqlite_world)
    _, archive = exported(sqlite_world)
    for end in (*range(0, len(archive), max(len(archive) // 60, 1)), len(archive) - 1):
        with pytest.raises(ZenctxError):
            taken_in(sqlite_world, archive[:end])
        assert not (sqlite_world.folder / "elsewhere").exists()


def test_a_flipped_bit_anywhere_leaves_nothing(sqlite_world: World) -> None:
    """Each is found; what came after the end, too."""
    add_run(sqlite_world, {"small": b"small"})
    take(sqlite_world)
    _, archive = exported(sqlite_world)
    sqlite_world.options["snapshots"] = str(sqlite_world.folder / "elsewhere")
    settings, request = sqlite_world.settings, importing.ImportRequest("an archive")
    for place in range(0, len(archive), 3):
        flipped = bytearray(archive)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(ZenctxError):
            importing.import_archive(settings, request, Memory(bytes(flipped)))
    for more in (b"x", archive):
        with pytest.raises(DamagedFileError):
            taken_in(sqlite_world, archive + more)
    assert not (sqlite_world.folder / "elsewhere").exists()


def test_a_dry_run_checks_all_and_stores_nothing(sqlite_world: World) -> None:
    """It says whether the repository has the snapshot."""
    fill(sqlite_world)
    _, archive = exported(sqlite_world)
    before = list(tree(sqlite_world.folder))
    request = importing.ImportRequest("an archive")
    report = importing.rehearse(sqlite_world.settings, request, Memory(archive))
    assert (report.dry_run, report.summary.is_new, report.summary.objects) == (True, False, 4)
    sqlite_world.options["snapshots"] = str(sqlite_world.folder / "elsewhere")
    assert importing.rehearse(sqlite_world.settings, request, Memory(archive)).summary.is_new
    assert list(tree(sqlite_world.folder)) == before


def test_what_the_device_has_no_room_for_is_refused(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written, by what the manifest says."""
    fill(sqlite_world)
    _, archive = exported(sqlite_world)
    monkeypatch.setattr("zenctx.snapshots.staged._RESERVE", 2**62)
    with pytest.raises(StoreError, match="no room"):
        taken_in(sqlite_world, archive)
    assert not (sqlite_world.folder / "elsewhere").exists()


def test_an_archive_of_a_newer_zenctx_is_refused(sqlite_world: World) -> None:
    """With a sentence that says so."""
    fill(sqlite_world)
    frame = ZstdCompressor()
    future = frame.compress(b'{"zenctx":"archive","format":2}\n') + frame.flush()
    with pytest.raises(RefusedError, match="format 2"):
        taken_in(sqlite_world, future)


CHEAPLY_SEALED = (
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBzS0pZVEhsbldQNzlaNkswTWxhb0VBIDEKTll6VFMrbXVnWXpnSlhYRjJVZitkdGozWGRaMXp4"
    "WE9mTWR1T2RHaGVBQQotLS0gMGREUTVsdzYxdjA3MjQ4VVBkUDFNOG5SYXFkRmZTVmhRN25EV2o2eml6OApDIQMCa1mqiLP9cZu3pLCM6ungwcl4/TXA"
    "AjOx+f8g3ls38ohpkNq6bTs="
)
"""No archive, but encrypted by the passphrase `correct horse` with so little work that it can be tried often."""


@pytest.mark.parametrize("way", ["key", "passphrase"])
def test_an_encrypted_archive_comes_back_with_its_key_alone(sqlite_world: World, way: str) -> None:
    """Not without one, not with another, and nothing of it is readable or stays."""
    pyrage = pytest.importorskip("pyrage")
    info = fill(sqlite_world)
    identity, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    key, wrong = sqlite_world.folder / "key", sqlite_world.folder / "wrong"
    key.write_text(f"# a key\n{identity}\n" if way == "key" else "correct horse\n")
    wrong.write_text(f"{other}\n" if way == "key" else "battery staple\n")
    out = {"recipients": (str(identity.to_public()),)} if way == "key" else {"passphrase_file": str(key)}
    report, archive = exported(sqlite_world, keys=Keys(**out))
    assert report.summary.encrypted == ("age key" if way == "key" else "passphrase")
    assert archive.startswith(b"age-encryption.org/")

    def opened(path: Path) -> dict[str, Any]:
        return {"identities": (str(path),)} if way == "key" else {"passphrase_file": str(path)}

    with pytest.raises(RefusedError, match="is encrypted"):
        taken_in(sqlite_world, archive)
    sealed = archive if way == "key" else b64decode(CHEAPLY_SEALED)
    flipped = sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:]
    for content, path in ((sealed, wrong), (flipped, key), (sealed[:-1], key), (sealed[:-40], key)):
        with pytest.raises(DamagedFileError, match="cannot be decrypted"):
            taken_in(sqlite_world, content, **opened(path))
    if way == "passphrase":  # which opens it: so it was for its bytes that the others were refused
        with pytest.raises(DamagedFileError, match="no archive"):
            taken_in(sqlite_world, sealed, **opened(key))
    assert not (sqlite_world.folder / "elsewhere").exists()
    assert taken_in(sqlite_world, archive, **opened(key)).summary.snapshot_id == info.snapshot_id
    check_repository(sqlite_world)


def test_keys_that_are_none_are_refused_before_anything_is_read(sqlite_world: World) -> None:
    """A secret key in place of a public one is not repeated."""
    pyrage = pytest.importorskip("pyrage")
    secret = str(pyrage.x25519.Identity.generate())
    for recipient in ("age1nothing", secret):
        with pytest.raises(UsageError) as caught:
            exported(sqlite_world, keys=Keys(recipients=(recipient,)))
        assert secret not in caught.value.message
    (sqlite_world.folder / "empty").write_text("\n")
    empty = str(sqlite_world.folder / "empty")
    for keys in (Keys(identities=(empty,)), Keys(passphrase_file=empty)):
        with pytest.raises(UsageError):
            importing.rehearse(sqlite_world.settings, importing.ImportRequest("an archive", keys), Memory(b""))
    with pytest.raises(NotFoundError):
        exported(sqlite_world, keys=Keys(passphrase_file="nowhere"))


def test_without_the_extra_it_says_what_to_install(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only encryption needs it."""
    fill(sqlite_world)
    monkeypatch.setitem(__import__("sys").modules, "pyrage", None)
    with pytest.raises(SettingsError) as caught:
        exported(sqlite_world, keys=Keys(recipients=("age1",)))
    assert "zenctx[crypto]" in (caught.value.hint or "")
    exported(sqlite_world)


def test_an_archive_from_a_pipe_is_read_twice_all_the_same(sqlite_world: World) -> None:
    """Through a private file without a name."""
    add_run(sqlite_world, {"small": b"small"})
    take(sqlite_world)
    _, archive = exported(sqlite_world)
    reading, writing = os.pipe()
    assert os.write(writing, archive) == len(archive)
    os.close(writing)
    request = importing.ImportRequest("standard input")
    with os.fdopen(reading, "rb") as pipe:
        report = importing.rehearse(sqlite_world.settings, request, pipe)
    assert report.summary.snapshot_id == latest(sqlite_world).snapshot_id


def test_a_sink_that_fails_while_encrypting_says_why(sqlite_world: World) -> None:
    """Its own error, not one of the encryption."""
    pyrage = pytest.importorskip("pyrage")
    fill(sqlite_world)

    class Full:
        def __init__(self, room: int) -> None:
            self.room = room

        def write(self, data: bytes) -> None:
            self.room -= len(data)
            if self.room < 0:
                raise StoreError("no space is left")

    keys = Keys(recipients=(str(pyrage.x25519.Identity.generate().to_public()),))
    request = ExportRequest("latest", keys=keys)
    length = len(exported(sqlite_world, keys=keys)[1])
    # Not to the last bytes: the header of age has a part of random length.
    for room in (0, 100, 1000, length // 2, length * 3 // 4):
        with pytest.raises(StoreError, match="no space is left"):
            export(sqlite_world.settings, request, Full(room), "an archive")
