"""Restoring in another form, and what is on record of conversions afterwards."""

import json
from datetime import datetime, timedelta

import pytest

from tests.operations.restorations import Shelter, descriptor
from tests.operations.world import DESCRIPTORS, LEGACY
from tests.support.rows import compact
from zenctx.operations.restoring.request import RestoreForm

CONTEXT = compact({"n": 1.10, "text": "x" * 3000, "list": [1, {"a": None}], "null": None})
LOOKALIKE = compact({"a": descriptor({"b": 1})})
"""A legacy context whose one value has the shape of a descriptor."""


def records(shelter: Shelter) -> list[str]:
    """Give the directions on record, the oldest first."""
    return [
        direction for (direction,) in shelter.world.rows.fetch("select direction from zenctx_conversion order by id")
    ]


def test_legacy_contexts_become_descriptors_on_the_way(shelter: Shelter) -> None:
    """Large values go to files, and it is on record, so that the way back is open."""
    rows = shelter.world.rows
    run_id = rows.add(CONTEXT)
    rows.remember()
    shelter.take()
    rows.replace(run_id, None)
    outcome = shelter.restore(form=RestoreForm.DESCRIPTORS)
    assert (outcome.report.exit_code, outcome.report.summary.files) == (0, 1)
    assert shelter.world.check().exit_code == 0
    assert shelter.restore(form=RestoreForm.DESCRIPTORS).report.summary.same == 1
    assert shelter.world.verify()[0].exit_code == 0
    assert shelter.world.migrate(LEGACY).report.exit_code == 0
    assert rows.changed() == []


def test_descriptors_become_legacy_contexts_on_the_way(shelter: Shelter) -> None:
    """Files come out of the repository, whatever became of the live ones."""
    rows = shelter.world.rows
    run_id = rows.add(CONTEXT)
    rows.remember()
    shelter.world.migrate()
    shelter.take()
    shelter.delete_runs()
    shelter.lose_store()
    assert shelter.restore(form=RestoreForm.LEGACY).report.exit_code == 0
    assert rows.changed() == []
    assert shelter.restore(form=RestoreForm.LEGACY).report.summary.same == 1
    assert shelter.world.files() == []
    assert records(shelter) == [DESCRIPTORS, LEGACY]
    assert run_id


@pytest.mark.parametrize("form", [RestoreForm.DESCRIPTORS, RestoreForm.LEGACY])
def test_a_context_that_could_be_both_is_restored_as_it_is_alone(shelter: Shelter, form: RestoreForm) -> None:
    """A mixed, an ambiguous and (on SQLite) an invalid context are named; as they are they come back."""
    rows = shelter.world.rows
    texts = [compact({"a": descriptor(1), "b": 2}), compact({"a": {"type": "JSON", "locator": "x"}}), "[1]"]
    ids = [rows.add(text) for text in texts]
    rows.remember()
    shelter.take()
    shelter.empty_contexts()
    outcome = shelter.restore(form=form)
    assert (outcome.report.exit_code, set(outcome.actions.values())) == (3, {"fail"})
    assert all("as it is alone" in (outcome.reasons[run_id] or "") for run_id in ids)
    assert shelter.restore().report.exit_code == 0
    assert rows.changed() == []
    assert shelter.restore().report.summary.same == 3


def test_a_file_that_is_no_json_does_not_become_a_legacy_value(shelter: Shelter) -> None:
    """The run is named, and left as it is."""
    run_id = shelter.add_files({"a": b"\xff\xfe"})
    before = shelter.world.rows.text(run_id)
    shelter.take()
    outcome = shelter.restore(form=RestoreForm.LEGACY)
    assert outcome.actions == {run_id: "fail"}
    assert "not JSON" in (outcome.reasons[run_id] or "")
    assert shelter.world.rows.text(run_id) == before


def test_a_legacy_context_that_looks_like_descriptors_is_never_unwrapped(shelter: Shelter) -> None:
    """It was converted on somebody's word since; restored, it is again what zenctx never converted."""
    rows = shelter.world.rows
    run_id = rows.add(LOOKALIKE)
    rows.remember()
    shelter.take()
    shelter.world.migrate(assume=LEGACY, runs=(run_id,))
    assert rows.changed() == [run_id]
    assert shelter.restore().report.exit_code == 0
    assert rows.changed() == []
    outcome = shelter.world.migrate(LEGACY)
    assert outcome.actions == {run_id: "leave"}
    assert rows.changed() == []
    assert records(shelter) == [DESCRIPTORS, "restored"]
    again = shelter.world.migrate(assume=LEGACY, runs=(run_id,))
    assert again.report.summary.converted == 1
    assert shelter.world.migrate(LEGACY).report.summary.converted == 1
    assert rows.changed() == []


@pytest.mark.parametrize("hours", [-24, 24])
def test_which_conversions_a_snapshot_has_is_no_question_of_clocks(shelter: Shelter, hours: int) -> None:
    """The host that migrated before and after has a clock that is wrong by a day."""
    rows = shelter.world.rows
    before, after = rows.add(CONTEXT), rows.add(LOOKALIKE)
    rows.remember()
    shelter.world.migrate(runs=(before,))
    shelter.take()
    shelter.world.migrate(assume=LEGACY, runs=(after,))
    for number, moment in rows.fetch("select id, created_at from zenctx_conversion"):
        at = datetime.fromisoformat(str(moment)) + timedelta(hours=hours)
        rows.execute(f"update zenctx_conversion set created_at = '{at.isoformat(sep=' ')}' where id = {number}")
    shelter.empty_contexts()
    assert shelter.restore().report.exit_code == 0
    assert rows.changed() == [before]
    assert records(shelter) == [DESCRIPTORS, DESCRIPTORS, "restored"]
    outcome = shelter.world.migrate(LEGACY)
    assert (outcome.report.summary.converted, outcome.actions) == (1, {after: "leave"})
    assert rows.changed() == []


def test_what_was_wrapped_when_it_was_taken_is_unwrapped_after_it_is_restored(shelter: Shelter) -> None:
    """It went back to legacy since; the record follows what the row holds."""
    rows = shelter.world.rows
    rows.add(CONTEXT)
    rows.remember()
    shelter.world.migrate()
    shelter.take()
    shelter.world.migrate(LEGACY)
    assert shelter.restore().report.exit_code == 0
    assert records(shelter) == [DESCRIPTORS, LEGACY, DESCRIPTORS]
    assert shelter.world.migrate(LEGACY).report.exit_code == 0
    assert rows.changed() == []


def test_the_record_is_left_alone_where_it_is_true(shelter: Shelter) -> None:
    """A context of the same conversion, or of none, adds nothing to it."""
    rows = shelter.world.rows
    wrapped, plain = rows.add(CONTEXT), rows.add(compact({"a": 1}))
    shelter.world.migrate(runs=(wrapped,))
    shelter.take()
    shelter.empty_contexts()
    assert shelter.restore().report.summary.replaced == 2
    assert records(shelter) == [DESCRIPTORS]
    assert json.loads(rows.text(plain) or b"") == {"a": 1}


def test_a_quarantined_run_that_is_restored_is_looked_at_again(shelter: Shelter) -> None:
    """What is on record of it was about another text."""
    rows = shelter.world.rows
    run_id = rows.add(CONTEXT)
    shelter.take()
    rows.replace(run_id, '"no object"')
    assert shelter.world.migrate().report.exit_code == 3
    assert [row.run_id for row in shelter.world.quarantined()] == [run_id]
    shelter.restore()
    assert shelter.world.quarantined() == []
    assert shelter.world.migrate().report.exit_code == 0
