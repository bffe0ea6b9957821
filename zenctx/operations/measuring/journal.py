"""What the journal tells: when each command last ran and how it ended, failures of values, the last verification."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zenctx.context.counters import Stage
from zenctx.context.direction import Direction
from zenctx.database.journal import VERIFY, WENT_ON, Alike
from zenctx.operations.measuring import catalogue
from zenctx.operations.measuring.model import Sample

_STAGES = frozenset(stage.value for stage in Stage)
OTHER = "other"
REASONS: Mapping[str, str] = {
    "damaged_file": "damaged",
    "damaged": "damaged",
    "missing_file": "missing",
    "released": "missing",
    "missing": "missing",
    "altered": "altered",
    "unreadable": "unreadable",
    "locator_refused": "refused",
    "refused": "refused",
    "invalid_descriptor": "invalid",
    "invalid_context": "invalid",
    "invalid": "invalid",
    "data": "invalid",
    "shared": "shared",
    "database": "database",
    "quarantined": "quarantined",
    "failed": "failed",
}
"""The reasons for failures of values, by what commands call them; whatever else there is counts as `other`."""
_OF_ONE_VALUE = ("damaged_file", "missing_file", "invalid_descriptor", "invalid_context", "locator_refused")
_OF_SNAPSHOT = ("missing", "altered", "refused", "unreadable")
_OF_VERIFY = ("damaged", "missing", "released", "refused", "shared", "invalid")
_SEVERITIES = ("error", "warning", "notice")
_EXPECTED = (
    *((Stage.CREATION.value, reason) for reason in ("quarantined", "invalid", "database", OTHER)),
    *((Stage.RESTORATION.value, reason) for reason in dict.fromkeys([*REASONS.values(), OTHER])),
    (Stage.RELEASE.value, OTHER),
)
"""Failures that are told as 0 where there were none: a counter that begins with the first one hides it."""


@dataclass(slots=True)
class _Command:
    """What is known of one command so far; what began last comes last."""

    started: datetime | None = None
    succeeded: datetime | None = None
    seconds: float | None = None
    exit_code: int | None = None
    unfinished: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, ended: Alike) -> None:
        """Takes the next operations."""
        self.started = ended.started_at or self.started
        if ended.outcome is None:
            self.unfinished += ended.number
            return
        self.outcomes[ended.outcome] += ended.number
        if ended.exit_code in WENT_ON:
            self.unfinished = 0
        self.exit_code = ended.exit_code
        if ended.started_at is not None and ended.finished_at is not None:
            self.seconds = max((ended.finished_at - ended.started_at).total_seconds(), 0.0)
        if ended.exit_code == 0 and ended.finished_at is not None:
            self.succeeded = max(filter(None, (self.succeeded, ended.finished_at)))

    def samples(self, command: str) -> Iterator[Sample]:
        """Gives its metrics."""
        moments = {catalogue.LAST_START: self.started, catalogue.LAST_SUCCESS: self.succeeded}
        for metric, moment in moments.items():
            if moment is not None:
                yield metric.sample(round(moment.timestamp(), 3), command=command)
        for metric, value in {
            catalogue.LAST_DURATION: self.seconds,
            catalogue.LAST_EXIT_CODE: self.exit_code,
            catalogue.UNFINISHED: self.unfinished,
        }.items():
            if value is not None:
                yield metric.sample(value, command=command)
        for outcome, count in self.outcomes.items():
            yield catalogue.OPERATIONS.sample(count, command=command, outcome=outcome)


@dataclass(slots=True)
class _Verified:
    """The last verification of everything that read content back; of parts of it, each part's last one.

    All look at every row: what they found beside altered content is as the `latest` says.
    """

    latest: Mapping[str, Any] = field(default_factory=dict)
    parts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    of: int = 0

    def add(self, ended: Alike) -> None:
        """Takes the next verification; those of some runs, by size alone, or that failed, do not count."""
        asked, counts = ended.arguments, ended.counts
        if ended.command != VERIFY or asked.get("runs") or asked.get("quick") or "errors" not in counts:
            return
        part, parts = _subset(asked.get("subset"))
        if parts != self.of or parts == 1:
            self.parts, self.of = {}, parts
        self.parts[part] = self.latest = counts

    def samples(self) -> Iterator[Sample]:
        """Gives its metrics, none where there was no verification."""
        if not self.parts:
            return
        yield catalogue.CHECKSUM_FAILURES.sample(sum(_count(counts, "altered") for counts in self.parts.values()))
        for severity in _SEVERITIES:
            yield catalogue.VERIFY_FINDINGS.sample(_count(self.latest, f"{severity}s"), severity=severity)


def samples_of(journal: Iterable[Alike]) -> Iterator[Sample]:
    """Gives the metrics of a journal, in which what began last comes last; memory does not grow with it."""
    commands: dict[str, _Command] = {}
    failures: Counter[tuple[str, str]] = Counter()
    verified = _Verified()
    for ended in journal:
        commands.setdefault(ended.command, _Command()).add(ended)
        failures.update(value_failures(ended))
        verified.add(ended)
    for command, known in commands.items():
        yield from known.samples(command)
    for stage, reason in dict.fromkeys([*_EXPECTED, *failures]):
        yield catalogue.VALUE_FAILURES.sample(failures[stage, reason], stage=stage, reason=reason)
    yield from verified.samples()


def value_failures(ended: Alike) -> Counter[tuple[str, str]]:
    """Counts the values that operations could not describe, restore or release, by stage and reason."""
    found: Counter[tuple[str, str]] = Counter()
    for stage, kind, count in _failures(ended):
        if stage in _STAGES and count > 0:
            found[stage, REASONS.get(kind, OTHER)] += count * ended.number
    return found


def _failures(ended: Alike) -> Iterator[tuple[str, str, int]]:
    counts, restoration = ended.counts, Stage.RESTORATION.value
    kinds = counts.get("value_failures")
    if isinstance(kinds, dict) and kinds:
        for stage, of_stage in kinds.items():
            yield from ((stage, kind, _count(of_stage, kind)) for kind in _keys(of_stage))
    elif ended.command == "migrate":
        stage = restoration if counts.get("direction") == Direction.LEGACY else Stage.CREATION.value
        yield stage, "quarantined", _count(counts, "newly_quarantined")
    elif ended.command == "snapshot":
        yield from ((restoration, kind, _count(counts, kind)) for kind in _OF_SNAPSHOT)
    elif ended.command == VERIFY:
        yield from ((restoration, kind, _count(counts.get("error_kinds"), kind)) for kind in _OF_VERIFY)
    elif ended.command == "restore":
        yield restoration, "failed", _count(counts, "failed")
    elif ended.error_kind in _OF_ONE_VALUE:
        yield restoration, ended.error_kind, 1


def _subset(asked: object) -> tuple[int, int]:
    match asked:
        case [int(part), int(parts)] if 1 <= part <= parts:
            return part, parts
        case _:
            return 1, 1


def _keys(counts: object) -> list[str]:
    return list(counts) if isinstance(counts, dict) else []


def _count(counts: object, name: str) -> int:
    """Gives a count; 0 for what is none, since the journal is a table that anybody may have written to."""
    value = counts.get(name) if isinstance(counts, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
