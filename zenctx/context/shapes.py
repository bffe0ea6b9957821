"""The shape of a context for those who count: its form, its keys, and how each value is stored.

Nearly all rows are plain values or sound descriptors, which is told by decoding them once; every other row goes through
`forms`. A test holds the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

import msgspec

from zenctx.context.descriptor import UNKNOWN_SIZE, DescriptorType, SizeInBytes
from zenctx.context.forms import Detection, Entry, Form, detect
from zenctx.context.rawjson import MAX_DEPTH
from zenctx.context.scanner import check_utf8, deeper_than
from zenctx.errors import InvalidContextError

IsInside = Callable[[str], bool]


class StorageKind(StrEnum):
    """How one entry of a context is stored."""

    PLAIN = "plain"
    """A value as it is: all of a legacy context, and what is no descriptor in a mixed or ambiguous one."""
    MEMORY = "MEMORY"
    JSON = "JSON"
    FILE = "FILE"
    UNREADABLE = "unreadable"
    """A context that cannot be taken apart counts as one such entry."""


class NamedFile(NamedTuple):
    """A file that a descriptor names: which entry it is of, the locator, the size that the descriptor says (or 0)."""

    entry: int
    locator: str
    size: int


class Shape(NamedTuple):
    """A context's form, its keys and the texts of their values, and how these are stored.

    `kind`: of all entries, or None where `kinds` says it of each. The text of a descriptor's value is its inline value.
    """

    form: Form
    keys: tuple[str, ...]
    values: Sequence[bytes | msgspec.Raw]
    kind: StorageKind | None
    kinds: Sequence[StorageKind] = ()
    files: Sequence[NamedFile] = ()


class _Memory(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A MEMORY descriptor that has all six properties."""

    type: Literal["MEMORY"]
    locator: None
    mediaType: str | None  # noqa: N815 - the engine's name
    size: SizeInBytes
    checksum: str | None
    inlineValue: msgspec.Raw  # noqa: N815 - the engine's name


class _Stored(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A MEMORY descriptor, or one of FILE with a locator, that has all six properties."""

    type: Literal["MEMORY", "FILE"]
    locator: Annotated[str, msgspec.Meta(min_length=1)] | None
    mediaType: str | None  # noqa: N815 - the engine's name
    size: SizeInBytes
    checksum: str | None
    inlineValue: msgspec.Raw  # noqa: N815 - the engine's name


_PLAIN = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MEMORY = msgspec.json.Decoder(dict[str, _Memory])
_STORED = msgspec.json.Decoder(dict[str, _Stored])
_encode = msgspec.json.Encoder().encode
_NO_VALUES: Sequence[bytes] = ()
_SHALLOW, _SOON = 2 * (MAX_DEPTH - 2), 8 * MAX_DEPTH
"""No shorter value nests too deep; only in what is longer the levels are counted before it is decoded."""
_NULL_LENGTH = len("null")
_AROUND = len('{"type":"","locator":,"mediaType":,"size":,"checksum":,"inlineValue":}')
_KINDS = {kind.value: StorageKind(kind.value) for kind in DescriptorType}

NO_SHAPE = Shape(Form.NULL, (), _NO_VALUES, StorageKind.PLAIN)
EMPTY_SHAPE = Shape(Form.EMPTY, (), _NO_VALUES, StorageKind.PLAIN)


def shape_of(text: bytes | None, is_inside: IsInside, *, is_jsonb: bool) -> Shape:
    """Gives the shape of a context from its exact text (None: SQL NULL).

    `is_jsonb`: `jsonb` spelled it, which holds no name twice, nothing but UTF-8 and no half of a surrogate pair.
    """
    if text is None:
        return NO_SHAPE
    if text == b"{}":
        return EMPTY_SHAPE
    return _quickly(text, is_inside, is_jsonb=is_jsonb) or _carefully(text, is_inside)


def _may_hold_descriptor(text: bytes, *, is_jsonb: bool) -> bool:
    """Tells whether a value may be shaped like a descriptor: its type is there, and a content, or something escaped.

    What is escaped in `jsonb` are control characters alone. Every search goes through the whole text, and is quick
    where the letters are rare: so the types come first.
    """
    if not is_jsonb and b"\\" in text and b"\\u" in text:
        return True
    if b"MEMORY" not in text and b"FILE" not in text and b"JSON" not in text:
        return False
    return b'"inlineValue"' in text or b'"locator"' in text


def _quickly(text: bytes, is_inside: IsInside, *, is_jsonb: bool) -> Shape | None:
    """Gives the shape of a row that is evidently plain values or descriptors; None for all others."""
    # A level takes two bytes at least. No stack is at risk by what is not much longer than that.
    if len(text) > _SOON and deeper_than(text, MAX_DEPTH):
        return None
    try:
        if not is_jsonb:
            check_utf8(text)
        found = _decoded(text, is_inside, is_jsonb=is_jsonb)
    except (RecursionError, msgspec.MsgspecError, InvalidContextError):
        return None
    is_deep = (
        found is not None
        and _SHALLOW < len(text) <= _SOON
        and max(map(len, found.values)) > _SHALLOW
        and deeper_than(text, MAX_DEPTH)
    )
    return None if is_deep else found


def _decoded(text: bytes, is_inside: IsInside, *, is_jsonb: bool) -> Shape | None:
    if not _may_hold_descriptor(text, is_jsonb=is_jsonb):
        return _plain(text, is_jsonb=is_jsonb)
    if not is_jsonb and b"\\u" in text:
        return None
    try:
        return _in_memory(text, is_jsonb=is_jsonb)
    except msgspec.ValidationError:
        if b'"FILE"' not in text:
            raise
    return _stored(text, is_inside, is_jsonb=is_jsonb)


def _plain(text: bytes, *, is_jsonb: bool) -> Shape | None:
    decoded = _PLAIN.decode(text)
    # Decoded and spelled again a text can only become shorter, by a name that stands twice too: so nothing was lost.
    if decoded and (is_jsonb or len(text) == _around(decoded) + sum(map(len, decoded.values()))):
        return Shape(Form.LEGACY, tuple(decoded), list(decoded.values()), StorageKind.PLAIN)
    return None


def _in_memory(text: bytes, *, is_jsonb: bool) -> Shape | None:
    decoded = _MEMORY.decode(text)
    if not decoded or not (is_jsonb or _is_spelled(text, decoded)):
        return None
    values = [entry.inlineValue for entry in decoded.values()]
    return Shape(Form.DESCRIPTORS, tuple(decoded), values, StorageKind.MEMORY)


def _stored(text: bytes, is_inside: IsInside, *, is_jsonb: bool) -> Shape | None:
    decoded = _STORED.decode(text)
    files: list[NamedFile] = []
    kinds: list[StorageKind] = []
    for number, entry in enumerate(decoded.values()):
        if (entry.type == "FILE") is (entry.locator is None):
            return None
        if entry.locator is not None:
            if bytes(entry.inlineValue) != b"null" or not is_inside(entry.locator):
                return None
            files.append(NamedFile(number, entry.locator, max(entry.size, 0)))
        kinds.append(_KINDS[entry.type])
    if not decoded or not (is_jsonb or _is_spelled(text, decoded)):
        return None
    values = [_value(entry.type, entry.inlineValue) for entry in decoded.values()]
    return Shape(Form.DESCRIPTORS, tuple(decoded), values, None, kinds, files)


def _value(kind: str, inline_value: msgspec.Raw) -> bytes | msgspec.Raw:
    return b"" if kind == "FILE" else inline_value


def _around(decoded: Mapping[str, object]) -> int:
    """The bytes of a compact object that belong to no value: its names, and each of `{:,:,:}`."""
    return len(_encode(list(decoded))) + len(decoded)


def _is_spelled(text: bytes, decoded: Mapping[str, _Memory] | Mapping[str, _Stored]) -> bool:
    """Tells whether descriptors are spelled as they are written: then no name and no property stands twice."""
    length = _around(decoded) + len(decoded) * _AROUND
    for entry in decoded.values():
        length += len(entry.type) + len(str(entry.size)) + len(entry.inlineValue)
        for each in (entry.locator, entry.mediaType, entry.checksum):
            length += _NULL_LENGTH if each is None else len(_encode(each))
    return length == len(text)


def _carefully(text: bytes, is_inside: IsInside) -> Shape:
    found = detect(text, is_inside)
    if found.form is Form.INVALID:
        return Shape(Form.INVALID, ("",), (text,), StorageKind.UNREADABLE)
    if found.form is Form.EMPTY:
        return EMPTY_SHAPE
    keys = tuple(entry.member.name for entry in found.entries)
    if found.form is Form.LEGACY:
        return Shape(Form.LEGACY, keys, [entry.member.value for entry in found.entries], StorageKind.PLAIN)
    return _described(found, keys)


def _described(found: Detection, keys: tuple[str, ...]) -> Shape:
    kinds = [_kind(entry) for entry in found.entries]
    values: list[bytes] = []
    files: list[NamedFile] = []
    for number, entry in enumerate(found.entries):
        descriptor = entry.descriptor
        if descriptor is None:
            values.append(entry.member.value)
            continue
        values.append(descriptor.inline_value if descriptor.has_inline_value or descriptor.locator is None else b"")
        if descriptor.type is DescriptorType.FILE and descriptor.locator is not None:
            size = 0 if descriptor.size == UNKNOWN_SIZE else max(descriptor.size, 0)
            files.append(NamedFile(number, descriptor.locator, size))
    return Shape(found.form, keys, values, None, kinds, files)


def _kind(entry: Entry) -> StorageKind:
    return StorageKind.PLAIN if entry.descriptor is None else _KINDS[entry.descriptor.type]
