"""What is to become of one row, and why: decided from values alone, alike in a dry run and a real one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from zenctx.context.classes import RunClass, RunFacts, classify_run
from zenctx.context.convert import LargeValue, Wrapped, wrap
from zenctx.context.datastruct import DataStruct
from zenctx.context.direction import Direction
from zenctx.context.forms import Detection, Entry, Fit, Form, LocatorCheck, detect
from zenctx.context.long_rows import wrap_in_place
from zenctx.context.quick import count_evident_descriptors, unwrap_quickly, wrap_quickly
from zenctx.context.rawjson import Member
from zenctx.database.conversions import Conversion, is_run_id
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


class Decision(NamedTuple):
    """What becomes of a row, why, and what its conversion starts from (`ready`, `wrapped` or `entries`)."""

    row: RunRow
    form: Form
    action: Action
    reason: str | None = None
    ready: bytes | None = None
    wrapped: Wrapped | None = None
    entries: tuple[Entry, ...] = ()


class Circumstances(DataStruct, frozen=True):
    """What is known of the rows of a batch besides the rows themselves."""

    now: datetime
    quarantined: Mapping[str, Quarantined]
    converted: Mapping[str, Conversion]
    """How a run was converted last, for those that were."""
    retries: frozenset[str]


def decide_all(
    rows: Sequence[RunRow], plan: MigrationPlan, around: Circumstances, locator_ok: LocatorCheck
) -> list[Decision]:
    """Decides what becomes of each of some rows; gives the decisions in the order of the rows."""
    if plan.request.direction is Direction.LEGACY or plan.request.assume is not None:
        return [_decide(row, plan, around, locator_ok) for row in rows]
    # What nearly all rows are, where nothing more has to be known of them, is decided without a further call.
    is_simple = not around.quarantined and not plan.only_finished
    rules, is_jsonb = plan.rules, plan.is_jsonb
    form, action = Form.LEGACY, Action.CONVERT
    decisions: list[Decision] = []
    for row in rows:
        ready = wrap_quickly(row.text, rules, is_jsonb=is_jsonb) if row.text is not None else None
        if is_simple and ready is not None and is_run_id(row.run_id):
            decisions.append(Decision._make((row, form, action, None, ready, None, ())))
        else:
            decisions.append(_decide(row, plan, around, locator_ok, ready))
    return decisions


def _decide(
    row: RunRow, plan: MigrationPlan, around: Circumstances, locator_ok: LocatorCheck, ready: bytes | None = None
) -> Decision:
    """Decides what becomes of one row; `ready`: its descriptors, where they could be made quickly."""
    decision = (
        Decision(row, Form.LEGACY, Action.CONVERT, None, ready)
        if ready is not None
        else _by_content(row, plan, around, locator_ok)
    )
    if decision.action is Action.NOTHING:
        return decision
    if decision.action is Action.CONVERT and not is_run_id(row.run_id):
        decision = Decision(row, decision.form, Action.QUARANTINE, "the id of the run is not a UUID as it is written")
    if around.quarantined and decision.action in (Action.CONVERT, Action.QUARANTINE):
        known = around.quarantined.get(row.run_id)
        if known and not plan.tries_quarantined and known.fingerprint == fingerprint(row.text or b""):
            return Decision(row, decision.form, Action.QUARANTINED, known.reason)
    if decision.action is Action.CONVERT and plan.only_finished:
        return _unless_active(decision, around)
    return decision


def _by_content(row: RunRow, plan: MigrationPlan, around: Circumstances, locator_ok: LocatorCheck) -> Decision:
    if row.text is None:
        return Decision(row, Form.NULL, Action.NOTHING)
    if plan.request.direction is Direction.LEGACY:
        if quick := _to_legacy_quickly(row, row.text, plan, around):
            return quick
        return _to_legacy(row, detect(row.text, locator_ok), plan, around)
    if plan.request.assume is None:
        if count_evident_descriptors(row.text):
            return Decision(row, Form.DESCRIPTORS, Action.NOTHING)
        if wrapped := wrap_in_place(row.text, plan.rules):
            return Decision(row, Form.LEGACY, Action.CONVERT, wrapped=wrapped)
    return _to_descriptors(row, detect(row.text, locator_ok), plan, around)


def _to_descriptors(row: RunRow, found: Detection, plan: MigrationPlan, around: Circumstances) -> Decision:
    assume = plan.request.assume
    if found.form is Form.INVALID:
        return Decision(row, found.form, Action.QUARANTINE, found.reason)
    if found.form is Form.EMPTY:
        return Decision(row, found.form, Action.NOTHING)
    if assume is Direction.DESCRIPTORS:
        return _completing(row, found, plan)
    if found.form is Form.LEGACY:
        return _wrapping(row, found.form, found.members, plan)
    if assume is Direction.LEGACY and not _was_last(around, row, Direction.DESCRIPTORS):
        return _wrapping(row, found.form, found.members, plan)
    if found.form is Form.DESCRIPTORS:
        return Decision(row, found.form, Action.NOTHING)
    # Wrapped once already, on the same assumption perhaps: wrapping again could not be told from it.
    reason = found.reason if assume is None else f"zenctx converted this run before; {found.reason}"
    return Decision(row, found.form, Action.LEAVE, reason)


def _wrapping(row: RunRow, form: Form, members: list[Member], plan: MigrationPlan) -> Decision:
    try:
        return Decision(row, form, Action.CONVERT, wrapped=wrap(members, plan.rules))
    except DataError as error:
        return Decision(row, form, Action.QUARANTINE, error.message)


def _completing(row: RunRow, found: Detection, plan: MigrationPlan) -> Decision:
    """A context that is said to be descriptors: those that lack properties get them, plain values are wrapped.

    A descriptor that contradicts itself is kept as it is, and keeps the context ambiguous.
    """
    if not any(entry.fit is Fit.PLAIN or _lacks_properties(entry) for entry in found.entries):
        action = Action.NOTHING if found.form is Form.DESCRIPTORS else Action.LEAVE
        return Decision(row, found.form, action, found.reason)
    positions = [place for place, entry in enumerate(found.entries) if entry.fit is Fit.PLAIN]
    decision = _wrapping(row, found.form, [found.entries[place].member for place in positions], plan)
    if decision.wrapped is None:
        return decision
    members = [_spelled_out(entry) for entry in found.entries]
    for place, member in zip(positions, decision.wrapped.members, strict=True):
        members[place] = member
    large = tuple(_at(value, positions) for value in decision.wrapped.large)
    return Decision(row, found.form, Action.CONVERT, wrapped=Wrapped(members, large, plan.rules.checksums))


def _lacks_properties(entry: Entry) -> bool:
    return entry.fit is Fit.LOADABLE and entry.descriptor is not None and entry.reason is None


def _spelled_out(entry: Entry) -> Member:
    """The entry with all six properties, where it is a sound descriptor that lacks some; else as it is."""
    if entry.descriptor is None or not _lacks_properties(entry):
        return entry.member
    return entry.member._replace(value=entry.descriptor.to_json())


def _at(value: LargeValue, positions: list[int]) -> LargeValue:
    return LargeValue(positions[value.position], value.key, value.content)


def _to_legacy(row: RunRow, found: Detection, plan: MigrationPlan, around: Circumstances) -> Decision:
    assume = plan.request.assume
    if found.form is Form.INVALID:
        return Decision(row, found.form, Action.QUARANTINE, found.reason)
    if found.form in (Form.EMPTY, Form.LEGACY) or assume is Direction.LEGACY:
        return Decision(row, found.form, Action.NOTHING)
    if assume is Direction.DESCRIPTORS and not _put_back_just_now(around, row, plan):
        return Decision(row, found.form, Action.CONVERT, entries=tuple(found.entries))
    if found.form is Form.DESCRIPTORS and _was_last(around, row, Direction.DESCRIPTORS):
        return Decision(row, found.form, Action.CONVERT, entries=tuple(found.entries))
    if found.form is Form.MIXED and _was_last(around, row, Direction.LEGACY):
        # No engine writes such a context by itself: it is the legacy one, whose values look like descriptors.
        return Decision(row, found.form, Action.NOTHING)
    return Decision(row, found.form, Action.LEAVE, found.reason or _without_record(around, row))


def _to_legacy_quickly(row: RunRow, text: bytes, plan: MigrationPlan, around: Circumstances) -> Decision | None:
    """What `_to_legacy` decides of an ordinary row; None for every other."""
    if _was_last(around, row, Direction.DESCRIPTORS):
        ready = unwrap_quickly(text) if plan.request.assume is None else None
        return Decision(row, Form.DESCRIPTORS, Action.CONVERT, ready=ready) if ready else None
    # What could be wrapped without a second look is plain values only.
    return Decision(row, Form.LEGACY, Action.NOTHING) if wrap_quickly(text, plan.rules) else None


def _without_record(around: Circumstances, row: RunRow) -> str:
    """Why descriptors are not unwrapped: their values may be what the legacy context held."""
    known = "put it back before" if _was_last(around, row, Direction.LEGACY) else "has no record of converting it"
    return f"zenctx {known}; '--assume descriptors --run ID' takes it back all the same"


def _was_last(around: Circumstances, row: RunRow, direction: Direction) -> bool:
    last = around.converted.get(row.run_id)
    return last is not None and last.direction == direction


def _put_back_just_now(around: Circumstances, row: RunRow, plan: MigrationPlan) -> bool:
    last = around.converted.get(row.run_id)
    return last == Conversion(Direction.LEGACY, plan.operation_id)


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
