"""Detection of the form of a context: legacy values, descriptors, or something that must not be touched.

Never a guess: what could be read both ways is reported as ambiguous or mixed, and left as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zenctx.context.descriptor import (
    PROPERTIES,
    DescriptorType,
    RefValueDescriptor,
    contradiction,
    may_be_descriptor,
    parse_exact,
    parse_lenient,
)
from zenctx.context.rawjson import Member, split_object
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
    LOADABLE = "loadable"
    NULL = "null"
    PLAIN = "plain"
    CONTRADICTORY = "contradictory"


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a context, and the descriptor that its value spells, if it does."""

    member: Member
    fit: Fit
    descriptor: RefValueDescriptor | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Detection:
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
    return Detection(form, reason, entries)


def classify(member: Member, locator_ok: LocatorCheck) -> Entry:
    """Tells how well the value of one member fits a descriptor."""
    value = member.value
    if value == b"null":
        return Entry(member, Fit.NULL)
    if not may_be_descriptor(value):
        return Entry(member, Fit.PLAIN)
    descriptor = parse_exact(value)
    fit = Fit.EXACT
    if descriptor is None:
        descriptor, fit = parse_lenient(value), Fit.LOADABLE
    if descriptor is None or (fit is Fit.LOADABLE and not _has_content(descriptor, value)):
        return Entry(member, Fit.PLAIN)
    reason = contradiction(descriptor)
    if reason is None and descriptor.locator is not None and not locator_ok(descriptor.locator):
        reason = "the locator leaves the configured directories"
    if reason is not None:
        return Entry(member, Fit.CONTRADICTORY, descriptor, reason)
    return Entry(member, fit, descriptor)


def _has_content(descriptor: RefValueDescriptor, text: bytes) -> bool:
    if descriptor.has_inline_value or descriptor.locator is not None:
        return True
    names = {member.name for member in split_object(text)}
    return (descriptor.type is DescriptorType.MEMORY and "inlineValue" in names) or len(names) == len(PROPERTIES)


def _decide(entries: Sequence[Entry]) -> tuple[Form, str | None]:
    if not entries:
        return Form.EMPTY, None
    first = {entry.fit: entry for entry in reversed(entries)}
    if Fit.EXACT in first and Fit.PLAIN in first:
        return Form.MIXED, f"{_named(first[Fit.EXACT])} is a descriptor, {_named(first[Fit.PLAIN])} is a plain value"
    if Fit.CONTRADICTORY in first:
        entry = first[Fit.CONTRADICTORY]
        return Form.AMBIGUOUS, f"{_named(entry)} is shaped like a descriptor, but {entry.reason}"
    if Fit.EXACT in first:
        return Form.DESCRIPTORS, None
    if Fit.LOADABLE in first and Fit.PLAIN not in first:
        return Form.AMBIGUOUS, f"{_named(first[Fit.LOADABLE])} can be read as a descriptor, but lacks properties"
    return Form.LEGACY, None


def _named(entry: Entry) -> str:
    return f"the entry {entry.member.name!r}"
