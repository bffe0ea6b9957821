"""Tests of how values become text."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from zenctx.cli.columns import count, human_bytes, identifier, number, plain, size, text, utc
from zenctx.context.rawjson import RawJson
from zenctx.context.rules import EngineReads


@dataclass(frozen=True)
class Thing:
    """An item with one value."""

    value: object


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_572_864, "1.5 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**5, "1.0 PiB"),
        (1024**6, "1024.0 PiB"),
        (-1, "-"),
        (None, "-"),
    ],
)
def test_sizes_read_well(value: int | None, shown: str) -> None:
    """A size has a unit of two's powers and one decimal; an unknown one is a dash."""
    assert human_bytes(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", '""'),
        ("text", "text"),
        (True, "yes"),
        (False, "no"),
        (12, "12"),
        (EngineReads.PUBLISHED, "published"),
        (("a", "b"), "a, b"),
        ((), "-"),
        (RawJson(b"1.10"), "1.10"),
        (datetime(2026, 11, 22, 21, 35, 4, 500, tzinfo=UTC), "2026-11-22 21:35:04Z"),
    ],
)
def test_any_value_has_a_text(value: object, shown: str) -> None:
    """Values of the kinds that items have become text; nothing and empty can be told apart."""
    assert plain(value) == shown


def test_times_are_in_utc() -> None:
    """A time of another zone is converted, one without a zone is taken for UTC."""
    assert utc(datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31 23:00:00Z"
    assert utc(datetime(2026, 1, 1, 1, 0)) == "2026-01-01 01:00:00Z"  # noqa: DTZ001 - what is tested
    assert utc(None) == "-"


def test_counts_have_separators() -> None:
    """Thousands are set apart."""
    assert count(1_234_567) == "1,234,567"
    assert count(None) == "-"


def test_cells_are_harmless() -> None:
    """A cell shows control characters as escapes, whatever the column."""
    assert text("a", "value").cell(Thing("x\x1b[2J\n")) == r"x\x1b[2J\n"
    assert identifier("a", "value").cell(Thing("\u202e")) == r"\u202e"
    assert (number("a", "value").cell(Thing(1000)), size("a", "value").cell(Thing(1024))) == ("1,000", "1.0 KiB")
