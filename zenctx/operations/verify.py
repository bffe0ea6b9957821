"""Reading everything back: every descriptor decodes, every file is there and unaltered, every file is needed.

Files are listed before the rows are read: whatever is referenced when its row is read was listed, unless it is new.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from os import SEEK_END

from zenctx.config import Settings
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.forms import Detection, Entry, Form, detect
from zenctx.context.quick import count_evident_descriptors
from zenctx.database import runs
from zenctx.database.checks import has_zenctx_tables, require_engine_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import BatchLimits, RunRow, Selection
from zenctx.database.scratch import FileList
from zenctx.database.store_binding import bound_store
from zenctx.errors import (
    DamagedFileError,
    InvalidDescriptorError,
    LocatorRefusedError,
    NotFoundError,
    StoreError,
    ZenctxError,
)
from zenctx.operations.live_files import LiveFiles, check_content, digest, live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.store.base import EntryKind

_ROWS = 500


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """A value cannot be had as it was stored."""
    WARNING = "warning"
    """Something needs a decision; no value is lost."""
    NOTICE = "notice"
    """Worth knowing; gc takes care of it."""


@dataclass(frozen=True, slots=True)
class FindingItem:
    """One finding: where, what and what to do."""

    severity: str
    kind: str
    run_id: str | None
    key: str | None
    path: str | None
    bytes: int | None
    reason: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class VerifySummary:
    """What was looked at (`bytes` were read from files), and how much was found."""

    runs: int
    entries: int
    files: int
    bytes: int
    files_in_store: int
    unreferenced: int
    errors: int
    warnings: int
    notices: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome: 4 where an error or warning was found."""

    exit_code: int
    summary: VerifySummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "verify"


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What to verify: some runs or all; `quick` compares sizes only; `subset` (n, t) hashes the n-th of t parts."""

    selection: Selection
    quick: bool = False
    subset: tuple[int, int] = (1, 1)

    @property
    def includes_store(self) -> bool:
        """Whether files that no row names are looked for, too: only when all rows are read."""
        return self.selection == Selection()

    def hashes(self, locator: str) -> bool:
        """Whether a file's content is compared; the same file falls into the same part every time."""
        part, parts = self.subset
        number = int.from_bytes(hashlib.sha256(locator.encode()).digest()[:8], "big")
        return not self.quick and number % parts == part - 1


OnFinding = Callable[[FindingItem], None]


def verify(
    database: Database, settings: Settings, request: VerifyRequest, on_item: OnFinding, progress: Progress = SILENT
) -> VerifyReport:
    """Reads contexts and files back, and names what is wrong. Changes nothing; needs rights to read only."""
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect())
        require_engine_tables(connection)
        selection = runs.normalised(database, request.selection)
        runs.require(database, connection, selection.run_ids)
        listed = stack.enter_context(FileList())
        work = _Verification(request, live_files(settings), listed, on_item, partial(_text, database, connection))
        if request.includes_store:
            work.check_binding(_bound_id(connection))
            work.list_store()
        if progress is not SILENT:
            progress.start(runs.count(database, connection, selection), "rows")
        connection.rollback()
        for rows in runs.walk(database, connection, selection, lambda: BatchLimits(_ROWS)):
            for row in rows:
                work.check_row(row)
            progress.advance(len(rows), work.bytes_since_last())
        work.report_unreferenced()
        progress.finish()
    return work.report()


def _bound_id(connection: Connection) -> str | None:
    bound = bound_store(connection) if has_zenctx_tables(connection) else None
    return bound.store_id if bound else None


def _text(database: Database, connection: Connection, run_id: str) -> bytes | None:
    """The context of a run as it is now; None, too, where the run is gone."""
    try:
        return runs.read_run(database, connection, run_id).text
    except NotFoundError:
        return None


class _Verification:
    """The state of one verification: what was counted, and where findings go."""

    def __init__(
        self,
        request: VerifyRequest,
        live: LiveFiles,
        listed: FileList,
        on_item: OnFinding,
        read_again: Callable[[str], bytes | None],
    ) -> None:
        self._request = request
        self._read_again = read_again
        self._live = live
        self._listed = listed
        self._on_item = on_item
        self._runs = self._entries = self._files = self._bytes = self._told = 0
        self._in_store = self._unreferenced = 0
        self._found = dict.fromkeys(Severity, 0)

    def check_binding(self, bound_id: str | None) -> None:
        """Compares the directory's marker with the store that the database is bound to."""
        try:
            found = self._live.store.read_id()
        except StoreError as error:
            self._find(Severity.ERROR, "store", error.message, hint=error.hint)
            return
        if bound_id is not None and found != bound_id:
            what = "has no marker" if found is None else "belongs to another store"
            reason = f"the directory {self._live.store.root} {what}; the database is bound to the store {bound_id}"
            self._find(Severity.ERROR, "store", reason, hint="check that the right volume is mounted")

    def list_store(self) -> None:
        """Lists what lies in the store, before any row is read."""
        if self._live.store.exists():
            self._in_store = self._listed.add(self._values())

    def _values(self) -> Iterator[str]:
        for entry in self._live.store.scan():
            path = str(self._live.store.root / entry.name)
            if entry.kind is EntryKind.VALUE:
                yield entry.name
            elif entry.kind is EntryKind.TEMPORARY:
                self._find(Severity.NOTICE, "temporary", "left over from a write that did not finish", path=path)
            elif entry.kind is EntryKind.UNREADABLE:
                self._find(Severity.WARNING, "unreadable", "this user may not see what is in it", path=path)
            elif entry.kind is EntryKind.UNKNOWN:
                self._find(Severity.NOTICE, "unknown", "neither a value nor anything of zenctx", path=path)

    def check_row(self, row: RunRow) -> None:
        """Checks one context and the files that it names."""
        self._runs += 1
        if row.text is not None and (evident := count_evident_descriptors(row.text)):
            self._entries += evident
            return
        found = detect(row.text, self._live.locators.is_inside)
        self._entries += len(found.entries)
        self._check_form(row, found)
        if found.form in (Form.DESCRIPTORS, Form.MIXED, Form.AMBIGUOUS):
            for entry in found.entries:
                self._check_entry(row, entry)

    def _check_form(self, row: RunRow, found: Detection) -> None:
        if found.form is Form.INVALID:
            hint = "mend the row: no migration converts it as it is"
            self._find(Severity.ERROR, "invalid", found.reason or "", run_id=row.run_id, hint=hint)
        elif found.form in (Form.MIXED, Form.AMBIGUOUS):
            hint = f"'zenctx migrate --run {row.run_id} --assume legacy|descriptors' decides it"
            self._find(Severity.WARNING, found.form, found.reason or "", run_id=row.run_id, hint=hint)

    def _check_entry(self, row: RunRow, entry: Entry) -> None:
        descriptor = entry.descriptor
        if descriptor is None or descriptor.type is not DescriptorType.FILE or descriptor.locator is None:
            return
        try:
            self._check_file(descriptor)
        except ZenctxError as error:
            if isinstance(error, DamagedFileError) and self._read_again(row.run_id) != row.text:
                reason = "the context was changed while it was verified: verify it again"
                self._find(Severity.NOTICE, "changed", reason, run_id=row.run_id, key=entry.member.name)
                return
            kind = _kind(error)
            path = self._path(descriptor.locator)
            self._find(
                Severity.ERROR,
                kind,
                error.message,
                run_id=row.run_id,
                key=entry.member.name,
                path=path,
                size=descriptor.size,
            )

    def _check_file(self, descriptor: RefValueDescriptor) -> None:
        locator = descriptor.locator or ""
        located = self._live.locators.resolve(locator)
        self._files += 1
        # Names in the other directory stand apart from those that were listed.
        if self._listed.hold(located.name if located.root == "persistent" else f"{located.root}:/{located.name}") > 1:
            raise InvalidDescriptorError(
                f"the file {locator!r} is named by another descriptor, too, and the engine deletes it with the first"
            )
        with self._live.open(descriptor) as file:
            if self._request.hashes(locator):
                size, checksum = digest(file)
                self._bytes += size
                check_content(descriptor, size, checksum)
            else:
                check_content(descriptor, file.seek(0, SEEK_END), None)

    def report_unreferenced(self) -> None:
        """Names the files that were listed and that no row holds."""
        for name in self._listed.free():
            try:
                size = self._live.store.stat(name).size
            except ZenctxError:
                continue  # gone meanwhile
            self._unreferenced += 1
            path = str(self._live.store.root / name)
            self._find(Severity.NOTICE, "unreferenced", "no run names this file", path=path, size=size)

    def bytes_since_last(self) -> int:
        """Gives the bytes read since this was asked last, for the progress."""
        news, self._told = self._bytes - self._told, self._bytes
        return news

    def report(self) -> VerifyReport:
        """Gives the counts and what they mean."""
        errors, warnings, notices = (self._found[severity] for severity in Severity)
        summary = VerifySummary(
            runs=self._runs,
            entries=self._entries,
            files=self._files,
            bytes=self._bytes,
            files_in_store=self._in_store,
            unreferenced=self._unreferenced,
            errors=errors,
            warnings=warnings,
            notices=notices,
        )
        bad = bool(errors or warnings)
        return VerifyReport(4 if bad else 0, summary, _message(summary), _next_step(summary))

    def _path(self, locator: str) -> str | None:
        try:
            return str(self._live.locators.resolve(locator).path)
        except LocatorRefusedError:
            return None

    def _find(  # noqa: PLR0913 - one argument for each field of a finding
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
    ) -> None:
        self._found[severity] += 1
        self._on_item(FindingItem(severity, kind, run_id, key, path, size, reason, hint))


def _message(summary: VerifySummary) -> str:
    counts = [_counted(getattr(summary, what), what.removesuffix("s")) for what in ("errors", "warnings", "notices")]
    found = ", ".join(count for count in counts if not count.startswith("0 ")) or "all well"
    looked = ", ".join((_counted(summary.runs, "run"), f"{summary.entries:,} entries", _counted(summary.files, "file")))
    return f"{looked} ({summary.bytes:,} bytes) read back: {found}"


def _next_step(summary: VerifySummary) -> str | None:
    if summary.errors:
        return "every error names a value that cannot be had as it was stored: find out why before files are cleaned up"
    return "every warning needs a decision: what to do stands beside it" if summary.warnings else None


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _kind(error: ZenctxError) -> str:
    return {"damaged_file": "damaged", "locator_refused": "refused", "invalid_descriptor": "shared"}.get(
        error.kind, error.kind
    )
