"""Detection of the form of a context: legacy values, descriptors, or something that must not be touched.

Never a guess: what could be read both ways is reported as ambiguous or mixed, and left as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import RefValueDescriptor, contradiction, may_be_descriptor, read_descriptor
from zenctx.context.rawjson import Member, quoted, split_object
from zenctx.errors import InvalidContextError

LocatorCheck = Callable[[str], bool]
"""Tells whether a locator stays inside the configured directories, by its text alone."""


class Form(StrEnum):
    """The form of a stored context."""

    NULL = "null"
    EMPTY = "empty"
    LEGACY = "legacy"
    DESCRIPTORS = "descriptors"
    AMBIGUOUS = "ambiguous"
    MIXED = "mixed"
    INVALID = "invalid"


class Fit(StrEnum):
    """How well one entry of a context fits a descriptor."""

    EXACT = "exact"
    """All six properties, and nothing that contradicts them."""
    LOADABLE = "loadable"
    """Some properties are missing; the engine would read it as a descriptor all the same."""
    CONTRADICTORY = "contradictory"
    """All six properties, but they contradict each other, or one of them cannot be read."""
    NULL = "null"
    PLAIN = "plain"


class Entry(DataStruct, frozen=True):
    """One member of a context, and the descriptor that its value spells, if it does; `reason`: what is wrong with it.

    In a legacy context there are no descriptors: a value stands for itself, also where its `fit` is LOADABLE.
    """

    member: Member
    fit: Fit
    descriptor: RefValueDescriptor | None = None
    reason: str | None = None


class Detection(DataStruct, frozen=True):
    """The form of a context, why (None where it needs no words), and its entries (none where it is invalid)."""

    form: Form
    reason: str | None
    entries: Sequence[Entry]

    @property
    def members(self) -> list[Member]:
        """The members as they were split."""
        return [entry.member for entry in self.entries]


def detect(text: bytes | None, locator_ok: LocatorCheck) -> Detection:
    """Detects the form of a context from its exact text (None: SQL NULL). Opens nothing, raises nothing."""
    if text is None:
        return Detection(Form.NULL, None, ())
    try:
        members = split_object(text)
    except InvalidContextError as error:
        return Detection(Form.INVALID, error.message, ())
    entries = [classify(member, locator_ok) for member in members]
    form, reason = _decide(entries)
    if form is Form.LEGACY:
        entries = [entry if entry.descriptor is None else Entry(entry.member, entry.fit) for entry in entries]
    return Detection(form, reason, entries)


def classify(member: Member, locator_ok: LocatorCheck) -> Entry:
    """Tells how well the value of one member, by itself, fits a descriptor."""
    value = member.value
    if value == b"null":
        return Entry(member, Fit.NULL)
    reading = read_descriptor(value) if may_be_descriptor(value) else None
    if reading is None:
        return Entry(member, Fit.PLAIN)
    descriptor, problem = reading.descriptor, reading.problem
    if problem is None and descriptor is not None:
        problem = contradiction(descriptor) or _refused_locator(descriptor.locator, locator_ok)
    if not reading.is_complete:
        return Entry(member, Fit.LOADABLE, descriptor, problem)
    return Entry(member, Fit.EXACT if problem is None else Fit.CONTRADICTORY, descriptor, problem)


def _refused_locator(locator: str | None, locator_ok: LocatorCheck) -> str | None:
    refused = locator is not None and not locator_ok(locator)
    return "the locator leaves the configured directories" if refused else None


def _decide(entries: Sequence[Entry]) -> tuple[Form, str | None]:
    if not entries:
        return Form.EMPTY, None
    first = {entry.fit: entry for entry in reversed(entries)}
    if Fit.EXACT in first and Fit.PLAIN in first:
        return Form.MIXED, f"{_named(first[Fit.EXACT])} is a descriptor, {_named(first[Fit.PLAIN])} is a plain value"
    if (doubtful := _doubtful(entries, first)) is not None:
        return Form.AMBIGUOUS, f"{_named(doubtful)} is shaped like a descriptor, but {doubtful.reason}"
    if Fit.EXACT in first:
        return Form.DESCRIPTORS, None
    if Fit.LOADABLE in first and Fit.PLAIN not in first:
        return Form.AMBIGUOUS, f"{_named(first[Fit.LOADABLE])} can be read as a descriptor, but lacks properties"
    return Form.LEGACY, None


def _doubtful(entries: Sequence[Entry], first: Mapping[Fit, Entry]) -> Entry | None:
    """The entry that keeps a context from being either form; beside plain values it needs all six properties."""
    if Fit.CONTRADICTORY in first or Fit.PLAIN in first:
        return first.get(Fit.CONTRADICTORY)
    return next((entry for entry in entries if entry.reason is not None), None)


def _named(entry: Entry) -> str:
    return f"the entry {quoted(entry.member.name)}"
