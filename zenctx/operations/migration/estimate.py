"""What a migration would cost: sizes counted exactly, room and time from a sample that is converted in memory.

Nothing is changed, and rights to read are enough. The memory it takes does not grow with the rows. The factors were
measured; docs/migration.md has them and how far they may be off.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from threading import Lock

from zenctx.config import Settings
from zenctx.context.convert import Wrapped
from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import DescriptorType
from zenctx.context.forms import Entry, Form
from zenctx.database.checks import has_zenctx_tables
from zenctx.database.engine import Connection
from zenctx.database.sizing import SampleFacts, StoredSizes, TableFacts, measure_sample, table_facts
from zenctx.operations.migration.decide import Action, Decision
from zenctx.operations.migration.report import Estimate, Range, SizeClass, Tally
from zenctx.operations.migration.request import MigrationPlan
from zenctx.operations.migration.write import Rehearsal

_CLASSES = (2 * 1024, 64 * 1024, 1024 * 1024, 16 * 1024 * 1024, None)
"""Where rows begin to behave differently: compressed, out of line, one batch each."""
_SAMPLE_ROWS, _SAMPLE_BYTES = 100, 64 * 1024
"""Rows in the sample, and how long one of them may be."""
_FILE_DESCRIPTOR_BYTES = 330

_TOAST_FROM = 2000
"""The bytes from which PostgreSQL compresses a row, and moves it out of line."""
_ROW_BYTES, _INDEX_BYTES, _PAGE_BYTES = 150, 120, 8192
"""What a new version of a row and its entry in one index add to WAL; a page that is written whole."""
_COMPRESSED_GROWTH, _BEST_COMPRESSION = 0.15, 0.1
"""What is left at best, once compressed, of what a context grows by (descriptors repeat themselves), and of all."""
_SLOWEST, _SLOWEST_AFTER_PARSING = 5.0, 4.0
"""How long all of it takes at most, compared with looking and with the server's parsing. At best they overlap."""
_FILE_SECONDS, _FILE_BYTES_A_SECOND = (0.001, 0.03), (400e6, 30e6)


class _Sampled(DataStruct, frozen=True):
    run_id: str
    text: bytes


class Estimator(Rehearsal):
    """Counts as a rehearsal does, by size as well, and keeps a sample of the new contexts."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[tuple[Form, int | None], list[int]] = {}
        self.rows = 0
        self.bytes_before = 0
        self.bytes_after = 0
        self._sample: list[_Sampled] = []
        self._eligible = 0
        self._random = Random(0)  # noqa: S311 - which rows are looked at is no secret
        # Batches are applied by several threads.
        self._counting = Lock()

    def apply(self, batch: Sequence[Decision], tally: Tally) -> bool:
        """Counts a batch."""
        with self._counting:
            for decision in batch:
                self._count(decision)
            return super().apply(batch, tally)

    @property
    def sample(self) -> tuple[list[str], list[str]]:
        """The ids and the new contexts of the rows in the sample."""
        return [each.run_id for each in self._sample], [each.text.decode() for each in self._sample]

    def size_classes(self) -> tuple[SizeClass, ...]:
        """Gives how many contexts there are of each form and size, and their bytes."""
        limits = {limit: place for place, limit in enumerate(_CLASSES)}
        found = sorted(self.sizes.items(), key=lambda item: (list(Form).index(item[0][0]), limits[item[0][1]]))
        return tuple(SizeClass(form, limit, contexts, size) for (form, limit), (contexts, size) in found)

    def _count(self, decision: Decision) -> None:
        text = decision.row.text
        if text is None:
            return
        limit = next((limit for limit in _CLASSES if limit is None or len(text) <= limit), None)
        counted = self.sizes.setdefault((decision.form, limit), [0, 0])
        counted[0] += 1
        counted[1] += len(text)
        if decision.action is Action.CONVERT:
            self.rows += 1
            self.bytes_before += len(text)
            self.bytes_after += _length_after(decision)
            self._maybe_keep(decision)

    def _maybe_keep(self, decision: Decision) -> None:
        """Keeps each row that is small enough with the same chance, however many there are."""
        if decision.row.text is None or len(decision.row.text) > _SAMPLE_BYTES:
            return
        self._eligible += 1
        place = len(self._sample) if len(self._sample) < _SAMPLE_ROWS else self._random.randrange(self._eligible)
        if place >= _SAMPLE_ROWS:
            return
        text = decision.ready
        if text is None and decision.wrapped is not None and not decision.wrapped.large:
            text = decision.wrapped.text()
        if text is None or len(text) > 4 * _SAMPLE_BYTES:
            return
        self._sample[place : place + 1] = [_Sampled(decision.row.run_id, text)]


def _length_after(decision: Decision) -> int:
    if decision.ready is not None:
        return len(decision.ready)
    if decision.wrapped is not None:
        return _wrapped_length(decision.wrapped)
    return 2 + sum(map(_unwrapped_length, decision.entries))


def _wrapped_length(wrapped: Wrapped) -> int:
    in_files = {value.position for value in wrapped.large}
    lengths = (
        len(member.spelling) + 2 + (_FILE_DESCRIPTOR_BYTES if place in in_files else len(member.value))
        for place, member in enumerate(wrapped.members)
    )
    return 2 + sum(lengths)


def _unwrapped_length(entry: Entry) -> int:
    descriptor = entry.descriptor
    value = len(entry.member.value)
    if descriptor is not None:
        is_inline = descriptor.type is DescriptorType.MEMORY
        value = len(descriptor.inline_value) if is_inline else max(descriptor.size, 0)
    return len(entry.member.spelling) + 2 + value


def estimate(
    connection: Connection, settings: Settings, plan: MigrationPlan, counted: Estimator, tally: Tally, seconds: float
) -> Estimate:
    """Gives what the migration would cost that was rehearsed in `seconds`. Reads a little more from the database."""
    table = table_facts(connection)
    sample = measure_sample(connection, *counted.sample)
    stored = _stored(sample, counted)
    file_bytes = tally.file_bytes
    return Estimate(
        sizes=counted.size_classes(),
        rows=counted.rows,
        bytes_before=counted.bytes_before,
        bytes_after=counted.bytes_after,
        files=tally.files,
        file_bytes=file_bytes,
        wal_bytes=_wal(table, stored, counted.rows) if table else None,
        disk_bytes=_disk(stored, table, counted.rows),
        seconds=_seconds(sample, counted, tally, seconds),
        settings=_settings(settings, plan),
        warnings=tuple(_warnings(connection, settings, plan, table, file_bytes)),
    )


def _stored(sample: SampleFacts | None, counted: Estimator) -> Range:
    """The bytes of the new contexts as they are stored."""
    if sample is None or not sample.rows:
        return Range(counted.bytes_after, counted.bytes_after)
    low = sum(_smallest(row) for row in sample.rows)
    high = sum(_largest(row) for row in sample.rows)
    length = sum(map(len, counted.sample[1])) or 1
    return Range(low * counted.bytes_after // length, high * counted.bytes_after // length)


def _smallest(row: StoredSizes) -> int:
    if row.plain_after <= _TOAST_FROM:
        return row.plain_after
    if row.stored >= row.plain:
        return int(_BEST_COMPRESSION * row.plain_after)  # it will be compressed for the first time
    grown = max(row.plain_after - row.plain, 0)
    return min(row.plain_after, row.stored + int(_COMPRESSED_GROWTH * grown))


def _largest(row: StoredSizes) -> int:
    if row.plain_after <= _TOAST_FROM or row.stored >= row.plain:
        return row.plain_after
    return row.plain_after * row.stored // row.plain


def _wal(table: TableFacts, stored: Range, rows: int) -> Range:
    # A version that finds room in its page needs no new entries in indexes.
    low = stored.low + rows * _ROW_BYTES
    high = stored.high + rows * (_ROW_BYTES + table.indexes * _INDEX_BYTES)
    if table.full_page_writes:
        # Keys are random: a batch touches many pages, of old versions and of indexes, too. Each is written whole once
        # after every checkpoint.
        checkpoints = 1 + 2 * high // max(table.max_wal_bytes, 1)
        touched = table.table_bytes * rows // max(table.rows, rows, 1)
        of_indexes = min(table.index_bytes, rows * table.indexes * _PAGE_BYTES)
        low += touched // 4
        high += (touched + of_indexes) * checkpoints
    return Range(low * 4 // 5, high * 5 // 4)


def _disk(stored: Range, table: TableFacts | None, rows: int) -> Range:
    """The growth of the database: at best free room and that of old versions takes all, at worst none is used again."""
    beside = rows * (_ROW_BYTES + _INDEX_BYTES * table.indexes) if table else 0
    return Range(0, (stored.high + beside) * 5 // 4)


def _seconds(sample: SampleFacts | None, counted: Estimator, tally: Tally, looked: float) -> Range:
    low, high = looked, looked * _SLOWEST
    if sample is not None:
        parsing = sample.parse_seconds * counted.bytes_after / (sum(map(len, counted.sample[1])) or 1)
        low, high = max(low, parsing), high + _SLOWEST_AFTER_PARSING * parsing
    low += tally.files * _FILE_SECONDS[0] + tally.file_bytes / _FILE_BYTES_A_SECOND[0]
    high += tally.files * _FILE_SECONDS[1] + tally.file_bytes / _FILE_BYTES_A_SECOND[1]
    return Range(int(low), int(high) + 1)


_SETTINGS = (
    "engine-reads",
    "memory-threshold-bytes",
    "json-threshold-bytes",
    "file-strategy",
    "inline-file-threshold-bytes",
    "persistent-file-dir",
)


def _settings(settings: Settings, plan: MigrationPlan) -> Mapping[str, str]:
    shown = settings.shown()
    runs = "only finished runs" if plan.only_finished else "all runs"
    return {**{name: shown[name] for name in _SETTINGS}, "runs": runs}


def _warnings(
    connection: Connection, settings: Settings, plan: MigrationPlan, table: TableFacts | None, file_bytes: int
) -> list[str]:
    found = []
    if plan.only_finished:
        found.append(f"{plan.liveness.reason}: only finished runs are converted")
    if plan.liveness.alive and plan.request.include_active:
        found.append(f"{plan.liveness.reason}: it must read both forms, or be stopped")
    if table is not None and not table.sees_replicas:
        found.append("this role may not see how far replicas lag; grant it pg_read_all_stats, or watch them elsewhere")
    if not has_zenctx_tables(connection):
        found.append("zenctx's own tables are not there, or not up to date: run 'zenctx db upgrade' first")
    connection.rollback()
    if not settings.persistence_enabled:
        found.append("persistence is switched off: migrate will refuse")
    free = _free_bytes(settings.persistent_file_dir.path)
    if file_bytes and free < 1.2 * file_bytes:
        found.append(f"the persistent directory has {free:,} bytes free, and the files take {file_bytes:,}")
    return found


def _free_bytes(directory: Path) -> int:
    """The room where a directory is, or is to be made."""
    place = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(place).free


def lines(found: Estimate) -> list[str]:
    """Gives an estimate in words, in lines that fit a terminal."""
    said = [f"{_forms(form, found.sizes)}" for form in dict.fromkeys(each.form for each in found.sizes)]
    if found.rows:
        contexts = "1 context" if found.rows == 1 else f"{found.rows:,} contexts"
        said.append(f"to write: {contexts}, {_about(found.bytes_before)} that become {_about(found.bytes_after)}")
        wal = f"WAL {_range(found.wal_bytes)}; " if found.wal_bytes else ""
        said.append(f"expected: {wal}disk {_range(found.disk_bytes)}; {_duration(found.seconds)}")
    chosen = found.settings
    said.append(
        f"settings: engine-reads {chosen['engine-reads']}, file-strategy {chosen['file-strategy']}, {chosen['runs']}"
    )
    said.append(f"values above {int(chosen['memory-threshold-bytes']):,} bytes go to {chosen['persistent-file-dir']}")
    return said + [f"warning: {warning}" for warning in found.warnings]


def _forms(form: str, sizes: Sequence[SizeClass]) -> str:
    parts = [f"{each.contexts:,} {_class(each.up_to_bytes)}" for each in sizes if each.form == form]
    return f"{form}: {', '.join(parts)}; {_about(sum(each.bytes for each in sizes if each.form == form))}"


def _class(limit: int | None) -> str:
    if limit is None:
        return "larger"
    kibi = limit // 1024
    return f"up to {kibi} KiB" if kibi < 1024 else f"up to {kibi // 1024} MiB"


def _range(found: Range) -> str:
    return f"{_about(found.low)} to {_about(found.high)}"


def _about(size: int) -> str:
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _duration(found: Range) -> str:
    if found.high < 120:
        return f"{found.low} to {found.high} s"
    if found.high < 7200:
        return f"{found.low / 60:.0f} to {found.high / 60:.0f} min"
    return f"{found.low / 3600:.1f} to {found.high / 3600:.1f} h"
