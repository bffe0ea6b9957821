"""What a comparison tells: one item for each difference, and the counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from zenctx.context.rawjson import RawJson


class Difference(StrEnum):
    """How a key, or a part of its value, differs between A and B."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    """The value is equal and kept elsewhere: in the row, inline, in a file. That alone is no difference."""
    UNKNOWN = "unknown"
    """It cannot be told: a file is missing or altered, or a context cannot be read."""


@dataclass(frozen=True, slots=True)
class DiffItem:
    """One difference. `run_id` is set where snapshots are compared.

    `pointer` leads into the value in B (in A where it was removed), `old_pointer` into that in A; both are None where
    the whole key is meant. `storage_a` and `storage_b` are row, inline or file, None where there is no such key.
    `before` and `after` are JSON text, None where there is nothing or nothing that can be shown; `"***"` where it is
    `hidden`.
    """

    run_id: str | None
    key: str | None
    difference: Difference
    pointer: str | None = None
    old_pointer: str | None = None
    storage_a: str | None = None
    storage_b: str | None = None
    before: RawJson | None = None
    after: RawJson | None = None
    hidden: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PatchItem:
    """One operation of a JSON Patch (RFC 6902); `value` is None for a removal."""

    op: str
    path: str
    value: RawJson | None


OnItem = Callable[[DiffItem], None]
OnOperation = Callable[[PatchItem], None]


@dataclass(frozen=True, slots=True)
class DiffSummary:
    """The counts: of items by difference, of runs and keys compared, of items whose values are hidden."""

    a: str
    b: str
    equal: bool
    runs: int
    runs_different: int
    keys: int
    added: int
    removed: int
    changed: int
    moved: int
    unknown: int
    hidden: int


@dataclass(frozen=True, slots=True)
class DiffReport:
    """The outcome of a comparison: 0 where all values are equal, else 4.

    `failures` counts the values that could not be had, by the kind of the error.
    """

    exit_code: int
    summary: DiffSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "diff"
    failures: Mapping[str, int] = field(default_factory=dict)
