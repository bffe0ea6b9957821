"""What a verification gives back: a finding for each thing that is not as it should be, and counts."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from zenctx.context.datastruct import DataStruct
from zenctx.database.rows import Selection


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """A value cannot be had as it was stored."""
    WARNING = "warning"
    """Something needs a decision; no value is lost."""
    NOTICE = "notice"
    """Worth knowing; gc takes care of it."""


class FindingItem(DataStruct, frozen=True):
    """One finding: where, what and what to do. `snapshot_id`: the newest snapshot that it concerns."""

    severity: str
    kind: str
    run_id: str | None
    key: str | None
    path: str | None
    bytes: int | None
    reason: str
    hint: str | None
    snapshot_id: str | None = None


class VerifySummary(DataStruct, frozen=True):
    """What was looked at, and how much was found.

    `bytes` were read from live files, `object_bytes` from the objects of the repository, whose place is `repository`
    (None: there is none, or it was not asked for). `unreferenced` are live files, `unreferenced_objects` objects.
    """

    runs: int
    entries: int
    files: int
    bytes: int
    files_in_store: int
    unreferenced: int
    repository: str | None
    snapshots: int
    objects: int
    object_bytes: int
    unreferenced_objects: int
    errors: int
    warnings: int
    notices: int


class VerifyReport(DataStruct, frozen=True):
    """The outcome: 4 where an error or warning was found.

    `errors` counts the errors by kind; `altered` are files and objects with another content than they should have,
    of the part that was to be read.
    """

    exit_code: int
    summary: VerifySummary
    message: str
    next_step: str | None
    errors: Mapping[str, int]
    altered: int
    dry_run: bool = False
    command: str = "verify"


class VerifyRequest(DataStruct, frozen=True):
    """What to verify: some runs or all; `quick` compares sizes only; `subset` (n, t) hashes the n-th of t parts."""

    selection: Selection
    quick: bool = False
    subset: tuple[int, int] = (1, 1)

    @property
    def is_whole(self) -> bool:
        """Whether no runs were chosen: then files that no row names are looked for, and the repository is verified."""
        return self.selection == Selection()

    def hashes(self, locator: str) -> bool:
        """Whether a file's content is compared; the same file falls into the same part every time."""
        return self._is_in_part(hashlib.sha256(locator.encode("utf-8", "surrogatepass")).hexdigest())

    def hashes_object(self, checksum: str) -> bool:
        """Whether an object's content is compared, by its `sha256:<hex>`."""
        return self._is_in_part(checksum.removeprefix("sha256:"))

    def _is_in_part(self, digest: str) -> bool:
        part, parts = self.subset
        return not self.quick and int(digest[:16], 16) % parts == part - 1


OnFinding = Callable[[FindingItem], None]


@dataclass(slots=True)
class Findings:
    """Takes findings, counts them, and hands them on; `altered` is counted by those who find it."""

    on_item: OnFinding
    counts: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    errors: Counter[str] = field(default_factory=Counter)
    altered: int = 0

    def add(  # noqa: PLR0913 - one argument for each field of a finding
        self,
        severity: Severity,
        kind: str,
        reason: str,
        *,
        run_id: str | None = None,
        key: str | None = None,
        path: str | None = None,
        size: int | None = None,
        hint: str | None = None,
        snapshot_id: str | None = None,
    ) -> None:
        """Takes one finding."""
        self.counts[severity] += 1
        if severity is Severity.ERROR:
            self.errors[kind] += 1
        self.on_item(FindingItem(severity, kind, run_id, key, path, size, reason, hint, snapshot_id))


@dataclass(slots=True)
class RowCounts:
    """What was looked at in the database and among the live files."""

    runs: int = 0
    entries: int = 0
    files: int = 0
    bytes: int = 0
    in_store: int = 0
    unreferenced: int = 0


@dataclass(slots=True)
class RepositoryCounts:
    """What was looked at in a repository; `location` is None where none was looked at."""

    location: str | None = None
    snapshots: int = 0
    objects: int = 0
    bytes: int = 0
    unreferenced: int = 0


def report(
    request: VerifyRequest, findings: Findings, rows: RowCounts | None, repository: RepositoryCounts
) -> VerifyReport:
    """Gives the counts and what they mean; `rows` is None where no database was looked at."""
    counted = rows or RowCounts()
    errors, warnings, notices = (findings.counts[severity] for severity in Severity)
    summary = VerifySummary(
        runs=counted.runs,
        entries=counted.entries,
        files=counted.files,
        bytes=counted.bytes,
        files_in_store=counted.in_store,
        unreferenced=counted.unreferenced,
        repository=repository.location,
        snapshots=repository.snapshots,
        objects=repository.objects,
        object_bytes=repository.bytes,
        unreferenced_objects=repository.unreferenced,
        errors=errors,
        warnings=warnings,
        notices=notices,
    )
    looked = [_rows(summary)] if rows is not None else []
    looked += [_repository(summary)] if repository.location is not None else []
    message = f"{'; '.join(looked)} {_how(request)}: {_found(summary)}"
    exit_code = 4 if errors or warnings else 0
    return VerifyReport(exit_code, summary, message, _next_step(summary), findings.errors, findings.altered)


def _rows(summary: VerifySummary) -> str:
    entries = f"{summary.entries:,} {'entry' if summary.entries == 1 else 'entries'}"
    return f"{counted(summary.runs, 'run')}, {entries}, {counted(summary.files, 'file')} ({summary.bytes:,} bytes)"


def _repository(summary: VerifySummary) -> str:
    counts = f"{counted(summary.snapshots, 'snapshot')}, {counted(summary.objects, 'object')}"
    return f"{counts} ({summary.object_bytes:,} bytes)"


def _how(request: VerifyRequest) -> str:
    part, parts = request.subset
    if request.quick:
        return "compared by size alone"
    return "read back" if parts == 1 else f"looked at, part {part} of {parts} of the files read back"


def _found(summary: VerifySummary) -> str:
    counts = [counted(getattr(summary, what), what.removesuffix("s")) for what in ("errors", "warnings", "notices")]
    return ", ".join(count for count in counts if not count.startswith("0 ")) or "all well"


def _next_step(summary: VerifySummary) -> str | None:
    if summary.errors:
        return "every error names a value that cannot be had as it was stored: find out why before files are cleaned up"
    return "every warning needs a decision: what to do stands beside it" if summary.warnings else None


def counted(count: int, what: str) -> str:
    """Gives a number with its word, in the plural where it needs one."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
