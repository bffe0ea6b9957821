"""What a dry run says of the cost: counts that are right, ranges that hold, warnings; with rights to read alone."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.operations.reader import as_reader
from tests.operations.world import DESCRIPTORS, LEGACY, World
from tests.support.rows import compact
from zenctx.context.direction import Direction
from zenctx.operations.migration import estimate as module
from zenctx.operations.migration.report import Estimate, Range, SizeClass

NAMES = [f"node{number}.output.field" for number in range(20)]


def fill(world: World, rows: int = 300) -> None:
    """Add rows of some hundred bytes, and one of a value that goes to a file."""
    world.rows.add_all([compact({name: [name, row, True] for name in NAMES}) for row in range(rows)])
    world.rows.add(compact({"large": "x" * 3000}))


def estimated(world: World, to: Direction = DESCRIPTORS, **asked: Any) -> Estimate:
    """Rehearse; give the estimate."""
    report = world.rehearse(to, **asked).report
    assert report.summary.estimate is not None
    return report.summary.estimate


def test_counts_are_those_of_the_migration(world: World) -> None:
    """Rows, files and their bytes; and the bytes of the contexts after it, but for the length of a locator."""
    world.options = {"memory-threshold-bytes": "4000"}
    fill(world)
    found = estimated(world)
    before = sum(len(text) for (text,) in world.rows.fetch("select cast(context as text) from workflow_runs"))
    assert (found.rows, found.bytes_before) == (301, before)
    summary = world.migrate().report.summary
    assert (found.files, found.file_bytes) == (summary.files, summary.file_bytes) == (1, 3002)
    after = sum(len(text) for (text,) in world.rows.fetch("select cast(context as text) from workflow_runs"))
    assert after * 0.9 < found.bytes_after < after * 1.05  # jsonb spells it with blanks
    back = estimated(world, LEGACY)
    assert back.rows == 301
    assert before * 0.9 < back.bytes_after <= before * 1.01


def test_what_postgresql_writes_lies_in_the_ranges(postgres_world: World) -> None:
    """WAL and the growth of the table, measured."""
    world = postgres_world
    fill(world, 1500)
    world.rows.execute("analyze workflow_runs")
    found = estimated(world)
    ((position,),) = world.rows.fetch("select cast(pg_current_wal_insert_lsn() as text)")
    ((size,),) = world.rows.fetch("select pg_total_relation_size('workflow_runs')")
    world.migrate()
    ((wal,),) = world.rows.fetch("select pg_current_wal_insert_lsn() - cast(:position as pg_lsn)", position=position)
    ((grown,),) = world.rows.fetch("select pg_total_relation_size('workflow_runs')")
    assert found.wal_bytes is not None
    assert found.wal_bytes.low < wal < found.wal_bytes.high
    assert found.disk_bytes.low <= grown - size < found.disk_bytes.high
    assert found.seconds.low < found.seconds.high


def test_contexts_are_counted_by_form_and_size(world: World) -> None:
    """Each context in one class; nothing is said of what is NULL."""
    for context in (
        '{"a":1}',
        '{"a":2}',
        "[]",
        "{}",
        None,
        compact({"x": "y" * 3000}),
        compact({"x": "y" * 1_200_000}),
    ):
        world.rows.add(context)
    sizes = {(each.form, each.up_to_bytes): each.contexts for each in estimated(world).sizes}
    assert sizes == {
        ("empty", 2048): 1,
        ("legacy", 2048): 2,
        ("legacy", 65536): 1,
        ("legacy", 16777216): 1,
        ("invalid", 2048): 1,
    }


def test_rights_to_read_are_enough(world: World) -> None:
    """And what may not be seen is said."""
    fill(world)
    world.rows.remember()
    with as_reader(world) as reader:
        found = estimated(reader)
    if not world.rows.is_sqlite:
        assert any("how far replicas lag" in warning for warning in found.warnings)
        assert any("zenctx db upgrade" in warning for warning in found.warnings)
        assert found.wal_bytes is not None
    assert world.rows.changed() == []
    assert world.rows.fetch("select count(*) from zenctx_operation")[0][0] == 0


def test_what_stands_in_the_way_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living engine, persistence that is off, a full disk."""
    world.options = {"memory-threshold-bytes": "100", "persistence.enabled": "false"}
    fill(world, 3)
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=5))
    warnings = " ".join(estimated(world).warnings)
    assert "persistence is switched off" in warnings
    assert "has 5 bytes free" in warnings
    assert ("only finished runs are converted" in warnings) is not world.rows.is_sqlite
    if not world.rows.is_sqlite:
        assert "must read both forms" in " ".join(estimated(world, include_active=True).warnings)


def test_the_sample_does_not_grow_with_the_rows(world: World) -> None:
    """A hundred rows at most, none of them long; it is a sample of all of them."""
    fill(world, 400)
    world.rows.add(compact({"a": "x" * 100_000}))
    counted = module.Estimator()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zenctx.operations.migrate.Estimator", lambda: counted)
        estimated(world)
    ids, texts = counted.sample
    assert len(ids) == len(texts) == len(set(ids)) == 100
    assert max(map(len, texts)) < 65536


PLAN = Estimate(
    sizes=(SizeClass("legacy", 2048, 1000, 500_000), SizeClass("legacy", None, 2, 90_000_000)),
    rows=1002,
    bytes_before=90_500_000,
    bytes_after=1_200_000,
    files=2,
    file_bytes=90_000_000,
    wal_bytes=Range(1_000_000, 2_500_000_000),
    disk_bytes=Range(500, 2_000_000),
    seconds=Range(100, 200),
    settings={
        "engine-reads": "published",
        "file-strategy": "hybrid",
        "memory-threshold-bytes": "1048576",
        "persistent-file-dir": "/srv/persistent",
        "runs": "all runs",
    },
    warnings=("this and that",),
)


def test_it_is_said_in_lines_that_fit_a_terminal() -> None:
    """Sizes, what is written, what is expected, settings, warnings."""
    lines = module.lines(PLAN)
    assert lines == [
        "legacy: 1,000 up to 2 KiB, 2 larger; 90.5 MB",
        "to write: 1,002 contexts, 90.5 MB that become 1.2 MB",
        "expected: WAL 1.0 MB to 2.5 GB; disk 500 bytes to 2.0 MB; 2 to 3 min",
        "settings: engine-reads published, file-strategy hybrid, all runs",
        "values above 1,048,576 bytes go to /srv/persistent",
        "warning: this and that",
    ]
    assert max(map(len, lines)) < 80
    assert "2.0 to 5.0 h" in "\n".join(module.lines(replace(PLAN, seconds=Range(7200, 18000))))
    assert "0 to 3 s" in "\n".join(module.lines(replace(PLAN, seconds=Range(0, 3))))
    assert len(module.lines(replace(PLAN, rows=0))) == 4


def test_the_directory_need_not_be_there(world: World, tmp_path: Path) -> None:
    """Then it is the room where it would be made that counts; nothing is made."""
    world.options = {"memory-threshold-bytes": "100", "persistent-file-dir": str(tmp_path / "a" / "b" / "c")}
    fill(world, 2)
    assert estimated(world).files == 1
    assert not (tmp_path / "a").exists()
