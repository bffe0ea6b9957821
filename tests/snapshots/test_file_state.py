"""Files that earlier snapshots know need not be read again; files that changed are."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.snapshots.samples import HEADER, NOON, RUN, a_file, header, manifest_path, store_of, take
from zenctx.snapshots.file_state import KnownFiles
from zenctx.snapshots.model import SnapshotFile, SnapshotInfo
from zenctx.snapshots.repository import Repository

STORE = HEADER.store_id
SECOND = 1_000_000_000
NOON_NS = int(NOON.timestamp()) * SECOND


def take_file(repository: Repository, content: bytes = b"content", hours: float = 0, **changes: object) -> SnapshotFile:
    """Take a snapshot of one file, with what is changed of it; gives the file."""
    stored = repository.put_object(content)
    file = replace(a_file(stored.checksum, stored.size), **changes)  # type: ignore[arg-type]
    take(repository, header(hours), [replace(RUN, files=(file,))])
    return file


def find(repository: Repository, file: SnapshotFile, store_id: str | None = STORE) -> str | None:
    """What is known of a file."""
    with repository.known_files(store_id) as known:
        return known.find(file.locator, file.size, file.mtime_ns or 0, file.inode or 0, file.ctime_ns)


def test_an_unchanged_file_is_known(repository: Repository) -> None:
    """Locator, size, times and inode together give the checksum."""
    file = take_file(repository)
    assert find(repository, file) == file.checksum


@pytest.mark.parametrize(
    "change",
    [{"locator": "other"}, {"size": 8}, {"mtime_ns": 1}, {"inode": 1}, {"ctime_ns": 1}, {"ctime_ns": None}],
    ids=str,
)
def test_a_changed_file_is_not_known(repository: Repository, change: dict[str, object]) -> None:
    """Whatever of it is different: the file is read again."""
    file = take_file(repository)
    assert find(repository, replace(file, **change)) is None  # type: ignore[arg-type]


def test_files_of_another_store_are_not_known(repository: Repository) -> None:
    """The same path and inode on another machine is another file; a store without an id is nobody's."""
    file = take_file(repository)
    assert find(repository, file, "99999999-2222-3333-4444-555555555555") is None
    assert find(repository, file, None) is None
    take(repository, header(1, store_id=None), [replace(RUN, files=(file,))])
    assert find(repository, file, None) is None


def test_a_file_whose_object_is_gone_is_not_known(repository: Repository) -> None:
    """What is known must be in the repository, whole as far as its size tells."""
    file = take_file(repository)
    digest = (file.checksum or "").removeprefix("sha256:")
    path = store_of(repository).root / "objects" / digest[:2] / digest
    path.write_bytes(b"short")
    assert find(repository, file) is None
    path.unlink()
    assert find(repository, file) is None


@pytest.mark.parametrize(
    ("mtime", "ctime", "is_known"),
    [
        (NOON_NS - SECOND // 2, NOON_NS - SECOND // 2, True),
        (NOON_NS - SECOND // 2, None, True),
        (NOON_NS - SECOND // 1000, NOON_NS - SECOND // 2, False),
        (NOON_NS - SECOND // 2, NOON_NS - SECOND // 1000, False),
        (NOON_NS - SECOND // 1000, None, False),
        (NOON_NS + SECOND // 2, NOON_NS + SECOND // 2, False),
        (NOON_NS - SECOND, NOON_NS - SECOND, False),
        (NOON_NS - SECOND, None, False),
        (NOON_NS - SECOND, NOON_NS - SECOND + 1, True),
        (NOON_NS - 3 * SECOND, NOON_NS - 3 * SECOND, True),
        (0, NOON_NS - 3 * SECOND, True),
    ],
)
def test_a_file_that_had_just_changed_is_read_again(
    repository: Repository, mtime: int, ctime: int | None, is_known: bool
) -> None:
    """It could have changed once more within the same tick of the clock, unseen; some clocks tick in seconds."""
    file = take_file(repository, mtime_ns=mtime, ctime_ns=ctime)
    assert (find(repository, file) == file.checksum) is is_known


def test_a_file_that_could_not_be_had_is_not_known(repository: Repository) -> None:
    """Missing, or without times."""
    missing = SnapshotFile("k", "data/run/file", 7, None, 1, 4711, "missing: no such file", 1)
    take(repository, header(), [replace(RUN, files=(missing,))])
    assert find(repository, missing) is None
    file = take_file(repository, mtime_ns=None)
    assert find(repository, file) is None


def test_the_latest_and_the_largest_are_asked(repository: Repository) -> None:
    """A snapshot of one run in between does not make the nightly one forgotten; safety snapshots know files too."""
    stored = repository.put_object(b"content")
    many = [a_file(stored.checksum, 7, str(n), f"many/{n}") for n in range(10)]
    take(repository, header(1), [replace(RUN, files=tuple(many))])
    take(repository, header(2), [replace(RUN, files=tuple(many[:2]))])
    single = replace(many[0], locator="single")
    take(repository, header(3, is_safety=True), [replace(RUN, files=(single,))])
    take(repository, header(4), [RUN])
    with repository.known_files(STORE) as known:
        assert len(known) == 11
        for file in (*many, single):
            assert known.find(file.locator, 7, file.mtime_ns or 0, file.inode or 0, file.ctime_ns) == stored.checksum


def test_a_damaged_snapshot_knows_nothing(repository: Repository) -> None:
    """Nor does it keep the others from being asked."""
    file = take_file(repository, hours=1)
    bad = take_bad(repository, hours=2)
    path = manifest_path(repository, bad)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert find(repository, file) == file.checksum


def take_bad(repository: Repository, hours: float) -> SnapshotInfo:
    """A snapshot with more files, to be damaged."""
    stored = repository.put_object(b"bad")
    files = tuple(a_file(stored.checksum, 3, str(n), f"bad/{n}") for n in range(5))
    return take(repository, header(hours), [replace(RUN, files=files)])


def test_an_empty_repository_knows_nothing(repository: Repository) -> None:
    """The first snapshot reads everything."""
    with repository.known_files(STORE) as known:
        assert len(known) == 0
        assert known.find("x", 0, 0, 0) is None


def test_many_files_take_little_memory(repository: Repository) -> None:
    """48 bytes for a file and some room; what does not fit is forgotten, and nothing found is wrong."""
    stored = repository.put_object(b"content")
    tracemalloc.start()
    try:
        with KnownFiles(repository.store, 20_000) as known:
            files = (a_file(stored.checksum, 7, "k", f"data/{n}") for n in range(50_000))
            known.add(files, NOON + timedelta(hours=1))
            assert len(known) == 20_000
            for n in range(0, 50_000, 99):
                file = a_file(stored.checksum, 7, "k", f"data/{n}")
                found = known.find(file.locator, 7, file.mtime_ns or 0, file.inode or 0, file.ctime_ns)
                assert found == (stored.checksum if n < 20_000 else None)
                assert known.find(file.locator, 7, 0, 0) is None
        assert tracemalloc.get_traced_memory()[1] < 3 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_hostile_locators_are_only_data(repository: Repository) -> None:
    """Texts that could be mixed up are told apart."""
    stored = repository.put_object(b"content")
    texts = ["", "1:2", ":", "\ud800", "\udfff", "a\0b", "x" * 10_000]
    files = [a_file(stored.checksum, 7, "k", text) for text in texts]
    take(repository, header(), [replace(RUN, files=tuple(files))])
    with repository.known_files(STORE) as known:
        assert len(known) == len(texts)
