"""A run as it was read: what its times mean, in every spelling."""

from datetime import UTC, datetime

import pytest

from zenctx.database.rows import RunRow, StoredTime

AT = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


def row(start: StoredTime, end: StoredTime) -> RunRow:
    """Give a run with these times."""
    return RunRow("id", "workflow", "SUCCESS", start, end, b"{}", 1)


@pytest.mark.parametrize(
    "stored", [AT.timestamp() * 1000, int(AT.timestamp() * 1000), "2026-01-31T12:30:00Z", "2026-01-31 13:30:00+01:00"]
)
def test_times_are_read_when_they_are_asked_for(stored: StoredTime) -> None:
    """As numbers or text, always aware and in UTC."""
    assert (row(stored, stored).started_at, row(stored, stored).ended_at) == (AT, AT)
    assert row(stored, None).times_readable


@pytest.mark.parametrize("stored", ["yesterday", "", float("inf"), float("nan"), -1e300, "9" * 40])
def test_what_is_no_time_is_not_taken_for_an_end(stored: StoredTime) -> None:
    """It reads as none, and the row says that something could not be read."""
    assert row(None, stored).ended_at is None
    assert not row(None, stored).times_readable
    assert not row(stored, None).times_readable


def test_no_time_is_readable() -> None:
    """A run that has not ended has none."""
    assert row(None, None).times_readable
    assert row(None, None).ended_at is None
