"""Cleaning up the live files: those of finished and deleted runs and what nobody names go, and nothing else.

`rehearse` and `collect` make the same plan by the same code; `collect` carries it out under the lock that no writer
shares. `apply` does what a saved plan says, and no more: it makes the plan anew and takes what both have.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

from zenctx.config import Settings
from zenctx.database import journal, locks, pins, released
from zenctx.database.checks import has_table, require_zenctx_tables
from zenctx.database.engine import Database
from zenctx.database.locks import Lock
from zenctx.database.released import ReleasedState
from zenctx.database.rows import Selection
from zenctx.database.runs import normalised
from zenctx.database.schema import REVISION_TABLE
from zenctx.errors import ZenctxError
from zenctx.operations.collection import plan as plans
from zenctx.operations.collection import recover, snapshots, undo, wording
from zenctx.operations.collection.clocks import Clocks
from zenctx.operations.collection.execute import Executor, as_item
from zenctx.operations.collection.guards import check_store
from zenctx.operations.collection.ledger import OnItem
from zenctx.operations.collection.plan import Plan
from zenctx.operations.collection.prepare import Given, Prepared, prepared, store_facts, trash_of
from zenctx.operations.collection.report import (
    Action,
    GcReport,
    GcSummary,
    ListReport,
    LogItem,
    PinItem,
    PinReport,
    PinSummary,
    Tally,
    UndoReport,
    UndoSummary,
)
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.guards import require_persistence
from zenctx.operations.live_files import live_files

__all__ = [
    "Clocks",
    "GcRequest",
    "Given",
    "apply",
    "collect",
    "list_pins",
    "log",
    "pin",
    "rehearse",
    "undo_gc",
    "unpin",
]

_INTERRUPTED = 130


def rehearse(given: Given) -> GcReport:
    """Makes the plan, and tells it. Changes nothing but the file that the plan is saved to; needs rights to read only.

    Where a guard would stop the clean-up the report says so, with its exit code, and no plan is saved.
    """
    with prepared(given, None) as ready:
        for item in ready.plan.items():
            given.on_item(as_item(item, Action.REMOVE, ready.live))
        saved = _save(given, ready)
        summary = _summary(given, ready, ready.tally, plan=saved)
        return wording.rehearsed(summary, ready.refusals, only_trash=given.request.only_trash)


def collect(given: Given) -> GcReport:
    """Makes the plan and carries it out.

    Raises RefusedError where a guard stops it, LockedError beside another clean-up or a writer: nothing has changed.
    """
    return _carry_out(given, None)


def apply(given: Given, path: Path) -> GcReport:
    """Carries out a saved plan, as far as it still holds; never more than it says.

    Raises RefusedError where it was made for another database or store, DamagedFileError where it is not whole.
    """
    return _carry_out(given, plans.load(path))


def _carry_out(given: Given, saved: Plan | None) -> GcReport:
    require_persistence(given.settings)
    with given.database.connect() as connection:
        require_zenctx_tables(connection)
        connection.rollback()
        # Whoever cannot have the lock is told before a plan is made; then it is free again, since people may be asked.
        with locks.held_alone(given.database, connection, Lock.CONTENT):
            recover.recover(connection, given.settings)
    with prepared(given, saved) as ready:
        if ready.refusals:
            raise ready.refusals[0].as_error()
        _save(given, ready)
        planned = _summary(given, ready, ready.tally)
        if ready.plan.items_count and not given.confirm(planned):
            return wording.declined(planned)
        return _execute(given, ready)


def _execute(given: Given, ready: Prepared) -> GcReport:
    connection = ready.connection
    with ExitStack() as stack:
        stack.enter_context(locks.held_alone(given.database, connection, Lock.CONTENT))
        if ready.live.store.exists():
            stack.enter_context(ready.live.store.lock_exclusive())
        remover = stack.enter_context(snapshots.removing(ready.repository))
        gc_id = journal.begin(
            connection, _command(given.request), _arguments(given.request), clock=given.clocks.machine
        )
        executor = Executor(
            connection, ready.live, ready.trash, ready.reader, ready.moment, gc_id, given.on_item, given.progress,
            remover,
        )  # fmt: skip
        try:
            with given.database.translated_errors():
                done = executor.run(ready.plan)
        except (ZenctxError, KeyboardInterrupt) as error:
            _finish_badly(given, gc_id, error, executor.done)
            raise
        tally = ready.tally
        done.skipped += tally.skipped
        summary = _summary(given, ready, tally, done=done, gc_id=gc_id)
        report = wording.collected(summary, tally, only_trash=given.request.only_trash)
        journal.finish(connection, gc_id, report.exit_code, asdict(report.summary), clock=given.clocks.machine)
        return report


def _finish_badly(given: Given, gc_id: str, error: BaseException, done: Tally) -> None:
    """Records why it stopped, as far as that is possible. Where each file lies is found out by the next clean-up."""
    told = error if isinstance(error, ZenctxError) else None
    # Over a connection of its own: the one that failed may be in any state. The first error is the one to report.
    with suppress(ZenctxError), given.database.connect() as connection:
        recover.settle_one(connection, given.settings, gc_id)
        counts = {"by_class": {name: asdict(count) for name, count in done.by_category.items()}}
        journal.finish(connection, gc_id, told.exit_code if told else _INTERRUPTED, counts, told)


def _save(given: Given, ready: Prepared) -> Path | None:
    path = given.request.save_plan
    if path is None or ready.refusals:
        return None
    plans.save(ready.plan, path)
    return path


def _summary(
    given: Given,
    ready: Prepared,
    tally: Tally,
    *,
    done: Tally | None = None,
    gc_id: str | None = None,
    plan: Path | None = None,
) -> GcSummary:
    went = (done or tally).by_category
    return GcSummary(
        gc_id=gc_id,
        database=given.database.description,
        store=str(ready.live.store.root),
        store_id=ready.plan.header.store_id,
        removed=sum(count.files for count in went.values()),
        removed_bytes=sum(count.bytes for count in went.values()),
        by_class=dict(went),
        skipped=(done or tally).skipped,
        failed=(done or tally).failed,
        files_in_store=tally.listed,
        held=tally.held,
        waiting=tally.waiting,
        left_alone=tally.left_alone,
        missing=tally.missing,
        runs=tally.runs,
        zombies=tally.zombies,
        pinned=tally.pinned,
        unreadable=tally.unreadable,
        temp_files=tally.temp_files,
        temp_bytes=tally.temp_bytes,
        plan=None if plan is None else str(plan),
        refusals=tuple(refusal.message for refusal in ready.refusals),
    )


def _command(request: GcRequest) -> str:
    return "gc --purge" if request.only_trash else "gc"


def _arguments(request: GcRequest) -> dict[str, object]:
    return {name: value for name, value in asdict(request).items() if value not in (None, False)}


def undo_gc(database: Database, settings: Settings, reference: str, on_item: OnItem) -> UndoReport:
    """Brings back what a clean-up moved to the trash.

    Raises NotFoundError where the trash holds nothing of it, RefusedError where the store is not the database's.
    """
    require_persistence(settings)
    live = live_files(settings)
    with database.connect() as connection, trash_of(settings) as trash, ExitStack() as stack:
        require_zenctx_tables(connection)
        refusal = check_store(store_facts(live, connection, has_records=True))
        if refusal is not None:
            raise refusal.as_error()
        gc_id = undo.find(trash, reference)
        stack.enter_context(locks.held_alone(database, connection, Lock.CONTENT))
        recover.recover(connection, settings)
        undo_id = journal.begin(connection, "gc --undo", {"gc_id": gc_id})
        work = undo.Undoer(connection, settings, trash, gc_id, undo_id, on_item)
        work.run()
        summary = UndoSummary(gc_id, work.restored, work.restored_bytes, work.failed, work.aside)
        report = wording.undone(summary)
        journal.finish(connection, undo_id, report.exit_code, asdict(summary))
        return report


def log(database: Database, on_item: Callable[[LogItem], None], *, limit: int | None = 20) -> ListReport:
    """Lists past clean-ups, newest first, with what of each is still in the trash. Changes nothing."""
    with database.connect() as connection:
        if not has_table(connection, REVISION_TABLE):
            return wording.logged(0)
        require_zenctx_tables(connection)
        entries = journal.latest_of(connection, recover.COMMANDS, limit=limit)
        counts = released.counts(connection, [entry.id for entry in entries])
    for entry in entries:
        states = counts.get(entry.id, {})
        files = {state: states.get(state.value, (0, 0))[0] for state in ReleasedState}
        on_item(
            LogItem(
                gc_id=entry.id,
                command=entry.command,
                started_at=entry.started_at,
                who=entry.who,
                outcome=entry.outcome,
                removed=sum(count for count, _ in states.values()),
                removed_bytes=sum(size for _, size in states.values()),
                in_trash=files[ReleasedState.TRASHED],
                restored=files[ReleasedState.RESTORED],
                purged=files[ReleasedState.PURGED],
            )
        )
    return wording.logged(len(entries))


def pin(database: Database, settings: Settings, run_id: str, reason: str | None) -> PinReport:
    """Keeps the files of a run until it is unpinned, whatever becomes of its row; also of one whose row is gone."""
    require_persistence(settings)
    run_id = normalised(database, Selection(run_ids=(run_id,))).run_ids[0]
    with database.connect() as connection:
        require_zenctx_tables(connection)
        connection.rollback()
        # Not beside a clean-up, which has read the pins.
        with locks.held(database, connection, Lock.CONTENT, exclusive=False):
            changed = pins.pin(connection, run_id, reason)
    message = (
        f"Run {run_id} is pinned: no clean-up removes its files" if changed else f"Run {run_id} was pinned already"
    )
    return PinReport("gc pin", PinSummary(run_id, True, changed), message, f"'zenctx gc unpin {run_id}' lets go of it")


def unpin(database: Database, settings: Settings, run_id: str) -> PinReport:
    """Takes a pin away; the files of the run are then like any other's."""
    require_persistence(settings)
    run_id = normalised(database, Selection(run_ids=(run_id,))).run_ids[0]
    with database.connect() as connection:
        require_zenctx_tables(connection)
        connection.rollback()
        with locks.held(database, connection, Lock.CONTENT, exclusive=False):
            changed = pins.unpin(connection, run_id)
    message = f"Run {run_id} is not pinned any more" if changed else f"Run {run_id} was not pinned"
    return PinReport("gc unpin", PinSummary(run_id, False, changed), message)


def list_pins(database: Database, on_item: Callable[[PinItem], None]) -> ListReport:
    """Lists the pinned runs. Changes nothing."""
    with database.connect() as connection:
        if not has_table(connection, REVISION_TABLE):
            return wording.pinned(0)
        require_zenctx_tables(connection)
        found = pins.walk(connection)
    for each in found:
        on_item(PinItem(each.run_id, each.reason, each.who, each.created_at))
    return wording.pinned(len(found))
