"""The policy against golden files, one for each rule, and what it promises whatever the snapshots are."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.context.retention import Candidate, Duration, Policy, Verdict, decide, parse_duration, parse_policy
from zenctx.errors import UsageError

GOLDEN = Path(__file__).parent / "retention"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def history() -> Iterator[Candidate]:
    """Give some years: yearly, monthly, then daily and hourly snapshots, some of them tagged, incomplete or safety."""
    moments = {datetime(2022, 6, 15, 2, tzinfo=UTC), datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC)}
    moments |= {
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        datetime(2024, 12, 30, 2, tzinfo=UTC),
    }
    moments |= {datetime(2025, month, 28, 2, tzinfo=UTC) for month in range(1, 13)}
    moments |= {datetime(2026, month, day, 2, tzinfo=UTC) for month in range(8, 12) for day in (1, 2, 15, 22)}
    moments |= {
        datetime(2026, 11, 20, 2, tzinfo=UTC) + timedelta(hours=5 * step, minutes=7 * step) for step in range(16)
    }
    for number, moment in enumerate(sorted(moments)):
        tags = ("release",) if number % 9 == 4 else ("release", "eu") if number == 20 else ()
        yield Candidate(f"s{number:02}", moment, tags, is_complete=number % 11 != 7)
    yield Candidate("safety-old", NOW - timedelta(days=7), is_safety=True)
    yield Candidate("safety-new", NOW - timedelta(days=6, hours=23), is_safety=True)
    yield Candidate("future", NOW + timedelta(days=400))


POLICIES = {
    "last_1": Policy(last=1),
    "last_10": Policy(last=10),
    "last_1000": Policy(last=1000),
    "hourly_5": Policy(hourly=5),
    "daily_3": Policy(daily=3),
    "daily_30": Policy(daily=30),
    "weekly_4": Policy(weekly=4),
    "weekly_60": Policy(weekly=60),
    "monthly_6": Policy(monthly=6),
    "yearly_2": Policy(yearly=2),
    "yearly_10": Policy(yearly=10),
    "within_1h": Policy(within=parse_duration("1h", option="-")),
    "within_7d": Policy(within=parse_duration("7d", option="-")),
    "within_1y2m3d": Policy(within=parse_duration("1y2m3d", option="-")),
    "tag_release": Policy(tags=("release",)),
    "tag_eu_or_missing": Policy(tags=("eu", "no such tag")),
    "usual": Policy(last=3, daily=7, weekly=4, monthly=12, yearly=5),
    "all_rules": Policy(2, 3, 4, 2, 3, 2, parse_duration("2d", option="-"), ("eu",)),
    "safety_0": Policy(last=5, safety_days=0),
    "safety_30": Policy(last=5, safety_days=30),
}


def told(candidates: Iterable[Candidate], policy: Policy) -> str:
    """Give the verdicts as a golden file has them."""
    by_id = {each.snapshot_id: each for each in candidates}
    return "".join(
        f"{'keep' if verdict.kept else 'remove':6} {by_id[verdict.snapshot_id].created_at:%Y-%m-%d %a %H:%M:%S} "
        f"{verdict.snapshot_id:10} {_marks(by_id[verdict.snapshot_id]):12} {'; '.join(verdict.reasons)}\n"
        for verdict in decide(by_id.values(), policy, NOW)
    )


def _marks(candidate: Candidate) -> str:
    return ",".join(candidate.tags) or ("-" if candidate.is_complete else "incomplete")


@pytest.mark.parametrize("name", POLICIES)
def test_the_verdicts_are_those_of_the_golden_file(name: str) -> None:
    """Which snapshots each rule keeps and removes, and the reasons that are given."""
    assert told(history(), POLICIES[name]) == (GOLDEN / f"{name}.txt").read_text()


def test_every_golden_file_is_used() -> None:
    """None is left over from a rule that is gone."""
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(POLICIES)


def kept(verdicts: Iterable[Verdict]) -> set[str]:
    """Give the snapshots that are kept."""
    return {verdict.snapshot_id for verdict in verdicts if verdict.kept}


moments = st.datetimes(datetime(2023, 1, 1), datetime(2026, 11, 23), timezones=st.just(UTC))  # noqa: DTZ001 - see timezones
candidates = st.lists(
    st.builds(Candidate, st.uuids().map(str), moments, st.sampled_from([(), ("a",)]), st.just(False), st.booleans(),
              st.sampled_from(["all", "one"])),
    unique_by=lambda each: each.snapshot_id,
)  # fmt: skip
counts = st.integers(0, 4)
policies = st.builds(Policy, counts, counts, counts, counts, counts, counts, tags=st.sampled_from([(), ("a",)]))


@given(candidates, policies)
def test_each_snapshot_has_one_verdict_with_a_reason(found: list[Candidate], policy: Policy) -> None:
    """And the order in which they were listed does not matter."""
    verdicts = decide(found, policy, NOW)
    assert sorted(verdict.snapshot_id for verdict in verdicts) == sorted(each.snapshot_id for each in found)
    assert all(verdict.reasons and all(verdict.reasons) for verdict in verdicts)
    assert decide(found[::-1], policy, NOW) == verdicts


@given(candidates, policies)
def test_forgetting_again_removes_nothing_more(found: list[Candidate], policy: Policy) -> None:
    """What a policy keeps it keeps."""
    once = kept(decide(found, policy, NOW))
    assert kept(decide([each for each in found if each.snapshot_id in once], policy, NOW)) == once


@given(candidates, policies)
def test_more_is_kept_where_more_is_asked_for(found: list[Candidate], policy: Policy) -> None:
    """A rule that is added removes nothing that was kept."""
    more = Policy(
        policy.last + 1, policy.hourly, policy.daily + 2, policy.weekly, policy.monthly, policy.yearly, tags=("a",)
    )
    assert kept(decide(found, policy, NOW)) <= kept(decide(found, more, NOW))


@given(candidates, policies)
def test_the_newest_complete_snapshot_of_every_group_is_kept(found: list[Candidate], policy: Policy) -> None:
    """Whatever the rule, as long as it counts snapshots or periods; and so is the newest of all."""
    if not any((policy.last, policy.hourly, policy.daily, policy.weekly, policy.monthly, policy.yearly)):
        return
    survivors = kept(decide(found, policy, NOW))
    for group in {each.group for each in found}:
        members = sorted(
            (each for each in found if each.group == group), key=lambda each: (each.created_at, each.snapshot_id)
        )
        assert members[-1].snapshot_id in survivors
        complete = [each.snapshot_id for each in members if each.is_complete]
        assert not complete or complete[-1] in survivors


def test_a_snapshot_of_one_run_does_not_displace_that_of_all() -> None:
    """Selections are kept apart."""
    night = Candidate("night", NOW - timedelta(hours=9), group="all")
    noon = Candidate("noon", NOW - timedelta(hours=1), group="run 1")
    assert kept(decide([night, noon], Policy(last=1, daily=1), NOW)) == {"night", "noon"}


def test_days_are_those_of_utc() -> None:
    """Wherever the snapshots were taken."""
    tokyo = timezone(timedelta(hours=9))
    early = Candidate("early", datetime(2026, 11, 22, 8, 59, tzinfo=tokyo))
    late = Candidate("late", datetime(2026, 11, 22, 9, 0, tzinfo=tokyo))
    assert kept(decide([early, late], Policy(daily=2), NOW)) == {"early", "late"}
    assert kept(decide([late, Candidate("noon", datetime(2026, 11, 22, 12, tzinfo=tokyo))], Policy(daily=2), NOW)) == {
        "noon"
    }


def test_what_is_within_is_counted_back_from_the_newest() -> None:
    """Where nobody takes snapshots any more none is too old; one that is dated in the future is not the newest."""
    old = [Candidate(f"{days}", NOW - timedelta(days=days)) for days in (100, 103, 120)]
    future = Candidate("future", NOW + timedelta(days=4000))
    week = Policy(within=parse_duration("7d", option="-"))
    assert kept(decide([*old, future], week, NOW)) == {"100", "103", "future"}


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("7d", "2026-03-05T12:00", "2026-02-26T12:00"),
        ("1m", "2026-03-31T12:00", "2026-02-28T12:00"),
        ("1y", "2024-02-29T12:00", "2023-02-28T12:00"),
        ("1y2m3d", "2026-01-02T00:00", "2024-10-30T00:00"),
        ("2w36h", "2026-01-20T00:00", "2026-01-04T12:00"),
        ("13m", "2026-01-20T00:00", "2024-12-20T00:00"),
        ("9999y", "2026-01-20T00:00", "0001-01-01T00:00"),
        ("999999d", "2026-01-20T00:00", "0001-01-01T00:00"),
    ],
)
def test_durations_are_those_of_the_calendar(text: str, moment: str, expected: str) -> None:
    """Months and years by their dates; a day that a month has not is its last; none leads before the year 1."""
    start = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert parse_duration(text, option="-").before(start) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1d1y", "1.5d", "7 d", "1s", "d7", "99999999999d", "\u0661d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """With the option's name and an example."""
    with pytest.raises(UsageError, match="--keep-within"):
        parse_duration(text, option="--keep-within")


def test_a_policy_that_says_nothing_is_known_as_such() -> None:
    """So that nothing is removed by mistake."""
    assert Policy().is_empty
    assert not any(policy.is_empty for policy in POLICIES.values())
    assert not Policy(within=Duration(0, 0, 1, "1h")).is_empty


def test_a_policy_on_one_line() -> None:
    """Each rule by its name, in any order."""
    policy = parse_policy("last 7, monthly 12,within 30d, tag release, tag x y", safety_days=3)
    within = parse_duration("30d", option="within")
    assert policy == Policy(last=7, monthly=12, within=within, tags=("release", "x y"), safety_days=3)


@pytest.mark.parametrize(
    "text",
    ["", "last", "last -1", "last 0", "last 7 daily 3", "last 7,", "last 1, last 2", "tag x", "within soon", "7"],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    """Nor is one that would keep nothing but what has a tag."""
    with pytest.raises(UsageError):
        parse_policy(text, safety_days=0)
