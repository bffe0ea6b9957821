"""What goes into a snapshot comes out of it, to the last byte."""

import hashlib
import tempfile
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.snapshots.samples import HEADER, NOON, RUN, a_file, header, local_repository, manifest_path, take
from zenctx.errors import DamagedFileError, RefusedError
from zenctx.snapshots.model import (
    MANIFEST_FORMAT,
    RuntimeStateText,
    SnapshotFile,
    SnapshotHeader,
    SnapshotRun,
    SnapshotTotals,
)
from zenctx.snapshots.repository import Repository

HOSTILE_TEXTS = [
    "",
    "../../etc/passwd",
    "/etc/passwd",
    "\0",
    "line\nbreak\r\n",
    "\x1b[31mred\x1b]8;;x\x07",
    "[bold]x[/bold]",
    "\u2028\u2029\ufeff",
    "\ud800",
    "\udcff\udc80",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "\ud83d" + "\ude00",
    '{"object":"sha256:' + "0" * 64 + '","size":1}',
    '{"base64":"AAAA"}',
    "caf\u00e9 cafe\u0301",
    "k" * 300,
]
HOSTILE_CONTEXTS = [
    None,
    b"",
    b"{}",
    b"null",
    b"{",
    b'{"a":1.10,"a":1e400,"b":18446744073709551617}',
    b' { "spaces" : [ 1 , 2 ] } \n',
    b"\xff\xfe\x00",
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xc3"}',
    b'{"a":"\\ud800 \\u0000 \\/"}',
    "\ufeff{}".encode(),
    b"[" * 2000 + b"]" * 2000,
    b"1" * 5000,
]


def read_one(repository: Repository, run: SnapshotRun) -> SnapshotRun:
    """A run that went through a snapshot."""
    (found,) = repository.read(take(repository, runs=[run]), verify_first=True)
    return found


def test_a_snapshot_is_read_as_it_was_written(repository: Repository) -> None:
    """Header, counts and runs come back, in their order."""
    content = repository.put_object(b"content of a file")
    missing = SnapshotFile("gone", "data/gone", -1, None, None, None, "missing: no such file")
    runs = [RUN, replace(RUN, run_id="2", files=(a_file(content.checksum, 17), missing)), replace(RUN, context=None)]
    info = take(repository, runs=runs)
    assert info.header == HEADER
    assert info.totals == SnapshotTotals(3, 2 * len(RUN.context or b""), 2, 17, 1)
    assert not info.is_complete
    assert list(repository.read(info)) == runs
    assert repository.snapshots() == [info]
    assert Repository.open(repository.store).snapshots() == [info]
    repository.check(info)


def test_a_snapshot_of_nothing_is_one(repository: Repository) -> None:
    """No run is no error: the snapshot says so."""
    info = take(repository, runs=[])
    assert info.totals == SnapshotTotals(0, 0, 0, 0, 0)
    assert list(repository.read(info, verify_first=True)) == []
    assert list(repository.references(info)) == []


@pytest.mark.parametrize("context", HOSTILE_CONTEXTS, ids=lambda context: ascii(context)[:40])
def test_a_context_is_the_same_bytes(repository: Repository, context: bytes | None) -> None:
    """Valid JSON or not, UTF-8 or not: not one byte of a context changes, and absent is not empty."""
    assert read_one(repository, replace(RUN, context=context)).context == context


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=lambda text: ascii(text)[:40])
def test_texts_are_only_data(repository: Repository, text: str) -> None:
    """Keys, locators, ids and columns of any text come back as they were."""
    content = repository.put_object(b"x")
    run = SnapshotRun(
        run_id=text,
        columns={"id": text, "error": text},
        context=text.encode("utf-8", "surrogatepass"),
        runtime_state=RuntimeStateText(2, text),
        form="invalid",
        run_class="unreadable",
        files=(replace(a_file(content.checksum, 1, text, text), problem=text),),
        storage={"context": "blob"},
    )
    assert read_one(repository, run) == run


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, 2**64 - 1, -(2**63)])
def test_numbers_of_file_systems_are_kept(repository: Repository, number: int) -> None:
    """Inodes have 64 bits, and times may lie before 1970."""
    content = repository.put_object(b"x")
    file = replace(a_file(content.checksum, 1), mtime_ns=number, ctime_ns=number, inode=number)
    assert read_one(repository, replace(RUN, files=(file,))).files == (file,)


@pytest.mark.parametrize("size", [3_000_000, 4_194_304, 20_000_000])
def test_a_large_run_is_kept_beside_the_manifest(repository: Repository, size: int) -> None:
    """A run of any size is whole, its manifest has short lines, and what it lies in is among the references."""
    run = replace(RUN, context=b'"' * size, files=(a_file(repository.put_object(b"x").checksum, 1),))
    info = take(repository, runs=[RUN, run, RUN])
    assert [found.context for found in repository.read(info)] == [RUN.context, run.context, RUN.context]
    references = dict(repository.references(info))
    assert references == {entry.checksum: entry.size for entry in repository.objects()}
    assert len(references) == 2


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        NOON.replace(microsecond=1),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=14))),
    ],
    ids=str,
)
def test_the_time_is_kept_and_named(repository: Repository, moment: datetime) -> None:
    """Any moment of any zone is the same moment afterwards, and stands in the name in UTC."""
    info = take(repository, replace(HEADER, created_at=moment))
    assert info.created_at == moment
    assert info.created_at.utcoffset() == timedelta(0)
    utc = moment.astimezone(UTC)
    assert info.name.startswith(f"snapshots/{utc.year:04}{utc.month:02}{utc.day:02}T{utc.hour:02}{utc.minute:02}")
    assert repository.find("latest") == info


def test_a_header_of_odd_text_is_readable(repository: Repository) -> None:
    """What is no text in a header, from a path in another encoding, is shown by its codes."""
    info = take(repository, replace(HEADER, who="caf\udce9", tags=("é", "\udcff")))
    assert (info.header.who, info.tags) == ("caf\\udce9", ("é", "\\udcff"))
    assert repository.find("latest") == info


def test_a_header_without_end_is_refused(repository: Repository) -> None:
    """What would not be read again is not written."""
    with pytest.raises(RefusedError, match="room"), repository.write(replace(HEADER, selection="x" * 70_000)):
        pass
    with (
        pytest.raises(ValueError, match="time zone"),
        repository.write(replace(HEADER, created_at=NOON.replace(tzinfo=None))),
    ):
        pass
    assert repository.snapshots() == []


def test_the_largest_header_is_read_again(repository: Repository) -> None:
    """A header just within the limit, that cannot be compressed, is listed."""
    digits = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(21_000))
    info = take(repository, replace(HEADER, selection=digits))
    assert repository.snapshots() == [info]


def test_a_snapshot_needs_its_objects(repository: Repository) -> None:
    """A run whose file is not in the repository, or has another size, or no name of an object, is not taken."""
    stored = repository.put_object(b"content")
    with repository.write(HEADER) as manifest:
        for file in (a_file("sha256:" + "0" * 64, 7), a_file(stored.checksum, 8), a_file("sha256:../../etc/passwd", 7)):
            with pytest.raises(DamagedFileError):
                manifest.add(replace(RUN, files=(file,)))
        manifest.add(replace(RUN, files=(a_file(stored.checksum, 7),)))
        info = manifest.commit()
    assert info.totals.runs == 1
    assert [run.files[0].checksum for run in repository.read(info)] == [stored.checksum]


def test_without_a_commit_there_is_no_snapshot(repository: Repository) -> None:
    """A context that ends without it, or by an error, leaves nothing that could be taken for one."""
    with repository.write(HEADER) as manifest:
        manifest.add(RUN)

    def interrupted() -> None:
        with repository.write(HEADER) as manifest:
            manifest.add(RUN)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert repository.snapshots() == []
    assert repository.store.names("") == ["zenctx-repository.json"]


def test_a_finished_snapshot_stays_as_it_is(repository: Repository) -> None:
    """Nothing can be added, nor committed, a second time."""
    with repository.write(HEADER) as manifest:
        manifest.add(RUN)
        info = manifest.commit()
        for use in (lambda: manifest.add(RUN), manifest.commit):
            with pytest.raises(ValueError, match="finished"):
                use()
    assert repository.snapshots() == [info]
    assert len(list(repository.read(info))) == 1


def test_the_same_snapshot_twice_is_one(repository: Repository) -> None:
    """The id is the digest of the content, so the same content has the same name."""
    assert take(repository) == take(repository)
    assert len(repository.snapshots()) == 1
    assert take(repository, header(1)) != take(repository)


def test_the_id_is_what_sha256sum_says(repository: Repository) -> None:
    """Anybody can compare a manifest with its name."""
    info = take(repository)
    assert hashlib.sha256(manifest_path(repository, info).read_bytes()).hexdigest() == info.snapshot_id
    assert info.short_id == info.snapshot_id[:12]


def test_memory_does_not_grow_with_the_number_of_runs(repository: Repository) -> None:
    """10,000 runs of 1.5 KB are written, read and searched for references within a few MiB."""
    context = b'{"node.output.text": "' + b"0123456789abcdef" * 90 + b'"}'
    tracemalloc.start()
    try:
        info = take(repository, runs=(replace(RUN, run_id=str(n), context=context) for n in range(10_000)))
        assert sum(1 for _ in repository.read(info, verify_first=True)) == 10_000
        assert list(repository.references(info)) == []
        assert tracemalloc.get_traced_memory()[1] < 12 * 1024 * 1024
    finally:
        tracemalloc.stop()


_texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
_numbers = st.none() | st.integers(-(2**63), 2**64 - 1)
_missing = st.builds(
    SnapshotFile,
    key=_texts,
    locator=_texts,
    size=st.integers(-1, 2**63 - 1),
    checksum=st.none(),
    mtime_ns=_numbers,
    inode=_numbers,
    problem=st.none() | _texts,
    ctime_ns=_numbers,
)
_runs = st.builds(
    SnapshotRun,
    run_id=_texts,
    columns=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=10), st.none() | _texts, max_size=4),
    context=st.none() | st.binary(max_size=200) | _texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    runtime_state=st.none() | st.builds(RuntimeStateText, st.integers(0, 2**31), _texts),
    form=st.sampled_from(["null", "legacy", "invalid"]),
    run_class=st.sampled_from(["parked", "finished"]),
    files=st.lists(_missing, max_size=3).map(tuple),
    storage=st.dictionaries(st.sampled_from(["context", "error"]), st.sampled_from(["blob", "real"])),
)
_headers = st.builds(
    SnapshotHeader,
    format=st.just(MANIFEST_FORMAT),
    created_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the strategy adds it
    tags=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    is_safety=st.booleans(),
    version=st.text(max_size=20),
    who=st.text(max_size=20),
    dialect=st.text(max_size=20),
    database=st.text(max_size=20),
    database_identity=st.none() | st.text(max_size=20),
    store_id=st.none() | st.text(max_size=20),
    selection=st.text(max_size=20),
)


@settings(max_examples=60, deadline=None)
@given(head=_headers, runs=st.lists(_runs, max_size=6))
def test_any_snapshot_comes_back(head: SnapshotHeader, runs: list[SnapshotRun]) -> None:
    """Whatever texts and numbers there are, what is read is what was written."""
    with tempfile.TemporaryDirectory() as directory:
        repository = local_repository(Path(directory))
        info = take(repository, head, runs)
        assert info.header == head
        assert repository.snapshots() == [info]
        assert list(repository.read(info, verify_first=True)) == runs
