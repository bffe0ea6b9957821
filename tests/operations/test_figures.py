"""Figures of a pass: what is counted is what is there, on either database, with whatever is in it."""

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.operations.cleaning import Cleaner
from tests.operations.reader import as_reader
from tests.operations.world import VECTORS, World
from tests.support.rows import compact
from zenctx.context.classes import RunFacts, classify_run
from zenctx.context.forms import Form, detect
from zenctx.database import scanning
from zenctx.operations.figures.collect import collect
from zenctx.operations.figures.file_index import FileIndex
from zenctx.operations.figures.groups import Groups
from zenctx.operations.figures.model import Figures, Wanted
from zenctx.operations.live_files import live_files

DAY = timedelta(days=1)
ALL = Wanted(top=3, dead_keys=True, forecast_days=(0, 7, 30))


def count(world: World, wanted: Wanted = ALL) -> Figures:
    """Makes a pass."""
    return collect(world.database, world.settings, wanted)


def locator(run_id: str, name: str) -> str:
    """The locator of a file of a run."""
    return f"./data/context-files/persistent/{run_id}/{name}"


def described(where: str | None, size: int = 5) -> dict[str, object]:
    """A FILE descriptor, or one of a value in memory."""
    kind = "MEMORY" if where is None else "FILE"
    inline = 1 if where is None else None
    return {
        "type": kind, "locator": where, "mediaType": None, "size": size, "checksum": None, "inlineValue": inline,
    }  # fmt: skip


def put(world: World, run_id: str, name: str, content: bytes = b"12345", age: timedelta = timedelta()) -> Path:
    """Writes a file of a run."""
    path = world.store / run_id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))
    return path


def with_files(world: World, names: Sequence[str], **row: object) -> str:
    """A run with descriptors of these files, which are there."""
    run_id = world.rows.add("{}", **row)  # type: ignore[arg-type]
    world.rows.replace(run_id, compact({f"a.output.{name}": described(locator(run_id, name)) for name in names}))
    for name in names:
        put(world, run_id, name)
    return run_id


def test_every_vector_is_counted_by_its_form(world: World) -> None:
    """As the careful detection says of the text that the database gives back; entries, lengths and all."""
    texts = [path.read_text() for path in sorted(VECTORS.glob("*/*.json"))]
    kept = [text for text in texts if world.rows.is_sqlite or "\\u0000" not in text]
    ids = [*world.rows.add_all(kept), world.rows.add("[1]"), world.rows.add(None), world.rows.add("null")]
    inside = live_files(world.settings).locators.is_inside
    found = [(world.rows.text(run_id), detect(world.rows.text(run_id), inside)) for run_id in ids]
    figures = count(world)
    assert figures.runs_by("form") == Counter(str(each.form) for _, each in found)
    assert figures.context_bytes == sum(len(text or b"") for text, _ in found)
    entries = sum(len(each.entries) + (each.form is Form.INVALID) for _, each in found)
    assert sum(each.entries for each in figures.storage) == entries
    plain = sum(len(entry.member.value) for _, each in found for entry in each.entries if entry.descriptor is None)
    assert sum(each.inline_bytes for each in figures.storage if each.kind == "plain") == plain
    named = [e.descriptor for _, each in found for e in each.entries if e.descriptor and e.descriptor.locator]
    assert sum(each.files for each in figures.runs) == len(named)
    assert figures.largest_runs[0].bytes >= max(len(text or b"") for text, _ in found)
    quick = count(world, Wanted(entries=False))
    assert (quick.runs_by("form"), quick.context_bytes) == (figures.runs_by("form"), figures.context_bytes)
    assert quick.storage == ()
    assert (quick.secret_runs, quick.secret_keys) == (figures.secret_runs, figures.secret_keys)
    assert sorted(map(repr, quick.runs)) == sorted(map(repr, figures.runs))


def test_files_orphans_and_dangling_locators(world: World) -> None:
    """Files that no run names are orphans, descriptors without their file dangle; parked runs are told apart."""
    Cleaner(world)
    with_files(world, ["x", "y"])
    partly = with_files(world, ["kept"], status="RUNNING", ended=None)
    old = put(world, partly, "orphan", b"123", 3 * DAY)
    parked = with_files(world, ["there", "gone"], status="RUNNING", ended=None)
    (world.store / parked / "gone").unlink()
    over = with_files(world, ["lost"])
    (world.store / over / "lost").unlink()
    put(world, "00000000-0000-4000-8000-000000000001", "of-a-deleted-run", b"1234567", 10 * DAY)
    executing = world.rows.add(None, status="RUNNING", ended=None)
    put(world, executing, "in-memory-alone")
    strange = world.rows.add(compact({"note": f"see {locator(partly, 'nothing')}", "p": locator(over, "lost")}))
    assert strange
    figures = count(world)
    assert replace(count(world, Wanted(entries=False)), taken_at=figures.taken_at) == replace(
        figures, storage=(), largest_runs=(), largest_entries=(), dead_keys=None, forecast=()
    )
    assert figures.files is not None
    assert (figures.files.files, figures.files.bytes) == (7, 4 * 5 + 5 + 3 + 7)
    assert (figures.files.orphans, figures.files.orphan_bytes) == (2, 10)
    assert figures.dangling is not None
    assert (figures.dangling.all_, figures.dangling.parked) == (2, 1)
    # Its inode changed just now, whatever its content: the later of the two counts.
    assert figures.files.oldest_orphan is not None
    assert abs(figures.files.oldest_orphan - old.stat().st_ctime) < 60


def test_another_run_may_name_a_file(sqlite_world: World) -> None:
    """Then it is no orphan, and nothing is said to be missing."""
    Cleaner(sqlite_world)
    owner = with_files(sqlite_world, ["a", "b"])
    sqlite_world.rows.replace(owner, compact({"x": described(locator(owner, "a"))}))
    sqlite_world.rows.add(compact({"x": described(locator(owner, "b"))}))
    figures = count(sqlite_world)
    assert figures.files is not None
    assert (figures.files.files, figures.files.orphans) == (2, 0)
    assert figures.dangling is not None
    assert figures.dangling.all_ == 0


@pytest.mark.parametrize("what", ["absent", "another", "never there"])
def test_of_the_wrong_directory_nothing_is_said(sqlite_world: World, what: str) -> None:
    """A volume that is not mounted would look like the loss of every file."""
    world = sqlite_world
    if what != "never there":
        Cleaner(world)
        run_id = with_files(world, ["x"])
        if what == "absent":
            world.store.rename(world.folder / "elsewhere")
        else:
            world.rows.execute("update zenctx_store set store_id = 'another'")
    else:
        run_id = world.rows.add("{}")
        world.rows.replace(run_id, compact({"x": described(locator(run_id, "x"))}))
    figures = count(world)
    assert figures.store_problem is not None
    assert (figures.files, figures.dangling, figures.trash) == (None, None, None)
    assert figures.run_count == 1


def test_secrets_of_finished_runs_are_counted_by_their_keys(world: World) -> None:
    """Not those of a run that may go on, nor what is blank or masked already; no value is kept."""
    secret = {"__zenflow_secrets": {"p": "hunter22"}, "__zenflow_callback_url": None, "a": 1}
    world.rows.add(compact(secret))
    world.rows.add(compact({"__zenflow_secrets": "***", "a": 1}))
    world.rows.add(compact({key: {**described(None), "inlineValue": value} for key, value in secret.items()}))
    world.rows.add(compact(secret), status="RUNNING", ended=None)
    figures = count(world)
    assert (figures.secret_runs, figures.secret_keys) == (2, {"__zenflow_secrets": 2})
    quick = count(world, Wanted(entries=False))
    assert (quick.secret_runs, quick.secret_keys) == (2, {"__zenflow_secrets": 2})
    assert "hunter22" not in repr(figures)


def test_dead_keys_by_the_definition_of_the_workflow(world: World) -> None:
    """With the bytes that they hold, those of files included; a workflow without a definition is told of."""
    metadata = {"nodeConsumers": {"a.output.x": {"consumers": ["b"]}}}
    define = "update workflows set definition = {} where id = :id"
    mark = ":text" if world.rows.is_sqlite else "cast(:text as jsonb)"
    text = json.dumps({"nodes": [], "metadata": metadata})
    world.rows.execute(define.format(mark), id=world.rows.workflow_id, text=text)
    other = world.rows.add_workflow()
    for _ in range(2):
        world.rows.add(compact({"a.output.x": 1, "a.output.y": "12345678", "free": 1}))
    run_id = world.rows.add("{}")
    world.rows.replace(run_id, compact({"a.output.z": described(locator(run_id, "z"), 100)}))
    world.rows.add(compact({"a.output.y": 1}), workflow=other)
    dead = count(world).dead_keys
    assert dead is not None
    assert [(each.key, each.runs, each.bytes) for each in dead.largest] == [
        ("a.output.z", 1, 100),
        ("a.output.y", 2, 20),
    ]
    assert (dead.keys, dead.bytes, dead.unjudged_workflows) == (2, 120, 1)


def test_the_forecast_is_what_gc_removes_then(world: World) -> None:
    """With its clocks moved: of runs past retention by then, and of files without a run."""
    cleaner = Cleaner(world)
    with_files(world, ["now"], ended=40 * DAY)
    with_files(world, ["week", "week2"], ended=26 * DAY)
    with_files(world, ["month"], status="ERROR", ended=DAY / 2)
    with_files(world, ["never"], status="RUNNING", ended=None)
    for path in world.store.glob("*/*"):
        os.utime(path, (0, 0))
    lately = datetime.now(UTC) - 20 * DAY
    changed = with_files(world, ["changed"], ended=40 * DAY)
    os.utime(world.store / locator(changed, "changed").rpartition("persistent/")[2], (lately.timestamp(),) * 2)
    put(world, "00000000-0000-4000-8000-000000000001", "orphan")
    for each in count(world).forecast:
        cleaner.ahead = timedelta(days=each.days)
        cleaned = cleaner.rehearse(ignore_clocks=True, accept_no_references=True)
        removed = cleaned.report.summary.removed
        assert each.files + each.orphans == removed, each
    assert [(each.runs, each.files, each.orphans) for each in count(world).forecast] == [
        (1, 1, 0),
        (2, 3, 1),
        (4, 5, 1),
    ]


def test_rights_to_read_the_runs_are_enough(world: World) -> None:
    """Without zenctx's tables, and without rights to them."""
    with_files(world, ["x"])
    world.rows.add(compact({"a.output.b": 1}), status="RUNNING", ended=60 * DAY, started=datetime.now(UTC) - 90 * DAY)
    with as_reader(world) as reader:
        figures = count(reader)
    assert figures.run_count == 2
    assert figures.quarantined == (0 if world.rows.is_sqlite else None)


def test_large_contexts_are_read_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, or a few at a time; and more runs than one piece has."""
    monkeypatch.setattr(scanning, "_ROWS", 3)
    monkeypatch.setattr(scanning, "_BYTES", 90_000)
    lengths = [40_000, 10, 50_000, 100_000, 20, 30, 40, 60_000]
    world.rows.add_all([compact({"k": "x" * length}) for length in lengths])
    figures = count(world)
    assert figures.run_count == len(lengths)
    assert [each.bytes for each in figures.largest_entries] == [100_002, 60_002, 50_002]


def test_a_run_is_in_the_class_that_its_row_says() -> None:
    """Grouped by comparing numbers it has the class that `classify_run` gives, and times that are none are told."""
    random = Random(3)  # noqa: S311 - the same every time
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    offsets = [timedelta(0), DAY / 2, DAY, DAY + timedelta(seconds=1), 29 * DAY, 30 * DAY, 31 * DAY, -DAY, 800 * DAY]
    for retrying in (frozenset[str](), frozenset({"r"}), None):
        for pinned in (frozenset[str](), frozenset({"p"})):
            groups = Groups(now, pinned, retrying)
            for _ in range(300):
                start, end = random.choice(offsets), random.choice([*offsets, None, None])
                run_id, status = random.choice("rpx"), random.choice(["RUNNING", "WAITING", "SUCCESS", "ERROR", "NEW"])
                form = random.choice(list(Form))
                started, ended = now - start, None if end is None else now - end
                row = (
                    run_id,
                    "w",
                    status,
                    started.timestamp(),
                    None if ended is None else ended.timestamp(),
                    None,
                    None,
                )
                group = groups.of(row, form)
                facts = RunFacts(
                    status=status,
                    started_at=started,
                    ended_at=ended,
                    has_context=form not in (Form.NULL, Form.EMPTY),
                    pending_retry=status != "SUCCESS" if retrying is None else run_id in retrying,
                    context_readable=form is not Form.INVALID,
                    pinned=run_id in pinned,
                )
                if group.run_class is None:
                    assert ended is None
                    assert start > 30 * DAY
                    group = groups.late(row, group, None)
                assert group.run_class == classify_run(facts, now).run_class
                group.runs += 1
            assert sum(group.runs for group in groups) == 300
    groups = Groups(now, frozenset(), frozenset())
    for moment in (float("nan"), float("inf"), float("-inf"), 1e18):
        assert str(groups.of(("x", "w", "SUCCESS", moment, None, None, None), Form.LEGACY).run_class) == "unreadable"


def test_a_sign_of_life_keeps_a_run_from_being_a_zombie(world: World) -> None:
    """Asked for many runs at a time, whose class depends on it."""
    long_ago = datetime.now(UTC) - 90 * DAY
    alive, dead = (world.rows.add('{"a":1}', status="RUNNING", ended=None, started=long_ago) for _ in range(2))
    world.rows.execute(
        "insert into node_executions (id, workflow_run_id, node_key, status, attempts, started_at)"
        " values (:id, :run, 'n', 'SUCCESS', 1, :at)",
        id=dead, run=alive, at=world.rows.moment(datetime.now(UTC) - DAY),
    )  # fmt: skip
    assert count(world).runs_by("run_class") == {"parked": 1, "zombie": 1}


def test_a_run_whose_row_says_when_it_is_tried_again_is_retrying(world: World) -> None:
    """An engine may keep its jobs in memory alone."""
    run_id = world.rows.add('{"a":1}', status="ERROR", ended=9 * DAY)
    assert count(world).runs_by("run_class") == {"finished": 1}
    at = world.rows.moment(datetime.now(UTC) + DAY)
    world.rows.execute("update workflow_runs set next_retry_at = :at where id = :id", at=at, id=run_id)
    assert count(world).runs_by("run_class") == {"retrying": 1}


def test_a_directory_is_settled_only_by_all_of_its_files() -> None:
    """Not by some, not by more, and not by others of the same number."""
    index = FileIndex()
    index.add("d", ["a", "b"], 5.0)
    index.add("", [], 0.0)
    index.seal()
    assert not index.settle("d", {"a"})
    assert not index.settle("d", {"a", "c"})
    assert not index.settle("d", {"a", "b", "c"})
    assert not index.is_settled("d")
    index.end()
    assert list(index.unnamed("d", ["a", "b", "e"])) == ["e"]
    other = FileIndex()
    other.add("d", ["a", "b"], 7.0)
    other.seal()
    assert other.settle("d", {"b", "a"})
    assert other.is_settled("d")
    assert (other.changed("d"), other.changed("e")) == (7.0, 0.0)
