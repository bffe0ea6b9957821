"""The one pass: files are listed first, then the rows are read once, then what they did not name is looked at."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from zenctx.config import Settings
from zenctx.context.definitions import consumed_keys
from zenctx.context.forms import Form
from zenctx.context.shapes import shape_of
from zenctx.database import pins, quarantine, references, run_groups, runs, scanning
from zenctx.database.checks import require_engine_tables
from zenctx.database.definitions import definitions
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import all_scheduled_retries, database_time, last_signs, retrying_runs
from zenctx.database.rows import Selection
from zenctx.database.run_groups import Question, RunGroup
from zenctx.database.scanning import Plain, Scanned, Tables
from zenctx.operations.collection.request import GcRequest
from zenctx.operations.figures.ask import ask
from zenctx.operations.figures.files import FileWatch, Orphans, store_problem, trash_figures
from zenctx.operations.figures.groups import Group, Groups
from zenctx.operations.figures.model import Figures, Forecast, Wanted
from zenctx.operations.figures.tally import Measured, Tally, run_counts, secret_counts
from zenctx.operations.live_files import live_files
from zenctx.operations.progress import SILENT, Progress
from zenctx.store.mentions import Mentions

T = TypeVar("T")
_ALL = Wanted()
_AT_ONCE = 5000
_FILES = 5
"""Where in `Measured` the number of files stands."""
_DEFINITIONS_AT_ONCE = 500
_SIGNS_AT_ONCE = {"sqlite": 500, "postgresql": 5000}
"""SQLite limits the parameters of a statement."""


def collect(database: Database, settings: Settings, wanted: Wanted = _ALL, progress: Progress = SILENT) -> Figures:
    """Counts runs, entries and files. Changes nothing, needs rights to read only, works without zenctx's tables.

    Memory is flat in rows and bytes; a directory of files takes 33 bytes of it. Raises DatabaseError where the engine's
    table is missing or may not be read, StoreError where the directory of files cannot be read.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect())
        looker = stack.enter_context(database.connect())
        return _Pass(database, settings, wanted, progress, connection, looker).run()


@dataclass
class _Pass:
    """`connection` reads the rows, `looker` meanwhile what else must be asked."""

    database: Database
    settings: Settings
    wanted: Wanted
    progress: Progress
    connection: Connection
    looker: Connection
    _late: list[tuple[Scanned, Measured, Group]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Looks at what is there, and at the clock."""
        require_engine_tables(self.looker)
        self.tables = scanning.find_tables(self.looker)
        self.live = live_files(self.settings)
        self.now = database_time(self.looker)
        self.rules = GcRequest().rules(self.settings)
        self.tally = Tally(self.wanted)
        self.watch = FileWatch(self.live, store_problem(self.live, self.looker, self.tables))
        self._place = Mentions(self.live.locators).place
        self._is_jsonb = self.database.dialect != "sqlite"

    def run(self) -> Figures:
        """Goes through all of it."""
        self.watch.list_files(self.progress)
        can_see_pins = "zenctx_pin" in self.tables.readable
        pinned = frozenset(pin.run_id for pin in pins.walk(self.looker)) if can_see_pins else frozenset[str]()
        retrying = retrying_runs(self.looker)
        if retrying is not None:
            retrying |= all_scheduled_retries(self.looker)
        self.groups = Groups(self.now, pinned, retrying)
        self.looker.rollback()
        self._read_rows()
        self._take_late(all_=True)
        for run_id in pinned:
            self.watch.hold_all(run_id)
        if self.tables.states:
            for run_id, _ in references.states_without_runs(self.looker):
                self.watch.hold_all(run_id)
        moments = [self.now + timedelta(days=days) for days in self.wanted.forecast_days]
        orphans = self.watch.look_for_orphans(self.now, self.rules, moments)
        self.progress.finish()
        return self._figures(orphans, moments)

    def _read_rows(self) -> None:
        if self.progress is not SILENT:
            self.progress.start(runs.count(self.database, self.looker, Selection()), "runs")
            self.progress.note("reading runs")
        asked = ask(self.connection, self.tables, self.wanted, self.watch.marks, self.groups, self._is_inside)
        question = asked.question
        if question is None:
            brief = self.watch.marks if asked.has_plain and not self.wanted.entries else None
            self._take_pieces(scanning.scan(self.connection, self.tables, brief=brief))
        else:
            self.progress.note("the server counts runs")
            counted = run_groups.count_groups(self.connection, question)
            self._take_groups(question, counted.groups)
            self._take_pieces(scanning.scan_some(self.connection, self.tables, counted.apart))
        self.connection.rollback()

    def _take_pieces(self, pieces: Iterator[list[Scanned]]) -> None:
        for piece in pieces:
            self._learn({row[1] for row in piece})
            for row in piece:
                self._take(row)
            self._take_late(all_=False)
            self.progress.advance(len(piece))

    def _take_groups(self, question: Question, alike: list[RunGroup]) -> None:
        """Takes what the server has counted; only where runs hold dead keys it is asked for their bytes."""
        for some in _chunks([*{each.workflow_id for each in alike}], _DEFINITIONS_AT_ONCE):
            self._learn(set(some))
        dead: set[tuple[str, str]] = set()
        for each in alike:
            self.tally.add_group(each, self.groups.of_alike(each))
            self.progress.advance(each.runs)
        if self.wanted.dead_keys:
            for layout in {each.layout for each in alike if each.layout is not None}:
                dead.update((layout.workflow_id, key) for key in self.tally.dead_keys(*layout[:2]))
        for some_keys in _chunks([*dead], _AT_ONCE):
            for held in run_groups.held(self.connection, question, some_keys):
                self.tally.dead.add(*held)

    def _learn(self, workflow_ids: set[str]) -> None:
        if not self.wanted.dead_keys:
            return
        new = self.tally.dead.unknown(workflow_ids)
        if new:
            found = definitions(self.looker, new)
            self.tally.dead.learn({each: consumed_keys(found[each]) if each in found else None for each in new})

    def _take(self, row: Scanned) -> None:
        text = row[6]
        if isinstance(text, Plain):
            self._add(row, (text.length, 0, 0, text.secrets, (), 0, 0, 0), self.groups.of(row, Form.LEGACY))
            return
        shape = shape_of(text, self._is_inside, is_jsonb=self._is_jsonb)
        dangling = 0
        if text is not None and not self.watch.hear(text) and shape.files:
            dangling = self.watch.dangling([file.locator for file in shape.files])
        self._add(row, self.tally.measure(row, shape, dangling), self.groups.of(row, shape.form))

    def _is_inside(self, locator: str) -> bool:
        return self._place(locator) is not None

    def _add(self, row: Scanned, measured: Measured, group: Group) -> None:
        if group.run_class is None:
            self._late.append(((*row[:6], None), measured, group))
            return
        if measured[_FILES] and self.wanted.forecast_days:
            # As gc counts: from the later of the end of the run and the change of its files.
            row = (*row[:5], max(row[5] or 0.0, self.watch.changed(row[0])), row[6])
        self.tally.add(row, measured, group)
        if group.holds_all:
            self.watch.hold_all(row[0])

    def _take_late(self, *, all_: bool) -> None:
        """Takes rows whose class depends on what nodes did, once there are enough of them."""
        if not self._late or not (all_ or len(self._late) >= _AT_ONCE):
            return
        late, self._late = self._late, []
        signs: dict[str, datetime] = {}
        for some in _chunks([row[0] for row, _, _ in late], _SIGNS_AT_ONCE[self.database.dialect]):
            signs |= last_signs(self.looker, some)
        self.looker.rollback()
        for row, measured, group in late:
            self._add(row, measured, self.groups.late(row, group, signs.get(row[0])))

    def _figures(self, orphans: Orphans, moments: list[datetime]) -> Figures:
        tally, groups = self.tally, list(self.groups)
        secret_runs, secret_keys = secret_counts(groups)
        problem = self.watch.problem or self._missing_store()
        released = tally.releases.at(moments, self.rules)
        in_trash = trash_figures(self.live.store.root) if problem is None else None
        return Figures(
            taken_at=self.now,
            runs=tuple(run_counts(groups)),
            storage=tally.storage_counts(groups),
            files=self.watch.figures(orphans) if problem is None else None,
            store_problem=problem,
            dangling=tally.dangling_counts() if problem is None else None,
            trash=in_trash,
            secret_runs=secret_runs,
            secret_keys=secret_keys,
            quarantined=_quarantined(self.looker, self.tables),
            largest_runs=tally.large_runs.all_(),
            largest_entries=tally.large_entries.all_(),
            dead_keys=tally.dead.figures(self.wanted.top) if self.wanted.dead_keys else None,
            forecast=tuple(
                Forecast(days, *of_runs, *of_orphans)
                for days, of_runs, of_orphans in zip(self.wanted.forecast_days, released, orphans.later, strict=True)
            ),
        )

    def _missing_store(self) -> str | None:
        if self.tally.files and not self.live.store.exists():
            return f"runs name files, and the directory {self.live.store.root} is not there"
        return None


def _quarantined(connection: Connection, tables: Tables) -> int | None:
    if "zenctx_quarantine" not in tables.readable:
        return None
    counted = quarantine.count(connection)
    connection.rollback()
    return counted


def _chunks(items: list[T], most: int) -> Iterator[list[T]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]
