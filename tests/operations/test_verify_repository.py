"""Verifying the repository: manifests to their ends, every object once, and what nobody needs."""

from pathlib import Path

import pytest

from tests.operations.taking import add_run, latest, repository, settle, take
from tests.operations.test_verify import kinds
from tests.operations.world import World
from zenctx.database.rows import Selection
from zenctx.errors import LockedError, NotFoundError
from zenctx.operations.verify import FindingItem, VerifyReport, VerifyRequest, verify_snapshots

LARGE = b"large" * 100_000


def objects_of(world: World) -> list[Path]:
    """Give the files of the objects."""
    return sorted(Path(repository(world).location, "objects").glob("*/*"))


def object_of(world: World, content: bytes) -> Path:
    """Give the file of the object with this content."""
    return next(path for path in objects_of(world) if path.read_bytes() == content)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def of_snapshots(world: World, *references: str, **asked: bool) -> tuple[VerifyReport, list[FindingItem]]:
    """Verify some snapshots alone."""
    items: list[FindingItem] = []
    request = VerifyRequest(Selection(), **asked)  # type: ignore[arg-type]
    return verify_snapshots(world.settings, references, request, items.append), items


def fill(world: World) -> World:
    """Take two snapshots of a run with a small and a large file."""
    add_run(world, {"small": b"small", "large": LARGE})
    settle()
    take(world)
    take(world)
    return world


def test_objects_are_read_once_however_many_snapshots_name_them(world: World) -> None:
    """Both snapshots, both objects, and the bytes of each once."""
    found = fill(world).verify()
    assert kinds(found) == []
    summary = found[0].summary
    assert (summary.snapshots, summary.objects, summary.object_bytes) == (2, 2, 5 + len(LARGE))
    assert (summary.repository, summary.unreferenced_objects) == (repository(world).location, 0)
    assert found[0].message == (
        "1 run, 2 entries, 2 files (500,005 bytes); 2 snapshots, 2 objects (500,005 bytes) read back: all well"
    )


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_a_flipped_byte_of_an_object_is_named(world: World, content: bytes) -> None:
    """With the snapshots that need it; its size alone says nothing."""
    damaged = object_of(fill(world), content)
    flip(damaged)
    found = world.verify()
    assert kinds(found) == [("error", "damaged")]
    (item,) = found[1]
    assert (item.path, item.snapshot_id, item.bytes) == (str(damaged), latest(world).snapshot_id, len(content))
    assert item.reason.endswith("2 snapshots need it")
    assert item.hint
    assert kinds(world.verify(quick=True)) == []
    assert sorted(len(world.verify(subset=(part, 3))[1]) for part in (1, 2, 3)) == [0, 0, 1]


@pytest.mark.parametrize("damage", ["missing", "short", "link"])
def test_an_object_that_is_not_there_is_named(world: World, damage: str) -> None:
    """Also without reading any."""
    path = object_of(fill(world), LARGE)
    path.rename(world.folder / "kept")
    if damage == "short":
        path.write_bytes(b"short")
    elif damage == "link":
        path.symlink_to(world.folder / "kept")
    wanted = [("error", "damaged" if damage == "short" else "missing")]
    assert kinds(world.verify()) == wanted
    assert kinds(world.verify(quick=True)) == wanted


def test_a_flipped_byte_of_a_manifest_is_named(world: World) -> None:
    """At its ends or between; then nobody can say which objects are needed, and none is called unreferenced."""
    fill(world)
    found = repository(world)
    newest, older = found.snapshots()
    flip(Path(found.location, newest.name))
    damaged = world.verify()
    assert kinds(damaged) == [("error", "manifest")]
    assert damaged[1][0].path == f"{found.location}/{newest.name}"
    assert damaged[1][0].snapshot_id == newest.snapshot_id
    Path(found.location, older.name).chmod(0o600)
    Path(found.location, older.name).write_bytes(b"")
    assert kinds(world.verify()) == [("error", "manifest"), ("error", "manifest")]


def test_objects_without_a_snapshot_are_one_notice(world: World) -> None:
    """However many there are; one that is altered is a warning, since a later snapshot would rely on it."""
    fill(world)
    found = repository(world)
    for number in range(3):
        found.put_object(b"%d" % number)
    notice = world.verify()
    assert kinds(notice) == [("notice", "unreferenced")]
    assert (notice[0].exit_code, notice[0].summary.unreferenced_objects, notice[1][0].bytes) == (0, 3, 3)
    flip(object_of(world, b"2"))
    assert kinds(world.verify()) == [("warning", "damaged"), ("notice", "unreferenced")]


def test_a_snapshot_by_itself(world: World) -> None:
    """Only what it needs, without a database; one that is named twice is read once."""
    fill(world)
    add_run(world, {"other": b"other"})
    take(world)
    flip(object_of(world, b"other"))
    found = of_snapshots(world, "latest~1", latest(world).snapshot_id, "latest")
    assert kinds(found) == [("error", "damaged")]
    assert (found[0].summary.snapshots, found[0].summary.objects, found[0].summary.runs) == (2, 3, 0)
    assert found[0].message == "2 snapshots, 3 objects (500,010 bytes) read back: 1 error"
    assert kinds(of_snapshots(world, "latest~1")) == []
    assert kinds(of_snapshots(world, "latest", quick=True)) == []
    with pytest.raises(NotFoundError):
        of_snapshots(world, "latest~9")


def test_runs_by_themselves_are_verified_without_the_repository(world: World) -> None:
    """What is wrong there is not looked for."""
    flip(object_of(fill(world), b"small"))
    run_id = str(world.rows.fetch("select cast(id as text) from workflow_runs")[0][0])
    found = world.verify(runs=(run_id,))
    assert kinds(found) == []
    assert found[0].summary.repository is None


def test_a_repository_that_is_gone_is_an_error(world: World) -> None:
    """The database knows of it; a volume may not be mounted. Without a record its absence is no news."""
    root = Path(repository(fill(world)).location)
    root.rename(world.folder / "elsewhere")
    assert kinds(world.verify()) == [("error", "repository")]
    world.rows.execute("delete from zenctx_store where kind = 'repository'")
    assert kinds(world.verify()) == []


def test_it_waits_for_nobody_who_removes(sqlite_world: World) -> None:
    """While snapshots are being forgotten nothing is verified."""
    fill(sqlite_world)
    with repository(sqlite_world).lock_exclusive(), pytest.raises(LockedError):
        sqlite_world.verify()
    with repository(sqlite_world).lock_shared():
        assert kinds(sqlite_world.verify()) == []


def test_nothing_is_written(sqlite_world: World) -> None:
    """Neither in the repository nor beside it."""
    fill(sqlite_world)
    sqlite_world.verify()

    def state() -> list[tuple[Path, int]]:
        return sorted((path, path.lstat().st_mtime_ns) for path in sqlite_world.folder.rglob("*"))

    before = state()
    sqlite_world.verify()
    of_snapshots(sqlite_world, "latest")
    assert state() == before
