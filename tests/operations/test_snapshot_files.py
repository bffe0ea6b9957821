"""The files of a snapshot: copied once, never through a link; what is not there, or not as it should be, is named."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.operations.taking import (
    PERSISTENT,
    BetweenRowsAndFiles,
    Taken,
    add_context,
    add_run,
    check_repository,
    content_of,
    contents,
    file_descriptor,
    latest,
    live_file,
    put_file,
    repository,
    settle,
    take,
    tree,
)
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.errors import RefusedError, StoreError, ZenctxError
from zenctx.store import locators as locators_module
from zenctx.store.beneath import open_file, stat_file

MIB = 1024 * 1024
FILES = {"none": b"", "small": b"x" * 100, "large": os.urandom(MIB + 1), "../é\n": b"odd key"}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the live files that were opened to be read."""
    names: list[str] = []

    def counted(root: Path, name: str) -> BinaryIO:
        names.append(name)
        return open_file(root, name)

    monkeypatch.setattr(locators_module, "open_file", counted)
    return names


def problem_of(taken: Taken) -> tuple[str, str]:
    """Give the action and the reason of the one file that has a problem."""
    (item,) = [item for item in taken.items if item.key is not None and item.reason is not None]
    return item.action, item.reason or ""


def test_files_of_every_size_are_taken(world: World) -> None:
    """Empty, small, more than a chunk; whatever the key; each under the hash of its bytes."""
    run_id = add_run(world, FILES)
    taken = take(world)
    files = {file.key: file for file in contents(world)[run_id].files}
    assert {key: content_of(world, file) for key, file in files.items()} == FILES
    assert {key: file.size for key, file in files.items()} == {key: len(content) for key, content in FILES.items()}
    assert all(file.problem is None and file.mtime_ns and file.inode for file in files.values())
    summary = taken.report.summary
    size = sum(map(len, FILES.values()))
    assert (taken.report.exit_code, summary.complete, summary.missing) == (0, True, 0)
    assert (summary.files, summary.copied, summary.unchanged, summary.file_bytes) == (4, 4, 0, size)
    assert f"with 4 files ({size:,} bytes)" in taken.report.message


def test_what_zenctx_wrote_is_taken(world: World) -> None:
    """The files of a migration, with the store's own id."""
    world.options = {"memory-threshold-bytes": "50"}
    run_id = world.rows.add(compact({"a": "x" * 1000, "b": 1}))
    world.migrate()
    take(world)
    (file,) = contents(world)[run_id].files
    assert (file.key, content_of(world, file)) == ("a", b'"' + b"x" * 1000 + b'"')
    assert latest(world).header.store_id == json.loads((world.store / ".zenctx-store.json").read_text())["id"]


def test_unchanged_files_are_not_read_again(world: World, opened: list[str]) -> None:
    """The second snapshot opens none, and names the same objects; a new file is read."""
    run_id = add_run(world, FILES)
    settle()
    first = take(world)
    assert len(opened) == len(FILES)
    opened.clear()
    second = take(world)
    assert opened == []
    assert {action for _, action in second.files} == {"unchanged"}
    newest, oldest = repository(world).snapshots()
    assert contents(world, newest)[run_id].files == contents(world, oldest)[run_id].files
    assert second.report.summary.file_bytes == first.report.summary.file_bytes
    assert ": 0 copied, 4 unchanged since an earlier snapshot" in second.report.message
    add_run(world, {"new": b"new"})
    assert take(world).report.summary.copied == 1
    assert len(opened) == 1


def test_paranoid_reads_everything(world: World, opened: list[str]) -> None:
    """And writes nothing twice."""
    add_run(world, FILES)
    take(world)
    opened.clear()
    objects = sorted(str(entry) for entry in repository(world).objects())
    taken = take(world, paranoid=True)
    assert len(opened) == len(FILES)
    assert {action for _, action in taken.files} == {"copy"}
    assert sorted(str(entry) for entry in repository(world).objects()) == objects


def test_paranoid_writes_damaged_objects_anew(sqlite_world: World) -> None:
    """Of the same size, that of a file and that of a large run: both are named, and without it both are relied on."""
    world = sqlite_world
    run_id = add_run(world, {"a": b"before", "b": b"whole"})
    large = add_context(world, {"text": "x" * 5_000_000})
    settle()
    take(world)
    objects = Path(world.settings.snapshots) / "objects"
    paths = [path for path in objects.glob("*/*") if path.stat().st_size != len(b"whole")]
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.chmod(0o600)
        path.write_bytes(b"#" + path.read_bytes()[1:])
    trusting = take(world)
    assert (trusting.report.exit_code, trusting.report.summary.repaired) == (0, 0)
    taken = take(world, paranoid=True)
    repaired = {(item.run_id, item.key) for item in taken.items if item.action == "repaired"}
    assert repaired == {(run_id, "a"), (large, None)}
    assert "2 objects of the repository were damaged" in taken.report.message
    assert (taken.report.exit_code, taken.report.summary.repaired) == (0, 2)
    assert [path.read_bytes() for path in paths] == before
    check_repository(world)
    assert take(world, paranoid=True).report.summary.repaired == 0


def test_a_file_that_changed_in_place_is_read_again(world: World) -> None:
    """Also where it has the same size, and the time of its change was set back."""
    run_id = add_run(world, {"a": b"before"})
    take(world)
    path = live_file(world, run_id, "a")
    status = path.stat()
    path.write_bytes(b"after!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    taken = take(world)
    (file,) = contents(world)[run_id].files
    assert (content_of(world, file), taken.files) == (b"after!", [("a", "altered")])


def test_the_object_that_is_gone_is_made_again(world: World) -> None:
    """What an earlier snapshot knew is no use without its bytes."""
    run_id = add_run(world, {"a": b"bytes"})
    take(world)
    (file,) = contents(world)[run_id].files
    repository(world).remove_object(file.checksum or "")
    assert take(world).files == [("a", "copy")]
    check_repository(world)


def test_equal_files_are_one_object(world: World) -> None:
    """Two runs, and two keys of one, with the same bytes: stored once."""
    add_run(world, {"a": b"same", "b": b"same"})
    add_run(world, {"c": b"same"})
    assert take(world).report.summary.copied == 3
    assert len(list(repository(world).objects())) == 1


def break_by_removing(path: Path) -> None:
    """The file is gone."""
    path.unlink()


def break_by_directory(path: Path) -> None:
    """A directory lies in its place."""
    path.unlink()
    path.mkdir()


def break_by_link(path: Path) -> None:
    """A link to the very bytes lies in its place."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def break_by_pipe(path: Path) -> None:
    """A pipe lies in its place, which nobody writes into."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("damage", "action", "reason"),
    [
        (break_by_removing, "missing", "is missing"),
        (break_by_directory, "missing", "is a directory"),
        (break_by_pipe, "missing", "is a pipe"),
        (break_by_link, "refused", "symbolic link"),
    ],
)
def test_a_file_that_cannot_be_had_is_named(
    world: World, damage: Callable[[Path], None], action: str, reason: str
) -> None:
    """The snapshot has everything else, and is incomplete; the second one says the same, and a dry run, too."""
    run_id = add_run(world, {"bad": b"bad", "good": b"good"})
    damage(live_file(world, run_id, "bad"))
    dry = take(world, dry_run=True)
    assert problem_of(dry)[0] == action
    for taken in (take(world), take(world)):
        assert (taken.report.exit_code, taken.report.summary.complete) == (3, False)
        assert problem_of(taken)[0] == action
        assert reason in problem_of(taken)[1]
        assert getattr(taken.report.summary, action) == 1
        bad, good = contents(world)[run_id].files
        assert (bad.key, bad.checksum, bad.size) == ("bad", None, 3)
        assert str(bad.problem).startswith(f"{action}: ")
        assert content_of(world, good) == b"good"
        assert not latest(world).is_complete
        assert "it is incomplete, files are named above: 1 " in taken.report.message


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"size": 6}, "it has 5 bytes, its descriptor says 6"),
        ({"checksum": "sha256:" + "0" * 64}, "it does not have the checksum of its descriptor"),
        ({"size": -1, "checksum": "0" * 64}, "it does not have the checksum of its descriptor"),
    ],
)
def test_altered_bytes_are_kept_as_they_are(world: World, properties: dict[str, object], reason: str) -> None:
    """They are better than nothing. They are named each time, whether they are read again or not."""
    locator = put_file(world, "r/a", b"found")
    run_id = add_context(world, {"a": file_descriptor(b"found", locator, **properties)})
    for taken in (take(world), take(world)):
        assert (taken.report.exit_code, problem_of(taken)) == (3, ("altered", reason))
        assert (taken.report.summary.altered, taken.report.summary.file_bytes) == (1, 5)
        (file,) = contents(world)[run_id].files
        assert (content_of(world, file), file.problem) == (b"found", f"altered: {reason}")
        assert not latest(world).is_complete


def test_altered_bytes_that_are_known_are_named_without_reading_them(world: World, opened: list[str]) -> None:
    """The descriptor is compared with what is known of the bytes."""
    locator = put_file(world, "r/a", b"found")
    add_context(
        world, {"a": file_descriptor(b"lost!", locator), "b": file_descriptor(b"", put_file(world, "r/b", b""))}
    )
    settle()
    take(world)
    opened.clear()
    taken = take(world)
    assert (problem_of(taken)[0], opened, taken.report.summary.unchanged) == ("altered", [], 2)


@pytest.mark.parametrize("checksum", [None, "md5:0", ""])
@pytest.mark.parametrize("size", [-1, 5])
def test_what_a_descriptor_does_not_say_is_not_compared(world: World, checksum: str | None, size: int) -> None:
    """No size, no checksum, or one of another kind: the file is what it is."""
    locator = put_file(world, "r/a", b"found")
    add_context(world, {"a": file_descriptor(b"found", locator, size=size, checksum=checksum)})
    assert take(world).report.exit_code == 0


@pytest.mark.parametrize(
    "locator",
    [
        "/etc/passwd",
        "./data/other/x",
        f"{PERSISTENT}/../../../../etc/passwd",
        f"{PERSISTENT}/zenctx-lock",
        "~/x",
        "a\0b",
    ],
)
def test_nothing_outside_is_opened(sqlite_world: World, opened: list[str], locator: str) -> None:
    """A locator that leads out of the directories is named as a problem."""
    run_id = add_context(sqlite_world, {"a": file_descriptor(b"x", locator), "b": {"type": "MEMORY"}})
    taken = take(sqlite_world)
    assert (taken.report.exit_code, taken.files, opened) == (3, [("a", "refused")], [])
    (file,) = contents(sqlite_world)[run_id].files
    assert (file.locator, file.checksum) == (locator, None)


def test_links_on_the_way_are_not_followed(sqlite_world: World) -> None:
    """A directory that is a link leads elsewhere, too."""
    run_id = add_run(sqlite_world, {"a": b"a"})
    folder = live_file(sqlite_world, run_id, "a").parent
    folder.rename(sqlite_world.folder / "outside")
    folder.symlink_to(sqlite_world.folder / "outside")
    assert problem_of(take(sqlite_world))[0] == "refused"


def test_files_of_every_form_are_taken(world: World) -> None:
    """Beside plain values, in contexts that could be either form, among equal keys, and deep in what is no context."""
    names = ("mixed", "loadable", "contradictory", "legacy", "temporary")
    located = {name: put_file(world, f"r/{name}", name.encode()) for name in names}
    exact = {name: file_descriptor(name.encode(), locator) for name, locator in located.items()}
    mixed = add_context(world, {"mixed": exact["mixed"], "plain": 1})
    loadable = add_context(world, {"a": {"type": "FILE", "locator": located["loadable"]}})
    wrong = {**exact["contradictory"], "type": "MEMORY", "size": 3}
    contradictory = add_context(world, {"a": wrong, "b": {**wrong, "locator": f"{PERSISTENT}/r/gone"}})
    legacy = add_context(world, {"a": {"type": "FILE", "locator": located["legacy"]}, "b": 1})
    storage = world.settings.file_storage_dir.path / "zenflow-ctx-1.dat"
    storage.write_bytes(b"temporary")
    temporary = add_context(world, {"a": file_descriptor(b"temporary", "./data/context-files/zenflow-ctx-1.dat")})
    taken = take(world)
    found = contents(world)
    files = {run_id: [content_of(world, file) for file in run.files] for run_id, run in found.items()}
    assert files == {
        mixed: [b"mixed"],
        loadable: [b"loadable"],
        contradictory: [b"contradictory"],
        legacy: [],
        temporary: [b"temporary"],
    }
    assert taken.report.exit_code == 0
    assert found[contradictory].form == "ambiguous"


@pytest.mark.parametrize(
    "broken", ['{{"a":{0},"a":{1}}}', "[{0},[{1}]]", '{{"deep":' + "[" * 1100 + "{0},{1}" + "]" * 1100 + "}}"]
)
def test_files_of_a_broken_context_are_taken(sqlite_world: World, broken: str) -> None:
    """What cannot be taken apart may name files all the same: each text in it that leads to one does."""
    descriptors = [
        json.dumps(file_descriptor(content, put_file(sqlite_world, f"r/{content.decode()}", content)))
        for content in (b"one", b"two")
    ]
    run_id = sqlite_world.rows.add(broken.format(*descriptors), status="RUNNING", ended=None)
    taken = take(sqlite_world)
    run = contents(sqlite_world)[run_id]
    assert (run.form, taken.report.exit_code) == ("invalid", 0)
    assert sorted(content_of(sqlite_world, file) for file in run.files) == [b"one", b"two"]


def test_a_file_that_the_engine_released_says_so(world: World) -> None:
    """Between the rows and the files the engine goes on: the file is missing, and the row says why."""
    released = add_run(world, {"a": b"a"})
    deleted = add_run(world, {"b": b"b"})
    lost = add_run(world, {"c": b"c"})
    paths = [live_file(world, run_id, key) for run_id, key in ((released, "a"), (deleted, "b"), (lost, "c"))]

    def engine() -> None:
        world.rows.replace(released, '{"d":1}')
        is_id = ":id" if world.rows.is_sqlite else "cast(:id as uuid)"
        world.rows.execute(f"delete from workflow_runs where id = {is_id}", id=deleted)
        for path in paths:
            path.unlink()

    taken = take(world, progress=BetweenRowsAndFiles(engine))
    reasons = taken.reasons
    assert str(reasons["a"]).endswith("the engine has released it meanwhile, and the row no longer names it")
    assert str(reasons["b"]).endswith("the run has been deleted meanwhile")
    assert str(reasons["c"]).endswith("is missing")
    assert (taken.report.exit_code, taken.report.summary.missing) == (3, 3)
    assert set(contents(world)) == {released, deleted, lost}
    assert contents(world)[released].files[0].key == "a"


def change_while_open(monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], times: int) -> None:
    """Do something to a file once it is open, the first few times."""
    left = iter(range(times))

    def disturbed(root: Path, name: str) -> BinaryIO:
        file = open_file(root, name)
        if next(left, None) is not None:
            change(root / name)
        return file

    monkeypatch.setattr(locators_module, "open_file", disturbed)


@pytest.mark.parametrize("times", [1, 9])
def test_a_file_that_grows_while_it_is_read_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Once; where it does not keep still it is named, and is not believed to be known the next time."""
    locator = put_file(world, "r/a", b"x")
    run_id = add_context(world, {"a": file_descriptor(b"", locator, size=-1, checksum=None)})

    left = iter([False, *[True] * times])

    def disturbed(root: Path, name: str) -> os.stat_result:
        if next(left, False):
            with (root / name).open("ab") as file:
                file.write(b"more")
        return stat_file(root, name)

    monkeypatch.setattr(locators_module, "stat_file", disturbed)
    taken = take(world)
    (file,) = contents(world)[run_id].files
    if times == 1:
        assert (taken.report.exit_code, content_of(world, file)) == (0, b"xmore")
    else:
        assert problem_of(taken) == ("altered", "it was written to while it was read")
        assert (file.mtime_ns, file.inode) == (None, None)
    check_repository(world)


def test_a_file_that_is_removed_while_it_is_read_is_had(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has it open reads it to its end."""
    run_id = add_run(world, {"a": b"bytes"})
    change_while_open(monkeypatch, Path.unlink, 1)
    taken = take(world)
    assert taken.report.exit_code == 0
    assert content_of(world, contents(world)[run_id].files[0]) == b"bytes"


def test_a_file_that_cannot_be_read_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its device fails, or this user lacks the rights: the other files are taken."""
    run_id = add_run(world, {"bad": b"bad", "good": b"good"})
    bad = live_file(world, run_id, "bad")

    def refused(root: Path, name: str) -> BinaryIO:
        if root / name == bad:
            raise StoreError(f"the directory {root} cannot be read: its device reported an error")
        return open_file(root, name)

    monkeypatch.setattr(locators_module, "open_file", refused)
    taken = take(world)
    assert (taken.report.exit_code, taken.report.summary.unreadable) == (3, 1)
    assert problem_of(taken)[0] == "unreadable"
    assert [file.checksum is None for file in contents(world)[run_id].files] == [True, False]


def test_a_directory_that_is_not_there_is_no_missing_file(world: World) -> None:
    """A volume may not be mounted: nothing is taken, and the directory is named. Rows without files need none."""
    run_id = add_run(world, {"a": b"a"})
    other = world.rows.add('{"a":1}')
    world.store.rename(world.folder / "unmounted")
    with pytest.raises(StoreError, match="does not exist") as caught:
        take(world)
    assert (caught.value.exit_code, repository(world).snapshots()) == (12, [])
    assert take(world, runs=(other,)).report.exit_code == 0
    (world.folder / "unmounted").rename(world.store)
    assert take(world, runs=(run_id,)).report.exit_code == 0


def test_another_store_than_that_of_the_database_is_refused(world: World) -> None:
    """Every file would be missing in it; rows without files can be taken all the same."""
    world.options = {"memory-threshold-bytes": "50"}
    world.rows.add(compact({"a": "x" * 1000}))
    other = world.rows.add('{"b":1}')
    world.migrate()
    (world.store / ".zenctx-store.json").unlink()
    with pytest.raises(RefusedError, match="has no marker"):
        take(world)
    assert repository(world).snapshots() == []
    assert take(world, runs=(other,)).report.exit_code == 0


def test_a_dry_run_tells_of_each_file_and_opens_none(world: World, opened: list[str]) -> None:
    """What would be copied, what is known, what is missing: as the real run then does."""
    run_id = add_run(world, {"known": b"known"})
    settle()
    take(world)
    opened.clear()
    other = add_run(world, {"new": b"new", "gone": b"gone", "short": b"short"})
    live_file(world, other, "gone").unlink()
    live_file(world, other, "short").write_bytes(b"s")
    before = list(tree(world.folder))
    dry = take(world, dry_run=True)
    assert opened == []
    if world.rows.is_sqlite:
        assert list(tree(world.folder)) == before
    assert set(dry.files) == {("known", "unchanged"), ("new", "copy"), ("gone", "missing"), ("short", "altered")}
    real = take(world)
    assert (real.items, real.report.exit_code, dry.report.exit_code) == (dry.items, 3, 3)
    assert run_id in dry.runs


def failure_of(world: World) -> ZenctxError | None:
    """Take a snapshot; give what it failed for."""
    try:
        take(world)
    except ZenctxError as error:
        return error
    return None


@pytest.mark.parametrize("call", ["write", "fsync", "link", "mkdir"])
@pytest.mark.parametrize("uses", [0, 1, 5, 9])
def test_a_full_disk_is_one_sentence(world: World, monkeypatch: pytest.MonkeyPatch, call: str, uses: int) -> None:
    """At whatever step: the directory is named, there is no snapshot, what there was is whole, and the next one is."""
    add_run(world, {"first": b"first"})
    take(world)
    run_id = add_run(world, FILES)
    real, left = getattr(os, call), iter(range(uses))

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        error = failure_of(world)
    assert len(repository(world).snapshots()) == (2 if error is None else 1)
    if error is not None:
        assert (error.exit_code, "no space is left" in error.message) == (12, True)
        assert world.settings.snapshots in error.message
    check_repository(world)
    assert take(world).report.exit_code == 0
    assert {file.key: content_of(world, file) for file in contents(world)[run_id].files} == FILES


def test_spools_and_objects_are_private(sqlite_world: World) -> None:
    """Contexts hold secrets: nobody but the owner may read what is kept."""
    add_run(sqlite_world, FILES)
    take(sqlite_world)
    place = Path(sqlite_world.settings.snapshots)
    modes = {path.stat().st_mode & 0o777 for path in (place, *place.rglob("*"))}
    assert modes <= {0o600, 0o700}
