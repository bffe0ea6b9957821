"""The lines of a manifest: values to JSON and back, with not one character changed.

A text is a JSON string. What has no place in one, a context that is not UTF-8 or a name with lone surrogates, is an
object `{"base64": "..."}` of its bytes. A context stays text inside text: it is never parsed.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from zenctx.snapshots.model import (
    MANIFEST_FORMAT,
    RuntimeStateText,
    SeenConversions,
    SnapshotFile,
    SnapshotHeader,
    SnapshotRun,
    SnapshotTotals,
)

KIND: Final = "snapshot"
_ELSEWHERE = b'{"object":'
_SURROGATES: Final = "surrogatepass"

Checksum = Annotated[str, Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Size = Annotated[int, Meta(ge=-1, le=2**63 - 1)]


class _Bytes(Struct, forbid_unknown_fields=True):
    base64: str


_Text = str | _Bytes


class _File(Struct, forbid_unknown_fields=True):
    key: _Text
    locator: _Text
    size: _Size
    checksum: Checksum | None
    mtime_ns: int | None
    ctime_ns: int | None
    inode: int | None
    problem: _Text | None


class _State(Struct, forbid_unknown_fields=True):
    format_version: int
    state: _Text


class _Run(Struct, forbid_unknown_fields=True, omit_defaults=True):
    run_id: _Text
    columns: dict[str, _Text | None]
    context: _Text | None
    runtime_state: _State | None
    form: str
    run_class: str
    files: list[_File]
    storage: dict[str, str] = {}


class _Files(Struct):
    """A run as far as its files go; the rest of the line is passed over."""

    files: list[_File]


class Elsewhere(Struct, forbid_unknown_fields=True):
    """The line of a run that is too long for the manifest: the object that holds the run's own line, and its size."""

    object: Checksum
    size: _Count


class _Kind(Struct):
    zenctx: str
    format: int


class _Conversions(Struct, forbid_unknown_fields=True, omit_defaults=True):
    last: _Count
    operation_id: str
    unseen: list[_Count] = []


class _Header(Struct, forbid_unknown_fields=True, omit_defaults=True):
    zenctx: str
    format: int
    created_at: str
    tags: list[str]
    is_safety: bool
    version: str
    who: str
    dialect: str
    database: str
    database_identity: str | None
    store_id: str | None
    selection: str
    named_runs: _Count | None = None
    applied_at: str | None = None
    conversions: _Conversions | None = None


class _Totals(Struct, forbid_unknown_fields=True):
    runs: _Count
    context_bytes: _Count
    files: _Count
    file_bytes: _Count
    missing: _Count


class Trailer(Struct, forbid_unknown_fields=True):
    """The last line: the counts of all runs; length and SHA-256 of all lines before it."""

    totals: _Totals
    length: _Count
    digest: Checksum


_encoder = msgspec.json.Encoder()
_run_decoder = msgspec.json.Decoder(_Run)
_files_decoder = msgspec.json.Decoder(_Files)


def encode_header(header: SnapshotHeader) -> bytes:
    """The line of a header; what is not valid text in it (a path in another encoding) is shown by its codes."""
    return _line(
        _Header(
            zenctx=KIND,
            format=MANIFEST_FORMAT,
            created_at=_spelled(header.created_at),
            tags=[_clean(tag) for tag in header.tags],
            is_safety=header.is_safety,
            version=_clean(header.version),
            who=_clean(header.who),
            dialect=_clean(header.dialect),
            database=_clean(header.database),
            database_identity=header.database_identity and _clean(header.database_identity),
            store_id=header.store_id and _clean(header.store_id),
            selection=_clean(header.selection),
            named_runs=header.named_runs,
            applied_at=None if header.applied_at is None else _spelled(header.applied_at),
            conversions=_conversions(header.conversions),
        )
    )


def decode_header(line: bytes) -> SnapshotHeader:
    """The header of a line; raises `ValueError`, also for a format that this zenctx does not know."""
    kind = msgspec.json.decode(line, type=_Kind)
    if kind.zenctx != KIND or kind.format != MANIFEST_FORMAT:
        message = f"it has format {kind.format}, and this zenctx knows {MANIFEST_FORMAT}: use the zenctx that wrote it"
        raise ValueError(message)
    found = msgspec.json.decode(line, type=_Header)
    return SnapshotHeader(
        format=found.format,
        created_at=_moment(found.created_at),
        tags=tuple(found.tags),
        is_safety=found.is_safety,
        version=found.version,
        who=found.who,
        dialect=found.dialect,
        database=found.database,
        database_identity=found.database_identity,
        store_id=found.store_id,
        selection=found.selection,
        named_runs=found.named_runs,
        applied_at=None if found.applied_at is None else _moment(found.applied_at),
        conversions=_seen(found.conversions),
    )


def _conversions(seen: SeenConversions | None) -> _Conversions | None:
    return None if seen is None else _Conversions(seen.last, _clean(seen.operation_id), list(seen.unseen))


def _seen(found: _Conversions | None) -> SeenConversions | None:
    return None if found is None else SeenConversions(found.last, found.operation_id, tuple(found.unseen))


def encode_run(run: SnapshotRun) -> bytes:
    """The line of a run."""
    state = run.runtime_state
    return _line(
        _Run(
            run_id=_text(run.run_id),
            columns={_column(name): None if text is None else _text(text) for name, text in run.columns.items()},
            context=None if run.context is None else _raw(run.context),
            runtime_state=None if state is None else _State(state.format_version, _text(state.state)),
            form=run.form,
            run_class=run.run_class,
            files=[_file(file) for file in run.files],
            storage=run.storage,
        )
    )


def decode_run(line: bytes) -> SnapshotRun:
    """The run of a line; raises `ValueError` or an error of msgspec."""
    run = _run_decoder.decode(line)
    state = run.runtime_state
    return SnapshotRun(
        run_id=_plain(run.run_id),
        columns={name: None if text is None else _plain(text) for name, text in run.columns.items()},
        context=None if run.context is None else _plain_bytes(run.context),
        runtime_state=None if state is None else RuntimeStateText(state.format_version, _plain(state.state)),
        form=run.form,
        run_class=run.run_class,
        files=_plain_files(run.files),
        storage=run.storage,
    )


def decode_files(line: bytes) -> tuple[SnapshotFile, ...]:
    """The files of a run's line alone; raises as `decode_run` does, but not for what is wrong elsewhere in it."""
    return _plain_files(_files_decoder.decode(line).files)


def encode_elsewhere(checksum: str, size: int) -> bytes:
    """The line that names the object with the line of a run."""
    return _line(Elsewhere(checksum, size))


def decode_elsewhere(line: bytes) -> Elsewhere | None:
    """What such a line names; None for the line of a run."""
    return msgspec.json.decode(line, type=Elsewhere) if line.startswith(_ELSEWHERE) else None


def encode_trailer(totals: SnapshotTotals, length: int, digest: str) -> bytes:
    """The last line."""
    counts = _Totals(totals.runs, totals.context_bytes, totals.files, totals.file_bytes, totals.missing)
    return _line(Trailer(counts, length, digest))


def decode_trailer(line: bytes) -> tuple[SnapshotTotals, Trailer]:
    """What the last line says; raises an error of msgspec."""
    trailer = msgspec.json.decode(line, type=Trailer)
    found = trailer.totals
    return SnapshotTotals(found.runs, found.context_bytes, found.files, found.file_bytes, found.missing), trailer


def add_run(totals: SnapshotTotals, run: SnapshotRun) -> SnapshotTotals:
    """The counts with one more run."""
    had = [file.size for file in run.files if file.checksum is not None]
    return SnapshotTotals(
        runs=totals.runs + 1,
        context_bytes=totals.context_bytes + len(run.context or b""),
        files=totals.files + len(run.files),
        file_bytes=totals.file_bytes + sum(had),
        # Also what was had and is not what its descriptor says: a snapshot that has such a file is not complete.
        missing=totals.missing + sum(file.problem is not None or file.checksum is None for file in run.files),
    )


def _line(value: Struct) -> bytes:
    return _encoder.encode(value) + b"\n"


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        message = "its time has no time zone"
        raise ValueError(message)
    return moment.astimezone(UTC)


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _column(name: str) -> str:
    name.encode()  # the names are those of a table: one that is no text is a mistake of the caller
    return name


def _file(file: SnapshotFile) -> _File:
    return _File(
        key=_text(file.key),
        locator=_text(file.locator),
        size=file.size,
        checksum=file.checksum,
        mtime_ns=file.mtime_ns,
        ctime_ns=file.ctime_ns,
        inode=file.inode,
        problem=None if file.problem is None else _text(file.problem),
    )


def _plain_files(files: list[_File]) -> tuple[SnapshotFile, ...]:
    return tuple(
        SnapshotFile(
            key=_plain(file.key),
            locator=_plain(file.locator),
            size=file.size,
            checksum=file.checksum,
            mtime_ns=file.mtime_ns,
            ctime_ns=file.ctime_ns,
            inode=file.inode,
            problem=None if file.problem is None else _plain(file.problem),
        )
        for file in files
    )


def _text(text: str) -> _Text:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _Bytes(base64.b64encode(text.encode("utf-8", _SURROGATES)).decode())
    return text


def _raw(content: bytes) -> _Text:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _Bytes(base64.b64encode(content).decode())


def _plain(text: _Text) -> str:
    return text if isinstance(text, str) else _decoded(text).decode("utf-8", _SURROGATES)


def _plain_bytes(text: _Text) -> bytes:
    return text.encode() if isinstance(text, str) else _decoded(text)


def _decoded(text: _Bytes) -> bytes:
    try:
        return base64.b64decode(text.base64, validate=True)
    except binascii.Error as error:
        message = "a line of it holds broken base64"
        raise ValueError(message) from error
