"""What in a stored context the engine could not take up: a rehearsal of its reading, over text alone.

Facts of the engine: it reads a map of descriptors strictly, each with six properties and no other, at most 1000 levels
deep, strings of 20,000,000 characters, numbers of 1000; the running context is a map that takes no null. As published
it restores MEMORY, and FILE by its locator, and gives nothing for JSON and inline FILE values.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, decode_inline
from zenctx.context.estimate import MAX_NUMBER_CHARACTERS, MAX_STRING_CHARACTERS, within_engine_limits
from zenctx.context.forms import Detection, Entry, Fit, Form
from zenctx.context.rules import EngineReads

_LIMITS = f"strings of {MAX_STRING_CHARACTERS:,} characters and numbers of {MAX_NUMBER_CHARACTERS:,}"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps the engine from taking a context up; `kind` is a word for programs, `key` None for all."""

    kind: str
    key: str | None
    reason: str
    hint: str


def obstacles(run_id: str, found: Detection, engine_reads: EngineReads) -> Iterator[Obstacle]:
    """Yields what the engine could not read of a context; nothing where it could. Opens no file."""
    if found.form in (Form.NULL, Form.EMPTY):
        hint = f"'zenctx restore SNAPSHOT --run {run_id}' puts the context of a snapshot back"
        yield Obstacle("empty", None, "it has no context: the engine would begin the run anew", hint)
    elif found.form is Form.INVALID:
        hint = f"mend the row, or put it back by 'zenctx restore SNAPSHOT --run {run_id}'"
        yield Obstacle("unreadable", None, f"the engine cannot read the context: {found.reason}", hint)
    each = (_obstacle_of(run_id, found.form, entry, engine_reads) for entry in found.entries)
    yield from (obstacle for obstacle in each if obstacle is not None)


def is_restored(descriptor: RefValueDescriptor, engine_reads: EngineReads) -> bool:
    """Tells whether the engine gives the value back that a descriptor of this kind stands for."""
    if engine_reads is EngineReads.ALL or descriptor.type is DescriptorType.MEMORY:
        return True
    return descriptor.type is DescriptorType.FILE and descriptor.locator is not None


def _obstacle_of(run_id: str, form: Form, entry: Entry, engine_reads: EngineReads) -> Obstacle | None:
    """The first thing that is in the way of one entry."""
    key, descriptor = entry.member.name, entry.descriptor
    if entry.fit is Fit.NULL:
        hint = "let the engine's operators remove the entry, or restore the run from a snapshot"
        if form is Form.LEGACY:
            hint = f"'zenctx migrate --run {run_id}' wraps it, for an engine that reads descriptors"
        return Obstacle("null", key, "the entry is null, and the engine's map takes no null", hint)
    if form in (Form.MIXED, Form.AMBIGUOUS) and entry.fit is not Fit.EXACT:
        reason = entry.reason or _shape(entry.fit)
        hint = f"see 'zenctx inspect {run_id}'; 'zenctx migrate --run {run_id} --assume legacy|descriptors' decides"
        return Obstacle("not_a_descriptor", key, f"the entry is no descriptor as the engine reads them: {reason}", hint)
    if _is_past_limits(entry):
        hint = "shorten the value where it is made; restore the run from a snapshot before it was written"
        return Obstacle("limit", key, f"it holds more than the engine's reader takes ({_LIMITS})", hint)
    if descriptor is not None and not is_restored(descriptor, engine_reads):
        kind = "inline FILE" if descriptor.type is DescriptorType.FILE else descriptor.type.value
        reason = f"the engine as published restores nothing from {kind} values, and engine-reads is published"
        return Obstacle("not_restored", key, reason, restored_hint(run_id))
    return None


def restored_hint(run_id: str) -> str:
    """Gives what to do about values that the engine as published restores nothing from."""
    return (
        f"convert it back and again: 'zenctx migrate --to legacy --run {run_id} --include-active', then "
        f"'zenctx migrate --run {run_id} --include-active'; or set engine-reads to all if the engine decodes base64"
    )


def _shape(fit: Fit) -> str:
    return "it lacks properties" if fit is Fit.LOADABLE else "it is a plain value"


def _is_past_limits(entry: Entry) -> bool:
    if not within_engine_limits(entry.member.value):
        return True
    descriptor = entry.descriptor
    if descriptor is None or descriptor.type is not DescriptorType.JSON or entry.fit is not Fit.EXACT:
        return False
    return not within_engine_limits(decode_inline(descriptor))
