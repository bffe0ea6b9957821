"""Lists the snapshots of the repository, newest first, and names the manifests that cannot be read."""

from collections.abc import Callable
from datetime import datetime

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.operations.repository import open_repository
from zenctx.snapshots.model import DamagedManifest, SnapshotInfo


class SnapshotListItem(DataStruct, frozen=True):
    """One snapshot, or one damaged manifest: then `reason` says what is wrong with it, and only its name is known.

    `bytes` is what its contexts and files have together; `missing` counts files that were not had as their descriptors
    say, which makes it incomplete. `selection` says in words which runs were asked for.
    """

    snapshot_id: str | None
    short_id: str | None
    created_at: datetime | None
    tags: tuple[str, ...]
    runs: int | None
    files: int | None
    bytes: int | None
    missing: int | None
    state: str
    is_safety: bool
    database: str | None
    selection: str | None
    name: str
    reason: str | None


class SnapshotsSummary(DataStruct, frozen=True):
    """How many snapshots were listed, how many manifests are damaged, and whether the limit left some out."""

    repository: str
    listed: int
    damaged: int
    more: bool


class SnapshotsReport(DataStruct, frozen=True):
    """The outcome of a listing: 3 where a manifest is damaged."""

    exit_code: int
    summary: SnapshotsSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "snapshots"


class SnapshotListing(DataStruct, frozen=True):
    """Which snapshots to list: those with all of some tags, and how many at most (None: all)."""

    tags: tuple[str, ...] = ()
    limit: int | None = 50


def list_snapshots(
    settings: Settings, listing: SnapshotListing, on_item: Callable[[SnapshotListItem], None]
) -> SnapshotsReport:
    """Lists snapshots. Opens no database and writes nothing.

    Raises NotFoundError where there is no repository: an empty directory may be a volume that is not mounted.
    """
    repository = open_repository(settings)
    found = [info for info in repository.snapshots() if set(listing.tags) <= set(info.tags)]
    damaged = repository.damaged()
    shown = found[: listing.limit]
    for info in shown:
        on_item(_item(info))
    for manifest in damaged:
        on_item(_damaged(manifest))
    summary = SnapshotsSummary(repository.location, len(shown), len(damaged), more=len(shown) < len(found))
    message, step = _wording(summary, listing)
    return SnapshotsReport(3 if damaged else 0, summary, message, step)


def _item(info: SnapshotInfo) -> SnapshotListItem:
    totals = info.totals
    return SnapshotListItem(
        snapshot_id=info.snapshot_id,
        short_id=info.short_id,
        created_at=info.created_at,
        tags=info.tags,
        runs=totals.runs,
        files=totals.files,
        bytes=totals.context_bytes + totals.file_bytes,
        missing=totals.missing,
        state="complete" if info.is_complete else "incomplete",
        is_safety=info.is_safety,
        database=info.header.database,
        selection=info.header.selection,
        name=info.name,
        reason=None,
    )


def _damaged(manifest: DamagedManifest) -> SnapshotListItem:
    return SnapshotListItem(
        snapshot_id=manifest.snapshot_id,
        short_id=None,
        created_at=None,
        tags=(),
        runs=None,
        files=None,
        bytes=None,
        missing=None,
        state="damaged",
        is_safety=False,
        database=None,
        selection=None,
        name=manifest.name,
        reason=manifest.reason,
    )


def _wording(summary: SnapshotsSummary, listing: SnapshotListing) -> tuple[str, str | None]:
    message = _counted(summary.listed, "snapshot") if summary.listed else _none(listing)
    step = None
    if summary.more:
        message, step = f"{message}, newest first; there are more", "--limit 0 lists all"
    if summary.damaged:
        what = "1 manifest is damaged: its snapshot cannot be used"
        if summary.damaged > 1:
            what = f"{summary.damaged:,} manifests are damaged: their snapshots cannot be used"
        message = f"{message}\n{what}"
        step = "copy what is damaged back from a copy of the repository, or let 'zenctx forget' remove it"
    return message, step


def _none(listing: SnapshotListing) -> str:
    return f"No snapshot has the tag {' and '.join(listing.tags)}" if listing.tags else "There are no snapshots"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
