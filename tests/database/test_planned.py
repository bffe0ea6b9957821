"""The plan of a restoration on disk: what is replaced, what is linked, and how runs were converted."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from zenctx.database.conversions import Record
from zenctx.database.planned import Link, PlannedRun, PlannedRuns
from zenctx.errors import StoreError

THEN = datetime(2026, 1, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)


def packed(*run_ids: str) -> list[bytes]:
    """Give ids as a record of conversions has them."""
    return [bytes.fromhex(run_id.replace("-", "")) for run_id in run_ids]


def test_a_run_is_planned_once() -> None:
    """What stands first counts."""
    with PlannedRuns() as planned:
        assert planned.add(PlannedRun("a", writes=True, replaces=True, seen=b"1"))
        assert not planned.add(PlannedRun("a", writes=False))
        assert planned.add(PlannedRun("b", writes=False))
        known = planned.find("a")
        assert known is not None
        assert (known.writes, known.seen) == (True, b"1")
        assert planned.find("c") is None
        assert list(planned.replaced()) == ["a"]


def test_links_are_those_of_runs_that_were_not_given_up() -> None:
    """Each with the run that it names, and whether it is new."""
    with PlannedRuns() as planned:
        planned.add(PlannedRun("a", writes=True, retry_of="x", is_new=True))
        planned.add(PlannedRun("b", writes=True, retry_of="y"))
        planned.add(PlannedRun("c", writes=True))
        assert list(planned.links()) == [Link("a", "x", True), Link("b", "y", False)]
        planned.forget_link("a")
        assert list(planned.links()) == [Link("b", "y", False)]


def test_the_last_conversion_before_the_snapshot_and_the_last_at_all_are_known() -> None:
    """Of the runs that are planned; of a snapshot of another database the last at all alone."""
    first, second, third = (str(uuid4()) for _ in range(3))
    records = [
        Record(1, "descriptors", THEN - HOUR, packed(first, second)),
        Record(2, "legacy", THEN + HOUR, packed(second, third)),
        Record(3, "descriptors", THEN + 2 * HOUR, packed(str(uuid4()))),
    ]
    expected = {first: ("descriptors",) * 2, second: ("descriptors", "legacy"), third: (None, "legacy")}
    for was_before in ((lambda record: record.number == 1), None):
        with PlannedRuns() as planned:
            for run_id in (*expected, "no uuid"):
                planned.add(PlannedRun(run_id, writes=True))
            planned.note_conversions(records, was_before)
            for run_id, (earlier, latest) in expected.items():
                known = planned.find(run_id)
                assert known is not None
                assert (known.earlier, known.latest) == (earlier if was_before else None, latest)
            other = planned.find("no uuid")
            assert other is not None
            assert other.latest is None


def test_without_room_it_says_so() -> None:
    """A sentence, not an error of the library."""
    planned = PlannedRuns()
    with planned:
        pass
    with pytest.raises(StoreError, match="temporary directory"):
        planned.add(PlannedRun("a", writes=True))
