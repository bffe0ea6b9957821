"""Files that a snapshot lacks, and objects that are not what they were: nothing wrong is ever handed out."""

import json
from pathlib import Path

import pytest

from tests.operations.cleaning import DAY, Cleaner
from tests.operations.restorations import Shelter, descriptor
from tests.support.rows import compact
from zenctx.context.rules import OnMissing
from zenctx.errors import DamagedFileError

ON_MISSING: dict[str, object] = {"skip": "absent", "null": None, "empty": {}}


def taken_with_a_missing_file(shelter: Shelter) -> str:
    """Take a snapshot of a run of which one file was gone; take its context away."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[2]"}, {"c": 3})
    shelter.live_paths(run_id)[1].unlink()
    shelter.take()
    shelter.empty_contexts()
    return run_id


def flip_a_byte(path: Path) -> None:
    """Alter one byte of a file in its middle, its size and times kept."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_a_run_that_lacks_a_file_is_not_restored_unless_somebody_decides(shelter: Shelter) -> None:
    """It is named with the key, and left as it is; the other runs are restored."""
    other = shelter.world.rows.add('{"a":1}')
    run_id = taken_with_a_missing_file(shelter)
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.actions) == (3, {run_id: "fail", other: "replace"})
    assert "lacks the file of 'b' (missing" in (outcome.reasons[run_id] or "")
    assert shelter.world.rows.text(run_id) is None


def test_a_file_that_a_clean_up_released_says_so(shelter: Shelter) -> None:
    """With the way to have it back; once that is done the value is there again."""
    run_id = shelter.add_files({"a": b"[1]"})
    cleaner = Cleaner(shelter.world, ahead=60 * DAY)
    gc_id = cleaner.collect(accept_no_references=True).report.summary.gc_id
    shelter.take()
    shelter.empty_contexts()
    reason = shelter.restore().reasons[run_id] or ""
    assert f"gc {gc_id} released it on" in reason
    assert "it ended with success" in reason
    assert f"'zenctx gc --undo {gc_id}' brings it back" in reason


@pytest.mark.parametrize("on_missing", ["skip", "null", "empty"])
def test_another_value_may_stand_in_for_one_that_is_lacking(shelter: Shelter, on_missing: str) -> None:
    """Nothing, null, or an empty value of the kind; it is told, and the exit code says that something is lacking."""
    run_id = taken_with_a_missing_file(shelter)
    outcome = shelter.restore(on_missing=OnMissing(on_missing))
    assert (outcome.report.exit_code, outcome.report.summary.partly) == (3, 1)
    assert "'b' is" in (outcome.reasons[run_id] or "")
    values = shelter.values(run_id)
    assert values["a"] == b"[1]"
    assert values["c"]["inlineValue"] == 3
    found = values["b"]["inlineValue"] if "b" in values else "absent"
    assert found == ON_MISSING[on_missing]
    assert shelter.world.check().exit_code == 0
    assert shelter.world.verify()[0].exit_code == 0


def test_keys_that_are_there_are_restored_without_the_one_that_is_lacking(shelter: Shelter) -> None:
    """Nobody asked for it."""
    run_id = taken_with_a_missing_file(shelter)
    outcome = shelter.restore(keys=("a", "c"), force=True)
    assert (outcome.report.exit_code, sorted(shelter.values(run_id))) == (0, ["a", "c"])


@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink], ids=["altered", "gone"])
def test_a_damaged_object_is_never_handed_out(shelter: Shelter, damage: object) -> None:
    """The run is named and left as it is, and no file of it lies in the store; the others are restored."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[2, 2]"})
    other = shelter.add_files({"a": b"[3]"})
    shelter.take()
    assert callable(damage)
    damage(shelter.object_path(b"[2, 2]"))
    shelter.delete_runs()
    shelter.lose_store()
    outcome = shelter.restore()
    assert (outcome.report.exit_code, outcome.actions) == (3, {run_id: "fail", other: "insert"})
    assert "lacks the file of 'b' (its object is" in (outcome.reasons[run_id] or "")
    assert [name for name in shelter.world.files() if run_id in name] == []
    assert shelter.restore(on_missing=OnMissing.SKIP).actions == {run_id: "insert"}
    assert shelter.values(run_id) == {"a": b"[1]"}


def test_an_object_is_not_asked_for_where_the_live_file_has_its_content(shelter: Shelter) -> None:
    """A value that is there is never left out because the repository lost it; nor is its file copied again."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[2]"}, {"c": 3})
    before = shelter.values(run_id)
    shelter.take()
    shelter.object_path(b"[1]").unlink()
    kept, lost = shelter.live_paths(run_id)
    lost.unlink()
    context = json.loads(shelter.world.rows.text(run_id) or b"")
    shelter.world.rows.replace(run_id, compact({**context, "c": descriptor(4)}))
    outcome = shelter.restore(on_missing=OnMissing.SKIP)
    assert (outcome.report.exit_code, outcome.report.summary.files) == (0, 1)
    assert shelter.values(run_id) == before
    assert shelter.live_paths(run_id)[0] == kept


def test_an_altered_file_that_was_taken_comes_back_as_it_was_found(shelter: Shelter) -> None:
    """The snapshot says that it was altered; to put another value in its place is not for us."""
    run_id = shelter.add_files({"a": b"[1]"})
    (path,) = shelter.live_paths(run_id)
    path.chmod(0o600)
    path.write_bytes(b"[9]")
    shelter.take()
    shelter.empty_contexts()
    assert shelter.restore().report.exit_code == 0
    assert shelter.values(run_id) == {"a": b"[9]"}


def test_a_damaged_manifest_restores_nothing(shelter: Shelter) -> None:
    """Not one run of it, for what it says cannot be trusted."""
    run_id = shelter.world.rows.add('{"a":1}')
    taken = shelter.take()
    (path,) = Path(shelter.world.settings.snapshots).glob(f"snapshots/*{taken[:8]}*")
    flip_a_byte(path)
    shelter.empty_contexts()
    with pytest.raises(DamagedFileError):
        shelter.restore(taken)
    assert shelter.world.rows.text(run_id) is None


def test_locators_outside_the_directories_stay_as_they_were(shelter: Shelter) -> None:
    """Nobody ever looked at such a file; the text comes back, and the entry is named."""
    shelter.world.rows.remember()
    text = '{"a":{"type":"FILE","locator":"/etc/passwd","mediaType":null,"size":5,"checksum":null,"inlineValue":null}}'
    run_id = shelter.world.rows.add(text)
    shelter.world.rows.remember()
    shelter.take()
    shelter.empty_contexts()
    outcome = shelter.restore()
    assert outcome.actions == {run_id: "replace"}
    assert "outside the directories" in (outcome.reasons[run_id] or "")
    assert shelter.world.rows.changed() == []


def test_a_file_that_is_there_again_is_used_where_it_lies(shelter: Shelter) -> None:
    """A snapshot that was taken while it was away holds its descriptor, and that is enough."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[2]"})
    path = shelter.live_paths(run_id)[1]
    path.rename(path.parent / "away")
    shelter.take()
    before = shelter.world.rows.text(run_id)
    outcome = shelter.restore(shelter.restore(on_missing=OnMissing.NULL, runs=(run_id,)).report.summary.snapshot_id)
    assert shelter.world.rows.text(run_id) != before
    assert outcome.actions == {run_id: "fail"}
    (path.parent / "away").rename(path)
    assert shelter.restore().report.exit_code == 0
    assert json.loads(shelter.world.rows.text(run_id) or b"") == json.loads(before or b"")
    assert shelter.values(run_id) == {"a": b"[1]", "b": b"[2]"}
    assert shelter.restore().report.summary.same == 1
    shelter.delete_runs()
    assert shelter.restore().report.exit_code == 0
    assert shelter.values(run_id) == {"a": b"[1]", "b": b"[2]"}
    assert shelter.restore(as_new_run=True).report.summary.failed == 1


def test_a_file_that_is_there_again_and_is_another_is_not_used(shelter: Shelter) -> None:
    """Neither one of other content, nor one that another value has."""
    run_id = shelter.add_files({"a": b"[1]", "b": b"[2]"})
    path = shelter.live_paths(run_id)[1]
    path.unlink()
    shelter.take()
    path.write_bytes(b"[3]")
    shelter.empty_contexts()
    assert shelter.restore().actions == {run_id: "fail"}
    path.write_bytes(b"[2]")
    entries = json.loads(shelter.runs()[run_id].context or b"")
    shelter.world.rows.replace(run_id, compact({"c": entries["b"]}))
    assert shelter.restore().actions == {run_id: "fail"}


def test_the_way_back_to_a_missing_file_is_told(shelter: Shelter) -> None:
    """What was replaced lacked a file, so the safety snapshot does: undoing needs a word on that."""
    run_id = shelter.add_files({"b": b"[2]"})
    shelter.take()
    shelter.live_paths(run_id)[0].unlink()
    report = shelter.restore().report
    assert report.exit_code == 0
    assert "but for files that were missing" in report.message
    assert "--on-missing null' undoes" in (report.next_step or "")
