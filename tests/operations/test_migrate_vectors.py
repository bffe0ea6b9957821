"""Contexts as the engine's own JSON library writes them: all of them go to descriptors and come back unchanged."""

from pathlib import Path

import pytest

from tests.operations.world import DESCRIPTORS, LEGACY, VECTORS, World
from zenctx.context.canonical import canonical
from zenctx.context.forms import Form, detect

LEGACY_FILES = sorted((VECTORS / "legacy").glob("*.json"))
DESCRIPTOR_FILES = sorted((VECTORS / "descriptors").glob("*.json"))
LOOKALIKES = "10_lookalikes.json"
PLAIN_JSON_VECTOR = (
    b'{"object": {"b": 1, "a": [1.1, "x", {}]}, "array": [1, 2, 3], "string": "text", "number": 5, "null": null,'
    b' "decimal": 1.10, "unicode": {"\xc3\xbc": "\\ud83d\\ude80"}}'
)
SMALL = {"memory-threshold-bytes": "10", "json-threshold-bytes": "30", "inline-file-threshold-bytes": "35"}

settings_of_the_reader = pytest.mark.parametrize(
    "options",
    [{"engine-reads": reads, **sizes} for reads in ("published", "all") for sizes in ({}, SMALL)],
    ids=["published", "published, small thresholds", "all", "all, small thresholds"],
)


def add_vectors(world: World, files: list[Path]) -> dict[str, str]:
    """Add a run for each file; give the ids of the runs by name."""
    return {file.name: world.rows.add(file.read_text()) for file in files}


@settings_of_the_reader
def test_every_legacy_vector_comes_back_as_it_was(world: World, options: dict[str, str]) -> None:
    """There and back each context is what it was, byte for byte on SQLite; the one that could be both is named."""
    world.options = options
    ids = add_vectors(world, LEGACY_FILES)
    world.rows.remember()
    there = world.migrate()
    assert there.reasons.keys() == {ids[LOOKALIKES]}
    assert (there.report.exit_code, there.report.summary.converted, there.report.summary.left) == (3, 12, 1)
    assert bool(there.report.summary.files) is ("memory-threshold-bytes" in options)
    assert len(world.files()) == there.report.summary.files
    forms = {run_id: detect(world.rows.text(run_id), lambda _locator: True).form for run_id in ids.values()}
    assert forms.pop(ids[LOOKALIKES]) is Form.MIXED
    assert forms.pop(ids["13_empty.json"]) is Form.EMPTY
    assert set(forms.values()) == {Form.DESCRIPTORS}
    assert world.migrate(LEGACY).report.summary.converted == 12
    assert world.rows.changed() == []


@settings_of_the_reader
def test_lookalikes_make_the_round_trip_once_somebody_decides(world: World, options: dict[str, str]) -> None:
    """Said to be legacy they are wrapped, once however often that is said, and come back as they were."""
    world.options = options
    run_id = add_vectors(world, [VECTORS / "legacy" / LOOKALIKES])[LOOKALIKES]
    world.rows.remember()
    undecided = world.migrate()
    assert undecided.actions == {run_id: "leave"}
    assert "'map_like_descriptor' is a descriptor" in (undecided.reasons[run_id] or "")
    assert world.rows.changed() == []
    decided = world.migrate(assume=LEGACY, runs=(run_id,))
    assert (decided.report.exit_code, decided.report.summary.converted) == (0, 1)
    wrapped = world.rows.text(run_id)
    again = world.migrate(assume=LEGACY, runs=(run_id,))
    assert (again.report.exit_code, again.report.summary.converted) == (0, 0)
    assert world.rows.text(run_id) == wrapped
    back = world.migrate(LEGACY)
    assert (back.report.exit_code, back.report.summary.converted) == (0, 1)
    assert world.rows.changed() == []
    assert world.migrate(LEGACY).report.summary.converted == 0


@settings_of_the_reader
def test_descriptor_vectors_are_left_as_they_are(world: World, options: dict[str, str]) -> None:
    """What is in the wanted form is not written, spelled as it may be."""
    world.options = {**options, "engine-dir": str(VECTORS), "persistent-file-dir": str(VECTORS / "data/context-files")}
    add_vectors(world, DESCRIPTOR_FILES)
    world.rows.remember()
    outcome = world.migrate()
    assert (outcome.report.exit_code, outcome.report.summary.converted, outcome.items) == (0, 0, [])
    assert world.rows.changed() == []
    assert world.check().exit_code == 0


def test_descriptors_of_an_engine_go_back_only_when_somebody_says_so(world: World) -> None:
    """Without a record of converting them they are named and left, for their values may be what the engine wrote."""
    ids = add_vectors(world, [VECTORS / "descriptors" / name for name in ("01_memory.json", "03_json.json")])
    world.rows.remember()
    outcome = world.migrate(LEGACY)
    assert outcome.actions == dict.fromkeys(ids.values(), "leave")
    assert all("no record" in (reason or "") for reason in outcome.reasons.values())
    assert (outcome.report.exit_code, world.rows.changed()) == (3, [])
    run_id = ids["03_json.json"]
    assert world.migrate(LEGACY, assume=DESCRIPTORS, runs=(run_id,)).report.exit_code == 0
    assert world.rows.changed() == [run_id]
    assert canonical(world.rows.text(run_id) or b"") == canonical(PLAIN_JSON_VECTOR)
