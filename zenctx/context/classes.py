"""Classes of runs: what a run's row says about whether its context may still be needed, with the reason.

Used alike by every command. A row that does not fit is never counted as finished: what is not understood is kept.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

RETRY_GRACE = timedelta(hours=24)
"""How long after its end a failed run may still be revived without a job being visible."""
ZOMBIE_AGE = timedelta(days=30)
"""How long without a sign of life an unfinished run is thought to be alive."""

KNOWN_STATUSES = ("RUNNING", "SUCCESS", "ERROR", "WAITING")


class RunClass(StrEnum):
    """What may still happen to a run."""

    EXECUTING = "executing"
    PARKED = "parked"
    RETRYING = "retrying"
    FINISHED = "finished"
    ZOMBIE = "zombie"
    UNREADABLE = "unreadable"
    DELETED = "deleted"
    """Its row is gone, or (where that is asked for) its workflow or project is marked as deleted."""
    PINNED = "pinned"
    """Somebody wants its files to be kept."""


NO_SIGN_OF_LIFE = "it has not ended, and showed no sign of life since"
"""How the reason of a zombie begins. It stays on record with each of its files that a clean-up released."""

RESUMABLE = frozenset({RunClass.PARKED, RunClass.RETRYING})


class RunFacts(NamedTuple):
    """What a row tells. Times are aware; `last_sign` is the latest known sign of life (at least `started_at`)."""

    status: str
    started_at: datetime | None
    ended_at: datetime | None
    has_context: bool
    """The context is neither null nor `{}`."""
    pending_retry: bool = False
    last_sign: datetime | None = None
    times_readable: bool = True
    """Whether the row's times could be read; if not, nothing is concluded from them."""
    context_readable: bool = True
    """Whether the context is an object that can be taken apart."""
    pinned: bool = False
    deleted_at: datetime | None = None
    """When its workflow or project was marked as deleted, where that is to count."""

    @property
    def latest_sign(self) -> datetime | None:
        """The latest moment at which it is known to have been alive."""
        return max(filter(None, (self.last_sign, self.started_at, self.ended_at)), default=None)


class Classified(NamedTuple):
    """A class and the reason for it, in one sentence without values."""

    run_class: RunClass
    reason: str


def classify_run(facts: RunFacts, now: datetime) -> Classified:
    """Tells the class of a run at the time `now` (aware)."""
    if facts.pinned:
        return Classified(RunClass.PINNED, "it is pinned")
    if not facts.context_readable:
        return Classified(RunClass.UNREADABLE, "its context cannot be read")
    if not facts.times_readable:
        return Classified(RunClass.UNREADABLE, "the times of the row cannot be read")
    if facts.deleted_at is not None:
        return Classified(RunClass.DELETED, "its workflow or project is marked as deleted")
    if facts.ended_at is None or facts.status in ("RUNNING", "WAITING"):
        return _unfinished(facts, now)
    return _ended(facts, now)


def _ended(facts: RunFacts, now: datetime) -> Classified:
    if facts.status not in KNOWN_STATUSES:
        return Classified(RunClass.UNREADABLE, f"the status {facts.status} is not known to zenctx")
    if facts.pending_retry:
        return Classified(RunClass.RETRYING, "it ended, and a retry is scheduled")
    if facts.status == "SUCCESS":
        return Classified(RunClass.FINISHED, "it ended with success")
    if facts.ended_at is None or now - facts.ended_at <= RETRY_GRACE:
        return Classified(RunClass.RETRYING, "it failed within the last 24 hours and may be retried")
    return Classified(RunClass.FINISHED, "it failed more than 24 hours ago, and no retry is scheduled")


def _unfinished(facts: RunFacts, now: datetime) -> Classified:
    # Some other status without an end, and "not over" beside an end: the safe reading of either is that it goes on.
    latest = facts.latest_sign
    if latest is not None and not facts.pending_retry and now - latest > ZOMBIE_AGE:
        return Classified(RunClass.ZOMBIE, f"{NO_SIGN_OF_LIFE} {_day(latest)}")
    if facts.has_context:
        return Classified(RunClass.PARKED, "it has not ended and has a context")
    return Classified(RunClass.EXECUTING, "it has not ended and has no context")


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
