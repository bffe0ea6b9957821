"""Whether the repository of snapshots can be relied on: there, readable, the one on record, recent, undamaged."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from zenctx.config import Settings
from zenctx.database.engine import Connection
from zenctx.errors import SettingsError
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.collection.snapshots import RepositoryState, look
from zenctx.operations.diagnosis.finding import error, notice, warning
from zenctx.operations.verification.report import FindingItem
from zenctx.snapshots.model import SnapshotInfo

OLD = timedelta(days=7)
_NAMED = 10


def look_at_repository(
    settings: Settings, connection: Connection, now: datetime, *, has_records: bool
) -> RepositoryState:
    """Opens the repository and reads the ends of its manifests. Leaves no transaction open."""
    try:
        return look(settings, connection, GcRequest(), now, has_records=has_records)
    except SettingsError as failed:
        return RepositoryState(None, failed.message)


def latest(state: RepositoryState) -> SnapshotInfo | None:
    """Gives the newest snapshot that `latest` may mean."""
    infos = state.repository.snapshots() if state.repository is not None else []
    return next((info for info in infos if not info.is_safety and not info.is_redacted), None)


def check_repository(state: RepositoryState, settings: Settings, now: datetime) -> Iterator[FindingItem]:
    """Says what of the repository that was looked at needs attention."""
    origin = f"snapshots comes from: {settings.origins['snapshots']}"
    if state.problem is not None:
        hint = f"check that its volume is mounted, and that snapshots is set right; {origin}"
        yield error("repository", f"the repository of snapshots cannot be used: {state.problem}", hint)
    elif state.repository is None:
        reason = "there is no repository of snapshots yet: nothing that is lost could be put back"
        yield notice("repository", reason, f"'zenctx snapshot' makes one; {origin}", path=settings.snapshots)
    if state.repository is None:
        return
    for name in state.damaged[:_NAMED]:
        hint = "copy it back from a copy of the repository, or let 'zenctx forget' remove it"
        yield error("snapshot", f"the manifest {name} is damaged: its snapshot cannot be used", hint)
    if len(state.damaged) > _NAMED:
        yield error(
            "snapshot", f"{len(state.damaged) - _NAMED:,} more manifests are damaged", "'zenctx snapshots' lists them"
        )
    if state.leaves_none is not None:
        hint = "set snapshot-keep to what keeps one, such as 'last 3'; gc forgets no snapshot meanwhile"
        yield warning("snapshot", f"snapshot-keep cannot be applied: {state.leaves_none}", hint)
    yield from _age(latest(state), now)


def _age(info: SnapshotInfo | None, now: datetime) -> Iterator[FindingItem]:
    if info is None:
        yield warning("snapshot", "the repository has no snapshot", "take one: 'zenctx snapshot'")
        return
    age = now - info.created_at
    if age > OLD:
        reason = f"the newest snapshot is {age.days:,} days old ({info.created_at:%Y-%m-%d})"
        yield warning("snapshot", reason, "take one, and see that it is taken every night: 'zenctx snapshot'")
    if not info.is_complete:
        reason = f"the newest snapshot, {info.short_id}, is incomplete: {info.totals.missing:,} files were not had"
        yield notice("snapshot", reason, f"'zenctx verify --snapshot {info.short_id}' names them")
