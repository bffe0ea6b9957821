"""Makes another snapshot of one: of some of its runs, or without its secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from zenctx.operations.archiving.redaction import redact_run
from zenctx.operations.progress import Progress
from zenctx.operations.restoring.select import selected
from zenctx.snapshots.model import REDACTED, SnapshotFile, SnapshotHeader, SnapshotInfo, SnapshotRun
from zenctx.snapshots.repository import Repository
from zenctx.snapshots.writer import ManifestWriter


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """Which runs to copy (none: all), and whether without secrets; `patterns` name those."""

    run_ids: tuple[str, ...] = ()
    redact: bool = False
    patterns: Sequence[str] = ()


def copy_snapshot(
    source: Repository, info: SnapshotInfo, target: Repository, request: CopyRequest, progress: Progress
) -> SnapshotInfo:
    """Writes another snapshot of runs of a snapshot into another repository.

    Raises NotFoundError for a run that it has not, DamagedFileError for a damaged manifest or object.
    """
    with target.write(_header(info, request)) as manifest:
        for run in selected(source.read(info, verify_first=True), request.run_ids, info):
            manifest.add(
                _redacted(source, manifest, run, request) if request.redact else _copied(source, manifest, run)
            )
            progress.advance(1)
        return manifest.commit()


def _header(info: SnapshotInfo, request: CopyRequest) -> SnapshotHeader:
    header = info.header
    if request.run_ids:
        named = f"{len(request.run_ids):,} named {'run' if len(request.run_ids) == 1 else 'runs'}"
        selection = f"{header.selection}; of it {named}"
        header = replace(header, selection=selection, named_runs=len(request.run_ids))
    if request.redact:
        # Neither retention nor a later snapshot may take it for one of the runs as they were.
        tags = tuple(dict.fromkeys((*header.tags, REDACTED)))
        header = replace(header, tags=tags, store_id=None, selection=f"{header.selection}; redacted")
    return header


def _copied(source: Repository, manifest: ManifestWriter, run: SnapshotRun) -> SnapshotRun:
    for file in run.files:
        if file.checksum is not None:
            with source.open_object(file.checksum, file.size) as content:
                manifest.put_object(content)
    return run


def _redacted(source: Repository, manifest: ManifestWriter, run: SnapshotRun, request: CopyRequest) -> SnapshotRun:
    def put(content: bytes) -> str:
        return manifest.put_object(content).checksum

    return redact_run(run, partial(_read, source), put, request.patterns)


def _read(source: Repository, file: SnapshotFile) -> bytes:
    with source.open_object(file.checksum or "", file.size) as content:
        return content.read()
