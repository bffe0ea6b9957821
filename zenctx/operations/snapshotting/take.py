"""Takes runs into a snapshot, or rehearses that: the row first, then its files, in the order in which they came."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from zenctx.context.datastruct import DataStruct
from zenctx.context.forms import Detection
from zenctx.database.whole_rows import WholeRow
from zenctx.errors import StoreError, ZenctxError
from zenctx.operations.live_files import LiveFiles, digest
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.snapshotting.files import Look, Problem, difference, problem_of
from zenctx.operations.snapshotting.report import Action, SnapshotItem, Tally
from zenctx.snapshots.model import RuntimeStateText, SnapshotFile, SnapshotRun
from zenctx.snapshots.writer import ManifestWriter
from zenctx.store.base import FileStat, StoredObject

OnItem = Callable[[SnapshotItem], None]
Explain = Callable[[WholeRow, Look], str | None]
"""Says why a file of a run is not there, where that is known."""

_MOST_RUNS, _MOST_BYTES = 64, 8 * 1024 * 1024
"""What may wait for its files: runs, and bytes of their contexts."""
_REPAIRED = "the object in the repository was damaged, and has been written anew"


class RunPlan(DataStruct, frozen=True):
    """A run that belongs to a snapshot: its row, what zenctx makes of it, and what its files were seen to be."""

    row: WholeRow
    run_class: str
    found: Detection
    looks: tuple[Look, ...]


class Taker(Protocol):
    """Carries out plans, or pretends to."""

    @property
    def tally(self) -> Tally:
        """The counts so far."""
        ...

    def take(self, plan: RunPlan) -> None:
        """Takes a run."""
        ...

    def finish(self) -> None:
        """Does what was put off."""
        ...


class _NotHadError(Exception):
    """A live file cannot be opened; stands apart from what the repository may complain about."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class _Copy(NamedTuple):
    """What came of reading a file: the object and the status of the file when it was opened, or a problem."""

    stored: StoredObject | None
    opened: FileStat | None
    problem: Problem | None


@dataclass(slots=True)
class _Reading:
    """A file that is being copied in the background."""

    look: Look
    opened: list[FileStat] = field(default_factory=list)
    future: "Future[StoredObject] | None" = None


@dataclass(slots=True)
class Telling:
    """Tells items and progress, and counts."""

    on_item: OnItem
    progress: Progress = SILENT
    tally: Tally = field(default_factory=Tally)

    def run(self, plan: RunPlan) -> None:
        """Tells of a run."""
        size = len(plan.row.context or b"")
        self.tally.runs += 1
        self.tally.context_bytes += size
        self.on_item(self._item(plan, None, Action.TAKE, size, None, plan.found.reason))
        self.progress.advance(1, size)

    def file(self, plan: RunPlan, look: Look, size: int | None, problem: Problem | None) -> None:
        """Tells of a file of a run; `size` is what was had of it, None for nothing."""
        action = problem.action if problem else look.action
        tally = self.tally
        tally.files += 1
        tally.file_bytes += size or 0
        if problem is not None:
            tally.problems[problem.action] += 1
        if size is not None and look.action is Action.UNCHANGED:
            tally.unchanged += 1
        elif size is not None:
            tally.copied += 1
            tally.copied_bytes += size
        reason = problem.reason if problem else None
        self.on_item(self._item(plan, look.file.key, action, size, look.file.locator, reason))
        self.progress.advance(0, size or 0)

    def repaired(self, plan: RunPlan, look: Look | None = None, size: int | None = None) -> None:
        """Tells of a run, or of a file of it, whose object in the repository was damaged."""
        self.tally.repaired += 1
        key, path = (look.file.key, look.file.locator) if look else (None, None)
        self.on_item(self._item(plan, key, Action.REPAIRED, size, path, _REPAIRED))

    def _item(
        self, plan: RunPlan, key: str | None, action: Action, size: int | None, path: str | None, reason: str | None
    ) -> SnapshotItem:
        return SnapshotItem(plan.row.run_id, key, action, plan.found.form, plan.run_class, size, path, reason)


class Rehearsal:
    """Takes nothing: tells what would be taken, as far as that can be seen without reading a file."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    @property
    def tally(self) -> Tally:
        """What would be done."""
        return self._telling.tally

    def take(self, plan: RunPlan) -> None:
        """Tells of a run and its files."""
        self._telling.run(plan)
        for look in plan.looks:
            self._telling.file(plan, look, look.status.size if look.status else None, look.problem)

    def finish(self) -> None:
        """Nothing was put off."""


class Execution:
    """Takes runs into a manifest. Files are copied in the background while further runs are looked at."""

    def __init__(self, manifest: ManifestWriter, live: LiveFiles, telling: Telling, explain: Explain) -> None:
        self._manifest = manifest
        self._live = live
        self._telling = telling
        self._explain = explain
        self._waiting: deque[tuple[RunPlan, list[_Reading]]] = deque()
        self._bytes = 0

    @property
    def tally(self) -> Tally:
        """What was done."""
        return self._telling.tally

    def take(self, plan: RunPlan) -> None:
        """Starts to copy the files of a run, and adds runs whose files are there once enough are under way."""
        self._waiting.append((plan, [self._start(look) for look in plan.looks]))
        self._bytes += len(plan.row.context or b"")
        while len(self._waiting) > _MOST_RUNS or self._bytes > _MOST_BYTES:
            self._add()

    def finish(self) -> None:
        """Adds the rest."""
        while self._waiting:
            self._add()

    def _start(self, look: Look) -> _Reading:
        reading = _Reading(look)
        if look.action is Action.COPY:
            reading.future = self._manifest.submit_object(lambda: self._open(reading))
        return reading

    def _open(self, reading: _Reading) -> BinaryIO:
        """Opens the live file, in another thread, and remembers what it then was."""
        try:
            file = self._live.locators.open(reading.look.file.locator)
        except ZenctxError as error:
            raise _NotHadError(problem_of(error)) from None
        status = os.fstat(file.fileno())
        reading.opened.append(FileStat(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
        return file

    def _add(self) -> None:
        plan, readings = self._waiting.popleft()
        row = plan.row
        self._bytes -= len(row.context or b"")
        self._telling.run(plan)
        files = tuple(self._file(plan, reading) for reading in readings)
        state = RuntimeStateText(*row.state) if row.state else None
        run = SnapshotRun(
            row.run_id, row.columns, row.context, state, plan.found.form, plan.run_class, files, row.storage
        )
        if self._manifest.add(run):
            self._telling.repaired(plan)

    def _file(self, plan: RunPlan, reading: _Reading) -> SnapshotFile:
        look = reading.look
        if look.action is Action.COPY:
            entry, problem = self._copied(plan, reading)
        elif look.status is not None:
            entry, problem = _entry(look, look.known, look.status, look.problem), look.problem
        else:
            problem = self._explained(plan, look, look.problem)
            entry = _entry(look, None, None, problem)
        self._telling.file(plan, look, entry.size if entry.checksum else None, problem)
        return entry

    def _copied(self, plan: RunPlan, reading: _Reading) -> tuple[SnapshotFile, Problem | None]:
        copy = self._result(reading)
        if copy.stored is None:
            problem = self._explained(plan, reading.look, copy.problem)
            return _entry(reading.look, None, None, problem), problem
        file = reading.look.file
        problem = copy.problem or difference(file, copy.stored.size, copy.stored.checksum)
        if copy.stored.is_repaired:
            self._telling.repaired(plan, reading.look, copy.stored.size)
        return _entry(reading.look, copy.stored.checksum, copy.opened, problem, copy.stored.size), problem

    def _result(self, reading: _Reading) -> _Copy:
        """What came of a copy. One that was disturbed is made again, once."""
        copy = self._once(reading)
        if copy.stored is None or copy.opened is not None:
            return copy
        again = self._start(reading.look)
        copy = self._once(again)
        if copy.stored is None or copy.opened is not None:
            return copy
        return copy._replace(problem=Problem(Action.ALTERED, "it was written to while it was read"))

    def _once(self, reading: _Reading) -> _Copy:
        """What came of one copy; `opened` is None where the file was written to meanwhile."""
        if reading.future is None:
            raise AssertionError
        try:
            stored = reading.future.result()
        except _NotHadError as error:
            return _Copy(None, None, error.problem)
        except StoreError as error:
            return _Copy(None, None, self._live_problem(reading.look, error))
        opened = reading.opened[-1]
        return _Copy(stored, opened if self._is_undisturbed(reading.look, stored, opened) else None, None)

    def _live_problem(self, look: Look, error: StoreError) -> Problem:
        """Gives the problem where it was the live file that could not be read; else raises what the repository said."""
        try:
            with self._live.locators.open(look.file.locator) as file:
                digest(file)
        except ZenctxError as found:
            return problem_of(found)
        raise error

    def _is_undisturbed(self, look: Look, stored: StoredObject, opened: FileStat) -> bool:
        if stored.size != opened.size:
            return False
        try:
            now = self._live.locators.stat(look.file.locator)
        except ZenctxError:
            return True  # released or moved meanwhile: what was opened was read to its end
        return now.inode != opened.inode or (now.size, now.mtime_ns) == (opened.size, opened.mtime_ns)

    def _explained(self, plan: RunPlan, look: Look, problem: Problem | None) -> Problem | None:
        if problem is None or problem.action is not Action.MISSING:
            return problem
        why = self._explain(plan.row, look)
        return problem if why is None else problem._replace(reason=f"{problem.reason}: {why}")


def _entry(
    look: Look, checksum: str | None, status: FileStat | None, problem: Problem | None, size: int | None = None
) -> SnapshotFile:
    """The file as the snapshot has it. Without a status it is not known again, and read the next time."""
    found = status.size if status else look.file.size
    return SnapshotFile(
        key=look.file.key,
        locator=look.file.locator,
        size=found if size is None else size,
        checksum=checksum,
        mtime_ns=status.mtime_ns if status else None,
        inode=status.inode if status else None,
        problem=problem.text if problem else None,
        ctime_ns=status.ctime_ns if status else None,
    )
