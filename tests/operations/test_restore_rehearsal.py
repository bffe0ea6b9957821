"""A dry run of a restoration: it ends as the real one would, for the same reasons, and changes nothing."""

from typing import Any

import pytest

from tests.database.conftest import opened
from tests.operations.restorations import Restored, Shelter, descriptor
from tests.operations.world import DESCRIPTORS, make_world
from tests.support.rows import compact
from zenctx.context.rules import OnMissing
from zenctx.operations.restoring.request import RestoreForm


def outcomes(shelter: Shelter, **asked: Any) -> tuple[Restored, Restored]:
    """Give what a dry run tells, and what then becomes of it."""
    before, files = shelter.texts(), shelter.world.files()
    dry = shelter.rehearse(**asked)
    assert (shelter.texts(), shelter.world.files()) == (before, files)
    return dry, shelter.restore(**asked)


def same(dry: Restored, real: Restored) -> bool:
    """Whether both name the same runs for the same reasons, and end alike."""
    told = {(item.run_id, item.action, item.reason) for item in dry.items if item.key is None and item.action != "same"}
    told = {(run_id, action, reason) for run_id, action, reason in told if reason is not None}
    done = {(item.run_id, item.action, item.reason) for item in real.items if item.reason is not None}
    return (dry.report.exit_code, told) == (real.report.exit_code, done)


def test_a_run_that_would_be_refused_gives_the_code_of_that(shelter: Shelter) -> None:
    """5 where that is all there is, 3 where another one would be restored."""
    rows = shelter.world.rows
    executing = rows.add(compact({"a": 1}), status="RUNNING", ended=None)
    other = rows.add(compact({"a": 1}))
    shelter.take()
    rows.replace(executing, None)
    assert shelter.rehearse(runs=(executing,)).report.exit_code == 5
    rows.replace(other, "{}")
    dry, real = outcomes(shelter)
    assert (dry.report.exit_code, dry.actions) == (3, {executing: "refuse", other: "replace"})
    assert same(dry, real)
    assert "--force" in (dry.report.next_step or "")


@pytest.mark.parametrize("on_missing", [OnMissing.FAIL, OnMissing.NULL])
def test_a_damaged_object_is_found_before(sqlite_shelter: Shelter, on_missing: OnMissing) -> None:
    """Its size says nothing: it is read, as it would be."""
    run_id = sqlite_shelter.add_files({"a": b"[1]", "b": b"[2]"}, {"c": 1})
    sqlite_shelter.take()
    path = sqlite_shelter.object_path(b"[1]")
    path.chmod(0o600)
    path.write_bytes(b"[8]")
    sqlite_shelter.delete_runs()
    for name in sqlite_shelter.world.files():
        (sqlite_shelter.world.store / name).unlink()
    dry, real = outcomes(sqlite_shelter, on_missing=on_missing)
    assert (dry.report.exit_code, dry.actions) == (3, {run_id: "insert" if on_missing is OnMissing.NULL else "fail"})
    assert same(dry, real)


def test_a_link_that_leads_nowhere_is_told_before(shelter: Shelter) -> None:
    """The run that it tried again is not here, or would not come back either; nor is that of a copy."""
    rows = shelter.world.rows
    first, second, third = (rows.add("{}") for _ in range(3))
    rows.execute("update workflow_runs set retry_of = :first where id = :second", first=first, second=second)
    rows.execute("update workflow_runs set retry_of = :second where id = :third", second=second, third=third)
    shelter.take()
    shelter.delete_runs()
    copied = shelter.rehearse(as_new_run=True, runs=(second,))
    assert (copied.report.exit_code, copied.actions, copied.report.summary.unlinked) == (3, {second: "unlinked"}, 1)
    dry, real = outcomes(shelter, runs=(second, third))
    assert [item.run_id for item in dry.items if item.action == "unlinked"] == [second]
    assert (dry.report.exit_code, same(dry, real)) == (3, True)
    rows.execute("delete from workflow_runs")
    assert shelter.rehearse().report.exit_code == 0


def test_what_postgresql_would_not_take_is_named_before(sqlite_shelter: Shelter, postgres_url: str) -> None:
    """Of the runs of an SQLite file: a character, a text without UTF-8, a status; and a link to one of them."""
    rows = sqlite_shelter.world.rows
    bad = [rows.add('{"a":"\\u0000"}'), rows.add(b'{"a":"\xff"}'), rows.add("{}", status="HALTED")]
    linked, *_ = [rows.add(compact({"a": number})) for number in range(5)]
    rows.execute("update workflow_runs set retry_of = :bad where id = :linked", bad=bad[0], linked=linked)
    sqlite_shelter.take()
    folder = sqlite_shelter.world.folder / "other"
    folder.mkdir()
    with opened(postgres_url) as database:
        target = Shelter(make_world(database, folder))
        target.world.options = {"snapshots": sqlite_shelter.world.settings.snapshots}
        target.world.rows.execute("update workflows set id = :id", id=rows.workflow_id)
        dry, real = outcomes(target)
    assert {run_id for run_id, action in dry.actions.items() if action == "fail"} == set(bad)
    assert [item.run_id for item in dry.items if item.action == "unlinked"] == [linked]
    assert (dry.report.exit_code, same(dry, real)) == (3, True)


def test_a_value_that_is_equal_in_another_form_is_not_called_changed(sqlite_shelter: Shelter) -> None:
    """From plain values to descriptors, out of a file, into one: the value is equal, and where it lies now is said."""
    rows = sqlite_shelter.world.rows
    run_id = rows.add(compact({"small": [1.10], "large": "x" * 2000, "changed": 1}))
    plain = rows.add(compact({"small": 1}))
    sqlite_shelter.take()
    sqlite_shelter.world.migrate(DESCRIPTORS)
    text = (rows.text(run_id) or b"").decode()
    rows.replace(
        run_id, text.replace('"inlineValue":1}', '"inlineValue":2}').replace('"inlineValue": 1}', '"inlineValue": 2}')
    )
    dry = sqlite_shelter.rehearse()
    assert dry.keys(run_id) == {"small": "converted", "large": "converted", "changed": "changed"}
    reasons = {item.key: item.reason for item in dry.items if item.run_id == run_id and item.key}
    assert reasons == {"small": "an equal value, now in its descriptor", "large": "an equal value, now in a file",
                       "changed": None}  # fmt: skip
    assert dry.reasons[plain] == "every value is equal: only its form, or where it lies, would change"
    assert dry.reasons[run_id] is None
    assert sqlite_shelter.restore().report.exit_code == 0
    rows.replace(plain, compact({"small": descriptor(1)}))
    assert sqlite_shelter.rehearse(form=RestoreForm.DESCRIPTORS, runs=(plain,)).report.exit_code == 0
