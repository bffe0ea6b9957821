"""Looking needs nothing but rights to read the engine's tables, and leaves no trace."""

import pytest

from tests.operations.reader import as_reader
from tests.operations.test_cat import read
from tests.operations.test_inspect import look, show
from tests.operations.test_migrate_scope import census, fill
from tests.operations.test_runs import listed
from tests.operations.world import LEGACY, World
from tests.support.rows import compact
from zenctx.errors import DatabaseError

OURS = ("zenctx_conversion", "zenctx_operation", "zenctx_quarantine", "zenctx_store", "zenctx_revision")


@pytest.mark.parametrize("tables", ["with our tables", "without"])
def test_every_command_that_looks_works(world: World, tables: str) -> None:
    """With SELECT rights to the engine's tables alone, on a session that may not write, with or without our tables."""
    world.options = {"memory-threshold-bytes": "50"}
    file = world.rows.add(compact({"f": "x" * 60}))
    world.migrate()
    runs = fill(world)
    world.rows.remember()
    if tables == "without":
        for table in OURS:
            world.rows.execute(f"drop table {table}")
    with as_reader(world) as reader:
        assert listed(reader)[0].summary.listed == 8
        assert look(reader, file)[0].exit_code == 0
        assert show(reader, runs["legacy"], "a").value.text == b"1"
        assert read(reader, file, "f") == b'"' + b"x" * 60 + b'"'
        assert reader.verify()[0].summary.files == 1
        assert reader.check().exit_code == 4
        assert census(reader.rehearse(include_active=True).report)["legacy"] == 1
        assert reader.rehearse(LEGACY, include_active=True).report.exit_code == 0
    assert world.rows.changed() == []


def test_with_rights_to_our_tables_their_records_are_heeded(world: World) -> None:
    """Then a rehearsal knows what it would take back, and what is quarantined."""
    run_id = world.rows.add('{"a":1}')
    world.migrate()
    bad = world.rows.add("[]")
    world.migrate()
    with as_reader(world, *OURS) as reader:
        assert reader.rehearse(LEGACY, include_active=True).actions[run_id] == "convert"
        assert reader.rehearse(include_active=True).actions == {bad: "quarantined"}
        assert [item.run_id for item in reader.quarantined()] == [bad]


def test_without_them_nothing_is_guessed(world: World) -> None:
    """What was converted cannot be told from what an engine wrote: the rehearsal names it instead."""
    run_id = world.rows.add('{"a":1}')
    world.migrate()
    if world.rows.is_sqlite:
        world.rows.execute("drop table zenctx_revision")
    with as_reader(world) as reader:
        assert reader.rehearse(LEGACY, include_active=True).actions == {run_id: "leave"}


def test_writing_is_refused_in_one_sentence(world: World) -> None:
    """On a session that may not write, and nothing is changed."""
    world.rows.add('{"a":1}')
    world.rows.remember()
    with as_reader(world, *OURS) as reader, pytest.raises(DatabaseError) as caught:
        reader.migrate()
    assert caught.value.exit_code == 12
    assert "read-only" in caught.value.message
    assert world.rows.changed() == []


def test_looking_makes_no_file(sqlite_world: World) -> None:
    """Neither a lock nor a directory nor a journal of SQLite's."""
    run_id = sqlite_world.rows.add('{"a":1}')
    before = sorted(sqlite_world.folder.rglob("*"))
    with as_reader(sqlite_world) as reader:
        listed(reader)
        look(reader, run_id)
        reader.verify()
        reader.check()
        reader.rehearse()
    assert sorted(sqlite_world.folder.rglob("*")) == before
