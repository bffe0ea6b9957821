"""Runs that are alike in all that counts: their class and age are told once, and the rest is added up.

A run's class and age depend on its times only by which side of some moments they lie; so there are few groups, and a
row is put into its group by comparing numbers.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from zenctx.context.classes import RETRY_GRACE, ZOMBIE_AGE, RunClass, RunFacts, classify_run
from zenctx.context.forms import Form
from zenctx.database.run_groups import RunGroup
from zenctx.database.scanning import Scanned
from zenctx.operations.figures.model import Age

DAY = 86_400.0
_AGES = tuple(Age)
_LIMITS = (365 * DAY, 90 * DAY, ZOMBIE_AGE.total_seconds(), 7 * DAY, RETRY_GRACE.total_seconds())
"""Those of the classes are among those of the ages; the longest first."""
_OLD = 2
"""The first buckets hold what is older than `ZOMBIE_AGE`, up to and with this one."""
_NONE, _UNREADABLE = -1, -2
BOUNDS = _FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC).timestamp(), datetime(9999, 12, 30, tzinfo=UTC).timestamp()
"""What is outside of them is no time that can be read."""
_HOLDS_ALL = (RunClass.UNREADABLE, RunClass.PINNED, RunClass.EXECUTING)

_Key = tuple[str | None, str, str, int, int, bool, bool]


@dataclass(slots=True)
class Group:
    """Some runs: what they have in common, and sums.

    `run_class` None: it depends on when a node of the run last began or ended. `holds_all`: each of its runs needs all
    files of its own. `entries` and `inline_bytes` are those of contexts whose entries are all stored alike.
    """

    workflow_id: str | None
    status: str
    form: Form
    age: Age
    run_class: RunClass | None
    runs: int = 0
    context_bytes: int = 0
    entries: int = 0
    inline_bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    secrets: dict[tuple[str, ...], int] = field(default_factory=dict)
    is_finished: bool = False
    holds_all: bool = False
    silent: "Group | None" = None
    """Where it depends on signs of life: the group of those of its runs that gave none."""

    def __post_init__(self) -> None:
        """What follows from the class."""
        self.is_finished = self.run_class is RunClass.FINISHED
        self.holds_all = self.run_class in _HOLDS_ALL


class Groups:
    """Puts rows into groups at the moment `now`, by the rules of `classify_run`, which a test holds this to.

    `retrying`: runs that a job of the engine will revive; None where that may be any failed run. `pinned`: runs. Of
    more than `most` workflows the others are one.
    """

    def __init__(
        self, now: datetime, pinned: frozenset[str], retrying: frozenset[str] | None, *, most: int = 10_000
    ) -> None:
        self.now = now
        self._cutoffs = [now.timestamp() - limit for limit in _LIMITS]
        self._pinned, self._retrying = pinned, retrying
        self._is_plain = not pinned and retrying is not None and not retrying
        self._most = most
        self._workflows: set[str] = set()
        self._groups: dict[_Key, Group] = {}
        self._late: dict[tuple[_Key, RunClass], Group] = {}
        self.sign: datetime | None = None
        """The last sign of life of runs that are grouped by the server: none, or just now where nobody can tell."""

    def of(self, row: Scanned, form: Form) -> Group:
        """Gives the group of a row."""
        run_id, workflow_id, status, started, ended, _, _ = row
        if self._is_plain:
            retry = pinned = False
        else:
            retry = status != "SUCCESS" if self._retrying is None else run_id in self._retrying
            pinned = run_id in self._pinned
        known = workflow_id if workflow_id in self._workflows else self._take_in(workflow_id)
        key = (known, status, form._value_, self.bucket(started), self.bucket(ended), retry, pinned)
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = self._new(row, key, None)
        return found

    def late(self, row: Scanned, group: Group, last_sign: datetime | None) -> Group:
        """Gives the group of a row whose class depended on the last sign of life, once that is known."""
        if last_sign is None and group.silent is not None:
            return group.silent
        key = (group.workflow_id, group.status, group.form._value_, self.bucket(row[3]), _NONE, False, False)
        made = self._new(row, key, last_sign, may_wait=False)
        assert made.run_class is not None  # noqa: S101 - for the type checker
        found = self._late.setdefault((key, made.run_class), made)
        if last_sign is None:
            group.silent = found
        return found

    def of_alike(self, alike: RunGroup) -> Group:
        """Gives the group of runs that the server has grouped: nobody holds them, and no node was at work lately."""
        times = self.example(alike.started), self.example(alike.ended)
        row = ("", alike.workflow_id, alike.status, *times, None, None)
        group = self.of(row, Form(alike.form))
        return group if group.run_class is not None else self.late(row, group, self.sign)

    @property
    def limits(self) -> tuple[float, ...]:
        """The moments that make a difference, the earliest first, in seconds since 1970."""
        return tuple(self._cutoffs)

    def example(self, bucket: int | None) -> float | None:
        """Gives a moment behind so many of the limits; NaN for -1, None for None."""
        if bucket is None or bucket < 0:
            return None if bucket is None else float("nan")
        return self._cutoffs[bucket - 1] + 1 if bucket else self._cutoffs[0] - 1

    @property
    def held(self) -> frozenset[str]:
        """Runs of which more is known than their row says."""
        return self._pinned | (self._retrying or frozenset())

    def __iter__(self) -> Iterator[Group]:
        return (group for group in (*self._groups.values(), *self._late.values()) if group.runs)

    def _take_in(self, workflow_id: str) -> str | None:
        if len(self._workflows) >= self._most:
            return None
        self._workflows.add(workflow_id)
        return workflow_id

    def _new(self, row: Scanned, key: _Key, last_sign: datetime | None, *, may_wait: bool = True) -> Group:
        workflow_id, status, form, started, ended, retry, pinned = key
        facts = RunFacts(
            status=status,
            started_at=_moment(row[3], started),
            ended_at=_moment(row[4], ended),
            has_context=form not in (Form.NULL, Form.EMPTY),
            pending_retry=retry,
            last_sign=last_sign,
            times_readable=_UNREADABLE not in (started, ended),
            context_readable=form != Form.INVALID,
            pinned=pinned,
        )
        waits = may_wait and ended == _NONE and 0 <= started <= _OLD and not (pinned or retry)
        run_class = None if waits else classify_run(facts, self.now).run_class
        return Group(workflow_id, status, Form(form), _age(started if ended == _NONE else ended), run_class)

    def bucket(self, moment: float | None) -> int:
        """Gives what of a time makes a difference."""
        if moment is None:
            return _NONE
        # What is no number at all is not within any limits.
        return bisect_right(self._cutoffs, moment) if _FIRST <= moment <= _LAST else _UNREADABLE


def _age(bucket: int) -> Age:
    return _AGES[len(_LIMITS) - bucket] if bucket >= 0 else Age.UNKNOWN


def _moment(seconds: float | None, bucket: int) -> datetime | None:
    return None if seconds is None or bucket < 0 else datetime.fromtimestamp(seconds, UTC)
