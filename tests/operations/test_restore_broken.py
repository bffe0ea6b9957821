"""Contexts that cannot be taken apart, and that name files: put back, and passed over once that is done."""

import json

import pytest

from tests.operations.restorations import Shelter
from tests.support.rows import compact


def spoilt(shelter: Shelter, text: str) -> list[str]:
    """Put the descriptors of a run into a text that is no context, and take a snapshot; give their locators."""
    shelter.add_files({"a": b"[1]", "b": b"[2]"})
    (run_id,) = shelter.texts()
    entries = json.loads(shelter.world.rows.text(run_id) or b"")
    shelter.world.rows.replace(run_id, text.format(compact(entries["a"]), compact(entries["b"])))
    shelter.take()
    return [entry["locator"] for entry in entries.values()]


@pytest.mark.parametrize("text", ["[{0},[{1}]]", "[{0},{1},{0}]"])
def test_what_is_put_back_already_is_passed_over(shelter: Shelter, text: str) -> None:
    """Its text is the same but for the names of its files, and these have the content."""
    locators = spoilt(shelter, text)
    assert shelter.restore().report.summary.same == 1
    shelter.delete_runs()
    for name in shelter.world.files():
        (shelter.world.store / name).unlink()
    assert shelter.restore().report.summary.inserted == 1
    (run_id,) = shelter.texts()
    restored = shelter.world.rows.text(run_id) or b""
    assert not any(locator.encode() in restored for locator in locators)
    assert shelter.rehearse().report.summary.same == 1
    assert shelter.restore().report.summary.same == 1
    assert shelter.world.rows.text(run_id) == restored
    assert len(shelter.world.files()) == 2


def test_what_is_not_quite_the_same_is_put_back_again(sqlite_shelter: Shelter) -> None:
    """Another content, one file in the place of two, a file of another run, a text that differs elsewhere."""
    shelter = sqlite_shelter
    a, b = spoilt(shelter, '{{"a":{0},"a":{1}')
    (run_id,) = shelter.texts()
    text = (shelter.world.rows.text(run_id) or b"").decode()
    other = shelter.add_files({"a": b"[1]"})
    (foreign,) = shelter.locators(other)
    for changed in (
        text.replace(b, a),
        text.replace(a, b),
        text.replace(a, foreign),
        text + " ",
        text.replace(a, r"\q"),
    ):
        shelter.world.rows.replace(run_id, changed)
        assert shelter.rehearse(runs=(run_id,)).actions == {run_id: "replace"}
    shelter.world.rows.replace(run_id, text)
    assert shelter.rehearse(runs=(run_id,)).actions == {run_id: "same"}
    path = shelter.world.folder / a
    path.chmod(0o600)
    path.write_bytes(b"[3]")
    assert shelter.restore(runs=(run_id,)).actions == {run_id: "replace"}
    assert shelter.restore(runs=(run_id,)).report.summary.same == 1
