"""Listing runs: newest first, each with its class and the form of its context."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.operations.test_migrate_active import add_job, add_quartz
from tests.operations.test_migrate_scope import SOMETHING_ELSE, fill
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.context.forms import Form
from zenctx.database import newest
from zenctx.database.rows import Selection
from zenctx.errors import NotFoundError
from zenctx.operations.runs import Listing, RunItem, RunsReport, list_runs

NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def listed(world: World, listing: Listing | None = None) -> tuple[RunsReport, list[RunItem]]:
    """List runs."""
    items: list[RunItem] = []
    return list_runs(world.database, world.settings, listing or Listing(Selection()), items.append), items


def test_each_run_is_told_with_what_its_row_says(world: World) -> None:
    """Its ids, times, status, and what its context is."""
    world.options = {"memory-threshold-bytes": "50"}
    started, ended = NOW - 3 * DAY, NOW - 2 * DAY
    run_id = world.rows.add(compact({"f": "x" * 60, "m": 1}), started=started, ended=ended)
    world.migrate()
    _, (item,) = listed(world)
    assert (item.run_id, item.workflow_id, item.status) == (run_id, world.rows.workflow_id, "SUCCESS")
    assert item.started_at is not None
    assert item.ended_at is not None
    assert abs(item.started_at - started) < timedelta(milliseconds=1)
    assert abs(item.ended_at - ended) < timedelta(milliseconds=1)
    assert (item.form, item.keys, item.files, item.reason) == ("descriptors", 2, 1, None)
    assert item.bytes == len(world.rows.text(run_id) or b"")


def test_forms_are_told_and_chosen(world: World) -> None:
    """One run of each form; any of the forms asked for is listed."""
    runs = fill(world)
    _, items = listed(world)
    assert {item.run_id: item.form for item in items} == {run_id: form for form, run_id in runs.items()}
    for item in items:
        assert (item.reason is not None) is (item.form in {"mixed", "ambiguous", "invalid"})
    _, items = listed(world, Listing(Selection(), (Form.LEGACY, Form.MIXED)))
    assert {item.form for item in items} == {"legacy", "mixed"}


def test_classes_say_what_may_still_happen(world: World) -> None:
    """By status, end, context, retry jobs and the last sign of life."""
    add_quartz(world)
    add = world.rows.add
    month = 31 * DAY
    expected = {
        add('{"a":1}'): "finished",
        add('{"a":1}', status="ERROR", ended=30 * HOUR): "finished",
        add('{"a":1}', status="ERROR", ended=20 * HOUR): "retrying",
        add('{"a":1}', status="RUNNING", ended=None): "parked",
        add('{"a":1}', status="WAITING", ended=None): "parked",
        add("{}", status="RUNNING", ended=None): "executing",
        add(None, status="RUNNING", ended=None): "executing",
        add('{"a":1}', status="RUNNING", ended=None, started=NOW - month): "zombie",
        (alive := add('{"a":1}', status="RUNNING", ended=None, started=NOW - month)): "parked",
        (job := add('{"a":1}', status="RUNNING", ended=None, started=NOW - month)): "parked",
        (failed := add('{"a":1}', status="ERROR", ended=9 * DAY)): "retrying",
    }
    add_job(world, f"{job}:node")
    add_job(world, f"{failed}:node")
    world.rows.execute(
        "insert into node_executions (workflow_run_id, node_key, status, started_at) values (:run, 'n', 'x', :at)",
        run=alive,
        at=world.rows.moment(NOW - DAY),
    )
    _, items = listed(world)
    assert {item.run_id: item.run_class for item in items} == expected


def test_newest_come_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, once each, however the listing is cut into chunks, also where many started at the same moment."""
    monkeypatch.setattr(newest, "FIRST_CHUNK", 3)
    monkeypatch.setattr(newest, "MAX_CHUNK", 5)
    moments = [NOW - timedelta(seconds=number // 4) for number in range(30)]
    ids = {world.rows.add("{}", started=moment, ended=moment): moment for moment in moments}
    _, items = listed(world)
    assert len(items) == len({item.run_id for item in items}) == 30
    starts = [ids[item.run_id] for item in items]
    assert starts == sorted(starts, reverse=True)


def test_a_limit_says_that_there_are_more(world: World) -> None:
    """Also together with a form, where most rows are passed over."""
    fill(world)
    for number in range(4):
        world.rows.add(f'{{"a":{number}}}')
    report, items = listed(world, Listing(Selection(), limit=3))
    assert (len(items), report.summary.listed, report.summary.more) == (3, 3, True)
    assert report.next_step is not None
    report, items = listed(world, Listing(Selection(), (Form.LEGACY,), limit=5))
    assert (len(items), report.summary.more) == (5, False)
    report, items = listed(world, Listing(Selection(), limit=None))
    assert (len(items), report.summary.more, report.exit_code) == (11, False, 0)


def test_selections(world: World) -> None:
    """By status, workflow and time, together or alone; what matches nothing is an empty list."""
    other = world.rows.add_workflow("Other")
    old = world.rows.add("{}", started=NOW - 9 * DAY, ended=NOW - 8 * DAY, workflow=other)
    new = world.rows.add("{}", started=NOW - DAY, status="ERROR", workflow=other)
    world.rows.add("{}", started=NOW - DAY, status="ERROR")
    selections = [
        (Selection(workflow_ids=(other,)), [new, old]),
        (Selection(workflow_ids=(other,), statuses=("ERROR",)), [new]),
        (Selection(workflow_ids=(other,), since=NOW - 2 * DAY), [new]),
        (Selection(workflow_ids=(other,), since=NOW - 9 * DAY), [new, old]),
        (Selection(run_ids=(old,)), [old]),
        (Selection(statuses=("NO SUCH",)), []),
        (Selection(workflow_ids=(SOMETHING_ELSE,)), []),
    ]
    for selection, expected in selections:
        report, items = listed(world, Listing(selection))
        assert [item.run_id for item in items] == expected
        assert report.summary.listed == len(expected)


def test_no_workflow_has_an_id_that_is_none(postgres_world: World) -> None:
    """PostgreSQL could not even be asked for it."""
    with pytest.raises(NotFoundError, match="not a UUID"):
        listed(postgres_world, Listing(Selection(workflow_ids=("orders",))))


@pytest.mark.parametrize(
    "stored", [1_760_000_000_000, "1760000000000", "2025-10-09T08:53:20Z", "2025-10-09 08:53:20"], ids=repr
)
def test_times_that_other_drivers_wrote_are_read(sqlite_world: World, stored: object) -> None:
    """Milliseconds since 1970, as a number or its digits, or ISO 8601 in one of its spellings."""
    sqlite_world.rows.add("{}")
    sqlite_world.rows.execute("update workflow_runs set started_at = :stored, ended_at = :stored", stored=stored)
    _, (item,) = listed(sqlite_world)
    assert item.started_at == item.ended_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert item.run_class == "finished"


def test_large_rows_do_not_come_all_at_once(world: World) -> None:
    """Rows of a megabyte each are listed like any others."""
    ids = [world.rows.add(compact({"a": f"{number}" * 1_000_000})) for number in range(3)]
    _, items = listed(world)
    assert {item.run_id for item in items} == set(ids)
    assert all(item.bytes > 1_000_000 for item in items)
