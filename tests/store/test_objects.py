"""The store of objects on a local directory: modes, damage in place, shared bytes, faults, what a crash leaves."""

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.test_faults import fail_on
from tests.store.test_objects_contract import LARGE, checksum, read
from zenctx.errors import LocatorRefusedError, RefusedError, StoreError
from zenctx.store import cloning, object_batch
from zenctx.store.base import StoredObject
from zenctx.store.names import LOCK
from zenctx.store.objects import LocalObjects


@pytest.fixture
def local(tmp_path: Path) -> LocalObjects:
    """An empty store."""
    store = LocalObjects(tmp_path / "repository")
    store.prepare()
    return store


def path_of(store: LocalObjects, name: str) -> Path:
    """Where an object lies."""
    digest = name.removeprefix("sha256:")
    return store.root / "objects" / digest[:2] / digest


def files(store: LocalObjects) -> list[str]:
    """Every file of the store but the lock, by its path below the root."""
    found = (path for path in store.root.rglob("*") if not path.is_dir() and path.name != LOCK)
    return sorted(str(path.relative_to(store.root)) for path in found)


def test_the_layout_is_the_documented_one(local: LocalObjects) -> None:
    """An object lies under the first two digits of its name; a blob under its own."""
    stored = local.put_object(b"x")
    local.put_named("snapshots/a", b"y")
    digest = stored.checksum.removeprefix("sha256:")
    assert files(local) == [f"objects/{digest[:2]}/{digest}", "snapshots/a"]


def test_nobody_else_can_read_it(local: LocalObjects) -> None:
    """Every file is 0600 and every directory 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        local.put_object(b"x")
        local.put_named("snapshots/a", b"y")
        with local.lock_shared():
            pass
    finally:
        os.umask(before)
    for path in (local.root, *local.root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("wrong", [b"", b"short", LARGE + b"long", None], ids=["empty", "short", "long", "link"])
@pytest.mark.parametrize("is_known", [False, True])
def test_damage_in_place_is_repaired_and_said(local: LocalObjects, wrong: bytes | None, is_known: bool) -> None:
    """Something of another size, or a link, in the place of an object is replaced by the right content."""
    name = checksum(LARGE)
    path = path_of(local, name)
    path.parent.mkdir()
    if wrong is None:
        path.symlink_to("/etc/passwd")
    else:
        path.write_bytes(wrong)
    stored = local.put_object(LARGE, checksum=name if is_known else None)
    assert stored.is_repaired
    assert stored.is_new
    assert read(local, name) == LARGE
    assert files(local) == [str(path.relative_to(local.root))]
    assert Path("/etc/passwd").stat().st_size != len(LARGE)


def test_an_object_of_the_right_size_is_trusted(local: LocalObjects) -> None:
    """Its name and size are enough: nothing is written again, and a full check is for those who verify."""
    stored = local.put_object(LARGE)
    path = path_of(local, stored.checksum)
    inode = path.stat().st_ino
    assert not local.put_object(LARGE).is_new
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("is_known", [False, True])
def test_a_batch_that_compares_replaces_what_is_damaged_at_equal_size(local: LocalObjects, is_known: bool) -> None:
    """At once and in the background; who has the damaged one open goes on with it, and what is whole is not touched."""
    whole, damaged = local.put_object(b"whole"), local.put_object(LARGE)
    path, inode = path_of(local, damaged.checksum), path_of(local, whole.checksum).stat().st_ino
    path.chmod(0o600)
    path.write_bytes(b"x" + LARGE[1:])
    with local.open(damaged.checksum) as reader, local.batch(compares=True) as batch:
        given = damaged.checksum if is_known else None
        again = batch.submit(lambda: io.BytesIO(LARGE), checksum=given).result()
        twice = batch.put_object(LARGE, checksum=given)
        assert batch.put_object(b"whole") == StoredObject(whole.checksum, 5, is_new=False)
        assert reader.read() == b"x" + LARGE[1:]
    assert (again.is_new, again.is_repaired, twice.is_new, twice.is_repaired) == (True, True, False, False)
    assert read(local, damaged.checksum) == LARGE
    assert path_of(local, whole.checksum).stat().st_ino == inode
    assert len(files(local)) == 2


def test_a_directory_in_the_place_of_an_object_is_said(local: LocalObjects) -> None:
    """It is no object, and is not removed either."""
    path_of(local, checksum(b"x")).mkdir(parents=True)
    assert not local.has(checksum(b"x"))
    with pytest.raises(StoreError):
        local.put_object(b"x")


def test_strange_files_are_no_objects(local: LocalObjects) -> None:
    """A file in the wrong directory, with another name, or a link: none is listed, none breaks the listing."""
    stored = local.put_object(b"x")
    digest = stored.checksum.removeprefix("sha256:")
    objects = local.root / "objects"
    (objects / "00").mkdir(exist_ok=True)
    (objects / "00" / digest).write_bytes(b"x")
    (objects / "00" / "README").write_bytes(b"x")
    (objects / "00" / ("00" + "A" * 62)).write_bytes(b"x")
    (objects / "00" / ("00" + "1" * 62)).symlink_to("/etc/passwd")
    (objects / "stray").write_bytes(b"x")
    (objects / "ff").symlink_to("/etc")
    assert [entry.checksum for entry in local.objects()] == [stored.checksum]
    with pytest.raises(LocatorRefusedError):
        local.open("sha256:00" + "1" * 62)
    assert not local.has("sha256:00" + "1" * 62)


@pytest.mark.parametrize("entry", ["somebody's file.txt", ".bashrc", "snapshots"])
def test_a_directory_with_something_else_is_refused(tmp_path: Path, entry: str) -> None:
    """A mistyped setting does not turn somebody's directory into a repository."""
    (tmp_path / entry).mkdir()
    with pytest.raises(RefusedError, match="not of a repository"):
        LocalObjects(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == [entry]


def test_the_root_of_a_new_volume_is_empty_enough(tmp_path: Path) -> None:
    """What a new file system holds, and what a killed `prepare` left, is no reason to refuse."""
    for name in ("lost+found", "zenctx-tmp-1", "zenctx-lock"):
        (tmp_path / name).mkdir() if name == "lost+found" else (tmp_path / name).touch()
    LocalObjects(tmp_path).prepare()


def test_leftovers_of_killed_writers_are_cleaned(local: LocalObjects) -> None:
    """Temporaries go, wherever a writer leaves them; objects, blobs and strange files stay."""
    stored = local.put_object(b"x")
    local.put_named("snapshots/a", b"y")
    (local.root / "strange").write_bytes(b"?")
    before = files(local)
    for place in (".", "objects", "snapshots"):
        (local.root / place / "zenctx-tmp-0123").write_bytes(b"123")
    left = local.clean()
    assert (left.files, left.bytes) == (3, 9)
    assert files(local) == before
    assert read(local, stored.checksum) == b"x"
    assert local.clean().files == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["write", "fchmod", "fsync", "link", "mkdir", "open"])
def test_a_fault_at_any_step_is_a_sentence(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """Whatever step fails: the directory is named, and no temporary is left."""
    uses: list[Callable[[], object]] = [lambda: local.put_object(b"x"), lambda: local.put_named("a/b", b"x")]
    for use in uses:
        with monkeypatch.context() as patch:
            fail_on(patch, call, code)
            with pytest.raises(StoreError) as caught:
                use()
        assert str(local.root) in caught.value.message
        assert not [name for name in files(local) if "zenctx-tmp" in name]


@pytest.mark.parametrize("after", range(5))
def test_a_failed_sync_never_ends_a_batch_well(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Whichever sync fails, of a file, of a directory or of the one above: the batch does not end as if it had not."""

    def put_all(contents: list[bytes]) -> None:
        with local.batch() as batch:
            for content in contents:
                batch.put_object(content)

    with monkeypatch.context() as patch:
        fail_on(patch, "fsync", errno.EIO, after=after)
        with pytest.raises(StoreError):
            put_all([b"1", b"2"])


def test_the_directory_of_an_object_that_was_there_is_synced_too(
    local: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer may have made it a moment ago, and not yet have synced its name."""
    stored = local.put_object(b"x")
    synced: list[int] = []
    real_fsync = os.fsync

    def watched(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        real_fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    for known in (None, stored.checksum):
        synced.clear()
        assert not local.put_object(b"x", checksum=known).is_new
        assert path_of(local, stored.checksum).parent.stat().st_ino in synced


def test_bytes_are_shared_where_the_file_system_can(
    local: LocalObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone is hashed as it is stored: the source may have changed since it was looked at."""

    def clone(source: int, target: int) -> bool:
        os.write(target, os.pread(source, 1 << 30, 0))
        return True

    monkeypatch.setattr("zenctx.store.durable.clone", clone)
    monkeypatch.setattr(object_batch, "copy_hashed", None)
    (tmp_path / "source").write_bytes(LARGE)
    with (tmp_path / "source").open("rb") as file:
        stored = local.put_object(file)
    assert (stored.checksum, stored.size) == (checksum(LARGE), len(LARGE))
    assert read(local, stored.checksum) == LARGE


def test_a_file_system_without_shared_bytes_is_no_fault(tmp_path: Path) -> None:
    """Where bytes cannot be shared, between two file systems say, the answer is no, and the target is untouched."""
    (tmp_path / "target").touch()
    with Path("/proc/self/cmdline").open("rb") as source, (tmp_path / "target").open("r+b") as target:
        assert not cloning.clone(source.fileno(), target.fileno())
        assert target.read() == b""


def test_who_may_only_read_can_share_the_lock(local: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository on a read-only file system can be verified and restored from, but not be held alone."""
    real_open = os.open

    def read_only(path: str, flags: int, *arguments: int, **options: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real_open(path, flags, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        with pytest.raises(StoreError, match="read-only"), local.lock_shared():
            pass  # nobody ever made the lock
    with local.lock_shared():
        pass
    monkeypatch.setattr(os, "open", read_only)
    with local.lock_shared(), local.lock_shared(), pytest.raises(StoreError, match="read-only"), local.lock_exclusive():
        pass
