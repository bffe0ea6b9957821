"""A migration that is to end early, or to wait: between two batches, with the reason."""

import threading
import time
from pathlib import Path

import pytest

from tests.operations.test_migrate_concurrent import Recorder
from tests.operations.world import World
from zenctx.operations.migration.brakes import Terms


def add(world: World, count: int = 20) -> None:
    """Add rows to convert."""
    world.rows.add_all(f'{{"a":{number}}}' for number in range(count))


def converted(world: World) -> int:
    """Count the rows that are descriptors."""
    return len(world.rows.fetch("select id from workflow_runs where cast(context as text) like '%inlineValue%'"))


def test_a_duration_ends_it_with_whole_batches(world: World) -> None:
    """It says how far it came, that it is not done, and how to go on."""
    add(world)
    recorder = Recorder(on_batch=lambda: time.sleep(0.3))
    outcome = world.migrate(progress=recorder, batch_rows=2, terms=Terms(max_seconds=0.5))
    summary = outcome.report.summary
    assert (outcome.report.exit_code, summary.complete, summary.census) == (3, False, None)
    assert 0 < summary.converted == converted(world) < 20
    assert outcome.report.message.endswith("; --max-duration is over")
    assert outcome.report.next_step == "run the same command again to go on"
    assert world.migrate().report.summary.converted == 20 - summary.converted


def test_a_rate_is_kept(world: World) -> None:
    """No more rows a second than that, in batches that are no larger."""
    add(world)
    started = time.monotonic()
    assert world.migrate(terms=Terms(max_rate=10)).report.summary.converted == 20
    assert time.monotonic() - started >= 0.9


def test_a_pause_file_holds_it_and_is_told(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written while it is there."""
    add(world)
    file, notes = tmp_path / "pause", list[str]()
    file.touch()
    recorder = Recorder()
    monkeypatch.setattr(recorder, "note", lambda text, **_facts: notes.append(text))
    seen: list[int] = []

    def look_and_remove() -> None:
        time.sleep(0.5)
        seen.append(converted(world))
        file.unlink()

    thread = threading.Thread(target=look_and_remove)
    thread.start()
    outcome = world.migrate(progress=recorder, terms=Terms(pause_file=file))
    thread.join()
    assert (outcome.report.exit_code, seen) == (0, [0])
    assert notes[:3] == ["converting", f"paused: {file} exists", "going on"]


def test_poisoned_rows_stop_it(world: World) -> None:
    """Hundreds of rows that cannot be converted: the others may wait until somebody has looked at them."""
    world.rows.add_all(['{"a":1}'] * 10 + ["[]"] * 150)
    outcome = world.migrate(batch_rows=10)
    assert outcome.report.exit_code == 5
    assert "had to be quarantined" in outcome.report.message
    assert "--list-quarantined" in (outcome.report.next_step or "")
    assert 100 < len(world.quarantined()) < 150
