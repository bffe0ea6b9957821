"""Measures what there is to watch: runs, files, snapshots, commands, room. Changes nothing, needs rights to read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from zenctx import __version__
from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.database import journal
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Database
from zenctx.database.store_binding import BoundKind, bindings
from zenctx.errors import NotFoundError, StoreError, ZenctxError
from zenctx.operations.figures.collect import collect
from zenctx.operations.figures.model import Figures, Wanted
from zenctx.operations.measuring import catalogue
from zenctx.operations.measuring.contents import file_samples, run_samples
from zenctx.operations.measuring.journal import samples_of
from zenctx.operations.measuring.model import Sample, of_database
from zenctx.operations.measuring.places import snapshot_samples, space_samples
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.repository import open_repository
from zenctx.snapshots.repository import Repository


class MetricItem(DataStruct, frozen=True):
    """One value of one metric."""

    metric: str
    kind: str
    labels: dict[str, str]
    value: float


class MetricsSummary(DataStruct, frozen=True):
    """How many metrics and values there are, and which parts could not be measured."""

    metrics: int
    values: int
    failed: tuple[str, ...]


class MetricsReport(DataStruct, frozen=True):
    """What was measured, and the errors of the parts that could not be; the first one is that of the whole."""

    samples: tuple[Sample, ...]
    errors: tuple[ZenctxError, ...]
    summary: MetricsSummary
    message: str
    next_step: str | None = None
    exit_code: int = 0
    dry_run: bool = False
    command: str = "metrics"

    def items(self) -> Iterator[MetricItem]:
        """Gives the values one by one."""
        for sample in self.samples:
            metric = sample.metric
            yield MetricItem(metric.name, metric.kind, dict(sample.labels), sample.value)


def measure(settings: Settings, progress: Progress = SILENT) -> MetricsReport:
    """Measures everything that can be measured; a part that cannot leaves the others as they are, and its error."""
    work = _Work(settings, progress, [catalogue.BUILD_INFO.sample(1, version=__version__)])
    for name, part in work.parts().items():
        work.measure(name, part)
    samples, errors = of_database(work.samples, settings.metrics_database), tuple(work.errors.values())
    names = {sample.metric.name for sample in samples}
    return MetricsReport(
        samples,
        errors,
        MetricsSummary(len(names), len(samples), tuple(work.errors)),
        f"Measured {len(samples):,} values of {len(names):,} metrics",
        exit_code=errors[0].exit_code if errors else 0,
    )


@dataclass(slots=True)
class _Work:
    """What was measured so far, and the error of each part that could not be."""

    settings: Settings
    progress: Progress
    samples: list[Sample]
    errors: dict[str, ZenctxError] = field(default_factory=dict)
    figures: Figures | None = None
    is_reached: bool = False
    """Whether the database has answered: where it is away, nobody waits for it twice."""
    recorded: str | None = None
    """Where the database knows a repository to be."""

    def parts(self) -> dict[str, Callable[[], Iterable[Sample]]]:
        """Gives the parts in the order in which they are measured."""
        return {
            "journal": self._journal,
            "runs": self._runs,
            "files": self._files,
            "repository": lambda: snapshot_samples(self._repository()),
            "filesystem": lambda: space_samples(self._directories()),
        }

    def measure(self, name: str, part: Callable[[], Iterable[Sample]]) -> None:
        """Measures a part: whether it could be, how long it took, and all of it or nothing."""
        started = monotonic()
        try:
            self.samples += list(part())
        except ZenctxError as error:
            self.errors[name] = error
        self.samples.append(catalogue.COLLECTOR_SUCCESS.sample(int(name not in self.errors), collector=name))
        self.samples.append(catalogue.COLLECTOR_DURATION.sample(round(monotonic() - started, 3), collector=name))

    def _journal(self) -> Iterator[Sample]:
        with self._database() as database, database.connect() as connection:
            self.is_reached = True
            is_current = has_zenctx_tables(connection)
            yield catalogue.TABLES.sample(int(is_current))
            if is_current:
                known = bindings(connection, BoundKind.REPOSITORY)
                self.recorded = known[-1].location if known else None
                yield from samples_of(journal.alike(connection))

    def _runs(self) -> Iterator[Sample]:
        if not self.is_reached:
            raise self.errors["journal"]
        with self._database() as database:
            self.figures = collect(database, self.settings, Wanted(entries=False), self.progress)
        yield from run_samples(self.figures)

    def _files(self) -> Iterator[Sample]:
        if self.figures is None:
            raise self.errors["runs"]
        if self.figures.files is None and self.figures.store_problem is not None:
            origin = self.settings.origins["persistent-file-dir"]
            hint = f"check that the right volume is mounted; persistent-file-dir comes from: {origin}"
            raise StoreError(self.figures.store_problem, hint=hint)
        yield from file_samples(self.figures)

    def _repository(self) -> Repository | None:
        """Opens the repository; None where there is none and none is known of. Raises as `open_repository` does."""
        try:
            return open_repository(self.settings)
        except NotFoundError as error:
            if "journal" in self.errors:
                raise self.errors["journal"] from None  # it may know of one
            if self.recorded is None:
                return None
            message = f"{error.message}; the database knows one at {self.recorded}"
            raise StoreError(message, hint="check that its volume is mounted") from None

    def _directories(self) -> dict[str, Path]:
        found = {
            "persistent": self.settings.persistent_file_dir.path,
            "storage": self.settings.file_storage_dir.path,
        }
        if "files" in self.errors:
            # Where its volume is not mounted, the room is that of another one.
            del found["persistent"]
        # An address that is no directory has no room that could be told.
        return found | ({"snapshots": Path(self.settings.snapshots)} if self.settings.snapshots.startswith("/") else {})

    def _database(self) -> Database:
        return Database.open(self.settings.db, read_only=True)
