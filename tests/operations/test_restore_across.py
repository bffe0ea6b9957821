"""Restoring into another database: of the same kind, and from SQLite to PostgreSQL and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.conftest import opened
from tests.operations.restorations import Shelter
from tests.operations.world import VECTORS, World, make_world
from tests.support.rows import compact
from zenctx.errors import RefusedError
from zenctx.operations import db
from zenctx.operations.restoring.report import Action


@pytest.fixture
def source(sqlite_world: World) -> Shelter:
    """Give a world on SQLite, whose large values lie in files."""
    sqlite_world.options = {"memory-threshold-bytes": "1000"}
    return Shelter(sqlite_world)


@pytest.fixture
def target(database_url: str, tmp_path: Path, source: Shelter) -> Iterator[Shelter]:
    """Give another world, on SQLite and on PostgreSQL, with a directory of its own and the first one's repository."""
    url = database_url.replace("zenctx.db", "other.db")
    folder = tmp_path / "other"
    folder.mkdir()
    with opened(url) as database:
        world = make_world(database, folder)
        world.options = {**source.world.options, "snapshots": source.world.settings.snapshots}
        world.rows.execute("delete from workflows")
        world.rows.execute("insert into workflows (id, name) values (:id, 'Orders')", id=source.world.rows.workflow_id)
        yield Shelter(world)


def test_runs_are_restored_into_another_database(source: Shelter, target: Shelter) -> None:
    """Contexts, states, files in the other directory, times, statuses and links."""
    rows = source.world.rows
    first = source.add_files({"a": b"[1]", "empty": b""}, {"b": [1.10, 2**70]})
    second = rows.add(compact({"text": "x" * 3000}), status="ERROR")
    rows.execute(
        "update workflow_runs set retry_of = :first, error = 'e' where id = :second", first=first, second=second
    )
    rows.execute("update workflow_runs set trigger_type = 'WEBHOOK', retry_attempt = 3 where id = :first", first=first)
    source.take()
    outcome = target.restore()
    assert (outcome.report.exit_code, outcome.report.summary.inserted) == (0, 2)
    assert target.values(first)["a"] == b"[1]"
    assert target.values(first)["b"] == source.values(first)["b"]
    assert target.values(second) == source.values(second)
    assert all((target.world.folder / locator).is_file() for locator in target.locators(first))
    assert [(row[2], row[3], row[4], row[7], row[8]) for row in target.rows()] == [
        (row[2], row[3], row[4], row[7], row[8]) for row in source.rows()
    ]
    assert target.world.verify()[0].exit_code == 0
    assert target.restore().report.summary.same == 2


def test_times_are_the_same_moments(source: Shelter, target: Shelter) -> None:
    """Also those that JDBC writes to SQLite: milliseconds since 1970."""
    run_id = source.world.rows.add(compact({"a": 1}))
    update = "update workflow_runs set started_at = 1767225599123, ended_at = '2026-01-31T23:59:59.000001Z'"
    source.world.rows.execute(update)
    source.take()
    assert target.restore().report.exit_code == 0
    (row,) = target.rows()
    if target.world.rows.is_sqlite:
        assert row == source.rows()[0]
    else:
        query = "select extract(epoch from started_at) * 1000, extract(epoch from ended_at) from workflow_runs"
        ((started, ended),) = target.world.rows.fetch(query)
        assert (started, str(ended)) == (1767225599123, "1769903999.000001")
    assert target.values(run_id) == {"a": 1}


REFUSED: dict[str, str | bytes] = {
    "a NUL": '{"a":"\\u0000"}',
    "half of a pair": '{"a":"\\ud800"}',
    "a number that is too large": '{"a":1e400000}',
    "no JSON": "{",
    "no UTF-8": b'{"a":"\xff"}',
}


def test_what_postgresql_cannot_hold_is_named_and_the_rest_restored(source: Shelter, target: Shelter) -> None:
    """Values that `jsonb` refuses, an id that is no UUID, a status that is no label, a time that is none."""
    if target.world.rows.is_sqlite:
        pytest.skip("SQLite holds them all")
    rows = source.world.rows
    bad = {name: rows.add(text) for name, text in REFUSED.items()}
    linked = rows.add("{}")
    bad |= {"id": rows.add("{}", run_id="run-1"), "status": rows.add("{}", status="HALTED"), "time": rows.add("{}")}
    rows.execute("update workflow_runs set started_at = 'yesterday, perhaps' where id = :id", id=bad["time"])
    good = [linked, *(rows.add(compact({"a": number})) for number in range(5))]
    rows.execute("update workflow_runs set retry_of = 'run-1' where id = :id", id=linked)
    source.take()
    outcome = target.restore()
    assert outcome.report.exit_code == 3
    assert {run for run, action in outcome.actions.items() if action is Action.FAIL} == set(bad.values())
    assert {item.run_id for item in outcome.items if item.action is Action.INSERT} == set(good)
    assert [item.run_id for item in outcome.items if item.action is Action.UNLINKED] == [linked]
    assert sorted(str(row[0]) for row in target.rows()) == sorted(good)
    reasons = {name: outcome.reasons[run_id] or "" for name, run_id in bad.items()}
    assert "UUID" in reasons["id"]
    assert reasons["status"].endswith("in its column status")
    assert reasons["time"].endswith("in its column started_at")
    assert "UTF-8" in reasons["no UTF-8"]
    assert reasons["a NUL"].endswith("in its context")


def test_sqlite_gets_back_all_that_it_held(source: Shelter, target: Shelter) -> None:
    """Bytes that are no text, texts that are no UTF-8, numbers where texts should be: each as it was stored."""
    if not target.world.rows.is_sqlite:
        pytest.skip("about SQLite")
    rows = source.world.rows
    for text in REFUSED.values():
        rows.add(text)
    rows.execute("update workflow_runs set error = x'ff00', trigger_type = cast(x'fe' as text)")
    rows.add("{}", run_id="run-1", status="HALTED")
    for number, value in enumerate(("5", "-1.5", "x'7b7d'")):
        rows.add("{}", run_id=f"n{number}")
        # A column that is declared text turns numbers into texts.
        rows.execute(f"update workflow_runs set context = {value} where id = 'n{number}'")
    source.take()
    assert target.restore().report.exit_code == 0
    query = """
        select id, typeof(context), hex(context), typeof(error), hex(error), typeof(trigger_type), hex(trigger_type),
        typeof(started_at), started_at, status from workflow_runs order by id"""
    assert target.world.rows.fetch(query) == source.world.rows.fetch(query)
    assert target.restore().report.summary.same == len(REFUSED) + 4


@pytest.fixture
def postgres_source(postgres_world: World) -> Shelter:
    """Give a world on PostgreSQL."""
    return Shelter(postgres_world)


def test_from_postgresql_to_sqlite(postgres_source: Shelter, tmp_path: Path) -> None:
    """Every legacy vector, as `jsonb` spells it, with enums and times."""
    rows = postgres_source.world.rows
    ids = [rows.add(file.read_text()) for file in sorted((VECTORS / "legacy").glob("*.json"))]
    rows.execute("update workflow_runs set trigger_type = 'EVENT'")
    postgres_source.take()
    folder = tmp_path / "other"
    folder.mkdir()
    with opened(f"sqlite:///{folder}/other.db") as database:
        world = make_world(database, folder)
        world.options = {"snapshots": postgres_source.world.settings.snapshots}
        world.rows.execute("insert into workflows (id, name) values (:id, 'Orders')", id=rows.workflow_id)
        target = Shelter(world)
        assert target.restore().report.exit_code == 0
        assert {run_id: world.rows.text(run_id) for run_id in ids} == {run_id: rows.text(run_id) for run_id in ids}
        assert {str(row[4]) for row in target.rows()} == {"EVENT"}
        assert target.restore().report.summary.same == len(ids)
        target.take()
    postgres_source.delete_runs()
    assert postgres_source.restore().report.exit_code == 0
    assert postgres_source.restore("latest~1").report.summary.same == len(ids)


def test_columns_that_one_of_the_tables_lacks(source: Shelter, target: Shelter) -> None:
    """What the table here has more takes its default; what it lacks is named where it held something."""
    rows = source.world.rows
    rows.execute("alter table workflow_runs add column note text")
    noted, plain = rows.add("{}"), rows.add("{}")
    rows.execute("update workflow_runs set note = 'n' where id = :id", id=noted)
    source.take()
    target.world.rows.execute("alter table workflow_runs add column extra int not null default 7")
    outcome = target.restore()
    assert (outcome.report.exit_code, outcome.report.summary.partly) == (3, 1)
    assert outcome.reasons == {noted: "the table here has no column note", plain: None}
    assert {extra for (extra,) in target.world.rows.fetch("select extra from workflow_runs")} == {7}


def test_a_record_of_another_database_tells_nothing(source: Shelter, target: Shelter) -> None:
    """What zenctx converted there is not known here: it goes back to the legacy form only on somebody's word."""
    run_id = source.world.rows.add(compact({"a": 1}))
    source.world.migrate()
    source.take()
    assert target.restore().report.exit_code == 0
    assert target.world.rows.fetch("select 1 from zenctx_conversion") == []
    assert target.world.check().exit_code == 0
    assert run_id


def test_the_directory_of_another_database_is_refused(source: Shelter, target: Shelter) -> None:
    """Either database would take the other's files for files that nobody needs; binding it first says it is meant."""
    run_id = source.add_files({"a": b"[1]"})
    source.take()
    target.world.options = {**target.world.options, "persistent-file-dir": str(source.world.store)}
    for work in (target.rehearse, target.restore):
        with pytest.raises(RefusedError, match="belongs to another database"):
            work()
    assert target.rows() == []
    db.bind_directory(target.world.database, target.world.settings, replace=False)
    outcome = target.restore()
    assert outcome.report.exit_code == 0
    assert "which is of another database (SQLite" in outcome.report.message
    assert [row[0] for row in target.rows()] == [run_id]


def test_a_dry_run_sees_a_directory_that_is_not_the_databases_own(source: Shelter, tmp_path: Path) -> None:
    """As the restoration does: its volume may not be mounted."""
    source.add_files({"a": b"[1]"})
    source.take()
    source.world.options = {**source.world.options, "persistent-file-dir": str(tmp_path / "empty"),
                            "snapshots": source.world.settings.snapshots}  # fmt: skip
    with pytest.raises(RefusedError, match="has no marker"):
        source.rehearse()
