"""What lies outside of the database and may hold the same secrets: snapshots, and files in the trash."""

from typing import NamedTuple

from zenctx.config import Settings
from zenctx.errors import NotFoundError, ZenctxError
from zenctx.operations.repository import open_repository
from zenctx.store.access import resolve_access
from zenctx.store.trash import Trash


class Outside(NamedTuple):
    """How many snapshots and trashed files there are; None where that cannot be seen."""

    snapshots: int | None
    trash_files: int | None


def look_outside(settings: Settings) -> Outside:
    """Counts them. Raises nothing: what cannot be seen is said not to be known."""
    return Outside(_snapshots(settings), _trash_files(settings))


def _snapshots(settings: Settings) -> int | None:
    try:
        return sum(not info.is_redacted for info in open_repository(settings).snapshots())
    except NotFoundError:
        return 0
    except ZenctxError:
        return None


def _trash_files(settings: Settings) -> int | None:
    try:
        access = resolve_access(settings.file_mode, settings.file_group)
        with Trash(settings.persistent_file_dir.path, access) as trash:
            return sum(1 for gc_id in trash.ids() for _ in trash.names(gc_id))
    except ZenctxError:
        return None
