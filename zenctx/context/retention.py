"""Which snapshots a policy keeps and which it removes, with a reason for each: pure, the clock is an argument.

What the rules promise:

- Periods are those of UTC, weeks begin on Monday (ISO 8601): the outcome depends on no machine and no daylight saving.
- Of each period the newest snapshot is kept; a period without any does not count.
- `within` is counted back from the newest snapshot, not from now: where no new ones are taken none grows too old.
- Snapshots of different databases or selections do not compete: one of a single run never displaces that of all.
- One that lacks files never displaces one that is complete: each rule is applied to all, and to the complete alone.
- One that is dated in the future is kept and does not count: a clock was wrong.
- Safety snapshots, which a restore takes, neither count nor are kept by rules: they stay for a time of their own.
"""

import calendar
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from zenctx.errors import UsageError

_DURATION = r"(?:([0-9]{1,4})y)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})w)?(?:([0-9]{1,6})d)?(?:([0-9]{1,7})h)?"
_NUMBER = r"[0-9]{1,6}"
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of the calendar: months (years included), days (weeks included), hours; `text` as it was written."""

    months: int
    days: int
    hours: int
    text: str

    def before(self, moment: datetime) -> datetime:
        """Gives the time that lies so much earlier; a day that the month has not is its last one."""
        try:
            month = moment.year * _MONTHS + moment.month - 1 - self.months
            year, month = month // _MONTHS, month % _MONTHS + 1
            day = min(moment.day, calendar.monthrange(year, month)[1])
            return moment.replace(year=year, month=month, day=day) - timedelta(days=self.days, hours=self.hours)
        except (ValueError, OverflowError):  # before the year 1
            return datetime.min.replace(tzinfo=UTC)


def parse_duration(text: str, *, option: str) -> Duration:
    """Reads `7d`, `1y2m3d`, `36h`, `2w`: years, months, weeks, days, hours, in this order. Raises UsageError."""
    match = re.fullmatch(_DURATION, text.strip())
    if match is None or not any(match.groups()):
        raise UsageError(
            f"{option} {text!r} is no duration",
            hint="write 7d, 36h, 2w or 1y2m3d: years, months, weeks, days, hours",
        )
    years, months, weeks, days, hours = (int(part or 0) for part in match.groups())
    return Duration(years * _MONTHS + months, weeks * 7 + days, hours, text.strip())


@dataclass(frozen=True, slots=True)
class Policy:
    """What to keep: the last snapshots, one a period for so many periods, all within a time, all with a tag."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Duration | None = None
    tags: tuple[str, ...] = ()
    safety_days: int = 7

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing about what to keep."""
        counts = (self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly)
        return not any(counts) and self.within is None and not self.tags


_COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def parse_policy(text: str, *, safety_days: int) -> Policy:
    """Reads a policy from one line: `last 7, daily 14, monthly 12, within 30d, tag release`. Raises UsageError."""
    counts: dict[str, int] = {}
    within: Duration | None = None
    tags: list[str] = []
    for rule in text.split(","):
        name, _, value = rule.strip().partition(" ")
        value = value.strip()
        if name in _COUNTS and name not in counts and re.fullmatch(_NUMBER, value):
            counts[name] = int(value)
        elif name == "within" and within is None:
            within = parse_duration(value, option="within")
        elif name == "tag" and value:
            tags.append(value)
        else:
            raise UsageError(f"{rule.strip()!r} is no rule", hint="write rules as: last 7, daily 14, within 30d, tag x")
    policy = Policy(**counts, within=within, tags=tuple(tags), safety_days=safety_days)
    if not any(counts.values()) and within is None:
        raise UsageError("no rule says which snapshots to keep", hint="write rules as: last 7, daily 14, within 30d")
    return policy


@dataclass(frozen=True, slots=True)
class Candidate:
    """A snapshot as the policy sees it; those of one `group` compete with each other."""

    snapshot_id: str
    created_at: datetime
    tags: tuple[str, ...] = ()
    is_safety: bool = False
    is_complete: bool = True
    group: Hashable = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a snapshot, and why: what keeps it, or the one reason for its removal."""

    snapshot_id: str
    kept: bool
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Kept:
    """The reasons found so far, by snapshot."""

    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, candidate: Candidate, reason: str) -> None:
        found = self.reasons.setdefault(candidate.snapshot_id, [])
        if reason not in found:
            found.append(reason)


_Period = Callable[[datetime], str]
_PERIODS: tuple[tuple[str, str, _Period], ...] = (
    ("hourly", "hour", lambda moment: f"{moment:%Y-%m-%d %H}:00"),
    ("daily", "day", lambda moment: f"{moment:%Y-%m-%d}"),
    ("weekly", "week", lambda moment: f"{moment:%G-W%V}"),
    ("monthly", "month", lambda moment: f"{moment:%Y-%m}"),
    ("yearly", "year", lambda moment: f"{moment:%Y}"),
)


def decide(candidates: Iterable[Candidate], policy: Policy, now: datetime) -> list[Verdict]:
    """Decides about each snapshot, newest first. `now`, aware, tells the age of safety snapshots."""
    ordered = sorted(candidates, key=lambda each: (each.created_at, each.snapshot_id), reverse=True)
    kept = _Kept()
    for group in _groups(each for each in ordered if each.created_at <= now):
        _apply(group, policy, kept, "")
        _apply([each for each in group if each.is_complete], policy, kept, "complete ")
    for each in ordered:
        if each.created_at > now:
            kept.add(each, "dated in the future")
    return [
        _of_safety(each, policy, now) if each.is_safety else _verdict(each, kept.reasons.get(each.snapshot_id, []))
        for each in ordered
    ]


def _groups(ordered: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    groups: dict[Hashable, list[Candidate]] = {}
    for each in ordered:
        if not each.is_safety:
            groups.setdefault(each.group, []).append(each)
    yield from groups.values()


def _apply(group: Sequence[Candidate], policy: Policy, kept: _Kept, which: str) -> None:
    """Applies every rule to snapshots of one group, newest first; what is kept already needs no second reason."""
    reasons = dict(_reasons(group, policy, which))
    for each in group:
        if which and each.snapshot_id in kept.reasons:
            continue
        for reason in reasons.get(each.snapshot_id, ()):
            kept.add(each, reason)


def _reasons(group: Sequence[Candidate], policy: Policy, which: str) -> Iterator[tuple[str, list[str]]]:
    by_period = [
        (f"the last {which}one of the {noun}", period, _newest_of_each(group, period, getattr(policy, name)))
        for name, noun, period in _PERIODS
    ]
    among = f"the last {which}one" if policy.last == 1 else f"one of the last {policy.last} {which}".rstrip()
    for place, each in enumerate(group):
        found = [among] if place < policy.last else []
        for words, period, chosen in by_period:
            if each.snapshot_id in chosen:
                found.append(f"{words} {period(each.created_at.astimezone(UTC))}")
        if policy.within is not None and each.created_at >= policy.within.before(group[0].created_at):
            found.append(f"within {policy.within.text} of the newest")
        found += [f"has the tag {tag}" for tag in policy.tags if tag in each.tags]
        yield each.snapshot_id, found


def _newest_of_each(group: Sequence[Candidate], period: _Period, count: int) -> set[str]:
    newest: dict[str, str] = {}
    for each in group:
        if len(newest) < count:
            newest.setdefault(period(each.created_at.astimezone(UTC)), each.snapshot_id)
    return set(newest.values())


def _verdict(candidate: Candidate, reasons: Sequence[str]) -> Verdict:
    return Verdict(candidate.snapshot_id, bool(reasons), tuple(reasons) or ("no rule keeps it",))


def _of_safety(candidate: Candidate, policy: Policy, now: datetime) -> Verdict:
    tagged = [f"has the tag {tag}" for tag in policy.tags if tag in candidate.tags]
    until = candidate.created_at + timedelta(days=policy.safety_days)
    if now < until:
        tagged.append(f"a safety snapshot, kept until {until.astimezone(UTC):%Y-%m-%d %H:%M}Z")
    return Verdict(
        candidate.snapshot_id,
        bool(tagged),
        tuple(tagged) or (f"a safety snapshot of {policy.safety_days} days or more",),
    )
