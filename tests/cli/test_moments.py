"""Tests of times on the command line."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from zenctx.cli.moments import parse_length, parse_moment
from zenctx.errors import UsageError

NOW = datetime(2026, 11, 22, 21, 35, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T13:45:00", datetime(2026, 1, 31, 13, 45, tzinfo=UTC)),
        ("2026-01-31 13:45:00Z", datetime(2026, 1, 31, 13, 45, tzinfo=UTC)),
        ("2026-01-31T13:45:00.617948Z", datetime(2026, 1, 31, 13, 45, 0, 617948, tzinfo=UTC)),
        ("2026-01-31T13:45:00+07:00", datetime(2026, 1, 31, 13, 45, tzinfo=timezone(timedelta(hours=7)))),
        ("90m", NOW - timedelta(minutes=90)),
        ("24h", NOW - timedelta(hours=24)),
        (" 7d ", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
    ],
)
def test_days_times_and_ages_are_taken(text: str, moment: datetime) -> None:
    """A time as the table or the JSON shows it can be given back; without a zone it is UTC."""
    assert parse_moment(text, NOW, option="--since") == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-40", "7", "d", "-7d", "7 d", "24H", "1e3h", "\x1b[31m"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    """The option is named, and what it takes."""
    with pytest.raises(UsageError, match=r"^--since ") as caught:
        parse_moment(text, NOW, option="--since")
    assert "24h" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), (" 1d ", 86400), ("1d1s", 86401)]
)
def test_a_length_of_time(text: str, seconds: int) -> None:
    """Days, hours, minutes, seconds, in this order."""
    assert parse_length(text, option="--max-duration").total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "30m1h", "0s", "-1h", "1.5h", "1 h"])
def test_what_is_no_length_of_time(text: str) -> None:
    """It is refused, with the name of the option."""
    with pytest.raises(UsageError, match="--max-duration"):
        parse_length(text, option="--max-duration")
