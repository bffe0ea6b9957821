"""Two values of one key: whether they are equal wherever they are kept, and if not, where they differ."""

from collections.abc import Iterator
from dataclasses import dataclass

from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, decode_inline
from zenctx.context.diff import Change, ChangeKind, differences
from zenctx.context.forms import Entry
from zenctx.context.rawjson import BLANKS, is_json
from zenctx.operations.comparison.sides import Files, FileState, content_state

MAX_PARSED = 64 * 1024 * 1024
"""Values up to this size, in bytes, are compared as JSON; larger ones by their bytes."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a value consists of: `text` where it is in the context, else what opens its file."""

    storage: str
    text: bytes | None
    key: str
    descriptor: RefValueDescriptor | None
    files: Files

    def state(self) -> FileState:
        """Size and checksum."""
        return content_state(self.text) if self.text is not None else self.files.state(self.key, self._file)

    def read(self) -> bytes:
        """All of the content, which is no more than `MAX_PARSED`."""
        return self.text if self.text is not None else self.files.read(self.key, self._file, MAX_PARSED)

    @property
    def _file(self) -> RefValueDescriptor:
        if self.descriptor is None:
            raise ValueError(self.key)
        return self.descriptor


def content_of(files: Files, entry: Entry) -> Content:
    """Gives the content of an entry; a file is one of `files`. InvalidDescriptorError where its base64 text is none."""
    descriptor, key = entry.descriptor, entry.member.name
    if descriptor is None:
        return Content("row", entry.member.value, key, None, files)
    if descriptor.type is DescriptorType.MEMORY:
        return Content("row", descriptor.inline_value, key, descriptor, files)
    if descriptor.locator is None:
        return Content("inline", decode_inline(descriptor), key, descriptor, files)
    return Content("file", None, key, descriptor, files)


def storage_of(entry: Entry) -> str:
    """Tells where an entry's value is kept: row, inline or file."""
    descriptor = entry.descriptor
    if descriptor is None or descriptor.type is DescriptorType.MEMORY:
        return "row"
    return "inline" if descriptor.locator is None else "file"


@dataclass(frozen=True, slots=True)
class Opaque:
    """Two values that differ as a whole, and cannot be shown: why."""

    reason: str


Finding = Change | Opaque


def compare(a: Content, b: Content) -> Iterator[Finding]:
    """Yields where two values differ, nothing where they are equal. Raises ZenctxError where one cannot be had.

    Files of the same checksum are equal. Else documents are compared as JSON, if both are small enough, and anything
    else by its bytes.
    """
    if a.text is None or b.text is None:
        state_a, state_b = a.state(), b.state()
        if state_a == state_b:
            return
        if max(state_a.size, state_b.size) > MAX_PARSED:
            what = f"A has {state_a.size:,} bytes ({state_a.checksum}), B {state_b.size:,} ({state_b.checksum})"
            yield Opaque(f"the content differs: {what}; it is too large to be compared as JSON")
            return
    yield from _compare_read(a.read(), b.read())


def _compare_read(a: bytes, b: bytes) -> Iterator[Finding]:
    if a == b:
        return
    a_is_json, b_is_json = is_json(a), is_json(b)
    if a_is_json and b_is_json:
        yield from differences(a, b)
    elif a_is_json or b_is_json:
        yield Opaque("A is JSON, B is not" if a_is_json else "B is JSON, A is not")
    else:
        one, other = content_state(a), content_state(b)
        yield Opaque(f"the bytes differ: A has {one.size:,} ({one.checksum}), B {other.size:,} ({other.checksum})")


def whole(content: Content, kind: ChangeKind, limit: int) -> Finding:
    """Gives the change that adds or removes a whole value; only why where it is no JSON, or in a file above `limit`."""
    if content.text is None:
        size = content.state().size
        if size > limit:
            return Opaque(f"{size:,} bytes, too large to be shown")
    text = content.read()
    if not is_json(text):
        return Opaque(f"{len(text):,} bytes that are not JSON")
    text = text.strip(BLANKS)
    if kind is ChangeKind.ADDED:
        return Change(kind, None, "", "", None, text)
    return Change(kind, "", None, "", text, None)
