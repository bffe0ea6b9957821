"""Carrying decisions out: large values into durable files, then the rows, then nothing more.

Order within a batch, and why a crash at any point is harmless:

1. Large values are written to new files, synced, renamed, and their directories synced. A crash leaves files that
   nobody references; the rows are as they were.
2. One transaction writes the rows (each only if it is as it was read), the record that they were converted, and what
   was quarantined. A crash before its commit leaves the rows as they were; after it, everything they name is on disk.

Nothing is ever deleted here.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from random import uniform
from threading import Lock
from time import sleep
from typing import Protocol

from zenctx.context.convert import unwrap
from zenctx.context.direction import Direction
from zenctx.context.forms import Form
from zenctx.database import conversions, quarantine, runs
from zenctx.database.engine import Connection, Database, write_transaction
from zenctx.database.errors import LostConnectionError, TransientDatabaseError
from zenctx.database.quarantine import Quarantined, fingerprint
from zenctx.database.rows import ContextChange, Rejection, Written
from zenctx.errors import DataError, LocatorRefusedError
from zenctx.operations.live_files import LiveFiles, bind_store
from zenctx.operations.migration.decide import Action, Decision
from zenctx.operations.migration.known import Known
from zenctx.operations.migration.report import MigrationItem, Tally
from zenctx.operations.migration.request import MigrationPlan

_ATTEMPTS = 2
_PAUSE_SECONDS = 0.05


class Executor(Protocol):
    """Takes the decisions of one batch; a real one writes, a rehearsing one counts."""

    converted: int
    """How many rows it has converted since it was made."""
    items: deque[MigrationItem]
    """What there is to report, in the order of events; taken away by whoever reports it."""
    known: Known | None
    """What need not be looked at again; None where nothing is known so surely."""

    def apply(self, batch: Sequence[Decision], tally: Tally) -> None:
        """Carries out, or counts, what is to be converted and quarantined."""
        ...


@dataclass(frozen=True, slots=True)
class WriterTools:
    """What writers work with: the database, a connection for each of them, and the live files."""

    database: Database
    connections: Sequence[Connection]
    live: LiveFiles


class Writers:
    """Writers for one migration, each with a connection of its own; as many batches may be applied at once.

    What they count is added up here, under one lock, also where a batch fails half-way.
    """

    def __init__(self, tools: WriterTools, plan: MigrationPlan, operation_id: str) -> None:
        self.converted = 0
        self.items: deque[MigrationItem] = deque()
        to_descriptors = plan.request.direction is Direction.DESCRIPTORS
        self.known = Known(tools.database, tools.connections[0]) if to_descriptors else None
        binding = _Binding(tools.live)
        self._counting = Lock()
        self._free: SimpleQueue[_Writer] = SimpleQueue()
        for connection in tools.connections:
            journal = _Journal(plan, operation_id, self.items, self.known)
            self._free.put(_Writer(tools.database, connection, binding, journal))

    def apply(self, batch: Sequence[Decision], tally: Tally) -> None:
        """Converts a batch; see the text of the module for the order."""
        writer = self._free.get()
        done = Tally()
        try:
            writer.apply(batch, done)
        finally:
            self._free.put(writer)
            with self._counting:
                self.converted += done.converted
                tally.add(done)


class _Binding:
    """The live files, which are bound to the database before the first of them is written."""

    def __init__(self, live: LiveFiles) -> None:
        self.live = live
        self._lock = Lock()
        self._bound = False

    def require(self, connection: Connection) -> None:
        with self._lock:
            if not self._bound:
                bind_store(self.live, connection)
                self._bound = True


@dataclass(frozen=True, slots=True)
class _Journal:
    """What writers write for, and where they tell of it; all of it takes several at once."""

    plan: MigrationPlan
    operation_id: str
    items: deque[MigrationItem]
    known: Known | None


class _Writer:
    """Writes one batch at a time over one connection."""

    def __init__(self, database: Database, connection: Connection, binding: _Binding, journal: _Journal) -> None:
        self._database = database
        self._connection = connection
        self._binding = binding
        self._journal = journal
        self._plan = journal.plan

    def apply(self, batch: Sequence[Decision], tally: Tally) -> None:
        failed = [_quarantined(d, self._plan, d.reason) for d in batch if d.action is Action.QUARANTINE]
        changes: list[ContextChange] = []
        for decision in batch:
            if decision.ready is not None:
                changes.append(ContextChange(decision.row, decision.ready))
            elif decision.action is Action.CONVERT:
                self._prepare(decision, changes, failed, tally)
        if changes or failed:
            self._write_patiently(changes, failed, tally)

    def _prepare(
        self, decision: Decision, changes: list[ContextChange], failed: list[Quarantined], tally: Tally
    ) -> None:
        try:
            changes.append(ContextChange(decision.row, self._converted(decision, tally)))
        except (DataError, LocatorRefusedError) as error:
            failed.append(_quarantined(decision, self._plan, error.message))
            self._journal.items.append(_item(decision, Action.QUARANTINE, error.message))

    def _converted(self, decision: Decision, tally: Tally) -> bytes:
        if decision.wrapped is None:
            return unwrap(decision.entries, self._binding.live.read, self._plan.request.bytes_as)
        if not decision.wrapped.large:
            return decision.wrapped.text()
        self._binding.require(self._connection)
        stored = self._binding.live.put(decision.row.run_id, decision.wrapped.large)
        tally.files += len(stored)
        tally.file_bytes += sum(content.size for content in stored)
        return decision.wrapped.text(stored)

    def _write_patiently(self, changes: list[ContextChange], failed: list[Quarantined], tally: Tally) -> None:
        """Writes in one transaction; where somebody holds a row, in smaller ones, so that no other waits for it.

        A row that stays held is left as it is: the next sweep finds it.
        """
        for attempt in range(_ATTEMPTS):
            try:
                with self._database.translated_errors():
                    self._write(changes, failed, tally)
                return
            except LostConnectionError:
                raise
            except TransientDatabaseError:
                # An SQLite file is held as a whole, and has been waited for already.
                if not runs.works_in_parallel(self._database):
                    raise
                # Undone as a whole: nothing was written. Not all come back at the same moment.
                sleep(_PAUSE_SECONDS * 2**attempt * uniform(0.5, 1.5))  # noqa: S311 - jitter, nothing secret
        if len(changes) <= 1:
            tally.changed += len(changes)
            return
        middle = len(changes) // 2
        self._write_patiently(changes[:middle], failed, tally)
        self._write_patiently(changes[middle:], [], tally)

    def _write(self, changes: list[ContextChange], failed: list[Quarantined], tally: Tally) -> None:
        database, operation_id = self._database, self._journal.operation_id
        with write_transaction(self._connection) as connection:
            written = runs.access(database).write_batch(connection, changes, database.description)
            conversions.record(connection, operation_id, self._plan.request.direction, written.run_ids)
            quarantine.remove(connection, written.run_ids)
            refused = [self._refused(rejection) for rejection in written.rejected]
            quarantine.put(connection, failed + refused, operation_id)
        form = _form_before(self._plan)
        self._journal.items.extend(MigrationItem(row.run_id, form, Action.QUARANTINE, row.reason) for row in refused)
        if self._journal.known is not None:
            self._journal.known.wrote(written)
        self._count(changes, written, len(failed) + len(refused), tally)

    def _refused(self, rejection: Rejection) -> Quarantined:
        row, reason = rejection.change.row, f"the database does not take {rejection.reason}"
        return Quarantined(row.run_id, self._plan.request.direction, reason, fingerprint(row.text or b""))

    def _count(self, changes: list[ContextChange], written: Written, quarantined: int, tally: Tally) -> None:
        tally.converted += len(written.run_ids)
        tally.changed += len(changes) - len(written.run_ids) - len(written.rejected)
        tally.newly_quarantined += quarantined


class Rehearsal:
    """Counts what a writer would do, and names every row that it would convert."""

    known: Known | None = None

    def __init__(self) -> None:
        self.converted = 0
        self.items: deque[MigrationItem] = deque()

    def apply(self, batch: Sequence[Decision], tally: Tally) -> None:
        """Counts a batch."""
        for decision in batch:
            if decision.action is Action.CONVERT:
                large = decision.wrapped.large if decision.wrapped else ()
                size = sum(len(value.content) for value in large)
                tally.converted += 1
                tally.files += len(large)
                tally.file_bytes += size
                self.items.append(_item(decision, Action.CONVERT, None, len(large), size))
            elif decision.action is Action.QUARANTINE:
                tally.newly_quarantined += 1


def _form_before(plan: MigrationPlan) -> Form:
    """The form of a context that was about to be converted."""
    return Form.DESCRIPTORS if plan.request.direction is Direction.LEGACY else Form.LEGACY


def _quarantined(decision: Decision, plan: MigrationPlan, reason: str | None) -> Quarantined:
    text = decision.row.text or b""
    return Quarantined(decision.row.run_id, plan.request.direction, reason or "", fingerprint(text))


def _item(
    decision: Decision, action: Action, reason: str | None, files: int = 0, size: int | None = None
) -> MigrationItem:
    return MigrationItem(decision.row.run_id, decision.form, action, reason, files, size)
