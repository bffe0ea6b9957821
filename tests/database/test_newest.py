"""The order in which people look at runs: newest first, each once, in chunks that grow."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.rows import Rows
from zenctx.database import newest
from zenctx.database.rows import Selection

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def walked(rows: Rows, selection: Selection | None = None, size: int = 4) -> list[str]:
    """Give the ids of a walk; no piece is larger than asked for."""
    with rows.database.connect() as connection:
        pieces = list(newest.walk(connection, selection or Selection(), size))
    assert all(0 < len(piece) <= size for piece in pieces)
    return [run_id for piece in pieces for run_id in piece]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows be many."""
    monkeypatch.setattr(newest, "FIRST_CHUNK", 3)
    monkeypatch.setattr(newest, "MAX_CHUNK", 5)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 8, 9, 13, 20])
def test_every_run_comes_once(rows: Rows, count: int) -> None:
    """Whatever their number is to that of a chunk, and whatever moments they share."""
    started = [NOW - timedelta(microseconds=number // 3) for number in range(count)]
    moments = {rows.add("{}", started=moment, ended=moment): moment for moment in started}
    ids = walked(rows)
    assert sorted(ids) == sorted(moments)
    assert [moments[run_id] for run_id in ids] == sorted(started, reverse=True)


def test_all_at_the_same_moment(rows: Rows) -> None:
    """Then something else puts them in order, the same every time."""
    ids = {rows.add("{}", started=NOW, ended=NOW) for _ in range(17)}
    first = walked(rows)
    assert set(first) == ids
    assert walked(rows) == first


def test_a_selection_is_kept_over_all_chunks(rows: Rows) -> None:
    """By status and by time, on every page."""
    wanted = []
    for day in range(10):
        rows.add("{}", started=NOW - timedelta(days=day), ended=NOW)
        wanted.append(rows.add("{}", status="ERROR", started=NOW - timedelta(days=day), ended=NOW))
    assert walked(rows, Selection(statuses=("ERROR",))) == wanted
    since = Selection(statuses=("ERROR",), since=NOW - timedelta(days=6))
    assert walked(rows, since) == wanted[:7]


def test_times_of_other_drivers_lose_no_run(sqlite_rows: Rows) -> None:
    """Milliseconds as numbers or digits and times as text: their order may be odd, but each comes once."""
    ids = {sqlite_rows.add("{}", started=NOW, ended=NOW) for _ in range(12)}
    stored = ["1769817600000", "2026-01-30 10:00:00", "nonsense", ""]
    for number, run_id in enumerate(sorted(ids)):
        sqlite_rows.execute(
            "update workflow_runs set started_at = :at where id = :id", at=stored[number % len(stored)], id=run_id
        )
    found = walked(sqlite_rows)
    assert (len(found), set(found)) == (len(ids), ids)
