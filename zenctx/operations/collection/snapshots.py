"""The repository's side of a clean-up: which objects there are, which a manifest needs, and removing the others."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

from msgspec import field

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.context.retention import parse_policy
from zenctx.database.engine import Connection
from zenctx.database.store_binding import BoundKind, bindings
from zenctx.errors import DamagedFileError, NotFoundError, RefusedError, ZenctxError
from zenctx.operations import forget
from zenctx.operations.collection.digests import DigestSet
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.forget import ForgetRequest
from zenctx.operations.repository import open_repository
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository


class ForgottenSnapshot(DataStruct, frozen=True):
    """A snapshot that no rule of the settings keeps: its id, bytes, when it was taken, and why it goes."""

    snapshot_id: str
    bytes: int
    created_at: datetime
    reason: str


class ObjectSource(DataStruct, frozen=True):
    """What there is in a repository, and what its manifests need: checksums with size and time, and checksums."""

    objects: Callable[[], Iterator[tuple[str, int, float]]]
    needed: Callable[[], Iterator[str]]


class RepositoryState(DataStruct, frozen=True):
    """The repository that a clean-up looks at; `problem`: why one that is on record cannot be read, if so.

    `seen`: the manifests whose needs were read. With a damaged manifest no object is removed: nobody can say what it
    needs (`damaged`).
    """

    repository: Repository | None
    problem: str | None = None
    damaged: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()
    forgotten: tuple[ForgottenSnapshot, ...] = ()
    """What the policy of the settings does not keep; objects that these alone need go with them."""
    no_policy: str | None = None
    """Why the policy of the settings is not applied, if so."""
    leaves_none: str | None = None
    """Why the policy must not be applied: no complete snapshot would be left."""
    counted: set[str] = field(default_factory=set)
    """The snapshots whose needs the plan has counted, all of them."""

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

        kept = self.seen - {each.snapshot_id for each in self.forgotten}

        def needed() -> Iterator[str]:
            for info in repository.snapshots():
                if info.snapshot_id in kept and (yield from _needed_by(repository, info)):
                    self.counted.add(info.snapshot_id)

        return ObjectSource(objects, needed)


def _needed_by(repository: Repository, info: SnapshotInfo) -> Generator[str, None, bool]:
    """Yields what a snapshot needs; gives whether that is all. It is not where somebody has removed it meanwhile."""
    try:
        yield from (checksum for checksum, _ in repository.references(info))
    except DamagedFileError:
        there = {each.name for each in repository.snapshots()} | {each.name for each in repository.damaged()}
        if info.name in there:
            raise
        return False
    return True


def look(
    settings: Settings, connection: Connection, request: GcRequest, now: datetime, *, has_records: bool
) -> RepositoryState:
    """Opens the repository of the settings, and compares it with those on record. Raises nothing but for settings."""
    if request.only_trash or not request.snapshots:
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
    seen = frozenset(info.snapshot_id for info in infos)
    if settings.snapshot_keep is None or problem is not None or damaged:
        return RepositoryState(repository, problem, damaged, seen)
    policy = parse_policy(settings.snapshot_keep, safety_days=settings.trash_retention_days)
    try:
        forgotten = _forgotten(repository, ForgetRequest(policy=policy, remove_all=request.remove_all_snapshots), now)
    except RefusedError as error:
        return RepositoryState(repository, problem, damaged, seen, leaves_none=error.message)
    except ZenctxError as error:
        return RepositoryState(repository, problem, damaged, seen, no_policy=f"no snapshot goes: {error.message}")
    return RepositoryState(repository, problem, damaged, seen, forgotten)


def _forgotten(repository: Repository, request: ForgetRequest, now: datetime) -> tuple[ForgottenSnapshot, ...]:
    """Gives what a policy does not keep. Raises RefusedError where no complete snapshot would be left."""
    made = forget.plan(repository, request, now)
    return tuple(
        ForgottenSnapshot(item.snapshot_id, item.bytes or 0, item.created_at, f"by snapshot-keep: {item.reason}")
        for item in made.items
        if item.action is forget.Action.REMOVE and item.snapshot_id is not None and item.created_at is not None
    )


class Remover:
    """Removes from a repository that is held alone; each method gives why it did not, or None."""

    def __init__(self, repository: Repository, state: RepositoryState) -> None:
        self._repository = repository
        self._there = {info.snapshot_id: info for info in repository.snapshots()}
        kept = state.seen - {each.snapshot_id for each in state.forgotten}
        self._is_as_planned = kept <= self._there.keys()
        self._counted = frozenset(state.counted)

    def remove_snapshot(self, snapshot_id: str) -> str | None:
        """Removes a snapshot, if all that the policy keeps is still there."""
        info = self._there.get(snapshot_id)
        if info is None:
            return "it is gone already"
        if not self._is_as_planned:
            return "a snapshot that was to be kept is gone meanwhile"
        return None if self._repository.remove(info) else "it is gone already"

    def remove_object(self, checksum: str) -> str | None:
        """Removes an object, unless a snapshot needs it that was taken since, or that was to go and did not.

        No snapshot is removed after the first object.
        """
        if checksum in self._needed or not self._repository.remove_object(checksum):
            return "a snapshot needs it now"
        return None

    @cached_property
    def _needed(self) -> DigestSet:
        """What snapshots need that the plan did not count."""
        left = [info for info in self._repository.snapshots() if info.snapshot_id not in self._counted]
        return DigestSet(checksum for info in left for checksum, _ in self._repository.references(info))


@contextmanager
def removing(state: RepositoryState) -> Iterator[Remover | None]:
    """Holds the repository alone, and deletes what killed writers left in it; gives what removes from it."""
    repository = state.repository
    if repository is None or state.damaged:
        yield None
        return
    with repository.lock_exclusive():
        if repository.damaged():
            yield None
            return
        repository.clean()
        yield Remover(repository, state)
