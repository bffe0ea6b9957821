"""The reports of a migration: exit code, the sentence that says what was done, and the one that says what to do."""

from zenctx.context.direction import Direction
from zenctx.context.forms import Form
from zenctx.operations.migration.report import Census, MigrationReport, MigrationSummary, Tally
from zenctx.operations.migration.request import MigrationPlan

DONE, PARTIAL, PROBLEMS = 0, 3, 4


def summarise(
    plan: MigrationPlan,
    total: Tally,
    last: Tally,
    *,
    sweeps: int = 1,
    complete: bool = True,
    operation_id: str | None = None,
) -> MigrationSummary:
    """Gives the counts of a migration: what was done in all sweeps (`total`), what the last one found (`last`)."""
    limit = plan.request.limit
    looked_at_all = limit is None or total.converted < limit
    return MigrationSummary(
        direction=plan.request.direction,
        operation_id=operation_id,
        converted=total.converted,
        files=total.files,
        file_bytes=total.file_bytes,
        waiting=last.waiting,
        left=last.left,
        quarantined=last.quarantined,
        changed=total.changed,
        sweeps=sweeps,
        complete=complete,
        engine_alive=plan.liveness.alive,
        engine=plan.liveness.reason,
        census=last.census() if looked_at_all else None,
    )


def migrated(plan: MigrationPlan, summary: MigrationSummary) -> MigrationReport:
    """The report of a migration: 0 when every selected context is as wanted, else 3."""
    files = f", {_counted(summary.files, 'file')} written" if summary.files else ""
    message = f"Converted {_counted(summary.converted, 'context')} to {summary.direction}{files}; {_rest(summary)}"
    done = summary.complete and not (summary.waiting or summary.left or summary.quarantined)
    return MigrationReport(False, DONE if done else PARTIAL, summary, message, _next_step(plan, summary, done=done))


def rehearsed(summary: MigrationSummary) -> MigrationReport:
    """The report of a dry run: what would be done."""
    files = f", writing {_counted(summary.files, 'file')} of {summary.file_bytes:,} bytes" if summary.files else ""
    would = _counted(summary.converted, "context")
    message = f"Would convert {would} to {summary.direction}{files}; {_rest(summary)}; nothing was changed"
    return MigrationReport(True, DONE, summary, message, "run it without --dry-run to convert them")


def checked(plan: MigrationPlan, summary: MigrationSummary) -> MigrationReport:
    """The report of a check: 4 while any context is not in the wanted form, or could not be told."""
    wanted = plan.request.direction
    open_ones = _unwanted(wanted, summary.census) if summary.census else 0
    if not open_ones:
        message = f"No context is left to convert: all {summary.census.total if summary.census else 0:,} are as wanted"
        return MigrationReport(False, DONE, summary, message, None)
    message = f"{_counted(open_ones, 'context')} not yet in the form {wanted}; {_rest(summary)}"
    return MigrationReport(False, PROBLEMS, summary, message, f"run 'zenctx migrate --to {wanted}'")


def _unwanted(wanted: Direction, census: Census) -> int:
    other = census.legacy if wanted is Direction.DESCRIPTORS else census.descriptors
    return other + census.mixed + census.ambiguous + census.invalid


def _rest(summary: MigrationSummary) -> str:
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (summary.waiting, "wait for the engine"),
            (summary.left, "left as they are"),
            (summary.quarantined, "quarantined"),
        )
        if count
    ]
    rest = ", ".join(parts) or "nothing is left"
    if summary.census is None:
        return f"{rest} among those looked at, then the limit was reached"
    if not summary.complete:
        rest += f", rows still changing after {summary.sweeps} sweeps"
    forms = ", ".join(f"{getattr(summary.census, form):,} {form}" for form in Form if getattr(summary.census, form))
    return f"{rest} (of {summary.census.total:,}: {forms})" if forms else f"{rest} (there are no runs)"


def _next_step(plan: MigrationPlan, summary: MigrationSummary, *, done: bool) -> str | None:
    if done:
        return f"'zenctx migrate --to {summary.direction} --check' says whether it stays so"
    if not summary.complete:
        return "run the same command again to go on"
    if summary.quarantined:
        return "'zenctx migrate --list-quarantined' says why; mend the rows, then use --retry-quarantined"
    if summary.left:
        return "decide each with --run ID --assume legacy|descriptors"
    return f"{plan.liveness.reason}: run it again later, or with --include-active once the engine is stopped"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
