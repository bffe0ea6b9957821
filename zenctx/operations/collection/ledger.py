"""Takes down what goes and tells of the rest; where there is a saved plan, never more than that says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from zenctx.context.gc_rules import LIVE, Category, Verdict
from zenctx.operations.collection.places import PERSISTENT, joined_path
from zenctx.operations.collection.plan import PlanItem, PlanWriter
from zenctx.operations.collection.report import Action, GcItem, Tally
from zenctx.store.base import FileStat

_NANOSECONDS = 1_000_000
_DAY = 24 * 60 * 60 * 1000

OnItem = Callable[[GcItem], None]


@dataclass
class Ledger:
    """The decisions of one plan. `now` in milliseconds; `has_saved`: there is a plan that must not be exceeded."""

    root: Path
    writer: PlanWriter
    on_item: OnItem
    now: int
    has_saved: bool = False
    tally: Tally = field(default_factory=Tally)
    _wanted: dict[tuple[str, str], PlanItem] = field(default_factory=dict)

    @property
    def removed_values(self) -> int:
        """How many values the plan removes: what the limit is about."""
        return sum(count.files for category, count in self.tally.by_category.items() if category in LIVE)

    def expect(self, saved: Iterable[PlanItem]) -> None:
        """Takes what the saved plan has of what is decided next."""
        self._wanted = {item.key: item for item in saved}

    def settle(
        self, root: str, path: str, run_id: str | None, status: FileStat, verdict: Verdict, *, files: int = 1
    ) -> None:
        """Adds to the plan what goes, unless the saved plan does not have it as it is."""
        wanted = self._wanted.pop((root, path), None)
        if verdict.category is None:
            if wanted is not None:
                self._skip(wanted, verdict.reason)
            return
        if self.has_saved:
            if wanted is None:
                return
            if wanted.category != Category.TRASH and (wanted.bytes, wanted.mtime_ns) != (status.size, status.mtime_ns):
                self._skip(wanted, "it has changed since the plan was made")
                return
        category = verdict.category
        age = max(0, self.now - rounded_up(status.mtime_ns)) / _DAY
        # What takes part in the limit is counted by files; the trash by what lies in it.
        self.tally.add(category, status.size, files)
        self.writer.add(
            PlanItem(
                category, root, path, run_id, status.size, status.mtime_ns, status.ctime_ns, status.inode,
                round(age, 2), verdict.reason,
            )
        )  # fmt: skip

    def stays(self, directory: str, names: Iterable[str], reason: str) -> None:
        """Says why files stay that nobody looks at, where the saved plan has them."""
        for name in names if self._wanted else ():
            wanted = self._wanted.pop((PERSISTENT, joined_path(directory, name)), None)
            if wanted is not None:
                self._skip(wanted, reason)

    def skip_rest(self) -> None:
        """Says of all that was expected and not met that it is not there."""
        for item in self._wanted.values():
            if item.category != Category.TRASH:
                self._skip(item, "it is not there any more, or needed again")
        self._wanted = {}

    def notice(self, category: str, path: str, reason: str, run_id: str | None = None) -> None:
        """Tells of something in the store that is worth knowing."""
        self._tell_notice(category, self._shown(path), reason, run_id)

    def notice_snapshot(self, name: str, reason: str) -> None:
        """Tells the same of a snapshot, or of the repository."""
        self._tell_notice("snapshot", name, reason, None)

    def missing(self, run_id: str, path: str, reason: str) -> None:
        """Tells of a file that a run names, and that is not there."""
        self.on_item(GcItem(Action.MISSING, "missing", run_id, self._shown(path), None, None, reason))

    def _tell_notice(self, category: str, path: str, reason: str, run_id: str | None) -> None:
        self.tally.noticed += 1
        self.on_item(GcItem(Action.NOTICED, category, run_id, path, None, None, reason))

    def _skip(self, item: PlanItem, reason: str) -> None:
        self.tally.skipped += 1
        path = self._shown(item.path) if item.root == PERSISTENT else item.path
        self.on_item(GcItem(Action.SKIPPED, item.category, item.run_id, path, item.bytes, item.age_days, reason))

    def _shown(self, path: str) -> str:
        return str(self.root / path)


def rounded_up(nanoseconds: int) -> int:
    """Gives a moment in milliseconds: what is later is kept longer."""
    return -(-nanoseconds // _NANOSECONDS)
