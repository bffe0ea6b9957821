"""Takes the snapshot of an archive into the repository: all of it is checked before anything is stored.

Objects are stored first and the manifest last: killed at any point, the snapshot is there or it is not.
"""

import os
import stat
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from types import TracebackType
from typing import BinaryIO, Self

from zenctx.config import Settings
from zenctx.database.columns import utc_now
from zenctx.database.engine import Database
from zenctx.database.scratch_objects import ObjectList
from zenctx.errors import NotFoundError, RefusedError
from zenctx.operations.archiving.check import Checked, check_archive
from zenctx.operations.archiving.crypto import NO_KEYS, Keys, decryptor, is_encrypted, temporary_file
from zenctx.operations.archiving.report import ImportReport, ImportSummary
from zenctx.operations.guards import require_persistence
from zenctx.operations.live_files import chunks
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.record import recorded
from zenctx.operations.repository import object_store, open_repository
from zenctx.snapshots.archive import ArchiveReader, damaged_archive
from zenctx.snapshots.repository import Repository
from zenctx.snapshots.staged import StagedSnapshot

_BEGINNING = 64
_CLOCKS = timedelta(days=1)
"""By how much the clocks of two machines may differ."""
_DRY = "not recorded: nothing was written"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the archive is called, and what it is decrypted with."""

    origin: str
    keys: Keys = NO_KEYS


def import_archive(
    settings: Settings,
    request: ImportRequest,
    archive: BinaryIO,
    database: Database | None = None,
    progress: Progress = SILENT,
) -> ImportReport:
    """Takes a snapshot in; `database` is where it is recorded, if anywhere. A snapshot that is there already stays.

    Raises DamagedFileError for an archive that is not what zenctx wrote, RefusedError for a future format, for one
    that is encrypted and no key was given, or where persistence is switched off, StoreError where there is no room,
    LockedError while something is removed from the repository. Nothing was stored then.
    """
    require_persistence(settings)
    with _Work(settings, request, archive, progress) as work, recorded(database, "import", work.arguments) as record:
        checked = work.check()
        # Made only now: of an archive that is refused nothing stays, not even an empty repository.
        repository = open_repository(settings, create=True)
        with repository.lock_shared():
            new = work.store_objects(repository, checked)
            work.require_objects(repository, checked)
            is_new = repository.put_manifest(checked.info, work.staged.manifest())
        report = _report(repository.location, checked, record.note, _Stored(is_new, *new), dry_run=False)
        record.counts = asdict(report.summary)
    progress.finish()
    return report


def rehearse(
    settings: Settings, request: ImportRequest, archive: BinaryIO, progress: Progress = SILENT
) -> ImportReport:
    """Checks an archive from its beginning to its end as `import_archive` does, and stores nothing of it."""
    with _Work(settings, request, archive, progress) as work:
        checked = work.check()
        names = work.existing.store.names(checked.info.name) if work.existing is not None else []
    progress.finish()
    location = object_store(settings).location
    return _report(location, checked, _DRY, _Stored(checked.info.name not in names, 0, 0), dry_run=True)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What was new to the repository."""

    is_new: bool
    objects: int
    bytes: int


class _Work:
    """One archive being taken in. A context manager: the archive is decrypted at the beginning, and read twice."""

    def __init__(self, settings: Settings, request: ImportRequest, archive: BinaryIO, progress: Progress) -> None:
        self._keys, self._archive, self._progress = request.keys, archive, progress
        self._decrypt = decryptor(request.keys) if request.keys else None
        self.arguments = {"archive": request.origin}
        self.existing = _existing(settings)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._plain = self._decrypted(stack)
            self.staged = stack.enter_context(StagedSnapshot(self._spool))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def check(self) -> Checked:
        """Reads all of the archive, and compares it."""
        self._progress.note("checking the archive")
        self._progress.start(None, "objects")
        with ObjectList() as objects:
            checked = check_archive(self._plain, self.staged, objects, self._progress)
        if checked.info.created_at > utc_now() + _CLOCKS:
            moment = checked.info.created_at.isoformat(timespec="seconds")
            hint = "it would be the latest one for long; check the clocks of both machines"
            raise RefusedError(f"the snapshot in the archive is dated in the future ({moment})", hint=hint)
        return checked

    def store_objects(self, repository: Repository, checked: Checked) -> tuple[int, int]:
        """Stores what the archive holds, durably; gives how many objects were new, and their bytes."""
        self._progress.note("storing objects")
        self._progress.start(checked.objects, "objects")
        self._plain.seek(0)
        reader, new, new_bytes = ArchiveReader(self._plain), 0, 0
        with repository.store.batch(compares=True) as batch:
            for part in reader.parts():
                if part.part != "manifest":
                    stored = batch.put_object(reader.pieces(), checksum=part.checksum)
                    new, new_bytes = new + stored.is_new, new_bytes + stored.size * stored.is_new
                    self._progress.advance(1, stored.size)
        return new, new_bytes

    def require_objects(self, repository: Repository, checked: Checked) -> None:
        """Makes sure that all is stored; DamagedFileError where the archive became another one between two readings."""
        for checksum, size in self.staged.references(checked.info):
            if not repository.has_object(checksum, size):
                raise damaged_archive("it was changed while it was read")

    def _decrypted(self, stack: ExitStack) -> BinaryIO:
        """Gives the archive decrypted, at its beginning, and such that it can be read twice."""
        archive = self._archive if _is_regular(self._archive) else self._spooled(stack)
        is_secret = is_encrypted(archive.read(_BEGINNING))
        archive.seek(0)
        if is_secret and self._decrypt is None:
            raise RefusedError("the archive is encrypted", hint="give --identity or --passphrase-file")
        if self._decrypt is None:
            return archive
        if not is_secret:
            raise RefusedError("the archive is not encrypted", hint="leave out --identity and --passphrase-file")
        plain = stack.enter_context(self._spool())
        self._decrypt(archive, plain)
        plain.seek(0)
        return plain

    def _spooled(self, stack: ExitStack) -> BinaryIO:
        spool = stack.enter_context(self._spool())
        for piece in chunks(self._archive):
            spool.write(piece)
        spool.seek(0)
        return spool

    def _spool(self) -> BinaryIO:
        """A private file without a name: on the device of the repository, where there is one."""
        return temporary_file() if self.existing is None else self.existing.spool()


def _is_regular(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:
        return False


def _existing(settings: Settings) -> Repository | None:
    try:
        return open_repository(settings)
    except NotFoundError:
        return None


def _report(location: str, checked: Checked, recorded_as: str, stored: _Stored, *, dry_run: bool) -> ImportReport:
    info, totals = checked.info, checked.info.totals
    summary = ImportSummary(
        snapshot_id=info.snapshot_id,
        created_at=info.created_at,
        repository=location,
        tags=info.tags,
        runs=totals.runs,
        files=totals.files,
        missing=totals.missing,
        objects=checked.objects,
        bytes=checked.bytes,
        new_objects=stored.objects,
        new_bytes=stored.bytes,
        is_new=stored.is_new,
        redacted=info.is_redacted,
        recorded=recorded_as,
    )
    return ImportReport(dry_run, 0, summary, _message(checked, stored, dry_run=dry_run), _step(checked))


def _message(checked: Checked, stored: _Stored, *, dry_run: bool) -> str:
    info = checked.info
    runs = "1 run" if info.totals.runs == 1 else f"{info.totals.runs:,} runs"
    held = f"{runs}, {checked.objects:,} objects ({checked.bytes:,} bytes)"
    if dry_run:
        there = "" if stored.is_new else "; the repository has it"
        return f"The archive is whole: snapshot {info.short_id}, {held}{there}; nothing was stored"
    if not stored.is_new:
        return f"The repository has snapshot {info.short_id} already: {held}, {stored.objects:,} of them stored anew"
    return f"Took in snapshot {info.short_id}: {held}, {stored.objects:,} of them new"


def _step(checked: Checked) -> str | None:
    info = checked.info
    if info.is_redacted:
        return "its secrets were replaced: 'zenctx diff' shows what it has, and 'zenctx restore' refuses it"
    return f"'zenctx restore {info.short_id} --dry-run' shows what it would put back"
