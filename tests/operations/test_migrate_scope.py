"""What a migration is asked to do, and what it says that it did: selections, limits, checks, census, journal."""

from dataclasses import asdict
from typing import Any

import pytest

from tests.operations.world import DESCRIPTORS, LEGACY, World
from tests.support.rows import compact
from zenctx.context.direction import Direction
from zenctx.database import journal
from zenctx.errors import DatabaseError, NotFoundError, RefusedError
from zenctx.operations import migrate as operation
from zenctx.operations.migration.report import MigrationReport
from zenctx.operations.migration.request import MigrationRequest

EXACT = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 42}
SOMETHING_ELSE = "7f2504e0-4f89-41d3-9a0c-0305e82c3301"


def fill(world: World) -> dict[str, str]:
    """Add one context of each form; give the runs by form."""
    contexts = {
        "null": None,
        "empty": "{}",
        "legacy": '{"a":1}',
        "descriptors": compact({"a": EXACT}),
        "mixed": compact({"a": EXACT, "b": 1}),
        "ambiguous": '{"a":{"type":"MEMORY","inlineValue":1}}',
        "invalid": "[]",
    }
    return {form: world.rows.add(context) for form, context in contexts.items()}


def census(report: MigrationReport) -> dict[str, int]:
    """Give the counts of forms that are not 0, after making sure that they add up."""
    assert report.summary.census is not None
    counts = asdict(report.summary.census)
    total = counts.pop("total")
    assert total == sum(counts.values())
    return {form: count for form, count in counts.items() if count}


def test_the_census_adds_up(world: World) -> None:
    """At the end every context is counted once, by the form that it has then."""
    runs = fill(world)
    first = dict.fromkeys(runs, 1)
    assert census(world.check()) == first
    assert census(world.rehearse().report) == first
    report = world.migrate().report
    after = {form: count for form, count in first.items() if form != "legacy"} | {"descriptors": 2}
    assert census(report) == after
    summary = report.summary
    assert (summary.converted, summary.left, summary.quarantined, summary.waiting) == (1, 2, 1, 0)
    for part in ("Converted 1 context to descriptors", "2 left", "1 quarantined", "2 descriptors", "1 ambiguous"):
        assert part in report.message


@pytest.mark.parametrize("form", ["null", "empty", "legacy", "descriptors", "mixed", "ambiguous", "invalid"])
@pytest.mark.parametrize("to", Direction)
def test_a_check_asks_for_every_context(world: World, form: str, to: Direction) -> None:
    """4 while any is in the other form or in none that could be told; 0 when all are as wanted, or hold nothing."""
    runs = fill(world)
    world.rows.execute(f"delete from workflow_runs where cast(id as text) <> '{runs[form]}'")
    wanted = form in {"null", "empty", to}
    report = world.check(to)
    assert report.exit_code == (0 if wanted else 4)
    assert (report.next_step is None) is wanted


def test_a_check_of_nothing_is_well(world: World) -> None:
    """A database without runs has none that is left to convert."""
    assert world.check().exit_code == 0
    report = world.migrate().report
    assert (report.exit_code, census(report)) == (0, {})


def test_a_rehearsal_tells_what_the_migration_then_does(world: World) -> None:
    """The same rows, files and bytes; and it changes nothing, neither rows nor files nor records."""
    world.options = {"memory-threshold-bytes": "100"}
    ids = world.rows.add_all([compact({"a": "x" * 200, "b": "y" * 300}), '{"c":1}'])
    fill(world)
    world.rows.remember()
    rehearsed = world.rehearse()
    assert rehearsed.report.dry_run
    assert world.rows.changed() == []
    assert not world.store.exists()
    assert world.rows.fetch("select * from zenctx_operation") == []
    converted = {item.run_id: (item.files, item.bytes) for item in rehearsed.items if item.action == "convert"}
    done = world.migrate()
    assert set(world.rows.changed()) == converted.keys()
    assert (converted[ids[0]], converted[ids[1]]) == ((2, 504), (0, 0))
    for name in ("converted", "files", "file_bytes", "left"):
        assert getattr(rehearsed.report.summary, name) == getattr(done.report.summary, name)
    rest = {item.run_id: item.action for item in rehearsed.items if item.action != "convert"}
    assert rest == done.actions


def test_only_what_is_selected_is_looked_at(world: World) -> None:
    """By run, by status, by workflow, and all of it together."""
    other = world.rows.add_workflow("Other")
    runs = {
        (status, workflow): world.rows.add('{"a":1}', status=status, workflow=workflow)
        for status in ("SUCCESS", "ERROR")
        for workflow in (world.rows.workflow_id, other)
    }
    selections: list[tuple[dict[str, Any], set[str]]] = [
        ({"runs": (runs["SUCCESS", other],)}, {runs["SUCCESS", other]}),
        ({"statuses": ("ERROR",)}, {runs["ERROR", other], runs["ERROR", world.rows.workflow_id]}),
        ({"workflows": (other,)}, {runs["SUCCESS", other], runs["ERROR", other]}),
        ({"workflows": (other,), "statuses": ("ERROR",)}, {runs["ERROR", other]}),
        ({"statuses": ("ERROR", "SUCCESS", "WAITING", "no status")}, set(runs.values())),
        ({"statuses": ("no status",)}, set()),
        ({"workflows": (SOMETHING_ELSE,)}, set()),
    ]
    for selection, expected in selections:
        outcome = world.rehearse(include_active=True, **selection)
        assert set(outcome.actions) == expected
        assert census(outcome.report) == ({"legacy": len(expected)} if expected else {})
    one = runs["SUCCESS", other] if world.rows.is_sqlite else runs["SUCCESS", other].upper()
    assert world.migrate(runs=(one,)).report.summary.converted == 1
    assert world.check(workflows=(other,), statuses=("SUCCESS",)).exit_code == 0
    assert world.check().exit_code == 4


@pytest.mark.parametrize("run_id", [SOMETHING_ELSE, "no id at all", "' or 1=1 --"])
def test_a_run_that_is_not_there_is_not_found(world: World, run_id: str) -> None:
    """Whatever it is called; and none of the others is touched."""
    there = world.rows.add('{"a":1}')
    world.rows.remember()
    for work in (world.migrate, world.rehearse, world.check):
        with pytest.raises(NotFoundError):
            work(runs=(there, run_id))
    assert world.rows.changed() == []


def test_a_limit_is_kept_and_gone_on_from(world: World) -> None:
    """No more than so many contexts are converted, and the next run goes on, to the end."""
    world.rows.add_all(f'{{"a":{number}}}' for number in range(25))
    fill(world)
    for done in (10, 20):
        report = world.migrate(limit=10, batch_rows=4).report
        assert (report.exit_code, report.summary.converted, report.summary.complete) == (3, 10, False)
        assert report.summary.census is None
        assert "again to go on" in (report.next_step or "")
        assert census(world.check())["descriptors"] == 1 + done
    last = world.migrate(limit=10).report
    assert (last.summary.converted, last.summary.complete) == (6, True)
    assert census(last)["descriptors"] == 27


def test_a_rehearsal_keeps_the_limit(world: World) -> None:
    """It names no more than would be converted."""
    world.rows.add_all(f'{{"a":{number}}}' for number in range(10))
    outcome = world.rehearse(limit=3)
    assert len(outcome.items) == outcome.report.summary.converted == 3
    assert outcome.report.summary.census is None


@pytest.mark.parametrize("batch_rows", [1, 2, 7, None])
def test_batches_of_any_size_do_the_same(world: World, batch_rows: int | None) -> None:
    """Each is a transaction of its own, with one record of what was converted in it."""
    ids = world.rows.add_all(f'{{"a":{number}}}' for number in range(20))
    world.rows.remember()
    report = world.migrate(batch_rows=batch_rows).report
    assert (report.exit_code, report.summary.converted) == (0, 20)
    counts = [count for (count,) in world.rows.fetch("select run_count from zenctx_conversion order by id")]
    assert sum(counts) == 20
    assert max(counts) == (batch_rows or 20)
    assert set(world.rows.changed()) == set(ids)
    assert world.migrate(LEGACY, batch_rows=batch_rows).report.exit_code == 0
    assert world.rows.changed() == []


def test_switched_off_persistence_refuses_to_write(world: World) -> None:
    """And does nothing; looking is still allowed."""
    world.options = {"persistence.enabled": "false"}
    world.rows.add('{"a":1}')
    world.rows.remember()
    with pytest.raises(RefusedError) as caught:
        world.migrate()
    assert caught.value.exit_code == 5
    assert world.rows.changed() == []
    assert world.rows.fetch("select * from zenctx_operation") == []
    assert world.rehearse().report.summary.converted == 1
    assert world.check().exit_code == 4


def test_without_our_tables_it_says_what_to_run(world: World) -> None:
    """A migration keeps records, so it needs them; it changes nothing without."""
    world.rows.execute("drop table zenctx_revision")
    world.rows.add('{"a":1}')
    world.rows.remember()
    with pytest.raises(DatabaseError) as caught:
        world.migrate()
    assert "zenctx db upgrade" in (caught.value.hint or "")
    assert world.rows.changed() == []


def test_the_journal_tells_what_was_done(world: World) -> None:
    """Who, when, what was asked, how it ended, and the counts of the report; a dry run leaves no entry."""
    runs = fill(world)
    world.rehearse()
    world.check()
    report = world.migrate(batch_rows=3, include_active=True).report
    world.migrate(LEGACY, runs=(runs["legacy"],))
    with world.database.connect() as connection:
        entries = journal.latest(connection)
    (there,) = (entry for entry in entries if entry.id == report.summary.operation_id)
    (back,) = (entry for entry in entries if entry.id != report.summary.operation_id)
    assert (there.command, there.outcome, there.exit_code) == ("migrate", "partial", 3)
    assert (there.arguments["direction"], there.arguments["batch_rows"]) == ("descriptors", 3)
    assert there.arguments["include_active"] is True
    assert (there.counts["converted"], there.counts["census"]["total"]) == (1, 7)
    assert there.finished_at is not None
    assert (back.outcome, back.arguments["selection"]["run_ids"]) == ("done", [runs["legacy"]])


def test_an_empty_selection_is_all(world: World) -> None:
    """The request that says nothing asks for every run, to descriptors."""
    world.rows.add('{"a":1}')
    report = operation.migrate(world.database, world.settings, MigrationRequest(), lambda _item: None)
    assert (report.exit_code, report.summary.direction, report.summary.converted) == (0, DESCRIPTORS, 1)
