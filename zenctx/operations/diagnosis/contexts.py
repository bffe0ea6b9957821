"""Whether engine and contexts fit each other, and the settings lead to the files: over the runs that matter.

Read are all runs that go on or wait, and the newest others. `migrate --check` and `verify` read all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from zenctx.config import Settings
from zenctx.context.classes import RETRY_GRACE
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.forms import Detection, Form, detect
from zenctx.context.quick import count_evident_descriptors
from zenctx.context.rehearsal import is_restored, restored_hint
from zenctx.database import runs
from zenctx.database.engine import Connection, Database
from zenctx.database.engine_state import Liveness
from zenctx.database.rows import BatchLimits, RunRow, Selection
from zenctx.errors import DamagedFileError, LocatorRefusedError, ZenctxError
from zenctx.operations.diagnosis.evidence import form_of_the_engine, newest_rows
from zenctx.operations.diagnosis.finding import error, notice, warning
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.progress import Progress
from zenctx.operations.verification.report import FindingItem, counted

OPEN = ("RUNNING", "WAITING")
"""The statuses of runs that go on or wait."""
NEWEST = 1000
"""So many of the newest runs are read, too, whatever their status."""
_ROWS, _NAMED, _FILES = 500, 5, 10_000
_BAD = (Form.INVALID, Form.MIXED, Form.AMBIGUOUS)


@dataclass(slots=True)
class _Named:
    """How many there are of something, and the first few of them."""

    count: int = 0
    run_ids: list[str] = field(default_factory=list)

    def add(self, run_id: str) -> None:
        self.count += 1
        if len(self.run_ids) < _NAMED and run_id not in self.run_ids:
            self.run_ids.append(run_id)

    @property
    def words(self) -> str:
        """The ids, and whether there are more."""
        return ", ".join(self.run_ids) + (" and others" if self.count > len(self.run_ids) else "")


@dataclass(slots=True)
class ContextLook:
    """Reads rows, counts what they hold, and says what does not fit."""

    settings: Settings
    live: LiveFiles
    progress: Progress
    now: datetime
    rows: int = 0
    files: int = 0
    engine_form: Form | None = None
    _open: Counter[Form] = field(default_factory=Counter)
    _over: Counter[Form] = field(default_factory=Counter)
    _bad: dict[Form, _Named] = field(default_factory=dict)
    _open_descriptors: _Named = field(default_factory=_Named)
    _not_restored: dict[bool, _Named] = field(default_factory=dict)
    _missing: _Named = field(default_factory=_Named)
    _refused: _Named = field(default_factory=_Named)
    _found: int = 0

    def read(self, database: Database, connection: Connection) -> None:
        """Reads the open runs and the newest ones; leaves no transaction open."""
        self.progress.note("reading contexts")
        self.progress.start(None, "rows")
        open_runs = runs.walk(database, connection, Selection(statuses=OPEN), lambda: BatchLimits(_ROWS))
        for batch in open_runs:
            self._take(batch)
        forms: list[tuple[str, Form]] = []
        for row in newest_rows(database, connection, NEWEST):
            forms.append((row.run_id, self._detected(row).form))
            if row.status not in OPEN:
                self._take([row])
        self.engine_form = form_of_the_engine(connection, forms)
        self.progress.finish()

    def findings(self, liveness: Liveness) -> Iterator[FindingItem]:
        """Says what was found in the rows that were read."""
        yield from self._bad_forms()
        yield from self._fit(liveness)
        yield from self._values()
        yield from self._files()

    def _take(self, rows: Iterable[RunRow]) -> None:
        for row in rows:
            self.rows += 1
            is_open = _may_resume(row, self.now)
            found = self._detected(row)
            (self._open if is_open else self._over)[found.form] += 1
            if is_open and found.form in _BAD:
                self._bad.setdefault(found.form, _Named()).add(row.run_id)
            if is_open and found.form is Form.DESCRIPTORS:
                self._open_descriptors.add(row.run_id)
            self._take_entries(row, found, is_open=is_open)
            self.progress.advance(1, len(row.text or b""))

    def _detected(self, row: RunRow) -> Detection:
        if row.text is not None and count_evident_descriptors(row.text):
            return Detection(Form.DESCRIPTORS, None, ())  # values in memory alone: nothing of it needs a look
        return detect(row.text, self.live.locators.is_inside)

    def _take_entries(self, row: RunRow, found: Detection, *, is_open: bool) -> None:
        reads = self.settings.engine_reads
        descriptors = [entry.descriptor for entry in found.entries if entry.descriptor is not None]
        if any(not is_restored(descriptor, reads) for descriptor in descriptors):
            self._not_restored.setdefault(is_open, _Named()).add(row.run_id)
        for descriptor in descriptors:
            is_file = descriptor.type is DescriptorType.FILE and descriptor.locator is not None
            if is_open and is_file and self.files < _FILES:
                self.files += 1
                self._take_file(row.run_id, descriptor)

    def _take_file(self, run_id: str, descriptor: RefValueDescriptor) -> None:
        try:
            self.live.locators.stat(descriptor.locator or "")
            self._found += 1
        except DamagedFileError:
            self._missing.add(run_id)
        except LocatorRefusedError:
            self._refused.add(run_id)
        except ZenctxError:
            self._missing.add(run_id)  # its directory is missing, or may not be read: another check says which

    def _bad_forms(self) -> Iterator[FindingItem]:
        for form, named in self._bad.items():
            hint = (
                f"'zenctx migrate --run {named.run_ids[0]} --assume legacy|descriptors' decides it, one run at a time"
            )
            if form is Form.INVALID:
                hint = f"'zenctx inspect {named.run_ids[0]}' says why; mend the row, or restore it from a snapshot"
            reason = f"{_runs(named.count, 'that can resume has a', 'that can resume have a')} context that is {form}"
            yield error("form", f"{reason}: {named.words}", hint, run_id=_only(named))
        over = sum(self._over[form] for form in _BAD)
        if over:
            reason = f"{_runs(over, 'that is over has a', 'that are over have a')} mixed, ambiguous or invalid context"
            yield warning("form", reason, "'zenctx migrate --check' counts them, 'zenctx runs --form mixed' lists them")

    def _fit(self, liveness: Liveness) -> Iterator[FindingItem]:
        descriptors, legacy = self._open[Form.DESCRIPTORS], self._open[Form.LEGACY]
        if self.engine_form is Form.LEGACY and descriptors and liveness.alive:
            many = _runs(descriptors, "that can resume holds", "that can resume hold")
            yield error(
                "engine_form",
                f"the engine writes the legacy form, may be running ({liveness.reason}), and {many} descriptors, which "
                f"it would take for values: {self._open_descriptors.words}",
                "stop the engine or let it run the version that reads descriptors, or convert these runs back: "
                "'zenctx migrate --to legacy --status RUNNING --status WAITING --include-active'",
            )
        elif self.engine_form is Form.DESCRIPTORS and legacy + self._over[Form.LEGACY]:
            many = _runs(legacy + self._over[Form.LEGACY], "that was looked at is", "that were looked at are")
            yield error(
                "engine_form",
                f"the engine writes descriptors, and {many} still in the legacy form, which breaks every list it is in",
                "'zenctx migrate --include-active' converts what is left; 'zenctx migrate --check' says when all is",
            )
        elif descriptors and legacy:
            yield warning(
                "engine_form",
                f"of the runs that can resume {legacy:,} are in the legacy form and {descriptors:,} hold descriptors: "
                "an engine reads one of them",
                "finish the conversion while the engine is down: 'zenctx migrate --include-active'",
            )

    def _values(self) -> Iterator[FindingItem]:
        for is_open, named in self._not_restored.items():
            many = _runs(named.count, "has", "have")
            reason = (
                f"{many} JSON or inline FILE values, of which the engine restores nothing (engine-reads: published)"
            )
            add = error if is_open else notice
            yield add("engine_reads", f"{reason}: {named.words}", restored_hint(named.run_ids[0]), run_id=_only(named))

    def _files(self) -> Iterator[FindingItem]:
        if self._refused.count:
            reason = f"{counted(self._refused.count, 'locator')} lead out of the configured directories"
            yield error(
                "locator", f"{reason}: runs {self._refused.words}", _mapping(self.settings), run_id=_only(self._refused)
            )
        if not self._missing.count:
            return
        if not self._found:
            reason = f"none of the {counted(self._missing.count, 'file')} that runs which can resume refer to is found"
            yield error("locator", reason, f"is the volume mounted? {_mapping(self.settings)}")
            return
        reason = f"{counted(self._missing.count, 'file')} that runs which can resume refer to cannot be found"
        hint = f"'zenctx doctor {self._missing.run_ids[0]}' says which; 'zenctx restore' brings them back"
        yield error("file", f"{reason}: {self._missing.words}", hint, run_id=_only(self._missing))


def _may_resume(row: RunRow, now: datetime) -> bool:
    """Whether a run goes on, waits, or has failed so lately that it may be retried; what has no end is one of them."""
    if row.status in OPEN or row.ended_at is None:
        return True
    return row.status == "ERROR" and now - row.ended_at <= RETRY_GRACE


def _runs(count: int, one: str, many: str) -> str:
    return f"1 run {one}" if count == 1 else f"{count:,} runs {many}"


def _only(named: _Named) -> str | None:
    return named.run_ids[0] if named.count == 1 else None


def _mapping(settings: Settings) -> str:
    shown = settings.shown()
    names = ("persistent-file-dir", "engine-dir", "locator-root")
    return "compare the settings with the engine's: " + ", ".join(f"{name} = {shown[name]}" for name in names)
