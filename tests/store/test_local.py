"""How the local store writes: order of steps, modes, groups, and what happens beside others."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.conftest import RUN, listing
from zenctx.errors import SettingsError, StoreError
from zenctx.store import durable
from zenctx.store.base import EntryKind, NewFile
from zenctx.store.local import LocalStore


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the store asks of the system, in its order: the call, and the kind of file it is about."""
    done: list[tuple[str, str]] = []

    def spy(name: str, about: Callable[..., str]) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            result = real(*arguments, **options)
            done.append((name, about(*arguments, **options)))
            return result

        monkeypatch.setattr(os, name, call)

    def kind(fd: int, *_: object) -> str:
        return "directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"

    def place(fd: int) -> str:
        return Path(f"/proc/self/fd/{fd}").readlink().name if kind(fd) == "directory" else "file"

    spy("write", kind)
    spy("fchmod", kind)
    spy("fsync", place)
    spy("rename", lambda *_names, **_fds: "directory")
    spy("posix_fadvise", kind)
    spy("link", lambda *_names, **_fds: "file")
    spy("unlink", lambda name, **_fd: "temporary" if name.startswith("zenctx-tmp-") else name)
    return done


linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks /proc what a descriptor is")


@linux
def test_a_file_is_durable_before_it_is_named(local: LocalStore, steps: list[tuple[str, str]]) -> None:
    """Content, mode, fsync; only then the final name; then the directories, before the name is told."""
    local.put(RUN, "k", b"x")
    assert steps[-7:] == [
        ("write", "file"),
        ("fchmod", "file"),
        ("fsync", "file"),
        ("link", "file"),
        ("unlink", "temporary"),
        ("fsync", RUN),
        ("fsync", "persistent"),
    ]
    # The run's directory before them: with its mode, durable, under a temporary name, then in its place.
    assert [step for step, _ in steps[:-7]] == ["fchmod", "fsync", "rename"]


@linux
def test_what_is_not_read_soon_leaves_memory_once_it_is_durable(
    local: LocalStore, steps: list[tuple[str, str]]
) -> None:
    """Not before: the system keeps what it has not written yet, and would be told in vain."""
    files = [NewFile(RUN, "k", b"x" * 10_000, is_read_soon=is_read_soon) for is_read_soon in (False, True)]
    stored = local.put_many(files)
    assert steps.count(("posix_fadvise", "file")) == 1
    assert steps.index(("posix_fadvise", "file")) > steps.index(("fsync", "file"))
    assert [(local.root / file.name).read_bytes() for file in stored] == [b"x" * 10_000] * 2


def test_a_system_that_forgets_nothing_stores_all_the_same(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is advice, and some systems and file systems do not take it."""

    def refused(*_: object) -> None:
        raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(os, "posix_fadvise", refused, raising=False)
    stored = local.put_many([NewFile(RUN, "k", b"x", is_read_soon=False)])
    assert [local.stat(file.name).size for file in stored] == [1]


@linux
def test_the_root_is_synced_also_for_a_directory_that_was_there(
    local: LocalStore, steps: list[tuple[str, str]]
) -> None:
    """Who made the run's directory may have been killed before its name was durable."""
    (local.root / RUN).mkdir()
    local.put(RUN, "k", b"x")
    assert steps[-2:] == [("fsync", RUN), ("fsync", "persistent")]


@linux
def test_put_many_syncs_each_directory_once_at_the_end(local: LocalStore, steps: list[tuple[str, str]]) -> None:
    """All files are durable by themselves; then each directory once, and the root last."""
    local.put_many(
        NewFile(run, str(n), b"x") for n in range(3) for run in (RUN, "00000000-0000-4000-8000-000000000001")
    )
    assert steps.count(("fsync", "file")) == 6
    last = [place for _, place in steps[-3:]]
    assert sorted(last[:2]) == ["00000000-0000-4000-8000-000000000001", RUN]
    assert last[2] == "persistent"


@linux
def test_prepare_makes_all_the_way_down_durable(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    """Each directory on the way is synced, also when it was there: it may be left from a run that was killed."""
    root = tmp_path / "a" / "b" / "c"
    store = LocalStore(root, file_mode=0o440, file_group=None)
    store.prepare()
    assert root.is_dir()
    assert listing(tmp_path / "a") == ["b"]
    steps.clear()
    store.prepare()
    assert [place for _, place in steps][:4] == ["c", "b", "a", tmp_path.name]


@pytest.mark.parametrize(
    ("file_mode", "directory_mode"),
    [(0o440, 0o770), (0o400, 0o700), (0o444, 0o775), (0o640, 0o770), (0o600, 0o700)],
    ids=oct,
)
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_modes_are_as_configured(tmp_path: Path, file_mode: int, directory_mode: int, umask: int) -> None:
    """Whatever the umask: files have the configured mode, and who reads them by group may remove them."""
    before = os.umask(umask)
    try:
        store = LocalStore(tmp_path / "above" / "root", file_mode=file_mode, file_group=None)
        store.prepare()
        path = store.root / store.put(RUN, "k", b"x").name
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == file_mode
    for directory in (path.parent, store.root, store.root.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == directory_mode


def test_the_group_is_given_to_files_and_directories(tmp_path: Path) -> None:
    """By number here: a group this user may give, another one than its own where there is one."""
    group = max({os.getegid(), *os.getgroups(), *([12345] if os.geteuid() == 0 else [])})
    store = LocalStore(tmp_path / "root", file_mode=0o440, file_group=str(group))
    store.prepare()
    path = store.root / store.put(RUN, "k", b"x").name
    with store.lock_shared():
        assert {entry.stat().st_gid for entry in (path, path.parent, store.root, *store.root.glob("zenctx-*"))} == {
            group
        }


def test_an_unknown_group_is_a_wrong_setting(tmp_path: Path) -> None:
    """It is found before anything is made, and reading does without it."""
    store = LocalStore(tmp_path / "root", file_mode=0o440, file_group="no such group")
    for use in (store.prepare, lambda: store.put(RUN, "k", b"x"), store.create_id):
        with pytest.raises(SettingsError, match="file-group"):
            use()
    assert not store.exists()
    assert store.read_id() is None


def test_directories_of_others_keep_their_mode(local: LocalStore) -> None:
    """A run's directory that the engine made is used as it is."""
    (local.root / RUN).mkdir(0o751)
    (local.root / RUN).chmod(0o751)
    (local.root / RUN / "theirs.dat").touch()
    local.put(RUN, "k", b"x")
    assert stat.S_IMODE((local.root / RUN).stat().st_mode) == 0o751


def test_a_directory_removed_meanwhile_is_made_again(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine or gc may remove an empty directory just before the first file is in it."""
    real_open = os.open
    removed: list[str] = []

    def racing(path: str, flags: int, *arguments: int, dir_fd: int | None = None) -> int:
        if str(path).startswith("zenctx-tmp-") and flags & os.O_CREAT and not removed:
            (local.root / RUN).rmdir()
            removed.append(path)
        return real_open(path, flags, *arguments, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", racing)
    stored = local.put(RUN, "k", b"x")
    assert removed
    assert local.stat(stored.name).size == 1


def test_a_directory_that_cannot_stay_is_an_error(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who removes it again and again does not keep the store busy for ever."""
    real_make = durable.make_directory

    def vanishing(parent: int, name: str, access: object) -> None:
        real_make(parent, name, access)  # type: ignore[arg-type]
        os.rmdir(name, dir_fd=parent)

    monkeypatch.setattr("zenctx.store.local.make_directory", vanishing)
    with pytest.raises(StoreError, match="does not exist"):
        local.put(RUN, "k", b"x")


@pytest.mark.parametrize("there", [True, False])
def test_two_may_make_a_directory_at_once(local: LocalStore, there: bool) -> None:
    """Who comes second uses the directory of the first, and leaves nothing of its own."""
    (local.root / RUN).mkdir()
    if there:
        (local.root / RUN / "file").touch()
    fd = os.open(local.root, os.O_RDONLY)
    try:
        durable.make_directory(fd, RUN, local._access())
    finally:
        os.close(fd)
    assert listing(local.root) == [RUN]
    assert (local.root / RUN / "file").exists() == there


def test_a_taken_name_is_never_replaced(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the random part repeats, the next name is taken; when that is taken too, nothing is stored."""
    names = iter(["one", "two", "one", "three", "one", "three"])
    monkeypatch.setattr("zenctx.store.local.file_name", lambda _key, _suffix: next(names))
    assert local.put(RUN, "k", b"1").name == f"{RUN}/one"
    assert local.put(RUN, "k", b"2").name == f"{RUN}/three"
    with pytest.raises(StoreError, match="exists"):
        local.put(RUN, "k", b"3")
    assert (local.root / RUN / "one").read_bytes() == b"1"
    assert listing(local.root / RUN) == ["one", "three"]


def test_a_file_system_without_links_is_served_by_rename(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network and FUSE file systems know no second name: nothing is replaced there either."""

    def refusing(*_names: str, **_fds: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refusing)
    names = iter(["one", "two", "one", "three"])
    monkeypatch.setattr("zenctx.store.local.file_name", lambda _key, _suffix: next(names))
    assert [local.put(RUN, "k", content).name for content in (b"1", b"2")] == [f"{RUN}/one", f"{RUN}/three"]
    assert (local.root / RUN / "one").read_bytes() == b"1"
    made = local.create_id()
    assert local.create_id() == made
    assert {entry.kind for entry in local.scan()} == {EntryKind.VALUE, EntryKind.RESERVED}


def test_a_repeated_link_is_recognised(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system that repeats a link whose answer was lost reports a name that is our own file."""
    real_link = os.link

    def repeating(*names: str, src_dir_fd: int, dst_dir_fd: int) -> None:
        real_link(*names, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        real_link(*names, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "link", repeating)
    stored = local.put(RUN, "k", b"x")
    assert [entry.name for entry in local.scan()] == [stored.name]


def test_a_link_in_place_of_a_run_directory_is_not_written_through(local: LocalStore, tmp_path: Path) -> None:
    """Writing follows no link below the root either."""
    (tmp_path / "elsewhere").mkdir()
    for target in (tmp_path / "elsewhere", tmp_path / "dangling"):
        (local.root / RUN).unlink(missing_ok=True)
        (local.root / RUN).symlink_to(target)
        with pytest.raises(StoreError, match=RUN):
            local.put(RUN, "k", b"x")
    assert listing(tmp_path / "elsewhere") == []
    assert listing(local.root) == [RUN]
