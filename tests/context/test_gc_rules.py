"""What lets a file go: moments compared, every doubt for keeping it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.context.classes import RunFacts
from zenctx.context.gc_rules import (
    Category,
    GcRules,
    Hold,
    hold_of,
    hold_of_state,
    is_over,
    judge_leftover,
    judge_named,
    judge_unnamed,
    milliseconds,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = milliseconds(NOW)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
RULES = GcRules(retention=30 * DAY, trash_retention=7 * DAY)
LONG_AGO = NOW - 400 * DAY


def finished(ended: datetime) -> RunFacts:
    """A run that ended with success."""
    return RunFacts("SUCCESS", LONG_AGO, ended, has_context=True)


@pytest.mark.parametrize(
    ("ended", "changed", "state", "goes"),
    [
        (NOW - 30 * DAY - SECOND, LONG_AGO, None, True),
        (NOW - 30 * DAY, LONG_AGO, None, False),
        (LONG_AGO, NOW - 30 * DAY, None, False),
        (LONG_AGO, NOW - 31 * DAY, None, True),
        (LONG_AGO, LONG_AGO, NOW - 29 * DAY, False),
        (LONG_AGO, LONG_AGO, NOW - 31 * DAY, True),
        (NOW + DAY, LONG_AGO, None, False),
    ],
)
def test_the_latest_moment_counts(ended: datetime, changed: datetime, state: datetime | None, *, goes: bool) -> None:
    """The end of the run, the change of the file, the save of its state."""
    hold = hold_of(finished(ended), state, RULES, NOW)
    verdict = judge_named([hold], milliseconds(changed), NOW_MS)
    assert (verdict.category == Category.FINISHED) == goes
    assert verdict.reason


@pytest.mark.parametrize(
    "facts",
    [
        RunFacts("RUNNING", LONG_AGO, None, has_context=True),
        RunFacts("RUNNING", NOW, None, has_context=False),
        RunFacts("ERROR", LONG_AGO, NOW - HOUR, has_context=True),
        RunFacts("ERROR", LONG_AGO, LONG_AGO, has_context=True, pending_retry=True),
        RunFacts("NEW", LONG_AGO, LONG_AGO, has_context=True),
        RunFacts("SUCCESS", LONG_AGO, LONG_AGO, has_context=True, times_readable=False),
        RunFacts("SUCCESS", LONG_AGO, LONG_AGO, has_context=True, context_readable=False),
        RunFacts("SUCCESS", LONG_AGO, LONG_AGO, has_context=True, pinned=True),
        RunFacts("SUCCESS", None, None, has_context=True),
    ],
)
def test_whatever_is_not_over_holds(facts: RunFacts) -> None:
    """However old the file is; and one that holds is enough."""
    hold = hold_of(facts, None, RULES, NOW)
    over = hold_of(finished(LONG_AGO), None, RULES, NOW)
    assert judge_named([over, hold], 0, NOW_MS).category is None
    assert judge_named([over], 0, NOW_MS).category is Category.FINISHED


def test_zombies_and_deleted_workflows_count_only_when_asked() -> None:
    """A zombie's last sign of life is what its retention counts from."""
    dead = RunFacts("RUNNING", LONG_AGO, None, has_context=True)
    rules = GcRules(30 * DAY, 7 * DAY, include_zombies=True)
    assert judge_named([hold_of(dead, None, rules, NOW)], 0, NOW_MS).category is Category.ZOMBIE
    gone = RunFacts("RUNNING", NOW, None, has_context=True, deleted_at=NOW - 2 * DAY)
    assert judge_named([hold_of(gone, None, RULES, NOW)], 0, NOW_MS).category is Category.DELETED
    just = RunFacts("RUNNING", NOW, None, has_context=True, deleted_at=NOW - HOUR)
    assert judge_named([hold_of(just, None, RULES, NOW)], 0, NOW_MS).category is None


def test_a_state_without_a_run_and_without_a_time_holds() -> None:
    """What cannot be read keeps."""
    assert hold_of_state(None, RULES).since is None
    assert is_over(hold_of_state(LONG_AGO, RULES), 0, NOW_MS)


def test_nobodys_files_wait_for_the_grace() -> None:
    """And stay where orphans are left alone."""
    day = NOW_MS - milliseconds(datetime(1970, 1, 2, tzinfo=UTC))
    assert judge_unnamed(day, RULES, NOW_MS, run_is_gone=True).category is None
    assert judge_unnamed(day - 1, RULES, NOW_MS, run_is_gone=True).category is Category.DELETED
    assert judge_unnamed(day - 1, RULES, NOW_MS, run_is_gone=False).category is Category.ORPHAN
    kept = GcRules(30 * DAY, 7 * DAY, orphans=False)
    assert judge_unnamed(0, kept, NOW_MS, run_is_gone=True).category is None
    assert judge_leftover(day, DAY, NOW_MS, Category.TEMPORARY).category is None
    assert judge_leftover(day - 1, DAY, NOW_MS, Category.TEMPORARY).category is Category.TEMPORARY


@given(st.lists(st.builds(Hold, st.just("finished"), st.just("r"), st.none() | st.integers(0, 99), st.integers(0, 9))))
def test_one_more_holder_never_lets_go(holds: list[Hold]) -> None:
    """What goes with some runs naming it went with fewer of them, too."""
    for changed in (0, 50):
        goes = [judge_named(holds[:count], changed, 60).category is not None for count in range(1, len(holds) + 1)]
        assert goes == sorted(goes, reverse=True)


def test_a_file_that_nobody_names_is_not_judged_as_named() -> None:
    """It would go for no reason."""
    with pytest.raises(ValueError, match="nobody names"):
        judge_named([], 0, NOW_MS)
