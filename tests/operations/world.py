"""A database with both sets of tables, settings and directories: what an operation needs, for one test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support.rows import Rows
from tests.support.tables import create_all_tables
from zenctx.config import Settings, load_settings
from zenctx.context.direction import Direction
from zenctx.database.engine import Database
from zenctx.database.rows import Selection
from zenctx.operations import migrate as operation
from zenctx.operations.migration.report import MigrationItem, MigrationReport, QuarantinedItem
from zenctx.operations.migration.request import MigrationRequest
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.verify import FindingItem, VerifyReport, VerifyRequest, verify

VECTORS = Path(__file__).parents[1] / "vectors"
LEGACY, DESCRIPTORS = Direction.LEGACY, Direction.DESCRIPTORS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a migration reported, and the rows that it named."""

    report: MigrationReport
    items: list[MigrationItem]

    @property
    def reasons(self) -> dict[str, str | None]:
        """Why each run that was named was named."""
        return {item.run_id: item.reason for item in self.items}

    @property
    def actions(self) -> dict[str, str]:
        """What was told of each run that was named."""
        return {item.run_id: item.action for item in self.items}


@dataclass
class World:
    """`options` are settings that a test has changed; directories lie below `folder`."""

    database: Database
    folder: Path
    rows: Rows
    options: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings as the options say."""
        return _settings(self.folder, tuple(self.options.items()))

    @property
    def store(self) -> Path:
        """The directory of persistent files."""
        return self.settings.persistent_file_dir.path

    def files(self) -> list[str]:
        """The names of the values in the store."""
        store = self.store
        found = (path.relative_to(store) for path in store.glob("*/*"))
        return sorted(str(path) for path in found if not path.name.startswith(("zenctx-", ".")))

    def migrate(self, to: Direction = DESCRIPTORS, *, progress: Progress = SILENT, **asked: Any) -> Outcome:
        """Migrates."""
        return self._outcome(operation.migrate, to, progress, asked)

    def rehearse(self, to: Direction = DESCRIPTORS, **asked: Any) -> Outcome:
        """Migrates dryly."""
        return self._outcome(operation.rehearse, to, SILENT, asked)

    def check(self, to: Direction = DESCRIPTORS, **asked: Any) -> MigrationReport:
        """Counts what is not as wanted."""
        return operation.check(self.database, self.settings, request(to, **asked))

    def quarantined(self) -> list[QuarantinedItem]:
        """The quarantined rows."""
        items: list[QuarantinedItem] = []
        operation.list_quarantined(self.database, items.append)
        return items

    def verify(self, **asked: Any) -> tuple[VerifyReport, list[FindingItem]]:
        """Verifies."""
        items: list[FindingItem] = []
        runs = asked.pop("runs", ())
        report = verify(self.database, self.settings, VerifyRequest(Selection(run_ids=runs), **asked), items.append)
        return report, items

    def _outcome(
        self, work: Callable[..., MigrationReport], to: Direction, progress: Progress, asked: dict[str, Any]
    ) -> Outcome:
        items: list[MigrationItem] = []
        report = work(self.database, self.settings, request(to, **asked), items.append, progress)
        return Outcome(report, items)


@lru_cache(maxsize=8)
def _settings(folder: Path, options: tuple[tuple[str, str], ...]) -> Settings:
    """Load settings once for all that one test asks of them."""
    return load_settings({"db": "sqlite:///unused.db", **dict(options)}, config_file=None, environ={}, cwd=folder)


def request(
    to: Direction = DESCRIPTORS,
    *,
    runs: tuple[str, ...] = (),
    statuses: tuple[str, ...] = (),
    workflows: tuple[str, ...] = (),
    **asked: Any,
) -> MigrationRequest:
    """Makes a request in few words."""
    return MigrationRequest(to, Selection(runs, statuses, workflows), **asked)


def make_world(database: Database, folder: Path) -> World:
    """Fills an empty database with the tables of the engine and of zenctx."""
    create_all_tables(database)
    return World(database, folder, Rows(database))
