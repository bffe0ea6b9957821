"""Checks an archive from its beginning to its end before anything of it is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from zenctx.database.scratch_objects import ObjectList
from zenctx.operations.progress import Progress
from zenctx.snapshots.archive import ArchiveHeader, ArchiveReader, Part, damaged_archive
from zenctx.snapshots.layout import INLINE_LINE, MAX_RUN
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.staged import StagedSnapshot


@dataclass(frozen=True, slots=True)
class Checked:
    """An archive that is what it says: its header, and the snapshot in it, which needs so many objects and bytes."""

    header: ArchiveHeader
    info: SnapshotInfo
    objects: int
    bytes: int


def check_archive(file: BinaryIO, staged: StagedSnapshot, objects: ObjectList, progress: Progress) -> Checked:
    """Reads all of an archive; its manifest and long runs go into `staged`, what it needs into `objects`.

    Raises DamagedFileError where it is cut off, altered, or holds anything but what its manifest needs, RefusedError
    for a future format, StoreError where the device has no room for it.
    """
    reader = ArchiveReader(file)
    check = _Check(reader, staged, objects)
    for part in reader.parts():
        check.take(part)
        for piece in reader.pieces() if part.part == "object" else ():
            progress.advance(0, len(piece))
    return check.finish()


@dataclass(slots=True)
class _Check:
    """What is known of an archive so far."""

    reader: ArchiveReader
    staged: StagedSnapshot
    objects: ObjectList
    info: SnapshotInfo | None = None

    def take(self, part: Part) -> None:
        """Takes the next part, those of objects without their bytes."""
        if part.part == "object":
            if self.info is None or not self.objects.take(part.checksum, part.size):
                raise damaged_archive(f"its manifest does not need the object {part.checksum}")
        elif self.info is not None:
            raise damaged_archive("its parts are not in the order that zenctx writes")
        elif part.part == "run":
            self._take_run(part)
        else:
            self._take_manifest(part)

    def _take_run(self, part: Part) -> None:
        if not INLINE_LINE < part.size <= MAX_RUN:
            raise damaged_archive(f"a run of {part.size} bytes does not stand by itself")
        if self.staged.stat_object(part.checksum) is not None:
            raise damaged_archive("a run stands twice in it")
        self.staged.add_run(part, self.reader.pieces())
        self.objects.have([(part.checksum, part.size)])

    def _take_manifest(self, part: Part) -> None:
        header = self.reader.header
        if part.checksum != f"sha256:{header.snapshot_id}":
            raise damaged_archive("its manifest is not the one that its header names")
        self.info = self.staged.set_manifest(header.name, part, self.reader.pieces())
        if self.info.snapshot_id != header.snapshot_id:
            raise damaged_archive("its manifest has another name than its header says")
        self.objects.need(self._references(self.info))
        if self.objects.count_unneeded()[0]:
            raise damaged_archive("it holds a run that its manifest does not need")
        self.staged.require_room(self.objects.count_needed()[1])

    def _references(self, info: SnapshotInfo) -> Iterator[tuple[str, int]]:
        return self.staged.references(info)

    def finish(self) -> Checked:
        """Makes sure that nothing is lacking."""
        if self.info is None:
            raise damaged_archive("there is no manifest in it")
        lacking = next(self.objects.lacking(), None)
        if lacking is not None:
            raise damaged_archive(f"the object {lacking.checksum}, which its manifest needs, is not in it")
        return Checked(self.reader.header, self.info, *self.objects.count_needed())
