"""The reports of a migration: exit code, the sentence that says what was done, and the one that says what to do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from zenctx.context.direction import Direction
from zenctx.context.forms import Form
from zenctx.operations.migration.brakes import Stop
from zenctx.operations.migration.report import MigrationReport, MigrationSummary, Tally
from zenctx.operations.migration.request import MigrationPlan

DONE, PARTIAL, PROBLEMS = 0, 3, 4


class Ending(NamedTuple):
    """How a migration ended: after so many sweeps, with all rows settled or not, stopped early or not."""

    sweeps: int = 1
    complete: bool = True
    stop: Stop | None = None
    operation_id: str | None = None
    unseen: str | None = None


ONE_SWEEP = Ending()


def summarise(plan: MigrationPlan, total: Tally, last: Tally, ending: Ending = ONE_SWEEP) -> MigrationSummary:
    """Gives the counts of a migration: what was done in all sweeps (`total`), what the last one found (`last`)."""
    limit = plan.request.limit
    stopped = ending.stop.reason if ending.stop else None
    if limit is not None and total.converted >= limit:
        stopped = stopped or "the limit was reached"
    return MigrationSummary(
        direction=plan.request.direction,
        operation_id=ending.operation_id,
        converted=total.converted,
        files=total.files,
        file_bytes=total.file_bytes,
        waiting=last.waiting,
        left=last.left,
        quarantined=last.quarantined,
        newly_quarantined=total.newly_quarantined,
        changed=total.changed,
        regressions=total.regressions,
        sweeps=ending.sweeps,
        complete=ending.complete,
        stopped=stopped,
        unseen=ending.unseen,
        engine_alive=plan.liveness.alive,
        engine=plan.liveness.reason,
        census=last.census() if stopped is None else None,
    )


def migrated(plan: MigrationPlan, summary: MigrationSummary, stop: Stop | None = None) -> MigrationReport:
    """The report of a migration: 0 when every selected context is as wanted, else 3; or what a stop says."""
    message = f"Converted {_converted(summary)}; {_rest(summary) or 'none is left to convert'}{_forms(summary)}"
    if stop is not None:
        step = stop.step or "run the same command again to go on"
        return MigrationReport(False, stop.exit_code, summary, message, step)
    done = summary.complete and not (summary.waiting or summary.left or summary.quarantined)
    stays = f"'{_command(plan.request.direction)} --check' says whether it stays so"
    step = "\n".join([*_step_after_regressions(summary), stays]) if done else _next_step(plan, summary)
    return MigrationReport(False, DONE if done else PARTIAL, summary, message, step)


def rehearsed(summary: MigrationSummary, estimate_lines: Sequence[str] = ()) -> MigrationReport:
    """The report of a dry run: what it would cost, in lines, then what would be done."""
    rest = _rest(summary)
    done = f"Would convert {_converted(summary)}{rest and f'; {rest}'}{_forms(summary)}; nothing was changed"
    message = "\n".join([*estimate_lines, done])
    step = "run it without --dry-run to convert them" if summary.converted else None
    return MigrationReport(True, DONE, summary, message, step)


def checked(plan: MigrationPlan, summary: MigrationSummary) -> MigrationReport:
    """The report of a check: 4 while any context is not in the wanted form, or could not be told."""
    wanted, census = plan.request.direction, summary.census
    step = _step_after_check(wanted, summary)
    # What was counted as converted is what a migration would convert: here, nothing was.
    summary = replace(summary, converted=0, files=0, file_bytes=0)
    if census is None or not census.total:
        return MigrationReport(False, DONE, summary, "There are no contexts to check", None)
    unwanted = [f"{count:,} {form}" for form in _unwanted_forms(wanted) if (count := getattr(census, form))]
    open_ones = sum(getattr(census, form) for form in _unwanted_forms(wanted))
    if not open_ones:
        message = f"No context is left to convert: all {census.total:,} are as wanted{_forms(summary)}"
        return MigrationReport(False, DONE, summary, message, None)
    verb = "is" if open_ones == 1 else "are"
    all_ = _counted(census.total, "context")
    message = f"{open_ones:,} of {all_} {verb} not in the form {wanted}: {', '.join(unwanted)}"
    if summary.quarantined:
        message += f" ({summary.quarantined:,} of them quarantined)"
    return MigrationReport(False, PROBLEMS, summary, message, step)


def _unwanted_forms(wanted: Direction) -> tuple[Form, ...]:
    other = Form.LEGACY if wanted is Direction.DESCRIPTORS else Form.DESCRIPTORS
    return (other, Form.MIXED, Form.AMBIGUOUS, Form.INVALID)


def _step_after_check(wanted: Direction, summary: MigrationSummary) -> str:
    run = f"run '{_command(wanted)}'"
    steps = [run] if summary.converted or not (summary.left or summary.quarantined) else []
    if summary.quarantined:
        steps.append("mend each that is quarantined; once mended it is converted like any other")
    return "\n".join([*steps, *_decisions_on_left(summary)])


def _step_after_regressions(summary: MigrationSummary) -> list[str]:
    what = "an engine writes the legacy form over descriptors, for it loaded runs before they were converted, or is old"
    return [f"{what}: update or stop it, and run this again until there are none"] if summary.regressions else []


def _decisions_on_left(summary: MigrationSummary) -> list[str]:
    return ["decide each that is left with --run ID --assume legacy|descriptors"] if summary.left else []


def _converted(summary: MigrationSummary) -> str:
    files = f", writing {_counted(summary.files, 'file')} of {summary.file_bytes:,} bytes" if summary.files else ""
    return f"{_counted(summary.converted, 'context')} to {summary.direction}{files}"


def _rest(summary: MigrationSummary) -> str:
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (summary.waiting, "waiting for the engine"),
            (summary.left, "left for a decision"),
            (summary.quarantined, "quarantined"),
            (summary.regressions, "of the converted found in legacy form again after an earlier conversion"),
        )
        if count
    ]
    if summary.stopped is not None:
        return ", ".join([*parts, summary.stopped])
    if not summary.complete:
        parts.append(f"rows were still changing after {summary.sweeps} sweeps")
    return ", ".join(parts)


def _forms(summary: MigrationSummary) -> str:
    if summary.census is None:
        return ""
    if not summary.census.total:
        return " (there are no such runs)"
    forms = ", ".join(f"{getattr(summary.census, form):,} {form}" for form in Form if getattr(summary.census, form))
    return f" ({_counted(summary.census.total, 'context')}: {forms})"


def _next_step(plan: MigrationPlan, summary: MigrationSummary) -> str:
    if not summary.complete:
        return "\n".join([*_step_after_regressions(summary), "run the same command again to go on"])
    steps = list(_step_after_regressions(summary))
    if summary.waiting:
        steps.append(f"{plan.liveness.reason}: run it again later, or with --include-active once the engine is stopped")
    if summary.quarantined:
        steps.append("'zenctx migrate --list-quarantined' says why rows are quarantined; mended ones are tried again")
    return "\n".join([*steps, *_decisions_on_left(summary)])


def _command(wanted: Direction) -> str:
    return "zenctx migrate" if wanted is Direction.DESCRIPTORS else "zenctx migrate --to legacy"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
