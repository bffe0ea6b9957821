"""Counts of what happened to values: made, released, failed; kept for whoever shows them."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum

from zenctx.context.datastruct import DataStruct
from zenctx.context.values import RefValue


class Stage(StrEnum):
    """Where something went wrong with a value."""

    CREATION = "creation"
    """It could not be turned into a descriptor."""
    RESTORATION = "restoration"
    """It could not be had back from its descriptor."""
    RELEASE = "release"
    """Its temporary file could not be deleted, and stays."""


class Failure(DataStruct, frozen=True):
    """A value with which something went wrong: its key (empty where it has none any more), where, and why.

    The reason is a clause or sentence without the value; `kind` is that of the error (`ZenctxError.kind`), for counts.
    """

    key: str
    stage: Stage
    reason: str
    kind: str = "other"


class CounterSnapshot(DataStruct, frozen=True):
    """The counts at one moment: values and bytes by kind (MEMORY, JSON, FILE), failures by stage.

    `failure_kinds` has those of each stage by the kind of their error.
    """

    created: Mapping[str, int]
    created_bytes: Mapping[str, int]
    released: Mapping[str, int]
    released_bytes: Mapping[str, int]
    failures: Mapping[str, int]
    failure_kinds: Mapping[str, Mapping[str, int]]


def failures_by_kind(failures: Iterable[Failure]) -> dict[str, dict[str, int]]:
    """Counts failures by stage, and in each stage by kind."""
    found: dict[str, dict[str, int]] = {}
    for failure in failures:
        kinds = found.setdefault(failure.stage.value, {})
        kinds[failure.kind] = kinds.get(failure.kind, 0) + 1
    return found


class ValueCounters:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._created: Counter[str] = Counter()
        self._created_bytes: Counter[str] = Counter()
        self._released: Counter[str] = Counter()
        self._released_bytes: Counter[str] = Counter()
        self._failures: dict[str, Counter[str]] = {}

    def created(self, value: RefValue) -> None:
        """Counts a value that was made or restored."""
        with self._lock:
            self._created[value.kind.value] += 1
            self._created_bytes[value.kind.value] += max(value.size, 0)

    def released(self, value: RefValue) -> None:
        """Counts a value that was released."""
        with self._lock:
            self._released[value.kind.value] += 1
            self._released_bytes[value.kind.value] += max(value.size, 0)

    def failed(self, failures: Iterable[Failure]) -> None:
        """Counts failures."""
        with self._lock:
            for stage, kinds in failures_by_kind(failures).items():
                self._failures.setdefault(stage, Counter()).update(kinds)

    def snapshot(self) -> CounterSnapshot:
        """Gives the counts as they are now."""
        with self._lock:
            return CounterSnapshot(
                dict(self._created),
                dict(self._created_bytes),
                dict(self._released),
                dict(self._released_bytes),
                {stage: kinds.total() for stage, kinds in self._failures.items()},
                {stage: dict(kinds) for stage, kinds in self._failures.items()},
            )
