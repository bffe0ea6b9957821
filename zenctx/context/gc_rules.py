"""Which files may go: what a run says about the files that it names, and how old a file must be, with the reason.

Pure decisions over moments in milliseconds since 1970, of which a clean-up compares very many. Whatever does not
clearly allow a file to go keeps it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from zenctx.context.classes import RunClass, RunFacts, classify_run
from zenctx.context.datastruct import DataStruct

GRACE = timedelta(hours=24)
"""How long a file that nobody names is left alone: whoever wrote it may be about to name it."""
_MILLISECOND = timedelta(milliseconds=1)


LEFT_ALONE = "no run names it, and orphans are left alone"
"""Why a file stays that would go, were it not for the settings."""


class Category(StrEnum):
    """Why something goes."""

    FINISHED = "finished"
    """The files of a run that is over, past retention."""
    ZOMBIE = "zombie"
    """The files of a run that shows no sign of life, because that was asked for."""
    DELETED = "deleted"
    """The files of a run that has no row any more, or whose workflow or project is marked as deleted."""
    ORPHAN = "orphan"
    """A file that no run names."""
    TEMPORARY = "temporary"
    """What a write of zenctx that did not finish left behind."""
    APPLICATION = "application"
    """A temporary file of the engine, because that was asked for."""
    DIRECTORY = "directory"
    """The directory of a run in which nothing is left."""
    TRASH = "trash"
    """What an earlier clean-up removed, past the time in which it can be brought back."""
    SNAPSHOT = "snapshot"
    """A snapshot that no rule of the settings keeps."""
    OBJECT = "object"
    """Bytes in the repository that no snapshot needs."""


LIVE = frozenset({Category.FINISHED, Category.ZOMBIE, Category.DELETED, Category.ORPHAN})
"""Values: what the limit of a clean-up counts."""


class GcRules(DataStruct, frozen=True):
    """What a clean-up goes by: times, and what it was asked to leave or to take as well."""

    retention: timedelta
    trash_retention: timedelta
    grace: timedelta = GRACE
    orphans: bool = True
    include_zombies: bool = False
    include_soft_deleted: bool = False
    temp_age: timedelta | None = None
    """From which age on temporary files of the engine go; None leaves them."""


class Hold(NamedTuple):
    """What one run says of files. `since` None: it holds them, whatever their age; else they go `period` after it.

    The later of `since` and a file's own time of change counts. All in milliseconds.
    """

    run_class: str
    reason: str
    since: int | None = None
    period: int = 0


class Verdict(NamedTuple):
    """Whether a file goes (and as what), or stays (None); why, in a clause."""

    category: Category | None
    reason: str


def milliseconds(moment: datetime) -> int:
    """Gives an aware moment in milliseconds since 1970, rounded up: what is later is kept longer."""
    return -((datetime(1970, 1, 1, tzinfo=UTC) - moment) // _MILLISECOND)


def hold_of(facts: RunFacts, state_at: datetime | None, rules: GcRules, now: datetime) -> Hold:
    """Gives what a run says of the files that it names. `state_at`: when its runtime state was saved, if it was."""
    found = classify_run(facts, now)
    since, period = _since(found.run_class, facts, rules)
    if since is None:
        return Hold(found.run_class, found.reason)
    latest = max(filter(None, (since, state_at)))
    return Hold(found.run_class, found.reason, milliseconds(latest), period // _MILLISECOND)


def _since(run_class: RunClass, facts: RunFacts, rules: GcRules) -> tuple[datetime | None, timedelta]:
    """The moment from which retention counts, and how long it is; None for what is held."""
    if run_class is RunClass.FINISHED:
        return facts.ended_at, rules.retention
    if run_class is RunClass.DELETED:
        return facts.deleted_at, rules.grace
    if run_class is RunClass.ZOMBIE and rules.include_zombies:
        return facts.latest_sign, rules.retention
    return None, timedelta()


def hold_of_state(saved_at: datetime | None, rules: GcRules) -> Hold:
    """Gives what the runtime state of a run without a row says: its files stay for the retention after it was saved."""
    if saved_at is None:
        return Hold(RunClass.UNREADABLE, "the time of its runtime state cannot be read")
    reason = "its row is gone, and its runtime state was saved so long ago"
    return Hold(RunClass.DELETED, reason, milliseconds(saved_at), rules.retention // _MILLISECOND)


def pinned_hold(reason: str = "it is pinned") -> Hold:
    """Gives what a pin says."""
    return Hold(RunClass.PINNED, reason)


def is_over(hold: Hold, changed: int, now: int) -> bool:
    """Tells whether a hold has ended for a file that was last changed at this moment."""
    return hold.since is not None and max(hold.since, changed) + hold.period < now


def judge_named(holds: Iterable[Hold], changed: int, now: int) -> Verdict:
    """Decides about a file that runs name (at least one): it goes when the last of them lets go of it."""
    last: Hold | None = None
    for hold in holds:
        if not is_over(hold, changed, now):
            return Verdict(None, hold.reason if hold.since is None else _not_yet(hold, changed, now))
        if last is None or (hold.since or 0) > (last.since or 0):
            last = hold
    if last is None:
        raise ValueError("a file that nobody names is judged by its age alone")
    return Verdict(
        _CATEGORY_OF.get(last.run_class, Category.FINISHED), f"{last.reason}, {_long_ago(last, changed, now)}"
    )


def judge_unnamed(changed: int, rules: GcRules, now: int, *, run_is_gone: bool) -> Verdict:
    """Decides about a file that nobody names. `changed`: the later of its time of change and that of its inode."""
    if changed + rules.grace // _MILLISECOND >= now:
        return Verdict(None, f"no run names it, and it is younger than {_hours(rules.grace)}")
    if not rules.orphans:
        return Verdict(None, LEFT_ALONE)
    if run_is_gone:
        return Verdict(Category.DELETED, f"its run has no row any more, and it is older than {_hours(rules.grace)}")
    return Verdict(Category.ORPHAN, f"no run names it, and it is older than {_hours(rules.grace)}")


def judge_leftover(changed: int, age: timedelta, now: int, category: Category) -> Verdict:
    """Decides about a temporary or an empty directory by its age alone."""
    if changed + age // _MILLISECOND >= now:
        return Verdict(None, f"it is younger than {_hours(age)}")
    return Verdict(category, f"{_WHAT_IT_IS[category]}, and it is older than {_hours(age)}")


def judge_trash(moment: int, rules: GcRules, now: int) -> Verdict:
    """Decides whether what a clean-up removed at some moment is deleted for good."""
    days = rules.trash_retention.days
    if days and moment + days * _DAY >= now:
        return Verdict(None, f"it is in the trash for less than {days} days")
    return Verdict(Category.TRASH, f"it was in the trash for {max(0, now - moment) // _DAY} days")


_CATEGORY_OF = {
    RunClass.FINISHED.value: Category.FINISHED,
    RunClass.ZOMBIE.value: Category.ZOMBIE,
    RunClass.DELETED.value: Category.DELETED,
}
_WHAT_IT_IS = {
    Category.TEMPORARY: "a write of zenctx did not finish",
    Category.APPLICATION: "it is a temporary file of the engine that no run names",
    Category.DIRECTORY: "nothing is in it",
    Category.OBJECT: "no snapshot needs it",
}
_DAY = 24 * 60 * 60 * 1000


def _not_yet(hold: Hold, changed: int, now: int) -> str:
    left = (max(hold.since or 0, changed) + hold.period - now) / _DAY
    return f"{hold.reason}, and its files are kept for {left:.1f} more days"


def _long_ago(hold: Hold, changed: int, now: int) -> str:
    return f"and nothing was written for {(now - max(hold.since or 0, changed)) // _DAY} days"


def _hours(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    if hours < 72:
        return "1 hour" if hours == 1 else f"{hours:g} hours"
    return f"{hours / 24:g} days"
