"""Restorations of very many runs, and of very large files: memory does not grow with either."""

import pytest

from tests.operations.restorations import Shelter
from tests.operations.stores import noise
from tests.operations.test_snapshot_soak import MOST_BYTES, RUNS, fill, peak_memory
from zenctx.operations.live_files import bind_store, live_files

LARGE = 100_000_000


def peak_of_restore(shelter: Shelter, taken: str, *arguments: str) -> int:
    """Restore in a process of its own; give the most memory that it held, in bytes."""
    url = shelter.world.database.engine.url.render_as_string(hide_password=False)
    return peak_memory(shelter.world.folder, "restore", taken, "--quiet", "--db", url, *arguments)


@pytest.mark.soak
def test_memory_stays_flat_where_rows_are_replaced(shelter: Shelter) -> None:
    """A hundred thousand runs, put back in place and then passed over, take less than 150 MB."""
    rows = shelter.world.rows
    fill(shelter.world)
    rows.remember()
    taken = shelter.take()
    rows.execute("update workflow_runs set context = '{}'")
    assert peak_of_restore(shelter, taken) < MOST_BYTES
    assert rows.changed() == []
    assert peak_of_restore(shelter, taken, "--dry-run") < MOST_BYTES


@pytest.mark.soak
def test_memory_stays_flat_where_rows_are_inserted(shelter: Shelter) -> None:
    """The same for runs that are gone."""
    rows = shelter.world.rows
    fill(shelter.world)
    rows.remember()
    taken = shelter.take()
    # Row by row PostgreSQL would look through the whole table for runs that try each of them again.
    rows.execute("delete from workflow_runs" if rows.is_sqlite else "truncate workflow_runs cascade")
    assert peak_of_restore(shelter, taken) < MOST_BYTES
    assert rows.changed() == []
    assert rows.fetch("select count(*) from workflow_runs") == [(RUNS,)]


@pytest.mark.soak
def test_a_file_of_100_mb_comes_back(shelter: Shelter) -> None:
    """Piece by piece, in both directions."""
    world = shelter.world
    run_id = shelter.add_files({"small": b"[1]"})
    live = live_files(world.settings)
    with world.database.connect() as connection:
        bind_store(live, connection)
    stored = live.store.put(run_id, "small", noise(LARGE), suffix=".bin")
    text = (world.rows.text(run_id) or b"").decode()
    (old,) = shelter.runs(shelter.take())[run_id].files
    changed = text.replace(old.locator, live.locators.locator_for(stored.name)).replace(
        old.checksum or "", stored.checksum
    )
    for size in ('"size":3', '"size": 3'):
        changed = changed.replace(size, f'"size":{LARGE}')
    world.rows.replace(run_id, changed)
    taken = shelter.take()
    shelter.delete_runs()
    shelter.lose_store()
    assert peak_of_restore(shelter, taken) < MOST_BYTES
    assert world.verify()[0].exit_code == 0
    (path,) = shelter.live_paths(run_id)
    assert path.stat().st_size == LARGE
