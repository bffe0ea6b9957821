"""The values of a snapshot as JSON, for a person or another program; no database is opened."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO

from zenctx.config import Settings
from zenctx.context.convert import BytesAs, unwrap_entry
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.context.forms import Detection, Entry, Form
from zenctx.context.rawjson import Member, encode_string, quoted
from zenctx.context.redact import Redactor, redactor_for
from zenctx.context.rules import OnMissing
from zenctx.context.values import is_json_media_type
from zenctx.errors import DamagedFileError, DataError, NotFoundError, RefusedError, ZenctxError
from zenctx.operations.contexts import MAX_READ_FOR_SECRETS
from zenctx.operations.live_files import check_content, chunks, live_files
from zenctx.operations.repository import open_repository
from zenctx.operations.restoring.report import ValuesReport, ValuesSummary
from zenctx.operations.restoring.request import RestoreRequest
from zenctx.operations.restoring.select import selected
from zenctx.operations.restoring.stage import source_of
from zenctx.operations.restoring.target import Source, detected, lacking_files
from zenctx.snapshots.model import SnapshotInfo, SnapshotRun

Write = Callable[[bytes], object]


def write_values(
    settings: Settings, request: RestoreRequest, write: Write, place: str, *, show_secrets: bool
) -> ValuesReport:
    """Writes values as one JSON document: the context of the run where one is named, else an object of them by run id.

    Raises RefusedError for a secret that was not asked for, DamagedFileError for a file that the snapshot lacks (unless
    `on_missing` says what becomes of it), DataError for a context that cannot be taken apart, NotFoundError. What was
    written by then is no document.
    """
    repository = open_repository(settings)
    with repository.lock_shared():
        info = repository.find(request.snapshot)
        source = source_of(repository, live_files(settings))
        reader = _Reader(settings, request, source, show_secrets=show_secrets)
        runs = selected(repository.read(info, verify_first=True), request.run_ids, info)
        counted = _Counted(write)
        _write_document(counted, runs, reader, is_single=len(request.run_ids) == 1)
    if request.keys and not reader.values:
        raise NotFoundError(f"no selected run of snapshot {info.short_id} has the key {', '.join(request.keys)}")
    return _report(info, reader, counted.size, place)


def _write_document(out: "_Counted", runs: Iterable[SnapshotRun], reader: "_Reader", *, is_single: bool) -> None:
    if not is_single:
        out.write(b"{")
    for number, run in enumerate(runs):
        if not is_single:
            out.write((b"," if number else b"") + b"\n" + encode_string(run.run_id) + b":")
        out.write(b"{")
        for place, member in enumerate(reader.members(run)):
            out.write((b"," if place else b"") + b"\n" + member.spelling + b":")
            out.write(member.value)
        out.write(b"}")
    out.write(b"\n" if is_single else b"}\n")


class _Counted:
    """Counts what is written."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self.size = 0

    def write(self, data: bytes) -> None:
        """Writes on."""
        self._write(data)
        self.size += len(data)


@dataclass
class _Reader:
    """Reads the plain values of runs, and lets no secret pass."""

    settings: Settings
    request: RestoreRequest
    source: Source
    show_secrets: bool
    runs: int = 0
    values: int = 0

    def members(self, run: SnapshotRun) -> Iterator[Member]:
        """Yields the plain members of a run, those of the wanted keys, one value in memory at a time."""
        found = detected(run, self.source.locator_ok)
        if found.form is Form.INVALID:
            raise DataError(f"the context of run {run.run_id} cannot be taken apart: {found.reason}")
        wanted = [e for e in found.entries if not self.request.keys or e.member.name in self.request.keys]
        lacking = lacking_files(run, found, self.source)
        redactor = None if self.show_secrets else self._redactor(run, found)
        self.runs += 1
        for entry in wanted:
            member = self._plain(run, entry, lacking.get(entry.member.name))
            if member is not None:
                if redactor is not None:
                    _refuse_secret(redactor, run, member)
                self.values += 1
                yield member

    def _plain(self, run: SnapshotRun, entry: Entry, problem: str | None) -> Member | None:
        if problem is None:
            try:
                value = unwrap_entry(entry, partial(self._read, run, entry.member.name), BytesAs.BASE64)
            except DamagedFileError as error:
                problem = error.message
            else:
                return entry.member._replace(value=value)
        match self.request.on_missing:
            case OnMissing.FAIL:
                what = f"the file of {quoted(entry.member.name)} of run {run.run_id}"
                raise DamagedFileError(f"the snapshot lacks {what} ({problem})", hint=_MISSING_HINT)
            case OnMissing.SKIP:
                return None
            case OnMissing.NULL:
                return entry.member._replace(value=b"null")
        media_type = entry.descriptor.media_type if entry.descriptor else None
        return entry.member._replace(value=b"{}" if is_json_media_type(media_type) else b'""')

    def _read(self, run: SnapshotRun, key: str, descriptor: RefValueDescriptor, limit: int | None = None) -> bytes:
        file = next((each for each in run.files if each.key == key and each.checksum is not None), None)
        if file is None:
            raise DamagedFileError(f"the snapshot does not have the file {descriptor.locator!r}")
        if limit is not None and file.size > limit:
            raise DataError("too large to be searched")
        content = self.source.read(file)
        check_content(descriptor, len(content), file.checksum)
        return content

    def _redactor(self, run: SnapshotRun, found: Detection) -> Redactor:
        members = [member for entry in found.entries if (member := self._searchable(run, entry)) is not None]
        return redactor_for(members, self.settings.redact_keys)

    def _searchable(self, run: SnapshotRun, entry: Entry) -> Member | None:
        read = partial(self._read, run, entry.member.name, limit=MAX_READ_FOR_SECRETS)
        try:
            return entry.member._replace(value=unwrap_entry(entry, read, BytesAs.BASE64))
        except ZenctxError:
            return None


_MISSING_HINT = "--on-missing skip, null or empty says what becomes of such a value"


def _refuse_secret(redactor: Redactor, run: SnapshotRun, member: Member) -> None:
    if _holds_secret(redactor, member):
        raise RefusedError(
            f"the value of {redactor.redact_text(member.name)!r} of run {run.run_id} is secret, or holds a secret",
            hint="--show-secrets writes it out all the same, --key names values without it",
        )


def _holds_secret(redactor: Redactor, member: Member) -> bool:
    if redactor.hides_key(member.name) or redactor.holds_secret(member.name):
        return True
    if len(member.value) <= MAX_READ_FOR_SECRETS:
        return any(True for _ in redactor.hidden_parts(member.value))
    return any(map(redactor.holds_secret_bytes, _overlapping(member.value, redactor.longest)))


def _overlapping(content: bytes, overlap: int) -> Iterator[bytes]:
    # A secret may lie across two pieces: each is searched together with the end of what came before.
    tail = b""
    for piece in chunks(BytesIO(content)) if overlap else ():
        yield tail + piece
        tail = (tail + piece)[-overlap:]


def _report(info: SnapshotInfo, reader: _Reader, size: int, place: str) -> ValuesReport:
    summary = ValuesSummary(info.snapshot_id, place, reader.runs, reader.values, size)
    runs = "1 run" if reader.runs == 1 else f"{reader.runs:,} runs"
    values = "1 value" if reader.values == 1 else f"{reader.values:,} values"
    message = f"Wrote {values} of {runs} from snapshot {info.short_id} to {place}, {size:,} bytes"
    return ValuesReport(0, summary, message, None)
