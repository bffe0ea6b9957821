"""The repository's side of a verification: every manifest is read to its end, and every object that one names.

An object is read once, however many snapshots name it; the list of objects is on disk, not in memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from zenctx.database.scratch_objects import Listed, ObjectList
from zenctx.errors import NotFoundError, ZenctxError
from zenctx.operations.progress import Progress
from zenctx.operations.verification.hashing import Digest, Hasher
from zenctx.operations.verification.report import Findings, RepositoryCounts, Severity, VerifyRequest, counted
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository

_MIB = 1024 * 1024
_MEND = (
    "copy the object back from a copy of the repository; or, while the live file is there, let 'zenctx snapshot"
    " --paranoid' of its run write it anew"
)
_MEND_MANIFEST = "copy it back from a copy of the repository, or let 'zenctx forget' remove it"


@dataclass(slots=True)
class RepositoryCheck:
    """Checks the manifests and objects of a repository, and counts them. The caller holds the shared lock."""

    repository: Repository
    request: VerifyRequest
    objects: ObjectList
    findings: Findings
    hasher: Hasher
    progress: Progress
    counts: RepositoryCounts = field(default_factory=RepositoryCounts)
    _infos: Sequence[SnapshotInfo] = ()
    _rest: int = 0

    def check_all(self) -> None:
        """Checks every snapshot, and what lies there that none of them needs."""
        # Objects are listed first: one that is there without a manifest then was not written since.
        self.objects.have((entry.checksum, entry.size) for entry in self.repository.objects())
        damaged = self.repository.damaged()
        for manifest in damaged:
            self._report_manifest(manifest.name, manifest.snapshot_id, manifest.reason)
        is_known = self._check_manifests(self.repository.snapshots()) and not damaged
        self._check_objects(self.objects.needed(), self.objects.unneeded() if is_known else ())
        if is_known:
            self._report_unneeded()

    def check(self, infos: Sequence[SnapshotInfo]) -> None:
        """Checks some snapshots, and the objects that they need."""
        self._check_manifests(infos)
        self._check_objects(self.objects.needed(), ())

    def _check_manifests(self, infos: Sequence[SnapshotInfo]) -> bool:
        """Reads manifests to their ends; tells whether all that is needed is known."""
        self.counts.location, self._infos = self.repository.location, infos
        self.progress.note("reading manifests")
        self.progress.start(len(infos), "snapshots")
        is_known = True
        for number, info in enumerate(infos):
            try:
                self.objects.need(self.repository.references(info), number)
            except NotFoundError:
                continue  # removed since it was listed
            except ZenctxError as error:
                is_known = False
                self._report_manifest(info.name, info.snapshot_id, error.message)
            self.counts.snapshots += 1
            self.progress.advance(1)
        return is_known

    def _report_manifest(self, name: str, snapshot_id: str | None, reason: str) -> None:
        path = f"{self.repository.location}/{name}"
        self.findings.add(Severity.ERROR, "manifest", reason, path=path, hint=_MEND_MANIFEST, snapshot_id=snapshot_id)

    def _check_objects(self, needed: Iterable[Listed], unneeded: Iterable[Listed]) -> None:
        self.progress.note("reading objects")
        self._start_objects()
        for listed in needed:
            self._check_needed(listed)
        # What nobody needs is read, too: a later snapshot of the same bytes would rely on it.
        for listed in unneeded:
            if self.request.hashes_object(listed.checksum):
                self._hash(listed)
            self._advance()
        self.hasher.finish()

    def tell(self, read: int) -> None:
        """Tells the progress of bytes that were read."""
        done, self._rest = divmod(self._rest + read, _MIB)
        self.progress.advance(done, read)

    def _start_objects(self) -> None:
        (count, size), (more, more_size) = self.objects.count_needed(), self.objects.count_unneeded()
        if self.request.quick:
            self.progress.start(count + more, "objects")
        else:
            # By bytes, so that the time left is right whatever sizes come first.
            self.progress.start((size + more_size) // _MIB // self.request.subset[1], "MiB")

    def _check_needed(self, listed: Listed) -> None:
        self.counts.objects += 1
        try:
            entry = self.repository.store.stat_object(listed.checksum)
        except ZenctxError as error:
            self._report(listed, error.message, "unreadable")
            return
        if entry is None:
            self._report(listed, f"the object {listed.checksum} is missing", "missing")
        elif entry.size != listed.size:
            reason = f"the object {listed.checksum} has {entry.size} bytes, and should have {listed.size}"
            self._report(listed, reason, "damaged")
        elif self.request.hashes_object(listed.checksum):
            self._hash(listed)
        self._advance()

    def _hash(self, listed: Listed) -> None:
        source = partial(self.repository.store.open, listed.checksum)
        self.hasher.submit(source, listed.size, partial(self._compare, listed))

    def _compare(self, listed: Listed, found: Digest | ZenctxError) -> None:
        if isinstance(found, ZenctxError):
            self._report(listed, found.message, "unreadable")
            return
        self.counts.bytes += found.size
        if found.checksum != listed.checksum:
            self._report(
                listed, f"the object {listed.checksum} is altered: its content has another checksum", "damaged"
            )

    def _report(self, listed: Listed, reason: str, kind: str) -> None:
        self.findings.altered += kind == "damaged" and self.request.hashes_object(listed.checksum)
        digest = listed.checksum.removeprefix("sha256:")
        path = f"{self.repository.location}/objects/{digest[:2]}/{digest}"
        if not listed.snapshots:
            hint = "remove it: a later snapshot of the same bytes would take it for whole"
            self.findings.add(
                Severity.WARNING, kind, f"{reason}; no snapshot needs it", path=path, size=listed.size, hint=hint
            )
            return
        newest = self._infos[listed.first].snapshot_id
        needed = f"{reason}; {counted(listed.snapshots, 'snapshot')} need{'s' * (listed.snapshots == 1)} it"
        self.findings.add(Severity.ERROR, kind, needed, path=path, size=listed.size, hint=_MEND, snapshot_id=newest)

    def _report_unneeded(self) -> None:
        count, size = self.objects.count_unneeded()
        self.counts.unreferenced = count
        if count:
            reason = f"{counted(count, 'object')} that no snapshot needs"
            hint = "'zenctx gc' removes them, unless a snapshot that is being taken comes to need them"
            path = f"{self.repository.location}/objects"
            self.findings.add(Severity.NOTICE, "unreferenced", reason, path=path, size=size, hint=hint)

    def _advance(self) -> None:
        if self.request.quick:
            self.progress.advance(1)
        else:
            self.tell(self.hasher.take_read())
