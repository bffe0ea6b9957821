"""Sizes of values by the engine's rule, and the limits of the engine's JSON reader."""

import re

from zenctx.context.rawjson import compact_length
from zenctx.context.scanner import Kind, decode_string, scan

MAX_STRING_CHARACTERS = 20_000_000
MAX_NUMBER_CHARACTERS = 1_000
MAX_INLINE_BYTES = 15_000_000
"""The most bytes that fit a string of `MAX_STRING_CHARACTERS` as base64."""

_LONG_NUMBER = re.compile(rb"[-+.0-9eE]{%d}" % (MAX_NUMBER_CHARACTERS + 1))
_FIXED_SIZES = {ord("t"): 1, ord("f"): 1, ord("n"): 0}
_QUOTE, _BRACE, _BRACKET = b'"{['


def estimated_size(value: bytes) -> int:
    """Gives the size in bytes that the engine would note for a MEMORY value of this JSON text.

    The engine's rule: 2 for each UTF-16 unit of a string, 8 for a number, 1 for a boolean, 0 for null, otherwise the
    bytes of the value's compact JSON.
    """
    first = value[0]
    if first == _QUOTE:
        return 2 * utf16_units(value)
    if first in (_BRACE, _BRACKET):
        return compact_length(value)
    return _FIXED_SIZES.get(first, 8)


def within_engine_limits(value: bytes) -> bool:
    """Tells whether the engine's reader takes every number (1000 characters) and string (20,000,000) of `value`."""
    if len(value) <= MAX_NUMBER_CHARACTERS:
        return True
    if len(value) <= MAX_STRING_CHARACTERS and not may_hold_long_number(value):
        return True
    return not any(_past_limit(value[start:end], kind) for kind, start, end in scan(value))


def may_hold_long_number(value: bytes) -> bool:
    """Tells cheaply whether a number of more than 1000 characters can stand in a text (it may be part of a string)."""
    return _LONG_NUMBER.search(value) is not None


def _past_limit(token: bytes, kind: Kind) -> bool:
    if kind is Kind.NUMBER:
        return len(token) > MAX_NUMBER_CHARACTERS
    return kind is Kind.STRING and len(token) > MAX_STRING_CHARACTERS and utf16_units(token) > MAX_STRING_CHARACTERS


def utf16_units(token: bytes) -> int:
    """Gives the length of a JSON string token in UTF-16 units, which is how Java counts."""
    if b"\\" not in token and token.isascii():
        return len(token) - 2
    return len(decode_string(token).encode("utf-16-le")) // 2
