"""What is to become of one row, and why: decided from values alone, alike in a dry run and a real one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from zenctx.context.classes import RunClass, RunFacts, classify_run
from zenctx.context.convert import LargeValue, Wrapped, wrap
from zenctx.context.direction import Direction
from zenctx.context.forms import Detection, Entry, Fit, Form, LocatorCheck, detect
from zenctx.context.quick import count_evident_descriptors, wrap_quickly
from zenctx.context.rawjson import Member
from zenctx.database.conversions import is_run_id
from zenctx.database.quarantine import Quarantined, fingerprint
from zenctx.database.rows import RunRow
from zenctx.errors import DataError
from zenctx.operations.migration.request import MigrationPlan

SETTLED_AFTER = timedelta(minutes=5)
"""How long ago a run must have ended before a row is converted under a running engine."""


class Action(StrEnum):
    """What becomes of a row."""

    CONVERT = "convert"
    NOTHING = "nothing"
    WAIT = "wait"
    LEAVE = "leave"
    QUARANTINE = "quarantine"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row, why, and what its conversion starts from (`ready`, `wrapped` or `entries`)."""

    row: RunRow
    form: Form
    action: Action
    reason: str | None = None
    ready: bytes | None = None
    wrapped: Wrapped | None = None
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the rows of a batch besides the rows themselves."""

    now: datetime
    quarantined: Mapping[str, Quarantined]
    converted: Mapping[str, str]
    """The direction in which a run was converted last, for those that were."""
    retries: frozenset[str]


def decide(row: RunRow, plan: MigrationPlan, around: Circumstances, locator_ok: LocatorCheck) -> Decision:
    """Decides what becomes of one row."""
    decision = _by_content(row, plan, around, locator_ok)
    if decision.action in (Action.CONVERT, Action.QUARANTINE):
        known = around.quarantined.get(row.run_id)
        if known and not plan.request.retry_quarantined and known.fingerprint == fingerprint(row.text or b""):
            return Decision(row, decision.form, Action.QUARANTINED, known.reason)
    if decision.action is Action.CONVERT and plan.only_finished:
        return _unless_active(decision, around)
    return decision


def _by_content(row: RunRow, plan: MigrationPlan, around: Circumstances, locator_ok: LocatorCheck) -> Decision:
    if row.text is None:
        return Decision(row, Form.NULL, Action.NOTHING)
    if plan.request.direction is Direction.LEGACY:
        return _to_legacy(row, detect(row.text, locator_ok), plan, around)
    if plan.request.assume is None and is_run_id(row.run_id):
        if ready := wrap_quickly(row.text, plan.rules):
            return Decision(row, Form.LEGACY, Action.CONVERT, ready=ready)
        if count_evident_descriptors(row.text):
            return Decision(row, Form.DESCRIPTORS, Action.NOTHING)
    return _to_descriptors(row, detect(row.text, locator_ok), plan, around)


def _to_descriptors(row: RunRow, found: Detection, plan: MigrationPlan, around: Circumstances) -> Decision:
    assume = plan.request.assume
    if (refused := _unusable(row, found)) is not None:
        return refused
    if found.form is Form.LEGACY or (assume is Direction.LEGACY and found.form is not Form.EMPTY):
        if around.converted.get(row.run_id) == Direction.DESCRIPTORS and found.form is not Form.LEGACY:
            # Wrapped once already, on the same assumption perhaps: wrapping again could not be told from it.
            return Decision(row, found.form, Action.LEAVE, "zenctx converted this run before")
        return _wrapping(row, found.form, found.members, plan)
    if assume is Direction.DESCRIPTORS and (completed := _wrapping_plain_ones(row, found, plan)) is not None:
        return completed
    if found.form in (Form.MIXED, Form.AMBIGUOUS):
        return Decision(row, found.form, Action.LEAVE, found.reason)
    return Decision(row, found.form, Action.NOTHING)


def _wrapping(row: RunRow, form: Form, members: list[Member], plan: MigrationPlan) -> Decision:
    try:
        return Decision(row, form, Action.CONVERT, wrapped=wrap(members, plan.rules))
    except DataError as error:
        return Decision(row, form, Action.QUARANTINE, error.message)


def _wrapping_plain_ones(row: RunRow, found: Detection, plan: MigrationPlan) -> Decision | None:
    """Descriptors with plain values beside them, said to be descriptors: the plain values are wrapped."""
    positions = [place for place, entry in enumerate(found.entries) if entry.fit is Fit.PLAIN]
    if not positions:
        return None
    decision = _wrapping(row, found.form, [found.entries[place].member for place in positions], plan)
    if decision.wrapped is None:
        return decision
    members = found.members
    for place, member in zip(positions, decision.wrapped.members, strict=True):
        members[place] = member
    large = tuple(_at(value, positions) for value in decision.wrapped.large)
    return Decision(row, found.form, Action.CONVERT, wrapped=Wrapped(members, large, plan.rules.checksums))


def _at(value: LargeValue, positions: list[int]) -> LargeValue:
    return LargeValue(positions[value.position], value.key, value.content)


def _to_legacy(row: RunRow, found: Detection, plan: MigrationPlan, around: Circumstances) -> Decision:
    assume = plan.request.assume
    if (refused := _unusable(row, found)) is not None:
        return refused
    recorded = around.converted.get(row.run_id)
    if assume is Direction.DESCRIPTORS and found.form not in (Form.LEGACY, Form.EMPTY):
        return Decision(row, found.form, Action.CONVERT, entries=tuple(found.entries))
    if found.form is not Form.DESCRIPTORS:
        left = found.form in (Form.MIXED, Form.AMBIGUOUS) and recorded != Direction.LEGACY
        return Decision(row, found.form, Action.LEAVE if left else Action.NOTHING, found.reason)
    if recorded == Direction.DESCRIPTORS:
        return Decision(row, found.form, Action.CONVERT, entries=tuple(found.entries))
    if recorded == Direction.LEGACY or assume is Direction.LEGACY:
        return Decision(row, found.form, Action.NOTHING)
    reason = "zenctx has no record of converting it; '--assume descriptors --run ID' takes it back all the same"
    return Decision(row, found.form, Action.LEAVE, reason)


def _unusable(row: RunRow, found: Detection) -> Decision | None:
    if found.form is Form.INVALID:
        return Decision(row, found.form, Action.QUARANTINE, found.reason)
    if found.form is not Form.EMPTY and not is_run_id(row.run_id):
        return Decision(row, found.form, Action.QUARANTINE, "the id of the run is not a UUID")
    return None


def _unless_active(decision: Decision, around: Circumstances) -> Decision:
    row = decision.row
    facts = RunFacts(
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        has_context=True,
        pending_retry=row.run_id in around.retries,
        times_readable=row.times_readable,
    )
    classified = classify_run(facts, around.now)
    if classified.run_class is not RunClass.FINISHED:
        return Decision(row, decision.form, Action.WAIT, f"{classified.run_class}: {classified.reason}")
    if row.ended_at is not None and around.now - row.ended_at < SETTLED_AFTER:
        return Decision(row, decision.form, Action.WAIT, "finished less than 5 minutes ago")
    return decision
