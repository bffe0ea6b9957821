"""What a clean-up is asked to do."""

from datetime import timedelta
from pathlib import Path

from msgspec import field

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.context.gc_rules import GcRules


class Limit(DataStruct, frozen=True):
    """How much of a store one clean-up may remove at most: a number of files, or a part of them in percent."""

    files: int | None = None
    percent: float | None = 50

    def allows(self, removed: int, of: int) -> bool:
        """Tells whether so many of so many files may go."""
        if self.files is not None:
            return removed <= self.files
        return removed * 100 <= (self.percent or 0) * of

    def __str__(self) -> str:
        """Gives the limit as it is written on the command line."""
        return str(self.files) if self.files is not None else f"{self.percent:g}%"


class GcRequest(DataStruct, frozen=True):
    """What to clean up. None: as the settings say.

    `accept_no_references`, `ignore_clocks`, `remove_all_snapshots` (that the settings do not keep) and `snapshots`
    (False leaves the repository alone) are the overrides of guards; `only_trash` empties the trash now and does
    nothing else.
    """

    retention_days: int | None = None
    orphans: bool | None = None
    include_zombies: bool = False
    include_soft_deleted: bool = False
    temp_age: timedelta | None = None
    limit: Limit = field(default_factory=Limit)
    snapshots: bool = True
    accept_no_references: bool = False
    ignore_clocks: bool = False
    remove_all_snapshots: bool = False
    only_trash: bool = False
    save_plan: Path | None = None

    def rules(self, settings: Settings) -> GcRules:
        """Gives the rules, with the settings where nothing else was asked."""
        days = settings.persistent_file_retention_days if self.retention_days is None else self.retention_days
        trash_days = 0 if self.only_trash else settings.trash_retention_days
        return GcRules(
            retention=timedelta(days=days),
            trash_retention=timedelta(days=trash_days),
            orphans=settings.orphan_cleanup_enabled if self.orphans is None else self.orphans,
            include_zombies=self.include_zombies,
            include_soft_deleted=self.include_soft_deleted,
            temp_age=self.temp_age,
        )
