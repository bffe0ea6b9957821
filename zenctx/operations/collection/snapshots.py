"""The repository's side of a clean-up: which objects there are, which a manifest needs, and removing the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from zenctx.config import Settings
from zenctx.database.engine import Connection
from zenctx.database.store_binding import BoundKind, bindings
from zenctx.errors import NotFoundError, ZenctxError
from zenctx.operations.collection.planner import ObjectSource
from zenctx.operations.repository import open_repository
from zenctx.snapshots.repository import Repository


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """The repository that a clean-up looks at; `problem`: why one that is on record cannot be read, if so.

    `seen`: the manifests whose needs were read. With a damaged manifest no object is removed: nobody can say what it
    needs (`damaged`).
    """

    repository: Repository | None
    problem: str | None = None
    damaged: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()

    @property
    def repository_id(self) -> str | None:
        """The id of the repository, if there is one."""
        return None if self.repository is None else self.repository.repository_id

    def source(self) -> ObjectSource | None:
        """What there is, and what is needed; None where no object may go."""
        repository = self.repository
        if repository is None or self.damaged:
            return None

        def objects() -> Iterator[tuple[str, int, float]]:
            return ((entry.checksum, entry.size, entry.mtime) for entry in repository.objects())

        def needed() -> Iterator[str]:
            for info in repository.snapshots():
                if info.snapshot_id in self.seen:
                    yield from (checksum for checksum, _ in repository.references(info))

        return ObjectSource(repository.location, objects, needed)


def look(settings: Settings, connection: Connection, *, has_records: bool, wanted: bool) -> RepositoryState:
    """Opens the repository of the settings, and compares it with those on record. Raises nothing but for settings."""
    if not wanted:
        return RepositoryState(None)
    recorded = bindings(connection, BoundKind.REPOSITORY) if has_records else []
    connection.rollback()
    try:
        repository = open_repository(settings)
        infos = repository.snapshots()
        damaged = tuple(each.name for each in repository.damaged())
    except NotFoundError as error:
        return RepositoryState(None, error.message if recorded else None)
    except ZenctxError as error:
        return RepositoryState(None, error.message)
    others = [bound for bound in recorded if bound.store_id != repository.repository_id]
    problem = None
    if others and len(others) == len(recorded):
        problem = f"{others[0].location} is on record, and {repository.location} is another one"
    return RepositoryState(repository, problem, damaged, frozenset(info.snapshot_id for info in infos))


@contextmanager
def removing(state: RepositoryState) -> Iterator[Callable[[str], bool] | None]:
    """Holds the repository alone; gives what removes an object, unless a snapshot that was taken since needs it."""
    repository = state.repository
    if repository is None or state.damaged:
        yield None
        return
    with repository.lock_exclusive():
        if repository.damaged():
            yield None
            return
        new = [info for info in repository.snapshots() if info.snapshot_id not in state.seen]
        needed = {checksum for info in new for checksum, _ in repository.references(info)}
        yield lambda checksum: checksum not in needed and repository.remove_object(checksum)
