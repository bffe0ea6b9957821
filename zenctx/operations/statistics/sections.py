"""Turns figures into lines: one section after the other, the largest line first where there is no other order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from zenctx.context.classes import RunClass
from zenctx.context.forms import Form
from zenctx.context.shapes import StorageKind
from zenctx.operations.figures.model import Age, Figures, RunCount
from zenctx.operations.statistics.report import Section, StatItem

OTHERS = "all others"
UNREADABLE = "(unreadable context)"


@dataclass(slots=True)
class _Sum:
    runs: int = 0
    entries: int = 0
    bytes: int = 0
    files: int = 0
    file_bytes: int = 0

    @property
    def stored(self) -> int:
        return self.bytes + self.file_bytes


def sections(figures: Figures, top: int, names: Mapping[str, str]) -> Iterator[StatItem]:
    """Yields the lines of all sections but growth. `names`: of workflows, where they are known."""
    yield from _shared(_of_runs(figures, Section.CLASS, "run_class", tuple(RunClass)), by_runs=True)
    yield from _shared(_of_runs(figures, Section.FORM, "form", tuple(Form)), by_runs=True)
    yield from _shared(_of_storage(figures, Section.STATUS, "status"))
    yield from _shared(_of_storage(figures, Section.TYPE, "kind", tuple(StorageKind)))
    yield from _shared(_workflows(figures, top, names))
    yield from _shared(_of_runs(figures, Section.AGE, "age", tuple(Age)))
    yield from _shared(_largest_runs(figures))
    yield from _shared(_largest_entries(figures))
    yield from _shared(_dead_keys(figures))
    yield from _shared(_forecast(figures))


def _shared(items: Iterable[StatItem], *, by_runs: bool = False) -> list[StatItem]:
    """Gives each line its part of the largest."""
    lines = list(items)
    weights = [line.runs or 0 if by_runs else (line.bytes or 0) + (line.file_bytes or 0) for line in lines]
    most = max(weights, default=0)
    return [
        replace(line, share=round(weight / most, 4) if most else 0.0)
        for line, weight in zip(lines, weights, strict=True)
    ]


def _of_runs(figures: Figures, section: Section, what: str, order: tuple[str, ...]) -> Iterator[StatItem]:
    sums: dict[str, _Sum] = {}
    for count in figures.runs:
        _add(sums.setdefault(getattr(count, what), _Sum()), count)
    for name in _in_order(sums, order):
        each = sums[name]
        yield StatItem(section, name, runs=each.runs, bytes=each.bytes, files=each.files, file_bytes=each.file_bytes)


def _of_storage(figures: Figures, section: Section, what: str, order: tuple[str, ...] = ()) -> Iterator[StatItem]:
    sums: dict[str, _Sum] = {}
    for count in figures.storage:
        into = sums.setdefault(getattr(count, what), _Sum())
        into.entries += count.entries
        into.bytes += count.inline_bytes
        into.files += count.files
        into.file_bytes += count.file_bytes
    runs = figures.runs_by("status") if what == "status" else {}
    for status in runs:
        sums.setdefault(str(status), _Sum())
    for name in _in_order(sums, order):
        each = sums[name]
        yield StatItem(
            section,
            name,
            runs=runs.get(name),
            entries=each.entries,
            bytes=each.bytes,
            files=each.files,
            file_bytes=each.file_bytes,
        )


def _in_order(sums: Mapping[str, _Sum], order: tuple[str, ...]) -> list[str]:
    """Names as they are listed; others follow, the largest first."""
    listed = [str(name) for name in order if name in sums]
    return listed + sorted(set(sums) - set(listed), key=lambda name: (-sums[name].stored, -sums[name].runs, name))


def _workflows(figures: Figures, top: int, names: Mapping[str, str]) -> Iterator[StatItem]:
    sums: dict[str | None, _Sum] = {}
    for count in figures.runs:
        _add(sums.setdefault(count.workflow_id, _Sum()), count)
    for stored in figures.storage:
        sums[stored.workflow_id].entries += stored.entries
    beyond = sums.pop(None, _Sum())
    ordered = sorted(sums, key=lambda each: (-sums[each].stored, str(each)))
    for workflow_id in ordered[:top]:
        yield _workflow(names.get(str(workflow_id)) or str(workflow_id), workflow_id, sums[workflow_id])
    for workflow_id in ordered[top:]:
        each = sums[workflow_id]
        for name in ("runs", "entries", "bytes", "files", "file_bytes"):
            setattr(beyond, name, getattr(beyond, name) + getattr(each, name))
    if beyond.runs:
        yield _workflow(OTHERS, None, beyond)


def _workflow(name: str, workflow_id: str | None, each: _Sum) -> StatItem:
    return StatItem(
        Section.WORKFLOW,
        name,
        workflow_id=workflow_id,
        runs=each.runs,
        entries=each.entries,
        bytes=each.bytes,
        files=each.files,
        file_bytes=each.file_bytes,
    )


def _add(into: _Sum, count: RunCount) -> None:
    into.runs += count.runs
    into.bytes += count.context_bytes
    into.files += count.files
    into.file_bytes += count.file_bytes


def _largest_runs(figures: Figures) -> Iterator[StatItem]:
    for run in figures.largest_runs:
        yield StatItem(
            Section.RUN,
            run.run_id,
            run_id=run.run_id,
            workflow_id=run.workflow_id,
            bytes=run.context_bytes,
            file_bytes=run.file_bytes,
        )


def _largest_entries(figures: Figures) -> Iterator[StatItem]:
    for entry in figures.largest_entries:
        is_file, is_whole = entry.kind == StorageKind.FILE, entry.kind == StorageKind.UNREADABLE
        yield StatItem(
            Section.KEY,
            UNREADABLE if is_whole else entry.key,
            run_id=entry.run_id,
            workflow_id=entry.workflow_id,
            key=None if is_whole else entry.key,
            bytes=None if is_file else entry.bytes,
            file_bytes=entry.bytes if is_file else None,
        )


def _dead_keys(figures: Figures) -> Iterator[StatItem]:
    for dead in figures.dead_keys.largest if figures.dead_keys else ():
        yield StatItem(
            Section.DEAD_KEY, dead.key, workflow_id=dead.workflow_id, key=dead.key, runs=dead.runs, bytes=dead.bytes
        )


def _forecast(figures: Figures) -> Iterator[StatItem]:
    for each in figures.forecast:
        yield StatItem(
            Section.FORECAST,
            f"in {each.days} days" if each.days else "now",
            runs=each.runs,
            files=each.files + each.orphans,
            file_bytes=each.bytes + each.orphan_bytes,
        )
