"""Writes a snapshot, with everything that it needs, into one archive; changes nothing in the repository."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from zenctx import __version__
from zenctx.config import Settings
from zenctx.database.scratch_objects import Listed, ObjectList
from zenctx.operations.archiving.copying import CopyRequest, copy_snapshot
from zenctx.operations.archiving.crypto import NO_KEYS, Keys, encryptor, temporary_file
from zenctx.operations.archiving.report import ExportReport, ExportSummary
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.snapshots.archive import ArchiveHeader, ArchiveWriter, Sink
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository
from zenctx.store.objects import LocalObjects

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which snapshot, which runs of it (none: all), whether without secrets, and for whom it is encrypted."""

    snapshot: str
    run_ids: tuple[str, ...] = ()
    redact: bool = False
    keys: Keys = NO_KEYS


def export(
    settings: Settings, request: ExportRequest, sink: Sink, place: str, progress: Progress = SILENT
) -> ExportReport:
    """Writes an archive into `sink`; `place` is what it is called. Opens no database.

    Raises NotFoundError for an unknown snapshot or a run that it has not, DamagedFileError where its manifest or an
    object is damaged, LockedError while something is removed from the repository, UsageError for what is no key,
    SettingsError where encryption is not installed, StoreError. What was written by then is no archive.
    """
    encrypt = encryptor(request.keys) if request.keys else None
    repository = open_repository(settings)
    with ExitStack() as stack:
        stack.enter_context(repository.lock_shared())
        original = repository.find(request.snapshot)
        source, info = repository, original
        if request.redact or request.run_ids:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="zenctx-export-"))
            source = Repository.create(LocalObjects(Path(folder) / "repository"))
            progress.note("copying runs")
            progress.start(original.totals.runs, "runs")
            copying = CopyRequest(request.run_ids, request.redact, settings.redact_keys)
            info = copy_snapshot(repository, original, source, copying, progress)
        counted = _Counted(sink)
        if encrypt is None:
            counts = _write(source, info, original, counted, progress)
        else:
            plain = stack.enter_context(temporary_file())
            counts = _write(source, info, original, plain, progress)
            plain.seek(0)
            encrypt(plain, counted)
    progress.finish()
    return _report(request, info, original, counts, counted.size, place)


def _write(
    source: Repository, info: SnapshotInfo, original: SnapshotInfo, sink: Sink, progress: Progress
) -> tuple[int, int]:
    """Writes the parts of an archive; gives how many objects there are, and their bytes."""
    header = ArchiveHeader(
        version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        snapshot_id=info.snapshot_id,
        source_id=original.snapshot_id,
        name=info.name,
        redacted=info.is_redacted,
    )
    with ObjectList() as objects:
        archive = ArchiveWriter(sink, header)
        objects.need(source.run_objects(info))
        work = _Parts(source, archive, progress)
        runs = list(objects.lacking())  # each is the line of a run of more than 4 MiB, so there are not many
        for listed in runs:
            work.add("run", listed)
            objects.take(listed.checksum, listed.size)
        with source.open_manifest(info) as manifest:
            size = manifest.seek(0, 2)
            manifest.seek(0)
            archive.add("manifest", f"sha256:{info.snapshot_id}", size, manifest)
        objects.need(source.references(info))
        count, size = objects.count_needed()
        progress.note("writing objects")
        progress.start(size // _MIB, "MiB")
        for listed in objects.lacking():
            work.add("object", listed)
        archive.finish()
    return count, size


@dataclass(slots=True)
class _Parts:
    """Writes objects into an archive."""

    source: Repository
    archive: ArchiveWriter
    progress: Progress
    rest: int = 0

    def add(self, kind: str, listed: Listed) -> None:
        """Writes one; DamagedFileError where it is not what its name says."""
        with self.source.open_object(listed.checksum, listed.size) as content:
            self.archive.add("run" if kind == "run" else "object", listed.checksum, listed.size, content)
        done, self.rest = divmod(self.rest + listed.size, _MIB)
        self.progress.advance(done, listed.size)


class _Counted:
    """Counts what is written."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.size = 0

    def write(self, data: bytes) -> None:
        """Writes on."""
        self._sink.write(data)
        self.size += len(data)


def _report(
    request: ExportRequest,
    info: SnapshotInfo,
    original: SnapshotInfo,
    counts: tuple[int, int],
    archive_bytes: int,
    place: str,
) -> ExportReport:
    summary = ExportSummary(
        snapshot_id=info.snapshot_id,
        source_id=original.snapshot_id,
        path=place,
        runs=info.totals.runs,
        files=info.totals.files,
        missing=info.totals.missing,
        objects=counts[0],
        bytes=counts[1],
        archive_bytes=archive_bytes,
        redacted=request.redact,
        encrypted=request.keys.kind,
    )
    what = f"snapshot {original.short_id}" + (f" as {info.short_id}" if info != original else "")
    runs = "1 run" if summary.runs == 1 else f"{summary.runs:,} runs"
    message = f"Wrote {what} to {place}, {archive_bytes:,} bytes: {runs}, {summary.objects:,} objects"
    if request.redact:
        message += ", secrets replaced"
    if summary.missing:
        message += f"\nit is incomplete, as it was taken: {summary.missing:,} files are missing or altered"
    open_secrets = not request.redact and not request.keys
    step = "it holds secrets as they are: keep it private, or use --redact, or --recipient" if open_secrets else None
    return ExportReport(0, summary, message, step)
