"""Counts of what happened to values: made, released, failed; kept for whoever shows them."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from zenctx.context.values import RefValue


class Stage(StrEnum):
    """Where something went wrong with a value."""

    CREATION = "creation"
    """It could not be turned into a descriptor."""
    RESTORATION = "restoration"
    """It could not be had back from its descriptor."""
    RELEASE = "release"
    """Its temporary file could not be deleted, and stays."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A value with which something went wrong: its key (empty where it has none any more), where, and why.

    The reason is a clause or sentence without the value.
    """

    key: str
    stage: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class CounterSnapshot:
    """The counts at one moment: values and bytes by kind (MEMORY, JSON, FILE), failures by stage."""

    created: Mapping[str, int]
    created_bytes: Mapping[str, int]
    released: Mapping[str, int]
    released_bytes: Mapping[str, int]
    failures: Mapping[str, int]


class ValueCounters:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._created: Counter[str] = Counter()
        self._created_bytes: Counter[str] = Counter()
        self._released: Counter[str] = Counter()
        self._released_bytes: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()

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
            self._failures.update(failure.stage.value for failure in failures)

    def snapshot(self) -> CounterSnapshot:
        """Gives the counts as they are now."""
        with self._lock:
            return CounterSnapshot(
                dict(self._created),
                dict(self._created_bytes),
                dict(self._released),
                dict(self._released_bytes),
                dict(self._failures),
            )
