"""What every store promises, tested over each backend."""

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.store.conftest import RUN
from zenctx.errors import DamagedFileError, LocatorRefusedError, StoreError
from zenctx.store.base import EntryKind, FileEntry, NewFile, ValueStore

LARGE = bytes(range(256)) * 8192  # 2 MiB: hashed in the second thread
HOSTILE_TEXTS = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "~root",
    "nul\0byte",
    "line\nbreak",
    "\x1b[31mred",
    "[bold]x[/bold]",
    "-rf",
    ".hidden",
    "zenctx-tmp-1",
    "ZENCTX-lock",
    "zenflow-ctx-1.dat",
    "caf\u00e9",
    "cafe\u0301",
    "\u202eevil",
    "\ud800",
    "k" * 300,
    "😀" * 300,
]


def read(store: ValueStore, name: str) -> bytes:
    """The content of a file of the store."""
    with store.open(name) as file:
        return file.read()


@pytest.mark.parametrize("content", [b"", b"x", b'"text"', b"\0" * 5000, LARGE], ids=len)
def test_put_gives_back_what_was_put(store: ValueStore, content: bytes) -> None:
    """A value of any size is read back byte for byte, with its size and checksum."""
    stored = store.put(RUN, "node.output.x", content, suffix=".json")
    assert read(store, stored.name) == content
    assert stored.size == len(content) == store.stat(stored.name).size
    assert stored.checksum == "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 4096, 700_000, len(LARGE)])
def test_chunks_are_the_same_as_the_whole(store: ValueStore, size: int) -> None:
    """Content in chunks, also empty and no chunks at all, gives the same file and checksum as the whole of it."""
    chunks = [LARGE[at : at + 600_000] for at in range(0, size, 600_000)] + [b""] * (size % 2)
    chunked = store.put(RUN, "k", iter(chunks))
    whole = store.put(RUN, "k", b"".join(chunks))
    assert (chunked.size, chunked.checksum) == (whole.size, whole.checksum)
    assert read(store, chunked.name) == read(store, whole.name)


def test_a_source_may_reuse_its_buffer(store: ValueStore) -> None:
    """A chunk is written and hashed before the next one is asked for, so one buffer can serve them all."""

    def source() -> Iterator[bytes]:
        buffer = bytearray(1024 * 1024)
        for letter in b"abc":
            buffer[:] = bytes([letter]) * len(buffer)
            yield memoryview(buffer)  # type: ignore[misc]  # as readinto loops do

    stored = store.put(RUN, "k", source())
    expected = b"".join(bytes([letter]) * 1024 * 1024 for letter in b"abc")
    assert read(store, stored.name) == expected
    assert stored.checksum == "sha256:" + hashlib.sha256(expected).hexdigest()


def test_a_stream_takes_the_memory_of_one_chunk(store: ValueStore) -> None:
    """48 MiB in chunks of 1 MiB are stored within a few MiB of memory."""
    tracemalloc.start()
    try:
        stored = store.put(RUN, "k", (bytes([n]) * 1024 * 1024 for n in range(48)))
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert stored.size == 48 * 1024 * 1024


def test_a_key_put_twice_has_two_files(store: ValueStore) -> None:
    """No name is used again: two descriptors never share a file."""
    first, second = (store.put(RUN, "k", content) for content in (b"1", b"2"))
    assert first.name != second.name
    assert (read(store, first.name), read(store, second.name)) == (b"1", b"2")


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=ascii)
def test_hostile_keys_and_run_ids_are_only_data(store: ValueStore, text: str) -> None:
    """Whatever the key or the run id is, its value is stored under a harmless name, and found again."""
    for stored in (store.put(RUN, text, b"value"), store.put(text, "k", b"value")):
        assert stored.name.isascii()
        assert len(stored.name) <= 120
        assert read(store, stored.name) == b"value"
        assert FileEntry(stored.name, EntryKind.VALUE) in store.scan()


def test_runs_whose_ids_look_alike_have_directories_of_their_own(store: ValueStore) -> None:
    """Ids that differ in case or in odd characters alone never share a directory."""
    ids = [RUN, RUN.upper(), RUN + "\n", "{" + RUN + "}", "a", "A", "", "\ud800", "\udfff"]
    directories = {store.put(run, "k", b"").name.split("/")[0].lower() for run in ids}
    assert len(directories) == len(ids)


@pytest.mark.parametrize("suffix", ["json", ".", ".a/b", ".toolongsuffix", ".j\n", ".é", "/../x"])
def test_a_suffix_cannot_be_a_path(store: ValueStore, suffix: str) -> None:
    """A suffix that is not a dot and a few letters is a mistake of the caller, and nothing is stored."""
    with pytest.raises(ValueError, match="suffix"):
        store.put(RUN, "k", b"x", suffix=suffix)
    assert values(store) == []


def test_put_many_keeps_the_order(store: ValueStore) -> None:
    """Values of several runs come back in the order in which they were given."""
    files = [NewFile(f"run {n % 3}", f"k{n}", str(n).encode() * n, ".dat") for n in range(20)]
    stored = store.put_many(iter(files))
    assert [read(store, one.name) for one in stored] == [file.content for file in files]
    assert store.put_many([]) == []


class SourceError(Exception):
    """What a caller's own source may raise."""


def failing_source() -> Iterator[bytes]:
    """Content that breaks off."""
    yield b"begun"
    raise SourceError


def test_an_error_of_the_source_passes_through_and_leaves_nothing(store: ValueStore) -> None:
    """When the content itself fails, the caller sees its own error, and nothing is kept."""
    with pytest.raises(SourceError):
        store.put(RUN, "k", failing_source())
    assert values(store) == []


def test_an_os_error_of_the_source_is_not_blamed_on_the_store(store: ValueStore) -> None:
    """A source that cannot read its own file does not look like a store that cannot be written."""

    def source() -> Iterator[bytes]:
        yield b"begun"
        raise FileNotFoundError(2, "the source's own")

    with pytest.raises(FileNotFoundError, match="the source's own"):
        store.put(RUN, "k", source())
    assert values(store) == []


def test_put_many_is_all_or_nothing(store: ValueStore) -> None:
    """When the last of several values fails, the others are not kept either."""
    kept = store.put(RUN, "kept", b"kept")
    files = [NewFile(RUN, "a", b"a"), NewFile("another", "b", b"b"), NewFile(RUN, "c", failing_source())]
    with pytest.raises(SourceError):
        store.put_many(files)
    assert values(store) == [kept.name]


@pytest.mark.parametrize("name", ["missing", f"{RUN}/missing", "no/such/directory", "n" * 300, "n" * 250 + "/x"])
def test_a_missing_file_is_damage(store: ValueStore, name: str) -> None:
    """A name without a file is a damaged value, not a fault of the store."""
    with pytest.raises(DamagedFileError, match="missing"):
        store.open(name)
    with pytest.raises(DamagedFileError, match="missing"):
        store.stat(name)


def test_a_file_used_as_a_directory_is_damage(store: ValueStore) -> None:
    """A name that goes on behind a file names nothing."""
    stored = store.put(RUN, "k", b"x")
    with pytest.raises(DamagedFileError, match="missing"):
        store.open(stored.name + "/more")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\0b", "\ud800"]
)
def test_a_name_that_could_lead_out_is_refused(store: ValueStore, name: str) -> None:
    """Names are taken literally: nothing relative, absolute or impossible is opened."""
    with pytest.raises(LocatorRefusedError):
        store.open(name)
    with pytest.raises(LocatorRefusedError):
        store.stat(name)


def test_stat_tells_a_file_from_its_successor(store: ValueStore) -> None:
    """What `stat` says stays the same while nothing happens, and differs between files."""
    first, second = (store.put(RUN, "k", b"same") for _ in range(2))
    assert store.stat(first.name) == store.stat(first.name)
    assert store.stat(first.name).inode != store.stat(second.name).inode


def test_scan_finds_every_value_once(store: ValueStore) -> None:
    """All values are listed, and nothing that is not there."""
    stored = store.put_many(NewFile(f"run {n % 7}", "k", b"x") for n in range(50))
    assert values(store) == sorted(one.name for one in stored)


def test_the_id_is_made_once(store: ValueStore) -> None:
    """A store has no id until one is made, and keeps that."""
    assert store.read_id() is None
    made = store.create_id()
    assert (store.create_id(), store.read_id()) == (made, made)
    assert values(store) == []


def test_prepare_may_be_repeated(store: ValueStore) -> None:
    """A store that is there stays as it is."""
    stored = store.put(RUN, "k", b"x")
    store.prepare()
    assert read(store, stored.name) == b"x"


def test_a_missing_store_is_not_made_by_using_it(missing_store: ValueStore) -> None:
    """Neither reading nor writing makes a store that may only be unmounted; each says so in a sentence."""
    for use in (
        lambda: missing_store.put(RUN, "k", b"x"),
        lambda: missing_store.open("a/b"),
        lambda: missing_store.stat("a/b"),
        lambda: list(missing_store.scan()),
        missing_store.create_id,
    ):
        with pytest.raises(StoreError, match="does not exist"):
            use()
    assert missing_store.read_id() is None
    assert not missing_store.exists()


def values(store: ValueStore) -> list[str]:
    """The names of all values, sorted, where there are no temporaries and nothing unknown."""
    entries = list(store.scan())
    assert {entry.kind for entry in entries} <= {EntryKind.VALUE, EntryKind.EMPTY_DIRECTORY, EntryKind.RESERVED}
    return sorted(entry.name for entry in entries if entry.kind is EntryKind.VALUE)
