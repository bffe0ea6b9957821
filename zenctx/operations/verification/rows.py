"""The database's side of a verification: rows, the descriptors in them, and the live files in both directions.

Files are listed before the rows are read: whatever is referenced when its row is read was listed, unless it is new.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from os import SEEK_END

from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.forms import Detection, Form, detect
from zenctx.context.quick import count_evident_descriptors
from zenctx.database.released import ReleaseRecord
from zenctx.database.rows import RunRow
from zenctx.database.scratch import FileList
from zenctx.errors import (
    AlteredFileError,
    DamagedFileError,
    InvalidDescriptorError,
    LocatorRefusedError,
    StoreError,
    ZenctxError,
)
from zenctx.operations.collection.explain import told
from zenctx.operations.live_files import LiveFiles, check_content
from zenctx.operations.verification.hashing import Digest, Hasher
from zenctx.operations.verification.releases import Intent, Releases, intent_of
from zenctx.operations.verification.report import Findings, RowCounts, Severity, VerifyRequest
from zenctx.store.base import EntryKind

_FORMS_WITH_FILES = (Form.DESCRIPTORS, Form.MIXED, Form.AMBIGUOUS)
_KINDS = {
    "damaged_file": "damaged",
    "missing_file": "missing",
    "locator_refused": "refused",
    "invalid_descriptor": "shared",
}
_AT_ONCE = 500
"""Runs of which the engine's other tables are asked at once: there may be no index that helps."""


@dataclass(slots=True)
class RowCheck:
    """Checks rows and live files, and counts them.

    `read_again` gives the context of a run as it is now, None where the run is gone. Call `finish` after the last row.
    """

    request: VerifyRequest
    live: LiveFiles
    listed: FileList
    findings: Findings
    hasher: Hasher
    read_again: Callable[[str], bytes | None]
    releases: Releases
    counts: RowCounts = field(default_factory=RowCounts)
    _late: list[tuple["_Named", ReleaseRecord, str]] = field(default_factory=list)

    def check_binding(self, bound_id: str | None) -> None:
        """Compares the directory's marker with the store that the database is bound to."""
        try:
            found = self.live.store.read_id()
        except StoreError as error:
            self.findings.add(Severity.ERROR, "store", error.message, hint=error.hint)
            return
        if bound_id is not None and found != bound_id:
            what = "has no marker" if found is None else "belongs to another store"
            reason = f"the directory {self.live.store.root} {what}; the database is bound to the store {bound_id}"
            self.findings.add(Severity.ERROR, "store", reason, hint="check that the right volume is mounted")

    def list_store(self) -> None:
        """Lists what lies in the store, before any row is read."""
        if self.live.store.exists():
            self.counts.in_store = self.listed.add(self._values())

    def _values(self) -> Iterator[str]:
        for entry in self.live.store.scan():
            path = str(self.live.store.root / entry.name)
            if entry.kind is EntryKind.VALUE:
                yield entry.name
            elif entry.kind is EntryKind.TEMPORARY:
                self.findings.add(Severity.NOTICE, "temporary", "left over from a write that did not finish", path=path)
            elif entry.kind is EntryKind.UNREADABLE:
                self.findings.add(Severity.WARNING, "unreadable", "this user may not see what is in it", path=path)
            elif entry.kind is EntryKind.UNKNOWN:
                self.findings.add(Severity.NOTICE, "unknown", "neither a value nor anything of zenctx", path=path)

    def check_row(self, row: RunRow) -> None:
        """Checks one context and the files that it names; large files are hashed in the background."""
        self.counts.runs += 1
        if row.text is not None and (evident := count_evident_descriptors(row.text)):
            self.counts.entries += evident
            return
        found = detect(row.text, self.live.locators.is_inside)
        self.counts.entries += len(found.entries)
        self._check_form(row, found)
        if found.form in _FORMS_WITH_FILES:
            for entry in found.entries:
                descriptor = entry.descriptor
                if descriptor and descriptor.type is DescriptorType.FILE and descriptor.locator is not None:
                    self._check_file(_Named(row, entry.member.name, descriptor, descriptor.locator))

    def _check_form(self, row: RunRow, found: Detection) -> None:
        if found.form is Form.INVALID:
            hint = "mend the row: no migration converts it as it is"
            self.findings.add(Severity.ERROR, "invalid", found.reason or "", run_id=row.run_id, hint=hint)
        elif found.form in (Form.MIXED, Form.AMBIGUOUS):
            hint = f"'zenctx migrate --run {row.run_id} --assume legacy|descriptors' decides it"
            self.findings.add(Severity.WARNING, found.form, found.reason or "", run_id=row.run_id, hint=hint)

    def _check_file(self, named: "_Named") -> None:
        try:
            self._hold(named.locator)
            if self.request.hashes(named.locator):
                source = partial(self.live.open, named.descriptor)
                self.hasher.submit(source, named.descriptor.size, partial(self._compare, named))
                return
            with self.live.open(named.descriptor) as file:
                check_content(named.descriptor, file.seek(0, SEEK_END), None)
        except ZenctxError as error:
            self._report(named, error)

    def _hold(self, locator: str) -> None:
        located = self.live.locators.resolve(locator)
        self.counts.files += 1
        # Names in the other directory stand apart from those that were listed.
        if self.listed.hold(located.name if located.root == "persistent" else f"{located.root}:/{located.name}") > 1:
            raise InvalidDescriptorError(
                f"the file {locator!r} is named by another descriptor, too, and the engine deletes it with the first"
            )

    def _compare(self, named: "_Named", found: Digest | ZenctxError) -> None:
        try:
            if isinstance(found, ZenctxError):
                raise found
            self.counts.bytes += found.size
            check_content(named.descriptor, found.size, found.checksum)
        except ZenctxError as error:
            self._report(named, error)

    def _report(self, named: "_Named", error: ZenctxError) -> None:
        row, is_damage = named.row, isinstance(error, DamagedFileError)
        if is_damage and self.read_again(row.run_id) != row.text:
            reason = "the context was changed while it was verified: verify it again"
            self.findings.add(Severity.NOTICE, "changed", reason, run_id=row.run_id, key=named.key)
            return
        # Of a part that is looked at by size alone another verification tells; so none is counted twice.
        self.findings.altered += isinstance(error, AlteredFileError) and self.request.hashes(named.locator)
        record = self.releases.find(named.locator) if is_damage else None
        if record is None:
            self._add(Severity.ERROR, _kind(error), error.message, named)
        else:
            self._report_released(named, record, f"{error.message}: {told(record)}")

    def _report_released(self, named: "_Named", record: ReleaseRecord, reason: str) -> None:
        intent = intent_of(named.row, record)
        if intent is not Intent.MEANT_IF_DEAD:
            severity = Severity.NOTICE if intent is Intent.MEANT else Severity.ERROR
            self._add(severity, "released", reason, named)
            return
        self._late.append((replace(named, row=named.row._replace(text=None)), record, reason))
        if len(self._late) >= _AT_ONCE:
            self._report_late()

    def _report_late(self) -> None:
        late, self._late = self._late, []
        dead = self.releases.are_dead([(named.row, record) for named, record, _ in late]) if late else []
        for (named, _, reason), is_dead in zip(late, dead, strict=True):
            self._add(Severity.NOTICE if is_dead else Severity.ERROR, "released", reason, named)

    def _add(self, severity: Severity, kind: str, reason: str, named: "_Named") -> None:
        path, size = self._path(named.locator), named.descriptor.size
        self.findings.add(severity, kind, reason, run_id=named.row.run_id, key=named.key, path=path, size=size)

    def finish(self) -> None:
        """Reports what was put off, and the files that were listed and that no row holds."""
        self._report_late()
        self._report_unreferenced()

    def _report_unreferenced(self) -> None:
        for name in self.listed.free():
            try:
                size = self.live.store.stat(name).size
            except ZenctxError:
                continue  # gone meanwhile
            self.counts.unreferenced += 1
            path = str(self.live.store.root / name)
            self.findings.add(Severity.NOTICE, "unreferenced", "no run names this file", path=path, size=size)

    def _path(self, locator: str) -> str | None:
        try:
            return str(self.live.locators.resolve(locator).path)
        except LocatorRefusedError:
            return None


class _Named(DataStruct, frozen=True):
    """A file and the entry that names it."""

    row: RunRow
    key: str
    descriptor: RefValueDescriptor
    locator: str


def _kind(error: ZenctxError) -> str:
    return _KINDS.get(error.kind, error.kind)
