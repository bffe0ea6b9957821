"""The sums of a pass, as rows come: what is counted of a row takes few steps, for there are very many of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from zenctx.context.classes import RunClass
from zenctx.context.forms import Form
from zenctx.context.secrets import is_blank
from zenctx.context.shapes import Shape, StorageKind
from zenctx.database.run_groups import RunGroup
from zenctx.database.scanning import Scanned
from zenctx.operations.figures.groups import Group
from zenctx.operations.figures.keys import DeadKeyCounts, Layout, Layouts
from zenctx.operations.figures.largest import Largest
from zenctx.operations.figures.model import Dangling, LargeEntry, LargeRun, RunCount, StorageCount, Wanted
from zenctx.operations.figures.releases import Releases

_UNIFORM = {Form.LEGACY: StorageKind.PLAIN, Form.DESCRIPTORS: StorageKind.MEMORY, Form.INVALID: StorageKind.UNREADABLE}
_NO_SECRETS: tuple[str, ...] = ()


_Kinds: TypeAlias = Sequence[tuple[StorageKind, list[int]]]
Measured: TypeAlias = tuple[int, int, int, tuple[str, ...], _Kinds, int, int, int]
"""What of a row is added up once its group is known; a plain tuple, since there are very many.

Length of the context; entries and their bytes where all are stored alike; reserved keys that hold secrets; else by kind
entries, inline bytes, files, file bytes; the files, their bytes, and how many of them are not there.
"""


@dataclass
class Tally:
    """Adds up rows."""

    wanted: Wanted
    dead: DeadKeyCounts = field(default_factory=DeadKeyCounts)
    releases: Releases = field(default_factory=Releases)
    dangling: int = 0
    dangling_parked: int = 0
    files: int = 0
    _storage: dict[tuple[str | None, str, StorageKind], list[int]] = field(default_factory=dict)
    _layouts: Layouts = field(default_factory=Layouts)

    def __post_init__(self) -> None:
        """What is compared with every row."""
        self.large_runs: Largest[LargeRun] = Largest(self.wanted.top)
        self.large_entries: Largest[LargeEntry] = Largest(self.wanted.top)

    def measure(self, row: Scanned, shape: Shape, dangling: int) -> Measured:
        """Measures a row whose context has this shape."""
        layout = self._layouts.known.get(shape.keys) or self._layouts.learn(shape.keys)
        secrets = _NO_SECRETS
        if layout.secrets:
            secrets = tuple([layout.keys[at] for at in layout.secrets if not is_blank(bytes(shape.values[at]))])
        length, sizes = len(row[6] or b""), [*map(len, shape.values)]
        if shape.kind is None:
            return self._of_kinds(row, shape, layout, secrets, sizes, dangling)
        if not self.wanted.entries:
            return length, 0, 0, secrets, (), 0, 0, 0
        if self.wanted.dead_keys:
            self._count_dead(row[1], layout, sizes)
        if length > self.large_runs.floor or max(sizes, default=0) > self.large_entries.floor:
            self._look_at(row, shape.form, layout, sizes, length, shape.kind)
        return length, len(sizes), sum(sizes), secrets, (), 0, 0, 0

    def _of_kinds(
        self, row: Scanned, shape: Shape, layout: Layout, secrets: tuple[str, ...], sizes: list[int], dangling: int
    ) -> Measured:
        """Measures a row whose entries are not all stored alike."""
        kinds = _kinds(shape, sizes) if self.wanted.entries else []
        length, file_bytes = len(row[6] or b""), 0
        for file in shape.files:
            sizes[file.entry] += file.size
            file_bytes += file.size
        if self.wanted.dead_keys:
            self._count_dead(row[1], layout, sizes)
        self._look_at(row, shape.form, layout, sizes, length + file_bytes, shape.kinds)
        return length, 0, 0, secrets, kinds, len(shape.files), file_bytes, dangling

    def _count_dead(self, workflow_id: str, layout: Layout, sizes: Sequence[int]) -> None:
        places = layout.dead.get(workflow_id)
        if places is None:
            places = self.dead.judge(workflow_id, layout)
        if places:
            self.dead.count(workflow_id, layout, sizes)

    def _look_at(
        self,
        row: Scanned,
        form: Form,
        layout: Layout,
        sizes: list[int],
        total: int,
        kinds: StorageKind | Sequence[StorageKind],
    ) -> None:
        if total > self.large_runs.floor:
            length = len(row[6] or b"")
            self.large_runs.add(total, LargeRun(*row[:3], form.value, total, length, total - length))
        floor = self.large_entries.floor
        if total <= floor or max(sizes, default=0) <= floor:
            return
        for at, size in enumerate(sizes):
            if size > self.large_entries.floor:
                kind = kinds if isinstance(kinds, StorageKind) else kinds[at]
                self.large_entries.add(size, LargeEntry(row[0], row[1], layout.keys[at], kind.value, size))

    def add(self, row: Scanned, measured: Measured, group: Group) -> None:
        """Adds up a row, its group being known."""
        length, entries, inline_bytes, secrets, kinds, files, file_bytes, dangling = measured
        group.runs += 1
        group.context_bytes += length
        group.entries += entries
        group.inline_bytes += inline_bytes
        if secrets and group.is_finished:
            group.secrets[secrets] = group.secrets.get(secrets, 0) + 1
        if kinds:
            self._add_kinds(group, kinds)
        if files:
            group.files += files
            group.file_bytes += file_bytes
            self.files += files
            self.dangling += dangling
            if group.run_class is RunClass.PARKED:
                self.dangling_parked += dangling
            if self.wanted.forecast_days and group.run_class is not None:
                self.releases.add(row, group.run_class, files, file_bytes)

    def add_group(self, alike: RunGroup, group: Group) -> None:
        """Adds up runs that are alike, their group being known."""
        group.runs += alike.runs
        group.context_bytes += alike.bytes
        if alike.layout is not None:
            group.entries += alike.runs * len(alike.layout.keys)
            group.inline_bytes += alike.bytes - alike.wrapped - alike.runs * alike.layout.around
        if alike.secrets and group.is_finished:
            group.secrets[alike.secrets] = group.secrets.get(alike.secrets, 0) + alike.runs

    def dead_keys(self, workflow_id: str, keys: tuple[str, ...]) -> Iterator[str]:
        """Yields those of some keys that are dead in a workflow, of which must be known what it consumes."""
        layout = self._layouts.known.get(keys) or self._layouts.learn(keys)
        for at in self.dead.judge(workflow_id, layout):
            yield keys[at]

    def _add_kinds(self, group: Group, kinds: Sequence[tuple[StorageKind, list[int]]]) -> None:
        for kind, counts in kinds:
            sums = self._storage.setdefault((group.workflow_id, group.status, kind), [0, 0, 0, 0])
            for at, each in enumerate(counts):
                sums[at] += each

    def storage_counts(self, groups: Iterable[Group]) -> tuple[StorageCount, ...]:
        """Gives the sums over entries."""
        for group in groups:
            if group.entries:
                counts = [group.entries, group.inline_bytes, 0, 0]
                self._add_kinds(group, [(_UNIFORM[group.form], counts)])
                group.entries = group.inline_bytes = 0
        return tuple(
            StorageCount(workflow_id, status, kind.value, *counts)
            for (workflow_id, status, kind), counts in self._storage.items()
        )

    def dangling_counts(self) -> Dangling:
        """Gives the descriptors whose file is not there."""
        return Dangling(self.dangling, self.dangling_parked)


def run_counts(groups: Iterable[Group]) -> Iterator[RunCount]:
    """Yields the sums over runs."""
    for each in groups:
        yield RunCount(
            each.workflow_id,
            each.status,
            str(each.run_class),
            each.form.value,
            each.age.value,
            each.runs,
            each.context_bytes,
            each.files,
            each.file_bytes,
        )


def secret_counts(groups: Iterable[Group]) -> tuple[int, dict[str, int]]:
    """Gives the finished runs whose context holds secrets, and for each reserved key how many have it."""
    runs, keys = 0, Counter[str]()
    for group in groups:
        for present, count in group.secrets.items():
            runs += count
            keys.update(dict.fromkeys(present, count))
    return runs, dict(keys)


def _kinds(shape: Shape, sizes: Sequence[int]) -> list[tuple[StorageKind, list[int]]]:
    """Sums by kind."""
    sums: dict[StorageKind, list[int]] = {}
    for kind, size in zip(shape.kinds, sizes, strict=True):
        counts = sums.setdefault(kind, [0, 0, 0, 0])
        counts[0] += 1
        counts[1] += size
    for file in shape.files:
        counts = sums[shape.kinds[file.entry]]
        counts[2] += 1
        counts[3] += file.size
    return list(sums.items())
