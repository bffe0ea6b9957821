"""Opens the repository of snapshots that the settings name, and records which database it belongs to."""

from pathlib import Path

from zenctx.config import Settings
from zenctx.database.engine import Connection
from zenctx.database.store_binding import BoundKind, bind
from zenctx.errors import NotFoundError, SettingsError
from zenctx.snapshots.repository import Repository
from zenctx.store.base import ObjectStore
from zenctx.store.objects import LocalObjects


def open_repository(settings: Settings, *, create: bool = False) -> Repository:
    """Opens the repository of the setting `snapshots`, or makes it where `create` says so and there is none.

    Raises NotFoundError where there is none, RefusedError for one of a future format or a directory that holds
    something else, StoreError where it cannot be read or made, SettingsError for an address that is no directory.
    """
    objects = object_store(settings)
    if create:
        return Repository.create(objects)
    try:
        return Repository.open(objects)
    except NotFoundError as error:
        raise NotFoundError(
            error.message, hint=f"'zenctx snapshot' makes one; snapshots comes from: {settings.origins['snapshots']}"
        ) from None


def object_store(settings: Settings) -> ObjectStore:
    """Makes the store of the setting `snapshots`; opens nothing. SettingsError for an address that is no directory."""
    if not settings.snapshots.startswith("/"):
        raise SettingsError(
            "the setting snapshots names no directory, and this zenctx keeps snapshots in directories alone",
            hint=f"name a directory; the setting comes from: {settings.origins['snapshots']}",
        )
    return LocalObjects(Path(settings.snapshots))


def bind_repository(repository: Repository, connection: Connection) -> None:
    """Records in the database, in a transaction of its own, that the repository keeps snapshots of it.

    A repository that is recorded already stays so; RefusedError where this database is a copy of the recorded one.
    """
    bind(connection, BoundKind.REPOSITORY, repository.repository_id, repository.location)
