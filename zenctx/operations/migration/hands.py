"""What one process converts with: sessions that write under their locks, sessions that read, the brakes."""

from contextlib import ExitStack
from typing import Self

from zenctx.context.datastruct import DataStruct
from zenctx.context.direction import Direction
from zenctx.database import locks, runs
from zenctx.database.engine import Connection, Database
from zenctx.database.locks import Hold, Lock
from zenctx.database.pressure import may_see_all
from zenctx.database.sessions import Session
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.migration.brakes import Brakes
from zenctx.operations.migration.request import MigrationPlan, MigrationRequest
from zenctx.operations.migration.sweep import WRITERS, SweepTools
from zenctx.operations.migration.throttle import UNSEEN, Gauge
from zenctx.operations.migration.write import Writers, WriterTools

_DIRECTION_LOCKS = {Direction.DESCRIPTORS: Lock.TO_DESCRIPTORS, Direction.LEGACY: Lock.TO_LEGACY}


class Hands(DataStruct, frozen=True):
    """Readers and writers of one migration, open as long as the stack that they were opened with."""

    database: Database
    live: LiveFiles
    sessions: tuple[Session, ...]

    @classmethod
    def open(cls, stack: ExitStack, database: Database, live: LiveFiles, direction: Direction) -> Self:
        """Opens the sessions that write, each under the locks without which nothing may be written.

        The server parses and compresses what it is given in the process of the connection: one alone is slower than we
        are, so that there are several where the database takes them. Raises LockedError beside a migration in the other
        direction, RefusedError where locks would not hold.
        """
        count = WRITERS if runs.works_in_parallel(database) else 1
        settings, holds = runs.access(database).WRITER_SETTINGS, migration_holds(database, direction)
        sessions = tuple(stack.enter_context(Session(database, settings, holds)) for _ in range(count))
        if count > 1:
            locks.require_own_session(sessions[0].connection, sessions[1].connection, Lock.CONTENT)
        return cls(database, live, sessions)

    @property
    def connection(self) -> Connection:
        """The first of the connections that write; idle unless a batch is under way."""
        return self.sessions[0].connection

    def writers(self, plan: MigrationPlan) -> Writers:
        """Gives the writers of a plan."""
        return Writers(WriterTools(self.database, self.sessions, self.live), plan, plan.operation_id)

    def readers(self, stack: ExitStack, request: MigrationRequest) -> SweepTools:
        """Opens the sessions that read, and applies the brakes that were asked for."""
        holds: tuple[Gauge, ...] = ()
        if request.limits is not None and runs.works_in_parallel(self.database):
            holds = (Gauge(self.database, stack.enter_context(Session(self.database, {})), request.limits),)
        brakes = Brakes(request.terms, holds)
        return SweepTools.open(stack, self.database, self.live.locators.is_inside, brakes)

    def unseen(self, request: MigrationRequest) -> str | None:
        """Gives what is to be heeded and may not be seen, if there is anything."""
        if request.limits is None or not runs.works_in_parallel(self.database) or may_see_all(self.connection):
            return None
        return UNSEEN


def migration_holds(database: Database, direction: Direction) -> tuple[Hold, ...]:
    """Gives the locks of a session that writes: on PostgreSQL it shares the work with others of its direction."""
    if not runs.works_in_parallel(database):
        return (Hold(Lock.MIGRATION, exclusive=True), Hold(Lock.CONTENT))
    other = next(lock for kind, lock in _DIRECTION_LOCKS.items() if kind is not direction)
    return (Hold(Lock.MIGRATION), Hold(Lock.CONTENT), Hold(_DIRECTION_LOCKS[direction], unless=other))
