"""What every store of objects promises, tested over each backend."""

import hashlib
import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from zenctx.errors import DamagedFileError, LockedError, NotFoundError, StoreError
from zenctx.store.base import ObjectContent, ObjectEntry, ObjectStore
from zenctx.store.objects import LocalObjects

LARGE = bytes(range(256)) * 12_288  # 3 MiB: hashed in the second thread
ABSENT = "sha256:" + "0" * 64
BACKENDS: dict[str, Callable[[Path], ObjectStore]] = {"local": lambda directory: LocalObjects(directory / "repository")}
NO_CHECKSUMS = [
    "",
    "0" * 64,
    "sha256:",
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "A" * 64,
    "sha256:" + "0" * 64 + "\n",
    "sha256:../../../../../../../../../../../../../../../../../../etc/passwd0",
    "sha256:" + "../" * 21 + "x",
    "sha1:" + "0" * 64,
    "\ud800",
    "sha256:" + "\uff10" * 64,
]
NO_NAMES = [
    "",
    "/",
    "..",
    "../x",
    "a/../b",
    "a/b/c",
    "/etc/passwd",
    "a//b",
    ".hidden",
    "a/.hidden",
    "a\n",
    "a\0",
    "a b",
    "é",
    "-rf",
    "objects/ab",
    "OBJECTS/ab",
    "objects",
    "zenctx-tmp-1",
    "zenctx-lock",
    "ZENCTX-LOCK",
    "a/zenctx-tmp-1",
    "x" * 201,
]


@pytest.fixture(params=BACKENDS)
def missing(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """A store that was never made, over each backend."""
    return BACKENDS[request.param](tmp_path)


@pytest.fixture
def store(missing: ObjectStore) -> ObjectStore:
    """An empty store, over each backend."""
    missing.prepare()
    return missing


def checksum(content: bytes) -> str:
    """The name of an object."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def read(store: ObjectStore, name: str) -> bytes:
    """The content of an object."""
    with store.open(name) as file:
        return file.read()


def read_named(store: ObjectStore, name: str) -> bytes:
    """The content of a blob."""
    with store.open_named(name) as file:
        return file.read()


def test_a_store_is_made_once(missing: ObjectStore) -> None:
    """Nothing is there before `prepare`, which may be repeated; reading before it makes nothing."""
    assert not missing.exists()
    assert not missing.has(ABSENT)
    for use in (lambda: list(missing.objects()), lambda: missing.names(""), lambda: missing.put_object(b"")):
        with pytest.raises(StoreError):
            use()
    with pytest.raises(StoreError):
        missing.put_named("a", b"")
    assert not missing.exists()
    missing.prepare()
    missing.put_object(b"kept")
    missing.prepare()
    assert missing.exists()
    assert missing.has(checksum(b"kept"))
    assert missing.names("") == []


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 5000, LARGE], ids=len)
@pytest.mark.parametrize("form", ["bytes", "chunks", "file", "memory"])
def test_an_object_is_what_was_put(store: ObjectStore, tmp_path: Path, content: bytes, form: str) -> None:
    """Content of any size, in any form, is read back byte for byte under its checksum."""
    (tmp_path / "source").write_bytes(content)
    with (tmp_path / "source").open("rb") as file:
        given: ObjectContent = {
            "bytes": content,
            "chunks": (content[at : at + 700_000] for at in range(0, len(content), 700_000)),
            "file": cast("BinaryIO", file),
            "memory": io.BytesIO(content),
        }[form]  # type: ignore[assignment]  # each of them is
        stored = store.put_object(given)
    assert stored.checksum == checksum(content)
    assert stored.size == len(content)
    assert stored.is_new
    assert not stored.is_repaired
    assert read(store, stored.checksum) == content
    entry = store.stat_object(stored.checksum)
    assert entry is not None
    assert (entry.checksum, entry.size) == (stored.checksum, len(content))
    assert list(store.objects()) == [entry]


@pytest.mark.parametrize("form", [bytes, lambda content: iter([content]), io.BytesIO], ids=["bytes", "chunks", "file"])
def test_an_object_whose_name_is_known_is_stored_too(
    store: ObjectStore, form: Callable[[bytes], ObjectContent]
) -> None:
    """Also where its size is not known beforehand; the second time nothing is new."""
    name = checksum(b"content")
    assert store.put_object(form(b"content"), checksum=name).is_new
    assert read(store, name) == b"content"
    assert not store.put_object(form(b"content"), checksum=name).is_new


def test_a_file_is_read_from_where_it_stands(store: ObjectStore, tmp_path: Path) -> None:
    """Half a file that was read already is not part of the object, also where a file system could share all of it."""
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    with source.open("rb") as file:
        file.seek(1000)
        assert store.put_object(file).checksum == checksum(LARGE[1000:])


def test_an_object_is_kept_apart_from_its_source(store: ObjectStore, tmp_path: Path) -> None:
    """What happens to the file afterwards does not reach the object."""
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    with source.open("rb") as file:
        stored = store.put_object(file)
    with source.open("r+b") as file:
        file.write(b"altered in place")
    assert read(store, stored.checksum) == LARGE


def test_an_object_is_written_once(store: ObjectStore) -> None:
    """The same content twice is one object, which is not touched the second time."""
    first = store.put_object(LARGE)
    before = list(store.objects())
    for known in (None, first.checksum):
        second = store.put_object(LARGE, checksum=known)
        assert (second.checksum, second.size, second.is_new) == (first.checksum, first.size, False)
    assert list(store.objects()) == before


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("form", [bytes, lambda content: iter([content]), io.BytesIO], ids=["bytes", "chunks", "file"])
def test_content_that_was_altered_is_refused(
    store: ObjectStore, form: "Callable[[bytes], ObjectContent]", is_there: bool
) -> None:
    """Content without the checksum that it should have is not stored, whether that object is there or not."""
    if is_there:
        store.put_object(b"right")
    with pytest.raises(DamagedFileError):
        store.put_object(form(b"wrong"), checksum=checksum(b"right"))
    assert [entry.checksum for entry in store.objects()] == ([checksum(b"right")] if is_there else [])


def test_what_the_source_raises_passes_through(store: ObjectStore) -> None:
    """An error of the source is its own, and nothing is kept."""

    def source() -> Iterator[bytes]:
        yield b"x"
        raise FileNotFoundError("of the source")

    for use in (lambda: store.put_object(source()), lambda: store.put_named("a", source())):
        with pytest.raises(FileNotFoundError, match="of the source"):
            use()
    assert list(store.objects()) == []
    assert store.names("") == []


def test_a_stream_takes_the_memory_of_one_chunk(store: ObjectStore) -> None:
    """48 MiB in chunks of 1 MiB are stored within a few MiB of memory."""
    tracemalloc.start()
    try:
        stored = store.put_object(bytes([n]) * 1024 * 1024 for n in range(48))
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert stored.size == 48 * 1024 * 1024


@pytest.mark.parametrize("name", NO_CHECKSUMS, ids=ascii)
def test_what_is_no_checksum_becomes_no_path(store: ObjectStore, name: str) -> None:
    """A checksum comes from a manifest: what is none is refused before anything is opened."""
    for use in (store.open, store.has, store.stat_object, store.remove):
        with pytest.raises(DamagedFileError, match="no checksum"):
            use(name)
    with pytest.raises(DamagedFileError):
        store.put_object(b"x", checksum=name)
    assert list(store.objects()) == []


def test_a_missing_object_is_said(store: ObjectStore) -> None:
    """Nothing is made up for an object that is not there."""
    assert not store.has(ABSENT)
    assert store.stat_object(ABSENT) is None
    assert not store.remove(ABSENT)
    with pytest.raises(DamagedFileError, match="missing"):
        store.open(ABSENT)


def test_a_removed_object_is_gone_and_can_be_put_again(store: ObjectStore) -> None:
    """Removal takes one object and no other."""
    kept, gone = store.put_object(b"kept"), store.put_object(b"gone")
    assert store.remove(gone.checksum)
    assert [entry.checksum for entry in store.objects()] == [kept.checksum]
    assert store.put_object(b"gone").is_new
    assert read(store, gone.checksum) == b"gone"


def test_a_batch_holds_what_was_put(store: ObjectStore) -> None:
    """Objects put at once and in the background are all there, each once, with what went wrong in its own future."""
    contents = [str(n).encode() * 100 for n in range(40)]

    def broken() -> BinaryIO:
        raise NotFoundError("no such file")

    with store.batch() as batch:
        first = batch.put_object(contents[0])
        futures = [batch.submit(lambda content=content: io.BytesIO(content)) for content in contents]  # type: ignore[misc]
        failed = batch.submit(broken)
        wrong = batch.submit(lambda: io.BytesIO(b"wrong"), checksum=ABSENT)
        batch.flush()
        assert all(future.done() for future in futures)
        after = batch.put_object(b"after the flush")
    assert first.checksum == futures[0].result().checksum
    assert isinstance(failed.exception(), NotFoundError)
    assert isinstance(wrong.exception(), DamagedFileError)
    expected = {checksum(content): len(content) for content in [*contents, b"after the flush"]}
    assert {entry.checksum: entry.size for entry in store.objects()} == expected
    assert after.checksum in expected


def test_sources_in_the_background_are_closed(store: ObjectStore) -> None:
    """What a source opened is closed when it was stored, and also when it was refused."""
    opened: list[io.BytesIO] = []

    def source() -> BinaryIO:
        opened.append(io.BytesIO(b"content"))
        return opened[-1]

    with store.batch() as batch:
        batch.submit(source)
        batch.submit(source, checksum=ABSENT)
    assert len(opened) == 2
    assert all(file.closed for file in opened)


def test_an_error_ends_a_batch(store: ObjectStore) -> None:
    """An error inside the context is its own, and what was put may stay or not, but whole."""

    def interrupted() -> None:
        with store.batch() as batch:
            for n in range(20):
                batch.submit(lambda n=n: io.BytesIO(LARGE + bytes([n])))  # type: ignore[misc]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for entry in store.objects():
        assert checksum(read(store, entry.checksum)) == entry.checksum


def test_a_blob_is_written_once(store: ObjectStore) -> None:
    """A name that exists keeps its content, whatever is put under it."""
    assert store.put_named("folder/name.txt", [b"first ", b"content"])
    assert not store.put_named("folder/name.txt", b"second")
    assert read_named(store, "folder/name.txt") == b"first content"


def test_blobs_are_listed_by_their_beginning(store: ObjectStore) -> None:
    """Names are sorted; objects, temporaries and locks are none."""
    store.put_object(b"an object")
    for name in ("zenctx-repository.json", "snapshots/b", "snapshots/a", "snapshots/ab", "top"):
        assert store.put_named(name, name.encode())
    with store.lock_shared():
        assert store.names("snapshots/") == ["snapshots/a", "snapshots/ab", "snapshots/b"]
        assert store.names("snapshots/a") == ["snapshots/a", "snapshots/ab"]
        assert store.names("") == ["top", "zenctx-repository.json"]
        for prefix in ("absent/", "objects/", "../", "/etc/", "snapshots/a/"):
            assert store.names(prefix) == []


def test_a_blob_can_be_sought(store: ObjectStore) -> None:
    """Both ends of a blob can be read without its middle."""
    store.put_named("a", LARGE)
    with store.open_named("a") as file:
        assert file.seek(-10, io.SEEK_END) == len(LARGE) - 10
        assert file.read() == LARGE[-10:]
        file.seek(0)
        assert file.read(10) == LARGE[:10]


def test_a_removed_blob_is_gone(store: ObjectStore) -> None:
    """It can be put anew; one that was never there is said."""
    store.put_named("a/b", b"1")
    assert store.remove_named("a/b")
    assert not store.remove_named("a/b")
    assert not store.remove_named("c/d")
    with pytest.raises(NotFoundError):
        store.open_named("a/b")
    assert store.put_named("a/b", b"2")


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_what_is_no_name_becomes_no_path(store: ObjectStore, name: str) -> None:
    """A name that could lead elsewhere, or hide, is a mistake of the caller."""
    for use in (lambda: store.put_named(name, b""), lambda: store.open_named(name), lambda: store.remove_named(name)):
        with pytest.raises(ValueError, match="no name"):
            use()
    assert store.names("") == []


def test_a_spool_is_a_file_of_nobody(store: ObjectStore) -> None:
    """It takes and gives back bytes, and no name shows it, neither before it is closed nor afterwards."""
    with store.spool() as first, store.spool() as second:
        first.write(LARGE)
        second.write(b"other")
        first.seek(0)
        assert first.read() == LARGE
        assert store.names("") == []
    assert store.clean().files == 0


def test_locks_exclude_each_other(store: ObjectStore) -> None:
    """Several may share it, and one has it alone."""
    with store.lock_shared(), store.lock_shared(), pytest.raises(LockedError), store.lock_exclusive():
        pass
    with store.lock_exclusive():
        for attempt in (store.lock_exclusive, store.lock_shared):
            with pytest.raises(LockedError), attempt():
                pass


def test_the_location_stands_in_sentences(store: ObjectStore) -> None:
    """It is printable, and says where the store is."""
    assert store.location.isprintable()
    assert "repository" in store.location


def test_an_entry_knows_when_it_was_written(store: ObjectStore) -> None:
    """The time of an object is one of today."""
    store.put_object(b"x")
    (entry,) = store.objects()
    assert isinstance(entry, ObjectEntry)
    assert entry.mtime > 1_600_000_000
