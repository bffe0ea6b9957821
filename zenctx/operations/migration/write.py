"""Carrying decisions out: large values into durable files, then the rows, then nothing more.

Order within a batch, and why a crash at any point is harmless:

1. Large values are written to new files, synced, renamed, and their directories synced. A crash leaves files that
   nobody references; the rows are as they were.
2. One transaction writes the rows (each only if it is as it was read), the record that they were converted, and what
   was quarantined. A crash before its commit leaves the rows as they were; after it, everything they name is on disk.

Nothing is ever deleted here.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from random import uniform
from threading import Lock
from time import sleep
from typing import Protocol

from zenctx.context.convert import unwrap
from zenctx.context.datastruct import DataStruct
from zenctx.context.direction import Direction
from zenctx.context.forms import Form
from zenctx.database import conversions, quarantine, runs
from zenctx.database.engine import Connection, Database, write_transaction
from zenctx.database.errors import LostConnectionError, TransientDatabaseError
from zenctx.database.quarantine import Quarantined, fingerprint
from zenctx.database.rows import ContextChange, Rejection, Span, Written
from zenctx.database.sessions import Session
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

    def apply(self, batch: Sequence[Decision], tally: Tally) -> bool:
        """Carries out, or counts, what is to be converted and quarantined; False: others held some of the rows."""
        ...

    def sweep_begins(self) -> None:
        """Takes note of the moment before the first row is read."""
        ...

    def recover(self, tally: Tally) -> None:
        """Replaces connections that were lost, with their locks, and counts what a lost one had committed."""
        ...


class WriterTools(DataStruct, frozen=True):
    """What writers work with: the database, a session for each of them, and the live files."""

    database: Database
    sessions: Sequence[Session]
    live: LiveFiles


class Writers:
    """Writers for one migration, each with a connection of its own; as many batches may be applied at once.

    What they count is added up here, under one lock, also where a batch fails half-way.
    """

    def __init__(self, tools: WriterTools, plan: MigrationPlan, operation_id: str) -> None:
        self.converted = 0
        self.items: deque[MigrationItem] = deque()
        to_descriptors = plan.request.direction is Direction.DESCRIPTORS
        self.known = Known(tools.database, tools.sessions[0]) if to_descriptors else None
        binding = _Binding(tools.live)
        self._counting = Lock()
        self._free: SimpleQueue[_Writer] = SimpleQueue()
        self._all: list[_Writer] = []
        for session in tools.sessions:
            journal = _Journal(plan, operation_id, self.items, self.known)
            self._all.append(_Writer(tools.database, session, binding, journal))
            self._free.put(self._all[-1])

    def apply(self, batch: Sequence[Decision], tally: Tally) -> bool:
        """Converts a batch; see the text of the module for the order. False: others held some of the rows."""
        writer = self._free.get()
        done = Tally()
        try:
            return writer.apply(batch, done)
        finally:
            self._free.put(writer)
            self._add(done, tally)

    def learn(self, written: Iterable[tuple[str, str]]) -> None:
        """Takes the versions of rows that others have written, for the same migration."""
        if self.known is not None:
            self.known.versions.add_pairs(written)

    def written_in(self, span: Span) -> tuple[tuple[str, str], ...]:
        """Gives the versions of what was written in a part, as far as they are known."""
        return () if self.known is None else tuple(self.known.versions.pairs(span))

    def sweep_begins(self) -> None:
        """Takes note of what was converted before."""
        if self.known is not None:
            self.known.sweep_begins()
        for writer in self._all:
            writer.history = None

    def recover(self, tally: Tally) -> None:
        """Opens every session anew, each with its locks; no batch is under way."""
        if self.known is not None:
            self.known.forget()
        for writer in self._all:
            self._add(writer.recover(), tally)

    def _add(self, done: Tally, tally: Tally) -> None:
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


class _Journal(DataStruct, frozen=True):
    """What writers write for, and where they tell of it; all of it takes several at once."""

    plan: MigrationPlan
    operation_id: str
    items: deque[MigrationItem]
    known: Known | None


@dataclass(slots=True)
class _Batch:
    """A batch on its way: what it did so far, the files it wrote, what there is to tell once it is done."""

    done: Tally
    files: Tally = field(default_factory=Tally)
    items: list[MigrationItem] = field(default_factory=list)
    held_up: bool = False
    before: frozenset[str] = frozenset()


class _Writer:
    """Writes one batch at a time over one session."""

    def __init__(self, database: Database, session: Session, binding: _Binding, journal: _Journal) -> None:
        self._database = database
        self._session = session
        self._binding = binding
        self._journal = journal
        self._plan = journal.plan
        self._in_doubt: tuple[int, Tally] | None = None
        """The record of a commit of which nobody knows whether it happened, and what it would have done."""
        self.history: conversions.Lookup | None = None
        """How runs were converted before this sweep; made when it is first asked."""

    def apply(self, decisions: Sequence[Decision], done: Tally) -> bool:
        batch = _Batch(done)
        failed = [_quarantined(d, self._plan, d.reason) for d in decisions if d.action is Action.QUARANTINE]
        changes: list[ContextChange] = []
        for decision in decisions:
            if decision.ready is not None:
                changes.append(ContextChange(decision.row, decision.ready))
            elif decision.action is Action.CONVERT:
                self._prepare(decision, changes, failed, batch)
        if changes or failed:
            with self._database.translated_errors():
                batch.before = self._converted_before([d.row.run_id for d in decisions if _is_legacy_again(d)])
            self._write_patiently(changes, failed, batch)
        # Here rather than as it comes: a batch that fails is read and told of again.
        done.add(batch.files)
        self._journal.items.extend(batch.items)
        return not batch.held_up

    def recover(self) -> Tally:
        """Opens the session anew, with its locks; gives what the last commit of the lost one did after all."""
        self._session.reopen()
        doubtful, done = self._in_doubt, Tally()
        if doubtful and conversions.is_recorded(self._session.connection, doubtful[0], self._journal.operation_id):
            done = doubtful[1]
        self._in_doubt = None
        self.history = None
        return done

    def _converted_before(self, run_ids: list[str]) -> frozenset[str]:
        """Gives the runs that were made descriptors before: somebody has put the old form back since."""
        if self._plan.request.direction is Direction.LEGACY or not run_ids:
            return frozenset()
        connection = self._session.connection
        if self.history is None:
            self.history = conversions.lookup(connection) if conversions.has_any(connection) else lambda _ids: {}
        last = self.history(run_ids)
        connection.rollback()
        return frozenset(run_id for run_id, each in last.items() if each.direction == Direction.DESCRIPTORS)

    def _prepare(
        self, decision: Decision, changes: list[ContextChange], failed: list[Quarantined], batch: _Batch
    ) -> None:
        try:
            changes.append(ContextChange(decision.row, self._converted(decision, batch.files)))
        except (DataError, LocatorRefusedError) as error:
            failed.append(_quarantined(decision, self._plan, error.message))
            batch.items.append(_item(decision, Action.QUARANTINE, error.message))

    def _converted(self, decision: Decision, files: Tally) -> bytes:
        if decision.wrapped is None:
            return unwrap(decision.entries, self._binding.live.read, self._plan.request.bytes_as)
        if not decision.wrapped.large:
            return decision.wrapped.text()
        with self._database.translated_errors():
            self._binding.require(self._session.connection)
        stored = self._binding.live.put(decision.row.run_id, decision.wrapped.large)
        files.files += len(stored)
        files.file_bytes += sum(content.size for content in stored)
        return decision.wrapped.text(stored)

    def _write_patiently(self, changes: list[ContextChange], failed: list[Quarantined], batch: _Batch) -> None:
        """Writes in one transaction; where somebody holds a row, in smaller ones, so that no other waits for it.

        A row that stays held is left as it is: the next sweep finds it.
        """
        for attempt in range(_ATTEMPTS):
            try:
                with self._database.translated_errors():
                    self._write(changes, failed, batch)
                return
            except LostConnectionError:
                raise
            except TransientDatabaseError:
                # An SQLite file is held as a whole, and has been waited for already.
                if not runs.works_in_parallel(self._database):
                    raise
                # Undone as a whole: nothing was written. Not all come back at the same moment.
                batch.held_up = True
                self._in_doubt = None
                sleep(_PAUSE_SECONDS * 2**attempt * uniform(0.5, 1.5))  # noqa: S311 - jitter, nothing secret
        if len(changes) <= 1:
            batch.done.changed += len(changes)
            return
        middle = len(changes) // 2
        self._write_patiently(changes[:middle], failed, batch)
        self._write_patiently(changes[middle:], [], batch)

    def _write(self, changes: list[ContextChange], failed: list[Quarantined], batch: _Batch) -> None:
        database, operation_id, done = self._database, self._journal.operation_id, Tally()
        with write_transaction(self._session.connection) as connection:
            written = runs.access(database).write_batch(connection, changes, database.description)
            record = conversions.record(connection, operation_id, self._plan.request.direction, written.run_ids)
            quarantine.remove(connection, written.run_ids)
            refused = [self._refused(rejection) for rejection in written.rejected]
            quarantine.put(connection, failed + refused, operation_id)
            self._count(changes, written, len(failed) + len(refused), done)
            done.regressions = len(batch.before.intersection(written.run_ids))
            self._in_doubt = (record, done) if record is not None else None
        self._in_doubt = None
        batch.done.add(done)
        form = _form_before(self._plan)
        batch.items.extend(MigrationItem(row.run_id, form, Action.QUARANTINE, row.reason) for row in refused)
        if self._journal.known is not None:
            self._journal.known.wrote(written)

    def _refused(self, rejection: Rejection) -> Quarantined:
        row, reason = rejection.change.row, f"the database does not take {rejection.reason}"
        return Quarantined(row.run_id, self._plan.request.direction, reason, fingerprint(row.text or b""))

    def _count(self, changes: list[ContextChange], written: Written, quarantined: int, tally: Tally) -> None:
        tally.converted += len(written.run_ids)
        tally.changed += len(changes) - len(written.run_ids) - len(written.rejected)
        tally.newly_quarantined += quarantined


class Rehearsal:
    """Counts what a writer would do, and names every row that it would convert, unless told not to."""

    known: Known | None = None

    def __init__(self, *, names_converted: bool = True) -> None:
        self._names_converted = names_converted
        self.converted = 0
        self.items: deque[MigrationItem] = deque()

    def sweep_begins(self) -> None:
        """Nothing is written, nothing need be known."""

    def recover(self, tally: Tally) -> None:
        """Nothing was written, nothing is in doubt."""

    def apply(self, batch: Sequence[Decision], tally: Tally) -> bool:
        """Counts a batch."""
        for decision in batch:
            if decision.action is Action.CONVERT:
                large = decision.wrapped.large if decision.wrapped else ()
                size = sum(len(value.content) for value in large)
                tally.converted += 1
                tally.files += len(large)
                tally.file_bytes += size
                if self._names_converted:
                    self.items.append(_item(decision, Action.CONVERT, None, len(large), size))
            elif decision.action is Action.QUARANTINE:
                tally.newly_quarantined += 1
        return True


def _is_legacy_again(decision: Decision) -> bool:
    """Whether a row would be found in legacy form again, if it was converted before; what is converted has a UUID."""
    return decision.action is Action.CONVERT and decision.form is Form.LEGACY


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
