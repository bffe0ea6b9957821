"""What an export and an import give back."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What is in the archive at `path`, which has `archive_bytes`.

    `snapshot_id` is that of the snapshot in it, `source_id` of the one in the repository: another one where the archive
    is `redacted` or has some runs only. `bytes` are those of its `objects`. `encrypted` says how, None where it is not.
    """

    snapshot_id: str
    source_id: str
    path: str
    runs: int
    files: int
    missing: int
    objects: int
    bytes: int
    archive_bytes: int
    redacted: bool
    encrypted: str | None


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The outcome of an export."""

    exit_code: int
    summary: ExportSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "export"


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What was in an archive, and what of it was new: `is_new` says whether the repository had not that snapshot.

    `bytes` are those of all `objects`; `new_bytes` of the `new_objects` alone. `recorded` says where the journal has
    it, or why it has not.
    """

    snapshot_id: str
    created_at: datetime
    repository: str
    tags: tuple[str, ...]
    runs: int
    files: int
    missing: int
    objects: int
    bytes: int
    new_objects: int
    new_bytes: int
    is_new: bool
    redacted: bool
    recorded: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of an import, or of a check of an archive (`dry_run`)."""

    dry_run: bool
    exit_code: int
    summary: ImportSummary
    message: str
    next_step: str | None
    command: str = "import"
