"""Statistics of storage: what a pass over runs and files counts, told by section, and how it has grown."""

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.database.definitions import workflow_names
from zenctx.database.engine import Database
from zenctx.operations.figures.collect import collect
from zenctx.operations.figures.model import Figures, Wanted
from zenctx.operations.progress import SILENT, Progress
from zenctx.operations.record import Looked, note
from zenctx.operations.statistics import growth
from zenctx.operations.statistics.report import OnItem, StatItem, StatsReport, StatsSummary, Sums
from zenctx.operations.statistics.sections import sections
from zenctx.operations.verification.report import counted

FORECAST_DAYS = (0, 7, 30)


class StatsRequest(DataStruct, frozen=True):
    """How many lines the sections of the largest have; whether the sums are kept for growth where that is possible."""

    top: int = 10
    record: bool = True


def stats(
    database: Database, settings: Settings, request: StatsRequest, on_item: OnItem, progress: Progress = SILENT
) -> StatsReport:
    """Counts, and tells each line. Needs rights to read only.

    The sums are kept in the journal for the next call to compare with, at most once an hour, and only where that can be
    written: nothing that prevents it is an error. Raises as `collect` does.
    """
    wanted = Wanted(top=request.top, dead_keys=True, forecast_days=FORECAST_DAYS)
    figures = collect(database, settings, wanted, progress)
    now = _sums(figures)
    earlier = growth.history(database)
    items = [*sections(figures, request.top, _names(database, figures)), *growth.growth(earlier, now)]
    for item in items:
        on_item(item)
    recorded = request.record and growth.is_due(earlier, now.at) and _record(settings, request, now)
    summary = _summary(database, figures, recorded=recorded)
    return StatsReport(0, summary, _message(summary), _next_step(summary), tuple(items), (*earlier, now))


def _names(database: Database, figures: Figures) -> dict[str, str]:
    ids = [each for each in figures.runs_by("workflow_id") if each is not None]
    with database.connect() as connection:
        return workflow_names(connection, ids)


def _record(settings: Settings, request: StatsRequest, now: Sums) -> bool:
    return note(settings, Looked(growth.COMMAND, {"top": request.top}, now.at, 0, growth.counts(now)))


def _sums(figures: Figures) -> Sums:
    files = figures.files
    return Sums(
        at=figures.taken_at,
        runs=figures.run_count,
        context_bytes=figures.context_bytes,
        files=files.files if files else 0,
        file_bytes=files.bytes if files else 0,
    )


def _summary(database: Database, figures: Figures, *, recorded: bool) -> StatsSummary:
    files, dead, trash = figures.files, figures.dead_keys, figures.trash
    return StatsSummary(
        taken_at=figures.taken_at,
        database=database.description,
        runs=figures.run_count,
        context_bytes=figures.context_bytes,
        entries=sum(each.entries for each in figures.storage),
        referenced_files=sum(each.files for each in figures.runs),
        referenced_file_bytes=sum(each.file_bytes for each in figures.runs),
        files=files.files if files else None,
        file_bytes=files.bytes if files else None,
        orphans=files.orphans if files else None,
        orphan_bytes=files.orphan_bytes if files else None,
        dangling=figures.dangling.all_ if figures.dangling else None,
        trash_files=trash.files if trash else None,
        trash_bytes=trash.bytes if trash else None,
        secret_runs=figures.secret_runs,
        quarantined=figures.quarantined,
        dead_keys=dead.keys if dead else 0,
        dead_bytes=dead.bytes if dead else 0,
        unjudged_workflows=dead.unjudged_workflows if dead else 0,
        recorded=recorded,
        store_problem=figures.store_problem,
    )


def _message(summary: StatsSummary) -> str:
    if not summary.runs:
        return "There are no runs"
    in_files = f", {counted(summary.files, 'file')} ({summary.file_bytes:,} bytes)" if summary.files else ""
    message = f"{counted(summary.runs, 'run')} with {summary.context_bytes:,} bytes in contexts{in_files}"
    return f"{message}\nNothing is said of files: {summary.store_problem}" if summary.store_problem else message


def _next_step(summary: StatsSummary) -> str | None:
    steps = []
    if summary.dangling:
        steps.append(f"{counted(summary.dangling, 'file')} that runs name cannot be found: 'zenctx verify' names them")
    if summary.orphans:
        steps.append(
            f"{counted(summary.orphans, 'file')} that no run names: 'zenctx gc --dry-run' tells what would be removed"
        )
    if summary.secret_runs:
        hold = "holds" if summary.secret_runs == 1 else "hold"
        runs = counted(summary.secret_runs, "finished run")
        steps.append(f"{runs} {hold} secrets in plain text: 'zenctx audit' says where")
    return "\n".join(steps) or None


__all__ = ["StatItem", "StatsReport", "StatsRequest", "StatsSummary", "stats"]
