"""The common case of a conversion, a whole row at once; what is unusual in any way is left to the careful way.

Each function gives the very result of `forms` and `convert`, or None ("look closer"): a test holds them together.
The tests that the careful way makes value by value are made here once, over the text of the row.
"""

from functools import lru_cache

import msgspec

from zenctx.context.descriptor import ExactDescriptor
from zenctx.context.estimate import MAX_NUMBER_CHARACTERS, may_hold_long_number, utf16_units
from zenctx.context.rawjson import compact_length
from zenctx.context.rules import StorageRules

MAX_ROW_BYTES = 256 * 1024
"""Longer rows are rare, and gain nothing here."""

_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DESCRIPTORS = msgspec.json.Decoder(dict[str, ExactDescriptor])
_encode = msgspec.json.Encoder().encode

_COMPACT = b"%b:%b"
_LIKE_JSONB = b"%b: %b"
_MEMORY = b'%b:{"type":"MEMORY","locator":null,"mediaType":null,"size":%d,"checksum":null,"inlineValue":%b}'
_MEMORY_LIKE_JSONB = (
    b'%b: {"size": %d, "type": "MEMORY", "locator": null, "checksum": null, "mediaType": null, "inlineValue": %b}'
)
_MANY_BRACKETS = 500
_QUOTE, _BRACE, _BRACKET, _TRUE, _FALSE, _NULL = b'"{[tfn'


def wrap_quickly(text: bytes, rules: StorageRules) -> bytes | None:
    """Gives the descriptors of a legacy row whose values all stay in MEMORY; None where that is not evident."""
    # Twice the row's bytes bounds the estimate of every value in it.
    if len(text) > MAX_ROW_BYTES or 2 * len(text) > rules.memory_threshold or not _evidently_plain(text):
        return None
    try:
        decoded = _VALUES.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return None
    if not decoded:
        return None
    arguments: list[object] = []
    source: list[object] = []
    for name, raw in decoded.items():
        spelling, value = _encode(name), bytes(raw)
        if len(value) > MAX_NUMBER_CHARACTERS and may_hold_long_number(value):
            return None
        source += (spelling, value)
        arguments += (spelling, _size(value), value)
    if not _is_spelled(text, source, _COMPACT, _LIKE_JSONB):
        return None
    return _repeated(_MEMORY, b",", len(decoded)) % tuple(arguments)


def count_evident_descriptors(text: bytes) -> int:
    """Gives the number of entries of a row that evidently has MEMORY descriptors only, spelled as they are written.

    0 where that is not evident.
    """
    if len(text) > MAX_ROW_BYTES or b"\\u" in text or not text.isascii() or _has_many_brackets(text):
        return 0
    try:
        decoded = _DESCRIPTORS.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return 0
    arguments: list[object] = []
    for name, entry in decoded.items():
        if entry.size < -1:
            return 0
        arguments += (_encode(name), entry.size, entry.inlineValue)
    # Spelled again, it must be the row: this says that every type is MEMORY, that what is null here is null there,
    # and that no name stands twice.
    return len(decoded) if decoded and _is_spelled(text, arguments, _MEMORY, _MEMORY_LIKE_JSONB) else 0


def _evidently_plain(text: bytes) -> bool:
    """No entry can be a descriptor, no escape hides a name or half a pair, nothing is deep."""
    return not (
        b'"inlineValue"' in text
        or b'"locator"' in text
        or b"\\u" in text
        or _has_many_brackets(text)
        or not _is_utf8(text)
    )


def _has_many_brackets(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") > _MANY_BRACKETS


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _size(value: bytes) -> int:
    first = value[0]
    if first == _QUOTE:
        return 2 * utf16_units(value)
    if first in (_BRACE, _BRACKET):
        return compact_length(value)
    if first in (_TRUE, _FALSE):
        return 1
    return 0 if first == _NULL else 8


def _is_spelled(text: bytes, arguments: list[object], compact: bytes, like_jsonb: bytes) -> bool:
    count = len(arguments) // compact.count(b"%")
    if b": " in text and text == _repeated(like_jsonb, b", ", count) % tuple(arguments):
        return True
    return text == _repeated(compact, b",", count) % tuple(arguments)


@lru_cache(maxsize=4096)
def _repeated(template: bytes, separator: bytes, count: int) -> bytes:
    return b"{" + separator.join([template] * count) + b"}"
