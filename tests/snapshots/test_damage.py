"""Damaged and hostile manifests: each is one sentence that names it, in bounded memory, and harms nothing."""

import hashlib
import json
import os
import resource
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.snapshots.hostile import HEAD, LINE, MIB, altered, claimed, pack, place, place_raw, trailer
from tests.snapshots.samples import HEADER, NOON, RUN, a_file, header, manifest_path, store_of, take, take_with_files
from zenctx.errors import DamagedFileError, ZenctxError
from zenctx.snapshots.layout import MAX_LINE, manifest_name
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository

OBJECT = "sha256:" + hashlib.sha256(b"content").hexdigest()
DIGITS = b"9" * 1_000_000
FILE = {
    "key": "k",
    "locator": "l",
    "size": 7,
    "checksum": OBJECT,
    "mtime_ns": 1,
    "ctime_ns": 1,
    "inode": 1,
    "problem": None,
}


def must_be_damaged(repository: Repository, info: SnapshotInfo, *, in_files: bool = True) -> str:
    """Every way of reading a manifest ends with a sentence, which is given back.

    What is wrong with a run, but not `in_files`, need not be seen by those who look for its files alone.
    """
    message = ""
    ways: list[Callable[[], object]] = [
        lambda: repository.check(info),
        lambda: list(repository.read(info)),
        lambda: list(repository.read(info, verify_first=True)),
        lambda: list(repository.references(info)),
    ]
    for way in ways if in_files else ways[:3]:
        with pytest.raises(DamagedFileError) as caught:
            way()
        message = caught.value.message
        assert info.name in message
        assert len(message) < 500
        assert message.isprintable()
        assert caught.value.hint
    with repository.known_files(HEADER.store_id) as known:
        assert len(known) == 0
    return message


def listed(repository: Repository, name: str) -> bool:
    """Whether a manifest is listed as a snapshot; it is one or damaged, and never neither."""
    in_snapshots = name in {info.name for info in repository.snapshots()}
    assert in_snapshots != (name in {damage.name for damage in repository.damaged()})
    return in_snapshots


def test_one_flipped_byte_is_found(repository: Repository) -> None:
    """Wherever it is: in the header, a run, the trailer, the footer, or where zstd would not mind it."""
    info = take_with_files(repository, [b"content"])
    path = manifest_path(repository, info)
    content = path.read_bytes()
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << (at % 8)
        path.write_bytes(damaged)
        must_be_damaged(repository, info)
        listed(repository, info.name)
        with pytest.raises(DamagedFileError):
            next(repository.read(info, verify_first=True))
    path.write_bytes(content)
    repository.check(info)


def test_a_truncated_manifest_is_found(repository: Repository) -> None:
    """However much of it is left, also none, it is named as damaged and not taken for a shorter snapshot."""
    info = take(repository, runs=[RUN] * 3)
    path = manifest_path(repository, info)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        must_be_damaged(repository, info)
        assert not listed(repository, info.name)
    for more in (b"\0", content[-16:], content):
        path.write_bytes(content + more)
        must_be_damaged(repository, info)


def test_one_damaged_manifest_hides_no_other(repository: Repository) -> None:
    """The others are listed and found; the damaged one is named with its reason."""
    good = take(repository, header(1))
    bad = take(repository, header(2))
    manifest_path(repository, bad).write_bytes(b"nothing")
    (store_of(repository).root / "snapshots" / "README.txt").write_bytes(b"a note of somebody's")
    assert repository.snapshots() == [good]
    assert repository.find(good.snapshot_id) == good
    found = {damage.name: damage for damage in repository.damaged()}
    assert set(found) == {bad.name, "snapshots/README.txt"}
    assert found[bad.name].snapshot_id == bad.snapshot_id
    assert "cut off" in found[bad.name].reason
    assert found["snapshots/README.txt"].snapshot_id is None


@pytest.mark.parametrize("trick", ["link", "pipe", "directory", "unreadable"])
def test_what_is_no_file_is_not_read(repository: Repository, trick: str) -> None:
    """A link, a pipe or a directory in the place of a manifest is not followed, not waited for, and ends no listing."""
    good = take(repository)
    name = manifest_name(NOON.replace(hour=13), "a" * 64)
    path = store_of(repository).root / name
    if trick == "link":
        path.symlink_to(manifest_path(repository, good))
    elif trick == "pipe":
        os.mkfifo(path)
    elif trick == "directory":
        path.mkdir()
    else:
        path.write_bytes(manifest_path(repository, good).read_bytes())
        path.chmod(0)
    assert repository.snapshots() == [good]
    assert [damage.name for damage in repository.damaged()] == [name]


@pytest.mark.parametrize("name", ["a copy.zst", "\x1b[31m.zst", "caf\udce9.zst", "x" * 250])
def test_a_renamed_manifest_is_not_passed_over(repository: Repository, name: str) -> None:
    """It may be a snapshot whose objects are still needed: it is named, under whatever name it lies."""
    info = take(repository)
    manifest_path(repository, info).rename(store_of(repository).root / "snapshots" / name)
    assert repository.snapshots() == []
    (damage,) = repository.damaged()
    assert damage.name == f"snapshots/{name}"
    assert damage.snapshot_id is None
    assert damage.reason.isprintable()


def test_a_damaged_manifest_is_not_taken_for_the_same(repository: Repository) -> None:
    """Where the very snapshot that is written is there already, but damaged, that is said."""
    info = take(repository)
    manifest_path(repository, info).write_bytes(b"short")
    with pytest.raises(DamagedFileError, match="damaged"):
        take(repository)
    assert repository.remove(info)
    assert take(repository) == info


def test_a_manifest_under_another_name_is_found(repository: Repository) -> None:
    """Neither the id nor the time of a name can be exchanged."""
    info = take(repository)
    content = manifest_path(repository, info).read_bytes()
    other_time = place_raw(store_of(repository).root, content, manifest_name(NOON.replace(hour=1), info.snapshot_id))
    assert not listed(repository, other_time)
    other_id = place_raw(store_of(repository).root, content, manifest_name(NOON, "b" * 64))
    must_be_damaged(repository, claimed(other_id))


def test_a_right_manifest_by_hand_is_read(repository: Repository) -> None:
    """What the tests below change is, unchanged, a manifest: frames may be cut anywhere."""
    root = store_of(repository).root
    end = pack(trailer([HEAD, LINE, LINE], 2))
    for frames in ([pack(HEAD), pack(LINE, LINE)], [pack(HEAD), pack(LINE), pack(b""), pack(LINE)]):
        name = place(root, *frames, end)
        (info,) = (info for info in repository.snapshots() if info.name == name)
        assert list(repository.read(info, verify_first=True)) == [RUN, RUN]


HOSTILE_RUNS = {
    "no JSON": b"{\n",
    "blank": b"\n",
    "not UTF-8": LINE.replace(b"legacy", b"lega\xff\xfe"),
    "a list": b"[]\n",
    "null": b"null\n",
    "unknown member": altered(LINE, surprise=1),
    "member missing": altered(LINE, run_id=...),
    "number for text": altered(LINE, run_id=1),
    "text for bytes": altered(LINE, context={"base64": "***"}),
    "padding": altered(LINE, context={"base64": "AAA"}),
    "deep": b'{"run_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "files are none": altered(LINE, files={}),
    "path for checksum": altered(LINE, files=[{**FILE, "checksum": "sha256:../../../etc/passwd"}]),
    "checksum and newline": altered(LINE, files=[{**FILE, "checksum": OBJECT + "\n"}]),
    "size below none": altered(LINE, files=[{**FILE, "size": -2}]),
    "size beyond all": altered(LINE, files=[{**FILE, "size": 2**64}]),
    "million digits": LINE.replace(b'"files":[]', b'"files":[],"storage":' + DIGITS),
    "inode without end": altered(LINE, files=[{**FILE, "inode": 1}]).replace(b'"inode": 1', b'"inode": ' + DIGITS),
    "path for object": b'{"object":"sha256:../../../../etc/passwd","size":1}\n',
    "missing object": b'{"object":"sha256:' + b"0" * 64 + b'","size":1}\n',
    "object of another size": b'{"object":"' + OBJECT.encode() + b'","size":8}\n',
    "object that is no run": b'{"object":"' + OBJECT.encode() + b'","size":7}\n',
    "object and more": b'{"object":"' + OBJECT.encode() + b'","size":7,"x":1}\n',
    "endless object": b'{"object":"' + OBJECT.encode() + b'","size":' + DIGITS + b"}\n",
    "second header": HEAD,
    "second trailer": trailer([HEAD], 1),
    "long": b'"' + b" " * MAX_LINE + b'"\n',
    "longer than its limit": LINE.replace(b"legacy", b"l" * MAX_LINE),
}


SEEN_BY_READING_RUNS = {
    "not UTF-8",
    "unknown member",
    "member missing",
    "number for text",
    "text for bytes",
    "padding",
    "million digits",
}


@pytest.mark.parametrize(("case", "line"), HOSTILE_RUNS.items(), ids=HOSTILE_RUNS.keys())
def test_a_hostile_line_is_refused(repository: Repository, case: str, line: bytes) -> None:
    """A line that zenctx does not write is damage, though every digest is right."""
    repository.put_object(b"content")
    name = place(store_of(repository).root, pack(HEAD), pack(line), pack(trailer([HEAD, line], 1)))
    must_be_damaged(repository, claimed(name), in_files=case not in SEEN_BY_READING_RUNS)
    listed(repository, name)


HOSTILE_ENDS = {
    "more runs": {"runs": 2},
    "fewer runs": {"runs": 0},
    "endless runs": {"runs": 2**63 - 1},
    "runs below none": {"runs": -1},
    "more files": {"files": 1},
    "longer": {"length": len(HEAD + LINE) + 1},
    "shorter": {"length": 10},
    "endless": {"length": 2**63 - 1},
    "another digest": {"digest": OBJECT},
    "no digest": {"digest": "x"},
    "surprise": {"surprise": 1},
}


@pytest.mark.parametrize("changes", HOSTILE_ENDS.values(), ids=HOSTILE_ENDS.keys())
def test_an_end_that_lies_is_found(repository: Repository, changes: dict[str, object]) -> None:
    """Counts, length and digest are compared with what was read."""
    end = trailer([HEAD, LINE], 1, **changes)
    name = place(store_of(repository).root, pack(HEAD), pack(LINE), pack(end))
    for info in [claimed(name), *repository.snapshots()]:
        must_be_damaged(repository, info, in_files="files" not in changes)


HOSTILE_HEADS = {
    "future format": (altered(HEAD, format=2), "format 2"),
    "format zero": (altered(HEAD, format=0), "format 0"),
    "no format": (altered(HEAD, format=...), ""),
    "another kind": (altered(HEAD, zenctx="archive"), ""),
    "no time": (altered(HEAD, created_at="yesterday"), ""),
    "no zone": (altered(HEAD, created_at="2026-11-01T12:00:00"), ""),
    "another time": (altered(HEAD, created_at="2026-11-01T12:00:01+00:00"), "another time"),
    "a time that overflows": (altered(HEAD, created_at="0001-01-01T00:00:00+14:00"), ""),
    "tags are none": (altered(HEAD, tags="nightly"), ""),
    "no JSON": (b"\xff\n", ""),
    "no end": (HEAD.rstrip(), "too long or cut off"),
    "two lines": (HEAD + LINE, "too long or cut off"),
    "empty": (b"", ""),
}


@pytest.mark.parametrize(("line", "words"), HOSTILE_HEADS.values(), ids=HOSTILE_HEADS.keys())
def test_a_hostile_header_is_named(repository: Repository, line: bytes, words: str) -> None:
    """A header of another format, or of none, is listed as damaged with its reason."""
    name = place(store_of(repository).root, pack(line), pack(LINE), pack(trailer([line, LINE], 1)))
    assert not listed(repository, name)
    (damage,) = repository.damaged()
    assert words in damage.reason
    with pytest.raises(DamagedFileError):
        repository.find(damage.snapshot_id or "")
    with pytest.raises(DamagedFileError):
        repository.find("latest")


BOMBS: dict[str, Callable[[], list[bytes]]] = {
    "header": lambda: [pack(*[MIB] * 512), pack(LINE), pack(trailer([HEAD, LINE], 1))],
    "line": lambda: [pack(HEAD), pack(*[MIB] * 512), pack(trailer([HEAD, LINE], 1, length=2**62))],
    "lines": lambda: [pack(HEAD), pack(*[b"\n" * 2**20] * 512), pack(trailer([HEAD, LINE], 1, length=2**62))],
    "runs": lambda: [pack(HEAD), pack(*[LINE * 2000] * 200), pack(trailer([HEAD, LINE], 1, length=2**62))],
    "more than it says": lambda: [pack(HEAD), pack(*[LINE * 2000] * 200), pack(trailer([HEAD, LINE], 10**9))],
    "frames": lambda: [pack(HEAD), *[pack(MIB)] * 512, pack(trailer([HEAD, LINE], 1, length=2**62))],
    "empty frames": lambda: [pack(HEAD), pack(b"") * 100_000, pack(LINE), pack(trailer([HEAD], 1))],
    "window": lambda: [pack(HEAD), pack(LINE, *[os.urandom(2**20)] * 40, window=27), pack(trailer([HEAD], 1))],
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_not_unpacked(repository: Repository, bomb: Callable[[], list[bytes]]) -> None:
    """Half a gigabyte behind a few bytes is refused within a few MiB of memory."""
    name = place(store_of(repository).root, *bomb())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        must_be_damaged(repository, claimed(name))
        listed(repository, name)
        assert tracemalloc.get_traced_memory()[1] < 80 * 1024 * 1024
    finally:
        tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 150 * (1024 if sys.platform == "linux" else 1024 * 1024)


def test_an_end_that_is_a_bomb_is_not_unpacked(repository: Repository) -> None:
    """The frame of the trailer, too, may unpack to a trailer's length alone."""
    end = pack(*[bytes(1000)] * 120_000)
    assert len(end) <= 4096 * 4
    place(store_of(repository).root, pack(HEAD), pack(LINE), end)
    assert repository.snapshots() == []
    (damage,) = repository.damaged()
    assert "too long or cut off" in damage.reason


def test_an_altered_large_run_is_found(repository: Repository) -> None:
    """A run that lies in an object of its own is compared with that object's name before it is read."""
    info = take(repository, runs=[replace(RUN, context=b" " * 5_000_000)])
    (entry,) = repository.objects()
    digest = entry.checksum.removeprefix("sha256:")
    path = store_of(repository).root / "objects" / digest[:2] / digest
    content = bytearray(path.read_bytes())
    content[1_000_000] ^= 1
    path.write_bytes(content)
    assert "altered" in must_be_damaged(repository, info)
    path.write_bytes(content[:-1])
    assert "another size" in must_be_damaged(repository, info)
    path.unlink()
    assert "missing" in must_be_damaged(repository, info)


def test_an_altered_object_is_not_handed_out(repository: Repository) -> None:
    """Whoever reads it to its end is told; a missing or shorter one is told at once."""
    stored = repository.put_object(b"content" * 100_000)
    with repository.open_object(stored.checksum, stored.size) as file:
        assert file.read() == b"content" * 100_000
        assert file.read() == b""
    digest = stored.checksum.removeprefix("sha256:")
    path = store_of(repository).root / "objects" / digest[:2] / digest
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for chunk in (-1, 1000, 1024 * 1024, 10_000_000):
        with (
            repository.open_object(stored.checksum, stored.size) as file,
            pytest.raises(DamagedFileError, match="altered"),
        ):
            read_to_the_end(file.read, chunk)
    for size in (stored.size + 1, 0):
        with pytest.raises(DamagedFileError, match="bytes"):
            repository.open_object(stored.checksum, size)
        assert not repository.has_object(stored.checksum, size)
    path.unlink()
    with pytest.raises(DamagedFileError, match="missing"):
        repository.open_object(stored.checksum, stored.size)
    assert not repository.has_object(stored.checksum)


def read_to_the_end(read: Callable[[int], bytes], chunk: int) -> None:
    """Read until nothing comes."""
    while read(chunk):
        pass


def test_nothing_of_a_snapshot_becomes_a_path(repository: Repository, tmp_path: Path) -> None:
    """Hostile keys, locators and ids make no file anywhere."""
    stored = repository.put_object(b"x")
    before = {path for path in tmp_path.rglob("*") if path.name != "snapshots"}
    evil = "../../../evil"
    info = take(repository, runs=[replace(RUN, run_id=evil, files=(a_file(stored.checksum, 1, evil, evil),))])
    list(repository.read(info))
    new = {path for path in tmp_path.rglob("*") if path.name not in {"snapshots", "zenctx-lock"}} - before
    assert new == {manifest_path(repository, info)}


def test_reasons_hold_no_values(repository: Repository) -> None:
    """A reason may end in a log: it never quotes what a snapshot holds."""
    line = altered(LINE, run_id=1, context="hunter2-secret", files=[{**FILE, "key": "hunter2-secret", "size": "x"}])
    name = place(store_of(repository).root, pack(HEAD), pack(line), pack(trailer([HEAD, line], 1)))
    assert "hunter2" not in must_be_damaged(repository, claimed(name))
    broken = json.dumps({"zenctx": "hunter2-secret", "format": "hunter2-secret"}).encode() + b"\n"
    place(store_of(repository).root, pack(broken), pack(trailer([broken], 0)))
    assert not any("hunter2" in damage.reason for damage in repository.damaged())


def test_a_manifest_that_is_removed_meanwhile_is_said(repository: Repository) -> None:
    """Reading it says so, and a listing leaves it out."""
    info = take(repository)
    assert repository.remove(info)
    assert not repository.remove(info)
    with pytest.raises(ZenctxError, match="gone"):
        list(repository.read(info))
    assert repository.snapshots() == []
    assert repository.damaged() == []
