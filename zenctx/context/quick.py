"""The common case of a conversion, a whole row at once; what is unusual in any way is left to the careful way.

Each function gives the very result of `forms` and `convert`, or None ("look closer"): a test holds them together.
The tests that the careful way makes value by value are made here, where that is enough, once over the text of the row.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Literal

import msgspec

from zenctx.context.convert import MAX_MEMORY_DEPTH
from zenctx.context.descriptor import SizeInBytes, may_be_descriptor
from zenctx.context.estimate import FIXED_SIZES, MAX_NUMBER_CHARACTERS, may_hold_long_number, utf16_units
from zenctx.context.rawjson import MAX_DEPTH, compact_length
from zenctx.context.rules import StorageRules
from zenctx.context.scanner import check_utf8, deeper_than
from zenctx.errors import InvalidContextError

MAX_ROW_BYTES = 256 * 1024
"""Longer rows are rare, and gain nothing here."""

_MAX_REMEMBERED_NAMES = 100
_MAX_REMEMBERED_BYTES = 16 * 1024

_VALUE = b"%b:%%b"
_VALUE_LIKE_JSONB = b"%b: %%b"
_MEMORY = b'%b:{"type":"MEMORY","locator":null,"mediaType":null,"size":%%d,"checksum":null,"inlineValue":%%b}'
_MEMORY_LIKE_JSONB = (
    b'%b: {"size": %%d, "type": "MEMORY", "locator": null, "checksum": null, "mediaType": null, "inlineValue": %%b}'
)
_QUOTE = ord('"')
_NO_JSON = b"\0"  # a byte that no JSON text holds

_encode = msgspec.json.Encoder().encode


class _Memory(msgspec.Struct, forbid_unknown_fields=True):
    """A MEMORY descriptor that has all six properties."""

    type: Literal["MEMORY"]
    locator: None
    mediaType: None  # noqa: N815 - the engine's name
    size: SizeInBytes
    checksum: None
    inlineValue: msgspec.Raw  # noqa: N815 - the engine's name


_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DESCRIPTORS = msgspec.json.Decoder(dict[str, _Memory])


class _Layout:
    """The texts of rows with the same keys: what stands around the values, as templates for `%`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        spelled = [_encode(name) for name in names]
        self.length = sum(map(len, spelled)) + 2 * len(spelled) + 1
        """The bytes of a compact row that belong to no value: its names, and each of `{:,:,:}`."""
        self.has_odd_names = any(b"\\u" in spelling for spelling in spelled)
        """Whether a name holds control characters, which have several spellings of the same length."""
        self._names = [spelling.replace(b"%", b"%%") for spelling in spelled]

    @cached_property
    def values_like_jsonb(self) -> bytes:
        """A row of plain values as `jsonb` spells it; takes the values."""
        return self._template(_VALUE_LIKE_JSONB, b", ")

    @cached_property
    def values(self) -> bytes:
        """The same as it is written."""
        return self._template(_VALUE, b",")

    @cached_property
    def memory(self) -> bytes:
        """A row of MEMORY descriptors as the engine writes it; takes a size and a value by turns."""
        return self._template(_MEMORY, b",")

    @cached_property
    def memory_like_jsonb(self) -> bytes:
        """The same as `jsonb` spells it."""
        return self._template(_MEMORY_LIKE_JSONB, b", ")

    def _template(self, member: bytes, separator: bytes) -> bytes:
        return b"{" + separator.join([member % name for name in self._names]) + b"}"


def wrap_quickly(text: bytes, rules: StorageRules) -> bytes | None:
    """Gives the descriptors of a legacy row whose values all stay in MEMORY; None where that is not evident."""
    # Twice the row's bytes bounds the estimate of every value in it.
    if len(text) > MAX_ROW_BYTES or 2 * len(text) > rules.memory_threshold or not _is_evidently_sound(text):
        return None
    try:
        decoded = _VALUES.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return None
    layout = _layout(tuple(decoded), len(text))
    if not decoded or layout.has_odd_names:
        return None
    joined = _NO_JSON.join(decoded.values())
    values = joined.split(_NO_JSON)
    # To decode and spell again can only shorten this text: by blanks, by a name that stands twice, by an escape that
    # need not be (but for odd names). So where nothing is shorter nothing was lost, and names are spelled as they were.
    if layout.length + len(joined) - len(values) + 1 != len(text) and layout.values_like_jsonb % tuple(values) != text:
        return None
    is_escaped = b"\\" in text
    sizes = _sizes(values, are_strings_plain=not is_escaped and text.isascii(), is_escaped=is_escaped)
    return None if sizes is None else layout.memory % _by_turns(sizes, values)


def count_evident_descriptors(text: bytes) -> int:
    """Gives the number of entries of a row that evidently has MEMORY descriptors only, spelled as they are written.

    0 where that is not evident.
    """
    found = _evident_descriptors(text)
    return len(found[1]) if found else 0


def unwrap_quickly(text: bytes) -> bytes | None:
    """Gives the legacy row of what `count_evident_descriptors` counts; None where that is not evident."""
    found = _evident_descriptors(text)
    if found is None:
        return None
    layout, values = found
    return layout.values % tuple(values)


def _evident_descriptors(text: bytes) -> "tuple[_Layout, list[msgspec.Raw]] | None":
    """The layout and the values of a row that has MEMORY descriptors only; None for what is unusual in any way."""
    if len(text) > MAX_ROW_BYTES or not _is_evidently_sound(text):
        return None
    try:
        decoded = _DESCRIPTORS.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return None
    if not decoded:
        return None
    layout = _layout(tuple(decoded), len(text))
    entries = decoded.values()
    values = [entry.inlineValue for entry in entries]
    arguments = _by_turns([entry.size for entry in entries], values)
    # Spelled again, it must be the row: this says that no name and no property stands twice.
    is_spelled = text in (layout.memory % arguments, layout.memory_like_jsonb % arguments)
    return (layout, values) if is_spelled else None


def _layout(names: tuple[str, ...], length: int) -> _Layout:
    """The layout of some keys. Rows of one workflow share theirs; those that would take much memory are not kept."""
    if len(names) > _MAX_REMEMBERED_NAMES or length > _MAX_REMEMBERED_BYTES:
        return _Layout(names)
    return _remembered_layout(names)


_remembered_layout = lru_cache(maxsize=256)(_Layout)


def _is_evidently_sound(text: bytes) -> bool:
    try:
        check_utf8(text)
    except InvalidContextError:
        return False
    # A level takes two bytes at least.
    return len(text) <= 2 * MAX_DEPTH or not deeper_than(text, MAX_DEPTH)


def _sizes(values: Sequence[bytes], *, are_strings_plain: bool, is_escaped: bool) -> list[int] | None:
    """Gives the estimated size of each value; None if one may not fit MEMORY, or may be a descriptor already."""
    sizes: list[int] = []
    for value in values:
        first = value[0]
        if first == _QUOTE:
            is_plain = are_strings_plain or (b"\\" not in value and value.isascii())
            sizes.append(2 * len(value) - 4 if is_plain else 2 * utf16_units(value))
        elif len(value) > MAX_NUMBER_CHARACTERS and _may_not_fit(value):
            return None
        elif first in FIXED_SIZES:
            sizes.append(FIXED_SIZES[first])
        elif (b'"type"' in value or (is_escaped and b"\\u" in value)) and may_be_descriptor(value):
            return None
        else:
            sizes.append(compact_length(value))
    return sizes


def _may_not_fit(value: bytes) -> bool:
    # What is shorter than the limit of numbers cannot be nested that deep either.
    return may_hold_long_number(value) or deeper_than(value, MAX_MEMORY_DEPTH)


def _by_turns(sizes: Sequence[object], values: Sequence[object]) -> tuple[object, ...]:
    arguments: list[object] = [None] * (2 * len(sizes))
    arguments[::2] = sizes
    arguments[1::2] = values
    return tuple(arguments)
