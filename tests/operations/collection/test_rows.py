"""Tests of what rows say: the quick look never says more than the whole one."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

from hypothesis import event, given
from hypothesis import strategies as st

from zenctx.context.classes import RunClass
from zenctx.context.gc_rules import GcRules, is_over, milliseconds
from zenctx.database.engine import Connection
from zenctx.database.reference_rows import ReferenceRow, Sources
from zenctx.operations.collection.rows import RowReader
from zenctx.store.mentions import Mentions

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
RUN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
DAY = 24 * 60 * 60 * 1000.0
NOW_MS = float(milliseconds(NOW))

ages = st.one_of(
    st.sampled_from([0.0, 1.0, 29 * DAY, 30 * DAY - 1, 30 * DAY, 30 * DAY + 1, 31 * DAY, NOW_MS, -DAY]),
    st.floats(-2 * DAY, 40 * DAY),
)
moments = st.one_of(
    st.none(), ages.map(lambda age: NOW_MS - age), st.sampled_from([float("inf"), float("-inf"), "2026-11-01"])
)


def reader(*, pinned: bool = False, days: int = 30, zombies: bool = False) -> RowReader:
    """A reader that needs no database."""
    rules = GcRules(timedelta(days=days), timedelta(days=7), include_zombies=zombies, include_soft_deleted=True)
    mentions = cast("Mentions", SimpleNamespace(find=lambda _text: {}))
    pins = frozenset({RUN} if pinned else ())
    return RowReader(cast("Connection", None), Sources(()), mentions, rules, NOW, pins)


rows = st.builds(
    lambda start, end, status, is_object, state, deleted, retry: ReferenceRow(
        RUN, status, start, end, True, is_object, None, state[0], state[1], deleted, "", retry
    ),
    moments,
    moments,
    st.sampled_from(["SUCCESS", "ERROR", "RUNNING", "WAITING", "SUSPENDED", "NEVER SEEN"]),
    st.booleans(),
    st.sampled_from([(None, None), (NOW_MS - DAY, 1), (NOW_MS - 50 * DAY, 99)]),
    moments,
    moments,
)


@given(row=rows, pinned=st.booleans(), days=st.sampled_from([0, 1, 30, 100_000]), zombies=st.booleans())
def test_what_surely_holds_is_held(row: ReferenceRow, pinned: bool, days: int, zombies: bool) -> None:
    """And no class is passed over that is counted."""
    given_reader = reader(pinned=pinned, days=days, zombies=zombies)
    if given_reader.surely_holds(row):
        event("surely")
        said = given_reader.read(row)
        assert said is not None
        assert not is_over(said.hold, 0, milliseconds(NOW))
        assert said.hold.run_class not in {RunClass.PINNED, RunClass.UNREADABLE, RunClass.ZOMBIE}


def test_an_ordinary_run_within_retention_surely_holds() -> None:
    """What nearly all runs are, up to the last moment of retention."""
    for age in (1.0, DAY, 30 * DAY - 1):
        row = ReferenceRow(RUN, "SUCCESS", NOW_MS - 31 * DAY, NOW_MS - age, True, True, None, behind_base="")
        assert reader().surely_holds(row)
    late = ReferenceRow(RUN, "SUCCESS", NOW_MS - 31 * DAY, NOW_MS - 30 * DAY, True, True, None, behind_base="")
    assert not reader().surely_holds(late)
