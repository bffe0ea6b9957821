"""What a migration gives back: items for rows that need a look, counts, and a census of forms."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from zenctx.context.datastruct import DataStruct
from zenctx.context.forms import Form


class MigrationItem(DataStruct, frozen=True):
    """One row that was not (or, in a dry run, would be) converted. `action` says which, `reason` why."""

    run_id: str
    form: str
    action: str
    reason: str | None
    files: int = 0
    bytes: int | None = None


class Census(DataStruct, frozen=True):
    """How many contexts have each form. The parts add up to `total`."""

    total: int
    null: int
    empty: int
    legacy: int
    descriptors: int
    mixed: int
    ambiguous: int
    invalid: int


@dataclass(slots=True)
class Tally:
    """Counts that grow during a sweep."""

    forms: dict[Form, int] = field(default_factory=lambda: dict.fromkeys(Form, 0))
    """The forms that the rows were found in."""
    to_convert: dict[Form, int] = field(default_factory=lambda: dict.fromkeys(Form, 0))
    """The same of the rows that were to be converted."""
    rows: int = 0
    converted: int = 0
    changed: int = 0
    waiting: int = 0
    left: int = 0
    quarantined: int = 0
    newly_quarantined: int = 0
    files: int = 0
    file_bytes: int = 0
    regressions: int = 0

    def count_known(self, rows: int) -> None:
        """Counts rows that need no look: they are descriptors, as they were written."""
        self.rows += rows
        self.forms[Form.DESCRIPTORS] += rows

    def add(self, other: "Tally") -> None:
        """Adds what another sweep did; what it found is its own."""
        self.converted += other.converted
        self.changed += other.changed
        self.newly_quarantined += other.newly_quarantined
        self.files += other.files
        self.file_bytes += other.file_bytes
        self.regressions += other.regressions

    def add_all(self, other: "Tally") -> None:
        """Adds what was found and what was done in another part of the same sweep."""
        self.add(other)
        for form, count in other.forms.items():
            self.forms[form] += count
            self.to_convert[form] += other.to_convert[form]
        self.rows += other.rows
        self.waiting += other.waiting
        self.left += other.left
        self.quarantined += other.quarantined

    def to_json(self) -> dict[str, object]:
        """Gives the counts as JSON has them."""
        return asdict(self)

    @classmethod
    def from_json(cls, counts: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gave."""
        forms = {name: {Form(form): count for form, count in counts[name].items()} for name in ("forms", "to_convert")}
        return cls(**{**counts, **forms})

    @property
    def wrote_all(self) -> bool:
        """Whether every row that was to be converted was."""
        return self.converted == sum(self.to_convert.values())

    def as_left(self) -> "Tally":
        """Gives what there is after a sweep to descriptors that `wrote_all`."""
        forms = {form: count - self.to_convert[form] for form, count in self.forms.items()}
        forms[Form.DESCRIPTORS] += self.converted
        return Tally(forms, rows=self.rows, waiting=self.waiting, left=self.left, quarantined=self.quarantined)

    def census(self) -> Census:
        """Gives the forms as counted, in the words of the report."""
        return Census(total=self.rows, **{form.value: count for form, count in self.forms.items()})


class Range(DataStruct, frozen=True):
    """Between what and what something is expected to lie."""

    low: int
    high: int


class SizeClass(DataStruct, frozen=True):
    """The contexts of one form whose text has up to so many bytes (None: more than the others), and their bytes."""

    form: str
    up_to_bytes: int | None
    contexts: int
    bytes: int


class Estimate(DataStruct, frozen=True):
    """What a migration would cost. Counts of rows, files and text are exact; ranges are expectations.

    `wal_bytes` is None on SQLite; `disk_bytes` is the growth of the database, without the files; `seconds` is for one
    process.
    """

    sizes: tuple[SizeClass, ...]
    rows: int
    bytes_before: int
    bytes_after: int
    files: int
    file_bytes: int
    wal_bytes: Range | None
    disk_bytes: Range
    seconds: Range
    settings: Mapping[str, str]
    warnings: tuple[str, ...]


class MigrationSummary(DataStruct, frozen=True):
    """The counts of a migration. `census` is None where the rows were not all looked at (`stopped` says why)."""

    direction: str
    operation_id: str | None
    converted: int
    files: int
    file_bytes: int
    waiting: int
    left: int
    quarantined: int
    newly_quarantined: int
    changed: int
    regressions: int
    sweeps: int
    complete: bool
    stopped: str | None
    unseen: str | None
    engine_alive: bool
    engine: str
    census: Census | None
    estimate: Estimate | None = None


class QuarantinedItem(DataStruct, frozen=True):
    """One row that could not be converted in a direction, why, since when, and by which operation it was found."""

    run_id: str
    direction: str
    reason: str
    operation_id: str
    quarantined_at: datetime | None


class QuarantineSummary(DataStruct, frozen=True):
    """How many rows are quarantined."""

    quarantined: int


class QuarantineReport(DataStruct, frozen=True):
    """The quarantined rows, listed."""

    exit_code: int
    summary: QuarantineSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "migrate"


class MigrationReport(DataStruct, frozen=True):
    """The outcome of a migration, a dry run of it, or a check."""

    dry_run: bool
    exit_code: int
    summary: MigrationSummary
    message: str
    next_step: str | None
    command: str = "migrate"
