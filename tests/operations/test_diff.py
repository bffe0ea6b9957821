"""Comparing contexts: equal values are equal wherever they are kept, and everything else is told."""

import base64
import json
from pathlib import Path

import jsonpatch
import pytest

from tests.operations import comparing
from tests.operations.comparing import Comparer, Made, add_snapshot, comparer, locator, repository_of, write_all
from tests.operations.world import VECTORS, World
from tests.support.rows import compact
from zenctx.config import load_settings
from zenctx.context.canonical import canonical
from zenctx.errors import DamagedFileError, DataError, InvalidContextError, NotFoundError, RefusedError, UsageError
from zenctx.operations.comparison import contexts, values
from zenctx.operations.comparison.reference import SideKind, parse_reference

RUN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
NOTHING = {"locator": None, "mediaType": None, "checksum": None, "inlineValue": None}
LARGE = {"memory-threshold-bytes": "50"}


@pytest.fixture
def files(tmp_path: Path) -> Comparer:
    """Give what compares files, without a database."""
    return Comparer(load_settings({"db": "sqlite:///unused.db"}, config_file=None, environ={}, cwd=tmp_path))


@pytest.mark.parametrize("options", [LARGE, LARGE | {"engine-reads": "all"}], ids=["in files", "inline"])
def test_a_converted_run_equals_its_legacy_form(world: World, options: dict[str, str]) -> None:
    """Whatever is kept elsewhere has moved, which is no difference; every value of the vectors."""
    world.options = options
    texts = {path.name: path.read_text() for path in sorted((VECTORS / "legacy").glob("*.json"))}
    pairs = {name: (world.rows.add(text), world.rows.add(text)) for name, text in texts.items()}
    world.migrate(runs=tuple(after for _, after in pairs.values()))
    for name, pair in pairs.items():
        compared = comparer(world).diff(*pair)
        assert (compared.report.exit_code, compared.report.summary.equal) == (0, True), name
        assert {item.difference for item in compared.items} <= {"moved"}


def test_what_moved_is_named(world: World) -> None:
    """With both places; the code is 0."""
    world.options = LARGE
    context = {"small": 1, "large": "x" * 100, "liste": list(range(50))}
    before, after = (world.rows.add(compact(context)) for _ in range(2))
    world.migrate(runs=(after,))
    compared = comparer(world).diff(before, after)
    assert [(item.key, item.difference, item.storage_a, item.storage_b) for item in compared.items] == [
        (key, "moved", "row", "file") for key in ("large", "liste")
    ]
    assert "2 kept elsewhere" in compared.report.message


def test_differences_inside_of_files_are_told(world: World) -> None:
    """With their pointers, as if the values were in the row."""
    world.options = LARGE
    before = world.rows.add(compact({"a": list(range(50)), "gone": "y" * 60, "same": "z" * 60}))
    after = world.rows.add(compact({"a": [*range(20), 7.5, *range(21, 50)], "same": "z" * 60, "new": None}))
    world.migrate()
    compared = comparer(world).diff(before, after)
    assert sorted(compared.told, key=str) == [
        ("a", "changed", "/20"),
        ("gone", "removed", None),
        ("new", "added", None),
    ]
    (changed,) = (item for item in compared.items if item.key == "a")
    assert (changed.before and changed.before.text, changed.after and changed.after.text) == (b"20", b"7.5")
    assert compared.report.exit_code == 4


@pytest.mark.parametrize("converted", [(), (0,), (1,), (0, 1)], ids=str)
def test_the_patch_leads_from_a_to_b(world: World, converted: tuple[int, ...]) -> None:
    """In the legacy form, whatever the form of either; with exact numbers."""
    world.options = LARGE
    long = ["1"] * 59
    texts = [
        '{"a":1.10,"b":{"c":[1,2,18446744073709551616]},"x/y~z":"q","big":[' + ",".join([*long, "1"]) + "]}",
        '{"a":1.1,"b":{"c":[1,3,1e400]},"n":{"m":[]},"big":[' + ",".join([*long, "2.50"]) + "]}",
    ]
    runs = [world.rows.add(text) for text in texts]
    for number in converted:
        world.migrate(runs=(runs[number],))
    patch, report = comparer(world).patch(*runs)
    assert report.exit_code == 4
    assert b"1e400" in patch or b"1" + b"0" * 400 in patch  # as the database spells it
    plain = [json.loads(text, parse_float=str, parse_int=str) for text in texts]
    loaded = json.loads(canonical(patch), parse_float=str, parse_int=str)
    applied = jsonpatch.JsonPatch(loaded).apply(plain[0])
    assert canonical_of(applied) == canonical_of(plain[1])


def canonical_of(value: object) -> bytes:
    """Give a form in which numbers that were read as text are equal exactly where their values are."""
    if isinstance(value, dict):
        return b"{%b}" % b",".join(
            json.dumps(name).encode() + canonical_of(each) for name, each in sorted(value.items())
        )
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(canonical_of, value))
    text = str(value)
    return canonical(text.encode()) if text[:1].isdigit() else text.encode()


def test_null_and_empty_have_equal_values(world: World) -> None:
    """There is no key in either of them."""
    null, empty = world.rows.add(None), world.rows.add("{}")
    assert comparer(world).diff(null, empty).report.exit_code == 0
    assert comparer(world).diff(null, world.rows.add('{"a":null}')).told == [("a", "added", None)]


def test_a_missing_file_is_said_not_to_be_comparable(world: World) -> None:
    """The code is 4, and the other keys are compared all the same; an altered file is not taken for what it was."""
    world.options = LARGE
    runs = [world.rows.add(compact({"a": "x" * 60 + end, "b": end})) for end in "12"]
    world.migrate()
    (path, other) = sorted(world.store.glob("*/*.json"))
    path.unlink()
    compared = comparer(world).diff(*runs)
    assert [(item.key, item.difference) for item in compared.items] == [("a", "unknown"), ("b", "changed")]
    assert compared.report.exit_code == 4
    other.chmod(0o600)
    other.write_bytes(b'"' + b"y" * 61 + b'"')
    (item, _) = comparer(world).diff(*sorted(runs, key=lambda run: run != other.parent.name)).items
    assert "does not have the checksum" in (item.reason or "")


def test_equal_files_are_equal_whatever_their_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large ones by their checksums; those that differ and are too large to be parsed by sizes and checksums."""
    world.options = LARGE
    a, b, c = (world.rows.add(compact({"a": "x" * 60 + end})) for end in "112")
    world.migrate()
    monkeypatch.setattr(values, "MAX_PARSED", 10)
    assert comparer(world).diff(a, b).report.exit_code == 0
    (item,) = comparer(world).diff(a, c).items
    assert (item.difference, item.before, item.after) == ("changed", None, None)
    assert (item.reason or "").count("63 bytes") + (item.reason or "").count("63 (sha256:") == 2
    with pytest.raises(RefusedError, match="no patch for 'a'"):
        comparer(world).patch(a, c)


def test_bytes_that_are_no_json_are_compared_as_bytes(sqlite_world: World) -> None:
    """They equal neither another value nor the text that they are in base64."""
    folder = sqlite_world.folder / "data" / "context-files"
    folder.mkdir(parents=True)
    contents = {"a": b"\xff\x00", "b": b"\xff\x00", "c": b"\xff\x01", "d": b"1"}
    runs = {}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        file = {**NOTHING, "type": "FILE", "size": len(content), "locator": f"./data/context-files/{name}"}
        runs[name] = sqlite_world.rows.add(compact({"k": file}))
    inline = {**NOTHING, "type": "FILE", "size": 2, "inlineValue": base64.b64encode(b"\xff\x00").decode()}
    runs["inline"] = sqlite_world.rows.add(compact({"k": inline}))
    runs["text"] = sqlite_world.rows.add(compact({"k": inline["inlineValue"]}))
    told = {name: comparer(sqlite_world).diff(runs["a"], runs[name]).told for name in runs}
    changed = [("k", "changed", None)]
    assert told == {"a": [], "b": [], "c": changed, "d": changed, "inline": [("k", "moved", None)], "text": changed}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 1}, None),
        ({"type": "MEMORY", "inlineValue": 1}, "ambiguous"),
        ({"type": "JSON", **NOTHING, "size": 3, "inlineValue": "bm9wZQ=="}, "ambiguous"),
    ],
)
def test_what_could_be_read_both_ways_is_compared_as_it_is_stored(
    world: World, other: dict[str, object], message: str | None
) -> None:
    """Never unwrapped by a guess; the report says so. What is sound is unwrapped."""
    plain, wrapped = world.rows.add('{"a":1}'), world.rows.add(compact({"a": other}))
    compared = comparer(world).diff(plain, wrapped)
    assert compared.report.summary.equal is (message is None)
    assert (message or "") in compared.report.message
    assert comparer(world).diff(wrapped, wrapped).report.exit_code == 0


def test_an_invalid_context_equals_itself_alone(sqlite_world: World) -> None:
    """Its values cannot be told; the code is 4, and its text is not shown."""
    invalid, same, other = (sqlite_world.rows.add(text) for text in ('{"secret":1', '{"secret":1', '{"a":1}'))
    assert comparer(sqlite_world).diff(invalid, same).report.exit_code == 0
    compared = comparer(sqlite_world).diff(invalid, other)
    assert (compared.report.exit_code, compared.told) == (4, [(None, "unknown", None)])
    with pytest.raises(RefusedError, match="invalid"):
        comparer(sqlite_world).patch(invalid, other)


def test_files_and_standard_input_are_compared_without_a_database(files: Comparer, tmp_path: Path) -> None:
    """Contexts where they are objects, other documents as a whole."""
    a, b, c = write_all(tmp_path, {"a.json": ' {"a":[1,2]}\n', "b.json": '{"a":[1,3]}', "c.json": "[1,[2]]"})
    assert files.diff(a, b).told == [("a", "changed", "/1")]
    assert files.diff(a, a).report.exit_code == 0
    given = Comparer(files.settings, stdin=b"[1,[2.0,3]]")
    assert given.diff(c, "-").told == [(None, "added", "/1/1")]
    assert given.patch("-", c)[0] == b'[{"op":"remove","path":"/1/1"}]'
    (item,) = files.diff(a, c).items
    assert (item.difference, item.before, item.after) == ("changed", None, None)
    with pytest.raises(UsageError):
        given.diff("-", "-")


@pytest.mark.parametrize("text", ["", "nul", '{"a":1,"a":2}', '{"a":"\\ud800"}', "\ufeff{}", "[" * 1001 + "]" * 1001])
def test_a_file_that_is_no_json_is_an_error(files: Comparer, tmp_path: Path, text: str) -> None:
    """Named, with what is wrong; so is one that is not there."""
    (path,) = write_all(tmp_path, {"a.json": text})
    with pytest.raises(InvalidContextError, match=r"a\.json cannot be read as JSON"):
        files.diff(path, path)
    with pytest.raises(NotFoundError, match="there is no file"):
        files.diff(path + "x.json", path)


def test_a_file_larger_than_any_context_is_refused(
    files: Comparer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr("zenctx.operations.diff.MAX_LEGACY_BYTES", 10)
    (path,) = write_all(tmp_path, {"a.json": "[1,2,3,4,5,6,7]"})
    with pytest.raises(DataError, match="more than 10 bytes"):
        files.diff(path, path)


def test_deep_values_are_compared(files: Comparer, tmp_path: Path) -> None:
    """At the limit of the engine's reader."""
    paths = write_all(tmp_path, {f"{n}.json": '{"a":' + "[" * 999 + n + "]" * 999 + "}" for n in "12"})
    assert files.diff(*paths).told == [("a", "changed", "/0" * 999)]


def test_keys_only_tells_each_key_once(files: Comparer, tmp_path: Path) -> None:
    """Without a value of it."""
    paths = write_all(tmp_path, {"a.json": '{"a":[1,2,3],"b":1,"d":5}', "b.json": '{"a":[4,5,6],"c":1,"d":5.0}'})
    items = files.diff(*paths, keys_only=True).items
    assert [(item.key, item.difference) for item in items] == [("a", "changed"), ("b", "removed"), ("c", "added")]
    assert {(item.pointer, item.before, item.after) for item in items} == {(None, None, None)}


def test_large_values_in_files_are_not_shown_in_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was added or removed is told with its size; a patch has it all the same."""
    world.options = LARGE
    empty, full = world.rows.add("{}"), world.rows.add(compact({"a": "x" * 100}))
    world.migrate()
    monkeypatch.setattr(contexts.ContextPair, "largest_shown", 50)
    (item,) = comparer(world).diff(empty, full).items
    assert (item.difference, item.after, item.reason) == ("added", None, "102 bytes, too large to be shown")
    assert b"x" * 100 in comparer(world).patch(empty, full)[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-", SideKind.STDIN),
        ("a.json", SideKind.FILE),
        ("./latest", SideKind.FILE),
        ("/a/b", SideKind.FILE),
        ("latest", SideKind.SNAPSHOT),
        ("latest~12", SideKind.SNAPSHOT),
        ("4bf5", SideKind.SNAPSHOT),
        ("4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a", SideKind.SNAPSHOT),
        (RUN, SideKind.RUN),
        (RUN.upper(), SideKind.RUN),
        (f"latest:{RUN}", SideKind.SNAPSHOT_RUN),
        (f"latest~1:{RUN}", SideKind.SNAPSHOT_RUN),
        ("4bf5122f:run-7", SideKind.SNAPSHOT_RUN),
        ("run-7", SideKind.RUN),
        ("latest:", SideKind.RUN),
        ("4bf", SideKind.RUN),
    ],
)
def test_what_a_text_names(text: str, kind: SideKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its shape; a file in the working directory only where it can be nothing else."""
    monkeypatch.chdir(tmp_path)
    assert parse_reference(text).kind is kind
    if kind is SideKind.RUN and text != RUN:
        Path(text).touch()
        assert parse_reference(text).kind is (SideKind.RUN if "-4f89-" in text.lower() else SideKind.FILE)


def test_runs_that_are_not_there_are_not_found(world: World) -> None:
    """Neither in the database nor in a snapshot; nor is a repository."""
    here = world.rows.add("{}")
    with pytest.raises(NotFoundError):
        comparer(world).diff(here, RUN)
    with pytest.raises(NotFoundError):
        comparer(world).diff(here, f"latest:{here}")
    add_snapshot(repository_of(world.settings), Made({here: "{}"}))
    with pytest.raises(NotFoundError, match="does not hold the run"):
        comparer(world).diff(here, f"latest:{RUN}")
    assert comparer(world).diff(here, f"latest:{here.upper()}").report.exit_code == 0


def test_a_run_equals_its_snapshot_until_it_changes(world: World) -> None:
    """Its files, too, though they have other names by then."""
    world.options = LARGE
    run_id = world.rows.add(compact({"a": "x" * 100, "b": 1}))
    world.migrate()
    (path,) = world.store.glob("*/*.json")
    stored = world.rows.text(run_id) or b""
    repository = repository_of(world.settings)
    add_snapshot(repository, Made({run_id: stored}, {(run_id, "a"): path.read_bytes()}))
    assert comparer(world).diff(f"latest:{run_id}", run_id).items == []
    world.rows.replace(run_id, compact({"a": "x" * 99 + "y", "b": 1.0}))
    compared = comparer(world).diff(f"latest:{run_id}", run_id)
    assert compared.told == [("a", "changed", "")]


def test_a_file_that_a_snapshot_lacks_is_told(files: Comparer) -> None:
    """With what the snapshot says of it; one whose object is gone or altered is damage."""
    descriptor = {**NOTHING, "type": "FILE", "size": 3, "locator": locator("a")}
    repository = repository_of(files.settings)
    old = add_snapshot(repository, Made({RUN: compact({"a": descriptor})}, {(RUN, "a"): None}))
    new = add_snapshot(repository, Made({RUN: compact({"a": descriptor})}, {(RUN, "a"): b"123"}, tags=("new",)))
    (item,) = files.diff(f"{old.short_id}:{RUN}", f"{new.short_id}:{RUN}").items
    assert (item.difference, item.key) == ("unknown", "a")
    assert "it was not there" in (item.reason or "")
    for entry in list(repository.objects()):
        repository.remove_object(entry.checksum)
    compared = files.diff(f"{old.short_id}:{RUN}", f"{new.short_id}:{RUN}")
    assert compared.report.exit_code == 4


def test_snapshots_are_compared_run_by_run(files: Comparer) -> None:
    """What only one holds, what differs; runs that are equal are not told."""
    ids = list(comparing.numbered(6))
    repository = repository_of(files.settings)
    old = {run: compact({"n": number, "same": [1]}) for number, run in enumerate(ids[:5])}
    new = {**old, ids[2]: '{"same":[1.0],"n":2.0}', ids[3]: '{"n":3,"same":[1,2]}', ids[5]: "{}"}
    del new[ids[0]]
    first, second = add_snapshot(repository, Made(old)), add_snapshot(repository, Made(new))
    compared = files.diff(first.short_id, second.snapshot_id)
    assert [(item.run_id, item.key, item.difference, item.pointer) for item in compared.items] == [
        (ids[0], None, "removed", None),
        (ids[3], "same", "added", "/1"),
        (ids[5], None, "added", None),
    ]
    summary = compared.report.summary
    assert (summary.runs, summary.runs_different, summary.equal) == (6, 3, False)
    assert files.diff(first.short_id, first.short_id).report.exit_code == 0
    with pytest.raises(RefusedError, match="of one context"):
        files.patch(first.short_id, second.short_id)
    with pytest.raises(UsageError, match="whole snapshot"):
        files.diff(first.short_id, f"{second.short_id}:{ids[1]}")


def test_a_file_that_changed_between_snapshots_is_seen(files: Comparer) -> None:
    """Although the row is the same: the descriptor may have no checksum."""
    descriptor = {**NOTHING, "type": "FILE", "size": -1, "locator": locator("a")}
    repository = repository_of(files.settings)
    made = [
        add_snapshot(repository, Made({RUN: compact({"a": descriptor})}, {(RUN, "a"): content}))
        for content in (b"[1,2]", b"[1,3]", b"[1, 2.0]")
    ]
    assert files.diff(made[0].short_id, made[1].short_id).told == [("a", "changed", "/1")]
    assert files.diff(made[0].short_id, made[2].short_id).told == []


def test_an_id_that_would_break_a_line_is_named_on_one(files: Comparer) -> None:
    """A message has the lines that zenctx gives it."""
    info = add_snapshot(repository_of(files.settings), Made({"a\nb": "{}"}))
    report = files.diff(f"{info.short_id}:a\nb", f"{info.short_id}:a\nb").report
    assert report.message.splitlines() == [report.message]


def test_a_damaged_snapshot_is_not_compared_as_if_it_were_whole(files: Comparer) -> None:
    """A flipped byte anywhere in its manifest is an error."""
    repository = repository_of(files.settings)
    runs = {run: compact({"n": number, "x": "y" * number}) for number, run in enumerate(comparing.numbered(50))}
    info = add_snapshot(repository, Made(runs))
    path = Path(repository.location) / info.name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises((DamagedFileError, NotFoundError)):
        files.diff(info.snapshot_id, info.snapshot_id)
    with pytest.raises((DamagedFileError, NotFoundError)):
        files.diff(f"{info.snapshot_id}:{next(iter(runs))}", f"{info.snapshot_id}:{next(iter(runs))}")
