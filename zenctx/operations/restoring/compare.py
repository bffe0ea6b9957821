"""What would change in a context, key by key: equal values are equal however they are spelled and wherever they lie."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from zenctx.context.canonical import canonical
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, sha256_checksum
from zenctx.context.forms import Detection, Entry, Form, classify
from zenctx.context.rawjson import Member
from zenctx.context.relocate import relocated_in_broken
from zenctx.errors import InvalidContextError
from zenctx.operations.restoring.target import Target
from zenctx.snapshots.model import SnapshotFile


class Change(StrEnum):
    """What becomes of a key."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    CONVERTED = "converted"
    """The value is equal; only its form, or where it lies, changes."""
    SAME = "same"


class KeyChange(NamedTuple):
    """A key, what becomes of it, and the length of its new (or of its last) value as JSON text in the row."""

    key: str
    change: Change
    bytes: int


class Content(NamedTuple):
    """The content that a file should have; `is_copied`: it is that of a file of the snapshot."""

    size: int
    checksum: str
    is_copied: bool = False


HasContent = Callable[[RefValueDescriptor, Content], bool]
"""Tells whether the live file that a descriptor names has some content."""


def kept_files(
    files: Iterable[SnapshotFile], found: Detection, current: Detection, has_content: HasContent
) -> dict[str, str]:
    """Gives the locators, by key, of live files that a context names now and whose content the snapshot has, too.

    Those that two entries share are left out: each is to have a file of its own.
    """
    wanted = {entry.member.name: entry.member for entry in found.entries}
    there = {entry.member.name: entry for entry in current.entries}
    kept: dict[str, str] = {}
    for file in files:
        member, entry = wanted.get(file.key), there.get(file.key)
        if member is None or entry is None or entry.descriptor is None or file.checksum is None:
            continue
        if entry.descriptor.locator and _is_same(member, _content(file), entry, has_content):
            kept[file.key] = entry.descriptor.locator
    used = Counter(entry.descriptor.locator for entry in current.entries if entry.descriptor is not None)
    return {key: locator for key, locator in kept.items() if used[locator] == 1}


def left_in_place(
    lacking: Container[str], found: Detection, current: Detection, has_content: HasContent
) -> dict[str, str]:
    """Gives the locators, by key, of live files that a snapshot lacks, and that lie where its context says.

    They are there again, or were missing for a while only. Each has the size and checksum of its descriptor, and none
    is named by another entry.
    """
    elsewhere = Counter(entry.descriptor.locator for entry in found.entries if entry.descriptor is not None)
    elsewhere.update(
        entry.descriptor.locator
        for entry in current.entries
        if entry.descriptor is not None and entry.member.name not in lacking
    )
    return {
        entry.member.name: wanted.locator
        for entry in found.entries
        if entry.member.name in lacking and (wanted := entry.descriptor) is not None
        and wanted.locator and wanted.checksum and elsewhere[wanted.locator] == 1
        and has_content(wanted, Content(wanted.size, wanted.checksum))
    }  # fmt: skip


def compare(target: Target, current: Detection, has_content: HasContent) -> list[KeyChange]:
    """Gives every key of either context with what becomes of it; nothing for what is no object."""
    before = {entry.member.name: entry for entry in current.entries}
    wanted = _contents(target)
    changes: list[KeyChange] = []
    for member in target.members:
        entry = before.pop(member.name, None)
        change = Change.ADDED if entry is None else Change.CHANGED
        if entry is not None and (
            _is_kept(member, target.kept.get(member.name), entry)
            or _is_same(member, wanted.get(member.name), entry, has_content)
        ):
            change = Change.SAME
        changes.append(KeyChange(member.name, change, len(member.value)))
    removed = (KeyChange(key, Change.REMOVED, len(entry.member.value)) for key, entry in before.items())
    return [*changes, *removed]


def is_same(target: Target, text: bytes | None, current: Detection, changes: list[KeyChange]) -> bool:
    """Tells whether a context, whose keys change so, is the wanted one already."""
    if target.text is None or text is None:
        return target.text is None and text is None
    if Form.INVALID in (target.form, current.form):
        # Files that it still needs are not where they should be: see `lies_in_place`.
        return not target.files and (target.text == text or _is_equal(target.text, text))
    return all(change.change is Change.SAME for change in changes)


def lies_in_place(target: Target, text: bytes | None, has_content: HasContent, is_own: Callable[[str], bool]) -> bool:
    """Tells whether a context that cannot be taken apart was put back already: its text but for the names of its files.

    Each of these has to be the run's own, or where it was, and to have the content; then there is nothing to do.
    """
    if target.form is not Form.INVALID or target.lacks or target.text is None or text is None:
        return False
    places = relocated_in_broken(target.text, text, target.files)
    if places is None or places.keys() != target.files.keys():
        return False
    return all(
        (locator == key or is_own(locator))
        and has_content(RefValueDescriptor(DescriptorType.FILE, locator), _content(target.files[key]))
        for key, locator in places.items()
    )


def _contents(target: Target) -> Mapping[str, Content]:
    files = {key: _content(file) for key, file in target.files.items()}
    large = {value.key: Content(len(value.content), sha256_checksum(value.content)) for value in target.large}
    return {**files, **large}


def _content(file: SnapshotFile) -> Content:
    return Content(file.size, file.checksum or "", is_copied=True)


def _is_kept(member: Member, locator: str | None, entry: Entry) -> bool:
    """Whether the row has this value already, in the file that stays where it lies."""
    there, wanted = entry.descriptor, classify(member, lambda _locator: True).descriptor
    if locator is None or there is None or wanted is None or there.locator != locator:
        return False
    return _without_locator(wanted) == _without_locator(there)


def _is_same(member: Member, content: Content | None, entry: Entry, has_content: HasContent) -> bool:
    if content is None:
        return member.value == entry.member.value or _is_equal(member.value, entry.member.value)
    there = entry.descriptor
    if there is None or there.type is not DescriptorType.FILE or there.locator is None or entry.reason is not None:
        return False
    wanted = classify(member, lambda _locator: True).descriptor
    if not content.is_copied or wanted is None:
        is_alike = there.size == content.size
    else:
        # All but the locator, which is another one after every restoration.
        is_alike = _without_locator(wanted) == _without_locator(there)
    return is_alike and has_content(there, content)


def _without_locator(descriptor: RefValueDescriptor) -> tuple[object, ...]:
    return descriptor.media_type, descriptor.size, descriptor.checksum, descriptor.inline_value


def _is_equal(one: bytes, other: bytes) -> bool:
    try:
        return canonical(one) == canonical(other)
    except InvalidContextError:
        return False
