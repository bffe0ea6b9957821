"""Temporary files: private, named by the prefix, written in constant memory, gone when released or in case of error."""

import errno
import hashlib
import os
import stat
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.conftest import listing
from tests.store.test_faults import fail_on
from zenctx.context.factory import RefValueFactory, StoragePreference, TemporaryFiles
from zenctx.context.values import ValueFile
from zenctx.errors import DamagedFileError, LocatorRefusedError, SettingsError, StoreError
from zenctx.store.temporary import LocalTemporaryFiles


@pytest.fixture
def files(tmp_path: Path) -> LocalTemporaryFiles:
    """Files in a directory that does not exist yet."""
    return LocalTemporaryFiles(tmp_path / "data" / "context-files")


def test_it_is_what_the_factory_asks_for(files: LocalTemporaryFiles) -> None:
    """The contract of the core, which knows no directory."""
    maker: TemporaryFiles = files
    file: ValueFile = maker.create([b"x"], ".dat")
    assert (file.size, file.locator) == (1, str(next(files.directory.iterdir())))


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 8192], ids=len)
def test_content_comes_back(files: LocalTemporaryFiles, content: bytes) -> None:
    """Byte for byte, with its size and checksum, at once or in chunks."""
    chunks = (content[at : at + 100_000] for at in range(0, len(content), 100_000))
    for given in (content, chunks):
        file = files.create(given, ".json")
        with file.open() as opened:
            assert opened.read() == content
        assert (file.size, file.checksum) == (len(content), "sha256:" + hashlib.sha256(content).hexdigest())


def test_names_tell_whose_they_are(files: LocalTemporaryFiles) -> None:
    """The engine's prefix, so that it, too, knows them for temporaries; all different; for this user alone."""
    made = [files.create(b"x", suffix) for suffix in (".dat", ".json", ".txt", ".txt")]
    assert {(file.name[:12], Path(file.name).suffix) for file in made} == {
        ("zenflow-ctx-", ".dat"), ("zenflow-ctx-", ".json"), ("zenflow-ctx-", ".txt"),
    }  # fmt: skip
    assert len(set(listing(files.directory))) == 4
    assert {stat.S_IMODE((files.directory / file.name).stat().st_mode) for file in made} == {0o600}


def test_another_prefix_is_a_setting(tmp_path: Path) -> None:
    """One that could lead elsewhere, or hide the file, is refused."""
    assert LocalTemporaryFiles(tmp_path, "my-").create(b"").name.startswith("my-")
    for prefix in ("", "a/b", "../", ".hidden", "nul\0"):
        with pytest.raises(SettingsError, match="is no beginning of a file name"):
            LocalTemporaryFiles(tmp_path, prefix)


def test_a_directory_is_meant_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative one is that of the time when it was named, wherever the program goes later."""
    monkeypatch.chdir(tmp_path)
    files = LocalTemporaryFiles(Path("data"))
    file = files.create(b"x")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    file.discard()
    assert listing(tmp_path / "data") == []


def test_discarding_removes_the_file(files: LocalTemporaryFiles) -> None:
    """One that is gone already is no error; reading it is."""
    file = files.create(b"x")
    with file.open() as opened:
        file.discard()
        assert opened.read() == b"x"
    file.discard()
    assert listing(files.directory) == []
    with pytest.raises(DamagedFileError, match=r"zenflow-ctx-[0-9a-f]{24}\.dat is missing"):
        file.open()


def test_a_link_in_its_place_is_not_followed(files: LocalTemporaryFiles, tmp_path: Path) -> None:
    """Nor is what it leads to removed."""
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    file = files.create(b"x")
    path = files.directory / file.name
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(LocatorRefusedError):
        file.open()
    file.discard()
    assert secret.read_text() == "not yours"
    assert not path.is_symlink()


def test_a_stream_takes_the_memory_of_one_chunk(files: LocalTemporaryFiles) -> None:
    """However long it is."""
    files.create(b"warm")
    tracemalloc.start()
    try:
        file = files.create(bytes(256 * 1024) for _ in range(128))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.size == 32 * 1024 * 1024
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["write", "open", "close"])
def test_a_fault_is_a_sentence_and_leaves_nothing(
    files: LocalTemporaryFiles, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """Whatever step fails: the directory is named, and no file is left."""
    files.create(b"").discard()
    with monkeypatch.context() as patch:
        fail_on(patch, call, code)
        with pytest.raises(StoreError, match="cannot be written: ") as caught:
            files.create(b"x" * 100)
    assert str(files.directory) in caught.value.message
    assert listing(files.directory) == []


def test_a_short_write_is_continued(files: LocalTemporaryFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take less than it is given."""
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:7]))
    with files.create(bytes(range(100))).open() as opened:
        assert opened.read() == bytes(range(100))


@pytest.mark.parametrize("error", [ConnectionResetError, KeyboardInterrupt])
def test_what_a_source_raises_passes_through(files: LocalTemporaryFiles, error: type[BaseException]) -> None:
    """Unchanged, and the file is gone."""

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise error

    with pytest.raises(error):
        files.create(broken())
    assert listing(files.directory) == []


def test_a_directory_without_rights_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be made, or is no directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written: it, or a part of it, is no directory"):
        LocalTemporaryFiles(tmp_path / "file" / "below").create(b"x")
    file = LocalTemporaryFiles(tmp_path).create(b"x")
    fail_on(monkeypatch, "unlink", errno.EACCES)
    with pytest.raises(StoreError, match="cannot be written: this user lacks the rights"):
        file.discard()


def test_threads_share_one_maker(files: LocalTemporaryFiles) -> None:
    """Also when the directory is still missing."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: files.create(b"%d" % number), range(50)))
    for number, file in enumerate(made):
        with file.open() as opened:
            assert opened.read() == b"%d" % number


def test_a_value_s_file_lives_as_long_as_the_value(files: LocalTemporaryFiles) -> None:
    """From the factory to the release, and an alteration in between is found."""
    factory = RefValueFactory(files=files)
    value = factory.create({"a": [1.5]}, StoragePreference.FILE)
    assert value.read() == {"a": [1.5]}
    path = files.directory / listing(files.directory)[0]
    path.write_bytes(b'{"a":[2.5]}')
    with pytest.raises(DamagedFileError, match="has another checksum than when it was kept"):
        value.read()
    assert value.release()
    assert listing(files.directory) == []
    assert not value.release()
