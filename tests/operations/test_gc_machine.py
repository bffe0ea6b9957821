"""Whatever happens, in any order: no file that is needed is ever missing, every other one goes in the end."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from tests.database.conftest import opened
from tests.operations.cleaning import DAY, Cleaner, Crash, crashing
from tests.operations.restorations import Shelter
from tests.operations.world import World
from tests.support.quick import quick_folder
from tests.support.rows import Rows, compact
from tests.support.tables import create_all_tables
from zenctx.config import Settings
from zenctx.context.rules import OnMissing
from zenctx.database import journal, released
from zenctx.database.engine import Connection, Database, write_transaction
from zenctx.errors import NotFoundError, RefusedError
from zenctx.operations import gc as operation
from zenctx.store.names import MARKER

HOUR = timedelta(hours=1)
RETENTION, GRACE, TRASH_DAYS = 30 * DAY, 24 * HOUR, 7 * DAY
# To make a failing example smaller takes longer than to understand it.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
TABLES = (
    "workflow_runs",
    "zenctx_pin",
    "zenctx_operation",
    "zenctx_released_file",
    "zenctx_runtime_state",
)
STEPS = ("rename", "rmdir", "mkdir", "unlink", "link", "fsync")
RECORDS = ((released, "record_all"), (released, "set_state"), (released, "forget"), (journal, "finish"))

picks = st.integers(0, 10**6)


@dataclass
class Run:
    """A run as it is to be: `ended` is None while it goes on; `names` are the files that its row names."""

    ended: datetime | None = None
    status: str = "RUNNING"
    names: list[str] = field(default_factory=list)
    has_row: bool = True
    pinned: bool = False
    started: datetime | None = None


class Life(RuleBasedStateMachine):
    """Runs, their files, a clock that moves, clean-ups at any moment, and a process that may stop after any step."""

    world: ClassVar["SteadyWorld"]

    @initialize()
    def begin(self) -> None:
        """An empty store, and one run that keeps the database from looking like the wrong one."""
        self.world.rows.clear()
        self.world.empty_store()
        shutil.rmtree(self.world.settings.snapshots, ignore_errors=True)
        self.shelter = Shelter(self.world)
        self.snapshots: dict[str, dict[str, list[bytes]]] = {}
        """What each run's files held, by snapshot."""
        self.cleaner = Cleaner(self.world)
        self.plan = self.world.folder / "gc.plan"
        self.plan.unlink(missing_ok=True)
        self.runs: dict[str, Run] = {}
        self.content: dict[str, bytes] = {}
        self.changed: dict[str, datetime] = {}
        self.gone: set[str] = set()
        """Files that were not needed when a clean-up took them."""
        self.start()
        self.park(0, 1)

    # -- what the engine does

    @rule()
    def start(self) -> None:
        """A run begins."""
        run_id = str(uuid4())
        started = self.cleaner.now()
        self.world.rows.add(None, run_id=run_id, status="RUNNING", started=started, ended=None)
        self.runs[run_id] = Run(started=started)

    @rule(pick=picks, count=st.integers(0, 2))
    def park(self, pick: int, count: int) -> None:
        """A run halts, and names new files; those that it named before are left behind."""
        run_id = self.pick(pick, lambda run: run.has_row and run.ended is None)
        if run_id is not None:
            self.runs[run_id].names = [self.write(run_id) for _ in range(count)]
            self.save(run_id)

    @rule(pick=picks, failed=st.booleans())
    def finish(self, pick: int, *, failed: bool) -> None:
        """A run ends."""
        run_id = self.pick(pick, lambda run: run.has_row and run.ended is None)
        if run_id is not None:
            run = self.runs[run_id]
            run.status, run.ended = ("ERROR" if failed else "SUCCESS"), self.cleaner.now()
            self.save(run_id)

    @rule(pick=picks)
    def retry(self, pick: int) -> None:
        """A run that failed within a day goes on."""
        now = self.cleaner.now()
        run_id = self.pick(
            pick, lambda run: run.status == "ERROR" and run.has_row and now - (run.ended or now) < 23 * HOUR
        )
        if run_id is not None:
            run = self.runs[run_id]
            run.status, run.ended = "RUNNING", None
            self.save(run_id)

    @rule(pick=picks)
    def copy(self, pick: int) -> None:
        """A new run takes over what another one names, as long as that is needed."""
        run_id = self.pick(pick, lambda run: bool(run.names) and any(map(self.is_needed, run.names)))
        if run_id is not None:
            names = [name for name in self.runs[run_id].names if self.is_needed(name)]
            self.start()
            copied = list(self.runs)[-1]
            self.runs[copied].names = names
            self.save(copied)

    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        """The row of a run is deleted."""
        run_id = self.pick(pick, lambda run: run.has_row)
        if run_id is not None:
            self.world.rows.execute("delete from workflow_runs where cast(id as text) = :id", id=run_id)
            self.runs[run_id].has_row = False

    @rule(pick=picks)
    def leave_behind(self, pick: int) -> None:
        """A save dies between its file and its row."""
        self.write(self.pick(pick, lambda _run: True) or str(uuid4()))

    @rule(hours=st.sampled_from((1, 12, 25, 7 * 24 + 1, 31 * 24)))
    def wait(self, hours: int) -> None:
        """Time goes by."""
        self.cleaner.ahead += hours * HOUR

    # -- what an operator does

    @rule(pick=picks)
    def pin(self, pick: int) -> None:
        """A run is pinned."""
        run_id = self.pick(pick, lambda run: not run.pinned)
        if run_id is not None:
            operation.pin(self.world.database, self.world.settings, run_id, None)
            self.runs[run_id].pinned = True

    @rule(pick=picks)
    def unpin(self, pick: int) -> None:
        """A pin is taken away."""
        run_id = self.pick(pick, lambda run: run.pinned)
        if run_id is not None:
            operation.unpin(self.world.database, self.world.settings, run_id)
            self.runs[run_id].pinned = False

    @rule()
    def clean_up(self) -> None:
        """A clean-up, from beginning to end."""
        with self.watched():
            try:
                report = self.cleaner.collect().report
            except RefusedError as error:
                if "no snapshot at all" in error.message:
                    report = self.cleaner.collect(snapshots=False).report
                else:
                    assert "names a file" in error.message or "no run at all" in error.message  # noqa: PT017
                    return
        assert report.exit_code == 0
        assert [name for name in self.content if self.is_garbage(name) and self.cleaner.there(name)] == []

    @rule(steps=st.integers(0, 60))
    def clean_up_and_die(self, steps: int) -> None:
        """A clean-up whose process stops after some steps."""
        with self.watched(), self.dying(steps), suppress(Crash, RefusedError):
            self.cleaner.collect()

    @rule()
    def save_plan(self) -> None:
        """A plan for later."""
        before = self.world.files()
        self.cleaner.rehearse(save_plan=self.plan)
        assert self.world.files() == before

    @precondition(lambda self: self.plan.exists())
    @rule()
    def apply_plan(self) -> None:
        """A plan that was made at some time is carried out."""
        listed = {
            line.split('"path":"')[1].split('"')[0] for line in self.plan.read_text().splitlines() if '"path"' in line
        }
        before = set(self.world.files())
        with self.watched():
            try:
                self.cleaner.apply(self.plan)
            except RefusedError:
                return
        assert before - set(self.world.files()) <= listed

    @rule(pick=picks, steps=st.one_of(st.none(), st.integers(0, 20)))
    def undo(self, pick: int, steps: int | None) -> None:
        """Something in the trash is brought back; perhaps the process stops on the way."""
        ids = sorted(path.name for path in (self.world.store / ".trash").glob("*"))
        if not ids:
            return
        gc_id = ids[pick % len(ids)]
        trash = self.world.store / ".trash" / gc_id
        names = [str(path.relative_to(trash)) for path in trash.rglob("*") if path.is_file()]
        with self.dying(steps):
            try:
                report, _ = self.cleaner.undo(gc_id)
            except (Crash, NotFoundError):
                return
        assert report.exit_code == 0
        for name in names:
            assert (self.world.store / name).read_bytes() == self.content[name]
            self.gone.discard(name)

    @rule()
    def purge(self) -> None:
        """The trash is emptied."""
        with self.watched(), suppress(RefusedError):
            self.cleaner.collect(only_trash=True)

    @precondition(lambda self: any(run.has_row for run in self.runs.values()))
    @rule()
    def take_snapshot(self) -> None:
        """A snapshot of all runs."""
        snapshot_id = self.shelter.take()
        held = {
            run_id: [name for name in run.names if self.cleaner.there(name)]
            for run_id, run in self.runs.items()
            if run.has_row
        }
        self.snapshots[snapshot_id] = {run_id: [self.content[name] for name in names] for run_id, names in held.items()}

    @rule(pick=picks)
    def forget_snapshot(self, pick: int) -> None:
        """A snapshot is forgotten; its objects are left to a clean-up."""
        if self.snapshots:
            chosen = sorted(self.snapshots)[pick % len(self.snapshots)]
            repository = self.shelter.repository
            with repository.lock_exclusive():
                repository.remove(repository.find(chosen))
            del self.snapshots[chosen]

    @rule(pick=picks)
    def restore_run(self, pick: int) -> None:
        """A run that halted is put back as a snapshot has it: its files have new names."""
        if not self.snapshots:
            return
        chosen = sorted(self.snapshots)[pick % len(self.snapshots)]
        held = self.snapshots[chosen]
        run_id = self.pick(pick, lambda run: run.has_row and run.ended is None)
        if run_id is None or not held.get(run_id):
            return
        report = self.shelter.restore(chosen, runs=(run_id,), on_missing=OnMissing.SKIP, force=True).report
        assert report.exit_code in (0, 3)
        entries = json.loads(self.world.rows.text(run_id) or "{}")
        names = ["/".join(Path(entry["locator"]).parts[-2:]) for entry in entries.values()]
        found = [(self.world.store / name).read_bytes() for name in names]
        assert sorted(found) == sorted(held[run_id])
        self.runs[run_id].names = names
        for name, content in zip(names, found, strict=True):
            self.take_note(name, content)

    # -- what must hold

    @invariant()
    def snapshots_can_be_read(self) -> None:
        """Whatever was cleaned up: every file of every snapshot is there."""
        if self.snapshots:
            repository = self.shelter.repository
            for info in repository.snapshots():
                for checksum, size in repository.references(info):
                    assert repository.has_object(checksum, size)

    @invariant()
    def what_is_needed_is_there(self) -> None:
        """Byte for byte; so is everything else that lies anywhere."""
        for name, content in self.content.items():
            if self.is_needed(name) and name not in self.gone:
                assert (self.world.store / name).read_bytes() == content, name
        for path in (*self.world.store.glob("*/*"), *self.world.store.glob(".trash/*/*/*")):
            if path.is_file() and ".trash" not in path.parent.parts[-2:]:
                assert path.read_bytes() == self.content["/".join(path.parts[-2:])]

    def is_needed(self, name: str) -> bool:
        """Whether a file must be there: somebody names it who is not over or may name it, or it is pinned."""
        directory = name.partition("/")[0]
        return any(
            (run.pinned and (directory == run_id or (run.has_row and name in run.names)))
            or (run.has_row and name in run.names and not self.is_over(run, name))
            or (directory == run_id and self.is_executing(run))
            for run_id, run in self.runs.items()
        )

    def is_executing(self, run: Run) -> bool:
        """Whether a run goes on without a context: what it names is in the engine's memory."""
        if run.started is None or not run.has_row or run.ended is not None or run.names:
            return False
        return self.cleaner.now() - run.started <= 30 * DAY

    def is_garbage(self, name: str) -> bool:
        """Whether a file must go: nobody needs it, and it is old enough."""
        now = self.cleaner.now()
        named = any(run.has_row and name in run.names for run in self.runs.values())
        return not self.is_needed(name) and (named or self.changed[name] + GRACE < now)

    def is_over(self, run: Run, name: str) -> bool:
        """Whether a run lets go of a file."""
        if run.ended is None or (run.status == "ERROR" and self.cleaner.now() - run.ended <= DAY):
            return False
        return max(run.ended, self.changed[name]) + RETENTION < self.cleaner.now()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Whatever goes in here was not needed."""
        before = {name for name in self.content if self.cleaner.there(name)}
        yield
        went = {name for name in before if not self.cleaner.there(name)}
        assert [name for name in went if not self.is_garbage(name)] == []
        self.gone |= went

    @contextmanager
    def dying(self, steps: int | None) -> Iterator[None]:
        """The process stops after so many steps on the disk or in the records."""
        if steps is None:
            yield
            return
        left = iter(range(steps))
        patches = [patch.object(os, name, crashing(getattr(os, name), left)) for name in STEPS]
        patches += [patch.object(module, name, crashing(getattr(module, name), left)) for module, name in RECORDS]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()

    def pick(self, number: int, suits: object) -> str | None:
        """One of the runs that suit, if there is one."""
        found = [run_id for run_id, run in self.runs.items() if suits(run)]  # type: ignore[operator]
        return found[number % len(found)] if found else None

    def write(self, run_id: str) -> str:
        """A new file of a run, written by these clocks."""
        content = f'"{uuid4()}"'.encode()
        name = self.cleaner.put(run_id, content)
        self.take_note(name, content)
        return name

    def take_note(self, name: str, content: bytes) -> None:
        """A file was written just now."""
        now = self.cleaner.now()
        os.utime(self.world.store / name, (now.timestamp(), now.timestamp()))
        self.content[name], self.changed[name] = content, now

    def save(self, run_id: str) -> None:
        """Writes the row of a run as it is to be."""
        run, rows = self.runs[run_id], self.world.rows
        text = compact({f"k{at}": self.cleaner.entry(name) for at, name in enumerate(run.names)})
        rows.replace(run_id, text if run.names else None)
        status = ":status" if rows.is_sqlite else "cast(:status as workflow_status_enum)"
        ended = run.ended and rows.moment(run.ended)
        statement = f"update workflow_runs set status = {status}, ended_at = :ended where cast(id as text) = :id"
        rows.execute(statement, status=run.status, ended=ended, id=run_id)


class SteadyRows(Rows):
    """Runs that are written over one connection, which stays open: a new one each time costs more than the rest."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.connection = connection
        super().__init__(database)

    def execute(self, statement: str, **parameters: object) -> None:
        """Runs a statement in a transaction of its own."""
        with write_transaction(self.connection):
            self.connection.execute(text(statement), parameters)

    def fetch(self, query: str, **parameters: object) -> Sequence[Any]:
        """Runs a query; gives all its rows."""
        found = self.connection.execute(text(query), parameters).all()
        self.connection.rollback()
        return found

    def clear(self) -> None:
        """Deletes all that an example may have left."""
        with write_transaction(self.connection):
            for table in TABLES:
                self.connection.execute(text(f"delete from {table}"))
            self.connection.execute(text("delete from zenctx_store where kind <> 'store'"))


@dataclass
class SteadyWorld(World):
    """A world whose settings stay what they are: they are asked for very often."""

    rows: SteadyRows

    def empty_store(self) -> None:
        """Deletes what an example left; the directory stays that of the database."""
        for path in self.store.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != MARKER:
                path.unlink()

    @cached_property
    def settings(self) -> Settings:
        """The settings."""
        return super().settings

    @cached_property
    def store(self) -> Path:
        """The directory of persistent files."""
        return super().store


@contextmanager
def world_of(url: str) -> Iterator[SteadyWorld]:
    """Give a world for all examples, on a disk that is quick to sync where there is one."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        where = f"sqlite:///{folder}/zenctx.db" if url.startswith("sqlite") else url
        with opened(where) as database:
            create_all_tables(database)
            with database.connect() as connection:
                yield SteadyWorld(database, Path(folder), SteadyRows(database, connection))


def explore(url: str, examples: int, steps: int) -> None:
    """Run the machine."""
    with world_of(url) as world:
        machine = type("Machine", (Life,), {"world": world})
        asked = settings(
            max_examples=examples, stateful_step_count=steps, suppress_health_check=list(HealthCheck), phases=PHASES
        )
        run_state_machine_as_test(machine, settings=asked)


@pytest.mark.parametrize("part", range(3))
def test_life_on_sqlite(sqlite_url: str, part: int) -> None:
    """Three hundred lives, in parts that may be lived at the same time."""
    explore(sqlite_url, 100, 12)
    assert part >= 0


def test_life_on_postgresql(postgres_url: str) -> None:
    """Some lives."""
    explore(postgres_url, 20, 12)


@pytest.mark.soak
def test_many_lives(database_url: str) -> None:
    """Longer ones, and more."""
    explore(database_url, 1500, 40)
