"""The common case of a conversion, a whole row at once; what is unusual in any way is left to the careful way.

Each function gives the very result of `forms` and `convert`, or None ("look closer"): a test holds them together.
The tests that the careful way makes value by value are made here, where that is enough, once over the text of the row.
"""

from collections.abc import Iterable, Sequence
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
_FEW_DIGITS = 10_000
_LONG = 8 * 1024

# A byte that no JSON text holds stands for what a row has in that place.
_GAP = b"\0"
_VALUE = b"%b:\0"
_VALUE_LIKE_JSONB = b"%b: \0"
_MEMORY = b'%b:{"type":"MEMORY","locator":null,"mediaType":null,"size":\0,"checksum":null,"inlineValue":\0}'
_MEMORY_LIKE_JSONB = (
    b'%b: {"size": \0, "type": "MEMORY", "locator": null, "checksum": null, "mediaType": null, "inlineValue": \0}'
)
_MEMORY_IN_ORDER_OF_JSONB = _MEMORY_LIKE_JSONB.replace(b" ", b"")
_FIXED = {first: b"%d" % size for first, size in FIXED_SIZES.items()}
_QUOTE, _BACKSLASH, _OPEN = ord('"'), ord("\\"), ord("{")

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


class _Digits(dict[int, bytes]):
    """The text of numbers; that of the small ones is remembered."""

    def __missing__(self, number: int) -> bytes:
        text = b"%d" % number
        if number < _FEW_DIGITS:
            self[number] = text
        return text


_digits = _Digits()


class _Layout:
    """The texts of rows with the same keys: pieces, of which every second one is a gap for what differs."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = [_encode(name) for name in names]
        self.length = sum(map(len, self._names)) + 2 * len(names) + 1
        """The bytes of a compact row that belong to no value: its names, and each of `{:,:,:}`."""
        self.has_odd_names = any(b"\\u" in name for name in self._names)
        """Whether a name holds control characters, which have several spellings of the same length."""

    @cached_property
    def values_like_jsonb(self) -> list[bytes]:
        """A row of plain values as `jsonb` spells it; the gaps are for the values."""
        return self._pieces(_VALUE_LIKE_JSONB, b", ")

    @cached_property
    def values(self) -> list[bytes]:
        """The same as it is written."""
        return self._pieces(_VALUE, b",")

    @cached_property
    def memory(self) -> list[bytes]:
        """A row of MEMORY descriptors as the engine writes it; the gaps are for a size and a value by turns."""
        return self._pieces(_MEMORY, b",")

    @cached_property
    def memory_like_jsonb(self) -> list[bytes]:
        """The same as `jsonb` spells it."""
        return self._pieces(_MEMORY_LIKE_JSONB, b", ")

    @cached_property
    def memory_for_jsonb(self) -> list[bytes]:
        """The same for a server that makes `jsonb` of it: what stands in its order already it need not sort."""
        return self._pieces(_MEMORY_IN_ORDER_OF_JSONB, b",")

    def _pieces(self, member: bytes, separator: bytes) -> list[bytes]:
        fixed = (b"{" + separator.join([member % name for name in self._names]) + b"}").split(_GAP)
        pieces = [_GAP] * (2 * len(fixed) - 1)
        pieces[::2] = fixed
        return pieces


def wrap_quickly(text: bytes, rules: StorageRules, *, is_jsonb: bool = False) -> bytes | None:
    """Gives the descriptors of a legacy row whose values all stay in MEMORY; None where that is not evident.

    `is_jsonb`: the text is that of a `jsonb`, and becomes one again. So no name stands in it twice, none is kept as it
    was spelled, and the properties of a descriptor have no order of their own.
    """
    # Twice the row's bytes bounds the estimate of every value in it.
    if len(text) > MAX_ROW_BYTES or 2 * len(text) > rules.memory_threshold or not _is_evidently_sound(text):
        return None
    try:
        decoded = _VALUES.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return None
    layout = _layout(tuple(decoded), len(text))
    if not decoded or (layout.has_odd_names and not is_jsonb):
        return None
    joined = _GAP.join(decoded.values())
    # To split takes as long as there are bytes, to copy value by value as long as there are values.
    values = joined.split(_GAP) if len(joined) < _LONG else list(map(bytes, decoded.values()))
    # To decode and spell again can only shorten this text: by blanks, by a name that stands twice, by an escape that
    # need not be (but for odd names). So where nothing is shorter nothing was lost, and names are spelled as they were.
    if (
        not is_jsonb
        and layout.length + len(joined) - len(values) + 1 != len(text)
        and _row(layout.values_like_jsonb, values) != text
    ):
        return None
    sizes = _sizes(values)
    pieces = layout.memory_for_jsonb if is_jsonb else layout.memory
    return None if sizes is None else _row_of_descriptors(pieces, sizes, values)


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
    return _row(layout.values, values)


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
    sizes = [_digits[entry.size] for entry in entries]
    is_like_jsonb = text.startswith(layout.memory_like_jsonb[0])
    # Spelled again, it must be the row: this says that no name and no property stands twice.
    spelled = _row_of_descriptors(layout.memory_like_jsonb if is_like_jsonb else layout.memory, sizes, values)
    return (layout, values) if spelled == text else None


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


def _sizes(values: Sequence[bytes]) -> list[bytes] | None:
    """Gives the text of each value's estimated size; None if one may not fit MEMORY, or may be a descriptor already."""
    sizes: list[bytes] = []
    for value in values:
        first = value[0]
        # Bytes are searched for numbers and by `find`: to look for other bytes with `in` takes three times as long.
        if first == _QUOTE:
            is_plain = value.isascii() and _BACKSLASH not in value
            sizes.append(_digits[2 * len(value) - 4 if is_plain else 2 * utf16_units(value)])
        elif len(value) > MAX_NUMBER_CHARACTERS and _may_not_fit(value):
            return None
        elif first in _FIXED:
            sizes.append(_FIXED[first])
        elif first == _OPEN and _may_have_a_type(value) and may_be_descriptor(value):
            return None
        else:
            sizes.append(_digits[compact_length(value)])
    return sizes


def _may_have_a_type(value: bytes) -> bool:
    return value.find(b'"type"') >= 0 or (_BACKSLASH in value and value.find(b"\\u") >= 0)


def _may_not_fit(value: bytes) -> bool:
    # What is shorter than the limit of numbers cannot be nested that deep either.
    return may_hold_long_number(value) or deeper_than(value, MAX_MEMORY_DEPTH)


def _row(pieces: list[bytes], values: Iterable[bytes]) -> bytes:
    parts = pieces.copy()
    parts[1::2] = values
    return b"".join(parts)


def _row_of_descriptors(pieces: list[bytes], sizes: Iterable[bytes], values: Iterable[bytes]) -> bytes:
    parts = pieces.copy()
    parts[1::4] = sizes
    parts[3::4] = values
    return b"".join(parts)
