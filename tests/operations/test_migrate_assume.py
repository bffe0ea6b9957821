"""What could be read both ways: left and named, until somebody decides; never wrapped or unwrapped twice."""

import json

import pytest

from tests.operations.world import DESCRIPTORS, LEGACY, World, request
from tests.support.rows import compact
from zenctx.context.canonical import canonical
from zenctx.errors import UsageError

EXACT = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 42}
NESTED = {**EXACT, "inlineValue": EXACT}
LOADABLE = {"type": "MEMORY", "inlineValue": 42}
ELSEWHERE = {**EXACT, "type": "FILE", "locator": "/etc/passwd", "inlineValue": None}
WRONG_SIZE = {**EXACT, "type": "JSON", "size": 3, "inlineValue": "eyJhIjoxfQ=="}

UNDECIDED = {
    "mixed": {"a": EXACT, "b": 5},
    "mixed, nested": {"a": NESTED, "b": 5},
    "loadable throughout": {"a": LOADABLE, "b": LOADABLE},
    "locator outside": {"a": ELSEWHERE},
    "wrong size": {"a": WRONG_SIZE},
}


def value_of(world: World, run_id: str) -> bytes:
    """Give a context in one spelling."""
    return canonical(world.rows.text(run_id) or b"")


def spelled(context: object) -> bytes:
    """Give a context of a test in the same spelling."""
    return canonical(compact(context).encode())


def test_nothing_undecided_is_touched(world: World) -> None:
    """Mixed and ambiguous contexts are named with the reason, in both directions, and left as they are."""
    ids = [world.rows.add(compact(context)) for context in UNDECIDED.values()]
    world.rows.remember()
    for direction in (DESCRIPTORS, LEGACY):
        outcome = world.migrate(direction)
        assert outcome.actions == dict.fromkeys(ids, "leave")
        assert all(outcome.reasons.values())
        assert (outcome.report.exit_code, outcome.report.summary.left) == (3, len(ids))
        assert "--assume legacy|descriptors" in (outcome.report.next_step or "")
        assert world.check(direction).exit_code == 4
    assert world.rows.changed() == []
    assert world.quarantined() == []


@pytest.mark.parametrize("name", UNDECIDED)
def test_said_to_be_legacy_it_comes_back_as_it_was(world: World, name: str) -> None:
    """Wrapped once, however often that is said, and unwrapped once, however often that is asked."""
    run_id = world.rows.add(compact(UNDECIDED[name]))
    world.rows.remember()
    assert world.migrate(assume=LEGACY, runs=(run_id,)).report.summary.converted == 1
    for _ in range(2):
        assert world.migrate(assume=LEGACY, runs=(run_id,)).report.summary.converted == 0
    assert world.check().exit_code == 0
    assert world.migrate(LEGACY).report.summary.converted == 1
    assert world.rows.changed() == []
    for _ in range(2):
        assert world.migrate(LEGACY).report.summary.converted == 0
    assert world.rows.changed() == []
    assert world.migrate(LEGACY, assume=LEGACY, runs=(run_id,)).report.exit_code == 0


def test_exact_descriptors_said_to_be_legacy_come_back_too(world: World) -> None:
    """A context of lookalikes alone is wrapped and unwrapped once, and then named, for nothing tells it apart."""
    run_id = world.rows.add(compact({"a": NESTED}))
    world.rows.remember()
    assert world.migrate(assume=LEGACY, runs=(run_id,)).report.summary.converted == 1
    assert world.migrate(assume=LEGACY, runs=(run_id,)).report.summary.converted == 0
    back = world.migrate(LEGACY)
    assert (back.report.exit_code, back.report.summary.converted, back.report.summary.left) == (3, 1, 1)
    assert world.rows.changed() == []
    again = world.migrate(LEGACY)
    assert "put it back before" in (again.reasons[run_id] or "")
    assert world.rows.changed() == []
    assert world.migrate(LEGACY, assume=LEGACY, runs=(run_id,)).report.exit_code == 0


def test_said_to_be_descriptors_it_is_completed(world: World) -> None:
    """Exact entries stay as they are, those that lack properties get them, plain values are wrapped."""
    mixed = world.rows.add(compact({"a": EXACT, "b": 5, "n": None}))
    half = world.rows.add(compact({"a": LOADABLE, "b": 5}))
    loadable = world.rows.add(compact(UNDECIDED["loadable throughout"]))
    world.rows.remember()
    outcome = world.migrate(assume=DESCRIPTORS, runs=(mixed, half, loadable))
    assert (outcome.report.exit_code, outcome.report.summary.converted) == (0, 3)
    five = {**EXACT, "inlineValue": 5}
    completed = {**EXACT, "size": -1, **LOADABLE}
    assert value_of(world, mixed) == spelled({"a": EXACT, "b": five, "n": None})
    assert value_of(world, half) == spelled({"a": LOADABLE, "b": five})
    assert value_of(world, loadable) == spelled({"a": completed, "b": completed})
    assert world.check().exit_code == 0


def test_said_to_be_descriptors_they_are_unwrapped_once(world: World) -> None:
    """A value that looks like a descriptor itself is not unwrapped again, by the same command or the next."""
    run_id = world.rows.add(compact({"a": NESTED, "b": 5}))
    outcome = world.migrate(LEGACY, assume=DESCRIPTORS, runs=(run_id,))
    assert outcome.report.summary.converted == 1
    assert value_of(world, run_id) == spelled({"a": EXACT, "b": 5})
    assert world.migrate(LEGACY).report.summary.converted == 0
    assert value_of(world, run_id) == spelled({"a": EXACT, "b": 5})


def test_descriptors_that_an_engine_wrote_after_the_way_back_are_named(world: World) -> None:
    """The old record of putting a run back does not hide that it is in the other form again."""
    run_id = world.rows.add('{"a": 1}')
    world.migrate()
    world.migrate(LEGACY)
    world.rows.replace(run_id, compact({"a": EXACT}))
    outcome = world.migrate(LEGACY)
    assert outcome.actions == {run_id: "leave"}
    assert outcome.report.exit_code == 3
    assert world.migrate(LEGACY, assume=DESCRIPTORS, runs=(run_id,)).report.summary.converted == 1
    assert value_of(world, run_id) == spelled({"a": 42})


def test_a_converted_context_that_an_old_engine_mixed_is_not_wrapped_again(world: World) -> None:
    """An engine that takes descriptors for plain values adds its own beside them: wrapping all would wrap twice."""
    run_id = world.rows.add('{"a": 1}')
    world.migrate()
    text = json.loads(world.rows.text(run_id) or b"")
    world.rows.replace(run_id, compact({**text, "b": 2}))
    world.rows.remember()
    assert world.migrate().actions == {run_id: "leave"}
    assert world.migrate(assume=LEGACY, runs=(run_id,)).actions == {run_id: "leave"}
    assert world.rows.changed() == []
    assert world.migrate(assume=DESCRIPTORS, runs=(run_id,)).report.exit_code == 0
    assert world.migrate(LEGACY).report.exit_code == 0
    assert value_of(world, run_id) == spelled({"a": 1, "b": 2})


def test_assume_needs_runs() -> None:
    """It is decided run by run: without one it is refused before anything is opened."""
    with pytest.raises(UsageError, match="needs --run"):
        request(assume=LEGACY)
