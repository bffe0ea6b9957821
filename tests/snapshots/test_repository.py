"""Making, opening and searching a repository."""

import io
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from tests.snapshots.samples import (
    RUN,
    a_file,
    header,
    local_repository,
    manifest_path,
    store_of,
    take,
    take_with_files,
)
from zenctx.errors import DamagedFileError, LockedError, NotFoundError, RefusedError, StoreError
from zenctx.snapshots.repository import Repository
from zenctx.store.base import ObjectStore
from zenctx.store.objects import LocalObjects

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MARKER = "zenctx-repository.json"
ID = "3f2b8c1e-0d4a-4b6f-9a77-5e0c1d2f3a4b"


def marked(directory: Path, text: bytes) -> LocalObjects:
    """A store with this marker."""
    store = LocalObjects(directory / "repository")
    store.prepare()
    (store.root / MARKER).write_bytes(text)
    return store


def test_a_repository_is_made_once(tmp_path: Path) -> None:
    """It has an id that stays; opening it makes nothing."""
    store = LocalObjects(tmp_path / "deep" / "repository")
    with pytest.raises(NotFoundError, match="no repository"):
        Repository.open(store)
    assert list(tmp_path.iterdir()) == []
    made = Repository.create(store)
    assert Repository.create(store).repository_id == made.repository_id == Repository.open(store).repository_id
    document = json.loads((store.root / MARKER).read_bytes())
    assert document == {"format": 1, "id": made.repository_id}
    assert made.location == str(tmp_path / "deep" / "repository")


def test_two_first_users_have_one_repository(tmp_path: Path) -> None:
    """Whoever comes second to the marker takes the id that is there."""
    store = LocalObjects(tmp_path / "repository")
    store.prepare()
    text = json.dumps({"format": 1, "id": ID}).encode()
    assert store.put_named(MARKER, text)
    assert Repository.create(store).repository_id == ID


def test_a_directory_without_a_marker_is_no_repository(tmp_path: Path) -> None:
    """An empty directory, or a killed first use, is not one yet, and is made one by `create`."""
    store = LocalObjects(tmp_path)
    with pytest.raises(NotFoundError):
        Repository.open(store)
    store.prepare()
    with pytest.raises(NotFoundError):
        Repository.open(store)
    assert Repository.create(store).snapshots() == []


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    """Nothing is written where other files lie."""
    (tmp_path / "precious.txt").touch()
    with pytest.raises(RefusedError):
        Repository.create(LocalObjects(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("make", [Repository.open, Repository.create])
def test_a_future_format_is_refused(tmp_path: Path, make: Callable[[ObjectStore], Repository]) -> None:
    """A repository of a newer zenctx is neither read nor written, and the sentence says what to do."""
    store = marked(tmp_path, json.dumps({"format": 2, "id": ID, "packs": True}).encode())
    with pytest.raises(RefusedError, match="format 2") as caught:
        make(store)
    assert caught.value.hint
    assert "newer zenctx" in caught.value.hint
    assert (store.root / MARKER).read_bytes().startswith(b'{"format": 2')


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"format": 1}',
        b'{"format": true, "id": "%s"}' % ID.encode(),
        b'{"format": 0, "id": "%s"}' % ID.encode(),
        b'{"format": -1, "id": "%s"}' % ID.encode(),
        b'{"format": 1, "id": 5}',
        b'{"format": 1, "id": "../x"}',
        b'{"format": 1, "id": "%s"}' % ID.upper().encode(),
        b'{"format": 1, "id": "%s"}' % ID.encode() + b" " * 5000,
        b"[" * 4000,
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_a_broken_marker_is_said_and_kept(tmp_path: Path, text: bytes) -> None:
    """No id is made up, and none is written over it."""
    store = marked(tmp_path, text)
    for make in (Repository.open, Repository.create):
        with pytest.raises(StoreError, match="marker"):
            make(store)
    assert (store.root / MARKER).read_bytes() == text


def test_snapshots_are_listed_newest_first(repository: Repository) -> None:
    """By the time at which their rows were read, whatever the order they were written in."""
    taken = [take(repository, header(hours)) for hours in (3, 1, 2, -1000)]
    assert repository.snapshots() == [taken[0], taken[2], taken[1], taken[3]]


class CountingObjects(LocalObjects):
    """A store that tells how many bytes of blobs were read."""

    count = 0

    def open_named(self, name: str) -> BinaryIO:
        """The blob, with each reading counted."""
        return cast("BinaryIO", io.BufferedReader(_Counting(super().open_named(name), self), 1))


class _Counting(io.RawIOBase):
    def __init__(self, file: BinaryIO, store: CountingObjects) -> None:
        super().__init__()
        self._file, self._store = file, store

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        content = self._file.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(content)] = content
        self._store.count += len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


def test_a_listing_reads_the_ends_alone(repository: Repository) -> None:
    """Of a large manifest a listing reads a small part."""
    info = take(repository, runs=(replace(RUN, run_id=str(n), context=os.urandom(20_000)) for n in range(200)))
    assert manifest_path(repository, info).stat().st_size > 3_000_000
    store = CountingObjects(store_of(repository).root)
    assert Repository.open(store).snapshots() == [info]
    assert store.count < 100_000


def test_a_snapshot_is_found_by_its_id(repository: Repository) -> None:
    """In full, in short, by a beginning in any case."""
    infos = [take(repository, header(n)) for n in range(3)]
    for info in infos:
        for reference in (info.snapshot_id, info.short_id, info.snapshot_id.upper(), info.snapshot_id[:20]):
            assert repository.find(reference) == info


def test_a_beginning_of_several_ids_is_said(repository: Repository) -> None:
    """Each of them is named, so that a longer one can be given."""
    infos = [take(repository, header(n)) for n in range(40)]
    first = infos[0].snapshot_id[0]
    sharing = [info for info in infos if info.snapshot_id[0] == first]
    while len(sharing) < 2:
        infos.append(take(repository, header(len(infos))))
        sharing = [info for info in infos if info.snapshot_id[0] == first]
    with pytest.raises(NotFoundError, match=f"{len(sharing)} snapshots") as caught:
        repository.find(first)
    assert sum(info.short_id in caught.value.message for info in sharing) == min(len(sharing), 5)
    assert caught.value.exit_code == 10


@pytest.mark.parametrize(
    "reference",
    ["", "xyz", "latest~", "latest~-1", "latest~99999999999999999999", "LATEST", "../x", "a" * 65, "\x1b[m", "0" * 64],
)
def test_what_names_no_snapshot_is_said(repository: Repository, reference: str) -> None:
    """Nothing is guessed, and the sentence is printable."""
    take(repository)
    with pytest.raises(NotFoundError) as caught:
        repository.find(reference)
    assert caught.value.message.isprintable()


def test_latest_counts_back(repository: Repository) -> None:
    """`latest~N` is the N-th before the latest; safety snapshots do not count, but are found by their id."""
    old, new = take(repository, header(1)), take(repository, header(3))
    safety = take(repository, header(4, is_safety=True))
    take(repository, header(2, is_safety=True))
    assert repository.find("latest") == repository.find("latest~0") == new
    assert repository.find("latest~1") == old
    assert repository.find(safety.short_id) == safety
    with pytest.raises(NotFoundError, match="only 2"):
        repository.find("latest~2")


def test_no_snapshot_is_no_latest(repository: Repository) -> None:
    """An empty repository, or one with safety snapshots alone, has none."""
    for _ in range(2):
        with pytest.raises(NotFoundError, match="no snapshot yet"):
            repository.find("latest")
        take(repository, header(is_safety=True))


def test_a_damaged_newest_is_not_passed_over(repository: Repository) -> None:
    """`latest` does not quietly mean an older one; what is older than it is found all the same."""
    old, middle, new = (take(repository, header(n)) for n in range(3))
    manifest_path(repository, middle).write_bytes(b"")
    assert repository.find("latest") == new
    for reference in ("latest~1", "latest~2", middle.short_id):
        with pytest.raises(DamagedFileError, match="cut off"):
            repository.find(reference)
    assert repository.find(old.short_id) == old


def test_a_removed_snapshot_keeps_its_objects(repository: Repository) -> None:
    """Objects go by gc alone; what other snapshots need is never taken with it."""
    info = take_with_files(repository, [b"content"])
    with repository.lock_exclusive():
        assert repository.remove(info)
    assert repository.snapshots() == []
    (entry,) = repository.objects()
    assert repository.has_object(entry.checksum, 7)
    with repository.lock_exclusive():
        assert repository.remove_object(entry.checksum)
    assert not repository.has_object(entry.checksum)


def test_a_damaged_snapshot_can_be_removed(repository: Repository) -> None:
    """By what the listing of damage gives."""
    info = take(repository)
    manifest_path(repository, info).write_bytes(b"")
    (damage,) = repository.damaged()
    assert repository.remove(damage)
    assert repository.damaged() == []


def test_references_are_what_a_snapshot_needs(repository: Repository) -> None:
    """Every object with its size, repeated or not, and nothing else of the repository."""
    other = repository.put_object(b"of nobody")
    info = take_with_files(repository, [b"1", b"22", b"1", b""])
    sizes = {entry.checksum: entry.size for entry in repository.objects() if entry.checksum != other.checksum}
    found = list(repository.references(info))
    assert len(found) == 4
    assert dict(found) == sizes


def test_many_objects_at_once(repository: Repository, tmp_path: Path) -> None:
    """Files handed over in the background are in the snapshot."""
    paths = [tmp_path / f"file {n}" for n in range(30)]
    for n, path in enumerate(paths):
        path.write_bytes(bytes([n]) * 10_000)
    with repository.lock_shared(), repository.write(header()) as manifest:
        futures = [manifest.submit_object(lambda path=path: path.open("rb")) for path in paths]  # type: ignore[misc]
        for n, future in enumerate(futures):
            stored = future.result()
            manifest.add(replace(RUN, run_id=str(n), files=(a_file(stored.checksum, stored.size),)))
        assert manifest.totals.files == 30
        info = manifest.commit()
    for run, path in zip(repository.read(info), paths, strict=True):
        with repository.open_object(run.files[0].checksum or "", 10_000) as file:
            assert file.read() == path.read_bytes()


def test_everything_is_private(repository: Repository) -> None:
    """Contexts hold secrets: nobody but the owner reads a snapshot."""
    take_with_files(repository, [b"content"])
    root = store_of(repository).root
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_who_writes_keeps_out_who_removes(repository: Repository) -> None:
    """Several may write and read at once; nobody removes meanwhile, and nobody writes beside a removal."""
    other = Repository.open(repository.store)
    with repository.lock_shared(), other.lock_shared(), pytest.raises(LockedError), other.lock_exclusive():
        pass
    with repository.lock_exclusive(), pytest.raises(LockedError), other.lock_shared():
        pass


def test_a_repository_can_be_moved(tmp_path: Path) -> None:
    """Nothing in it holds the path of the directory."""
    repository = local_repository(tmp_path)
    info = take_with_files(repository, [b"content"])
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    moved = Repository.open(LocalObjects(tmp_path / "elsewhere"))
    assert moved.repository_id == repository.repository_id
    assert moved.snapshots() == [info]
    moved.check(info)
