"""Which part of the key space is next, and which sweep: alone, or shared with other workers and hosts."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from time import sleep
from typing import Protocol, TypeVar

from zenctx.database import parts
from zenctx.database.engine import Connection, Database
from zenctx.database.errors import TransientDatabaseError
from zenctx.database.parts import Part, State
from zenctx.database.rows import Span
from zenctx.database.sessions import Session
from zenctx.operations.migration.brakes import Brakes
from zenctx.operations.migration.patience import Patience
from zenctx.operations.migration.report import Tally
from zenctx.operations.migration.request import MigrationPlan

MAX_SWEEPS = 5
"""An engine that saves a run which it loaded before the conversion puts the old form back: another sweep finds it."""

PART_ROWS, MAX_PARTS = 25_000, 256
_PARTS_A_WORKER = 8
"""At the end one may wait for another to end its part: so these are short, but much longer than a claim takes."""
_SMALL = 1_000
"""Fewer rows than these are not shared."""
_LOOK_SECONDS = 0.2

T = TypeVar("T")


class Shares(Protocol):
    """The sweep that is under way, and its parts. `while_waiting` is called while others are at work on the rest."""

    state: State
    while_waiting: Callable[[], None]

    def claim(self, brakes: Brakes) -> Part | None:
        """Gives a part to do, once there is one; None: all are done, or the brakes ended it."""
        ...

    def finish(self, part: Part, tally: Tally, *, whole: bool) -> None:
        """Takes what was counted, and written, in a part; not `whole`: somebody else, or a later run, does it again."""
        ...

    def found(self) -> Tally:
        """Gives what was counted in all parts of the sweep that are done, by whomever."""
        ...

    def advance(self, *, is_last: bool) -> None:
        """Ends the migration, or goes on to the next sweep."""
        ...


class Alone:
    """One process, one part: everything."""

    def __init__(self) -> None:
        self.state = State("", 1, 0)
        self.while_waiting: Callable[[], None] = _do_nothing
        self._given = False
        self._found = Tally()

    def claim(self, brakes: Brakes) -> Part | None:
        """Gives everything, once a sweep."""
        if self._given or brakes.is_over():
            return None
        self._given = True
        return Part(0, Span())

    def finish(self, part: Part, tally: Tally, *, whole: bool) -> None:
        """Keeps the counts."""
        self._found = tally

    def found(self) -> Tally:
        """Gives the counts."""
        return self._found

    def advance(self, *, is_last: bool) -> None:
        """Goes on."""
        self._given = False
        self.state = self.state._replace(sweep=self.state.sweep + (not is_last), is_finished=is_last)


class Shared:
    """Parts on record, for workers and hosts on one PostgreSQL. `session` is used by nobody else at the same time."""

    def __init__(self, database: Database, session: Session, state: State, operation_id: str) -> None:
        self.state = state
        self.while_waiting: Callable[[], None] = _do_nothing
        self._database = database
        self._session = session
        self._operation_id = operation_id
        self._patience = Patience()
        self._done: set[int] = set()

    def claim(self, brakes: Brakes) -> Part | None:
        """Gives a part to do; one that this process has done in an earlier sweep first, for it knows those rows."""
        while not brakes.is_over():
            part, left = self._patiently(lambda connection: parts.claim(connection, self.state, self._done))
            if part is not None or not left:
                return part
            # Others work on what is left; where they die, it is ours.
            self.while_waiting()
            sleep(_LOOK_SECONDS)
        return None

    def finish(self, part: Part, tally: Tally, *, whole: bool) -> None:
        """Marks it, and lets go of it."""
        state = self.state
        if whole:
            self._done.add(part.number)
            counts = tally.to_json()
            self._patiently(lambda it: parts.finish(it, state, part, self._operation_id, counts))
        self._patiently(lambda connection: parts.release(connection, state, part.number))

    def found(self) -> Tally:
        """Adds up what is on record of the sweep."""
        total = Tally()
        for counts in self._patiently(lambda connection: parts.counts(connection, self.state)):
            total.add_all(Tally.from_json(counts))
        return total

    def advance(self, *, is_last: bool) -> None:
        """Goes on as whoever was first decided."""
        self.state = self._patiently(lambda connection: parts.advance(connection, self.state, is_last=is_last))

    def _patiently(self, work: Callable[[Connection], T]) -> T:
        while True:
            try:
                with self._database.translated_errors():
                    done = work(self._session.connection)
                self._patience.progressed()
                return done
            except TransientDatabaseError as error:
                self._wait_and_reopen(error)

    def _wait_and_reopen(self, error: TransientDatabaseError) -> None:
        while True:
            self._patience.wait(error)
            try:
                self._session.reopen()
                return
            except TransientDatabaseError as failure:
                error = failure


def _do_nothing() -> None:
    """Nobody else is to be heard meanwhile."""


def join(connection: Connection, plan: MigrationPlan, rows: int) -> State:
    """Joins the migration that does the same already, or begins one. `rows`: about how many there are."""
    return parts.join(connection, scope(plan), plan.operation_id, parts.split(connection, part_count(plan, rows)))


def part_count(plan: MigrationPlan, rows: int) -> int:
    """Gives into how many parts so many rows are split: each is work for a while, and every worker gets several."""
    workers = plan.request.workers
    wanted = max(rows // PART_ROWS, _PARTS_A_WORKER * workers if workers > 1 and rows >= _SMALL else 1)
    return 1 if plan.request.selection.run_ids else min(wanted, MAX_PARTS)


def scope(plan: MigrationPlan) -> str:
    """Gives what tells migrations that do the same from others: what is to be converted, into what, by which rules."""
    asked = asdict(plan.request)
    for name in ("limit", "batch_rows", "terms", "workers", "limits"):
        del asked[name]
    text = json.dumps({"request": asked, "rules": asdict(plan.rules)}, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
