"""Deep nesting: what the engine's reader takes survives both ways, what it does not is kept as it is, and named."""

import pytest

from tests.operations.world import DESCRIPTORS, LEGACY, World
from tests.support.rows import compact
from zenctx.errors import DataError


def nested(levels: int) -> str:
    """Give a context with a value of so many levels, arrays and objects in turn."""
    opened, closed = '[{"a":' * (levels // 2), "}]" * (levels // 2)
    rest = "[" if levels % 2 else ""
    return f'{{"deep":{opened}{rest}1{"]" if rest else ""}{closed},"flat":1}}'


@pytest.mark.parametrize("reads", ["published", "all"])
@pytest.mark.parametrize("levels", [900, 901, 950, 999])
def test_deep_values_survive_both_ways(world: World, levels: int, reads: str) -> None:
    """Up to 900 levels a value stays in the row, beyond it goes where the reader meets no more than its own levels."""
    world.options = {"engine-reads": reads}
    run_id = world.rows.add(nested(levels))
    world.rows.remember()
    assert world.migrate().report.exit_code == 0
    in_the_row = (world.rows.text(run_id) or b"").count(b'"MEMORY"')
    assert in_the_row == (2 if levels == 900 else 1)
    assert len(world.files()) == (levels > 900 and reads == "published")
    assert world.migrate(LEGACY).report.exit_code == 0
    assert world.rows.changed() == []


@pytest.mark.parametrize("levels", [1000, 6000, 100_000])
def test_deeper_contexts_are_quarantined(world: World, levels: int) -> None:
    """One sentence without a value, the row as it was, the others converted; PostgreSQL itself has an end, too."""
    if levels > 6000 and not world.rows.is_sqlite:
        with pytest.raises(DataError, match="nested so deeply"):
            world.rows.add(nested(levels))
        return
    run_id = world.rows.add(nested(levels))
    other = world.rows.add('{"a":1}')
    world.rows.remember()
    outcome = world.migrate()
    assert outcome.reasons == {run_id: "nested more than 1000 levels deep"}
    assert [(item.run_id, item.reason) for item in world.quarantined()] == [(run_id, outcome.reasons[run_id])]
    assert (outcome.report.exit_code, outcome.report.summary.quarantined) == (3, 1)
    assert world.rows.changed() == [other]
    assert world.check().exit_code == 4


def test_a_document_inside_a_descriptor_may_be_too_deep_for_a_context(world: World) -> None:
    """A JSON value of 1000 levels would be the 1001st in a legacy context: it stays where it is, and is named."""
    file = world.store / "deep.json"
    file.parent.mkdir(parents=True)
    file.write_text("[" * 1000 + "]" * 1000)
    descriptor = {"type": "FILE", "locator": "./data/context-files/persistent/deep.json", "size": 2000}
    rest = {"mediaType": None, "checksum": None, "inlineValue": None}
    run_id = world.rows.add(compact({"deep": descriptor | rest}))
    world.rows.remember()
    outcome = world.migrate(LEGACY, assume=DESCRIPTORS, runs=(run_id,))
    assert outcome.actions == {run_id: "quarantine"}
    assert "1000 levels" in (outcome.reasons[run_id] or "")
    assert world.rows.changed() == []
