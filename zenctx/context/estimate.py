"""Sizes of values by the engine's rule, and the limits of the engine's JSON reader."""

from zenctx.context.rawjson import compact_length
from zenctx.context.scanner import Kind, decode_string, scan

MAX_STRING_CHARACTERS = 20_000_000
MAX_NUMBER_CHARACTERS = 1_000
MAX_INLINE_BYTES = 15_000_000
"""The most bytes that fit a string of `MAX_STRING_CHARACTERS` as base64."""

FIXED_SIZES = dict.fromkeys(b"-0123456789", 8) | {ord("t"): 1, ord("f"): 1, ord("n"): 0}
"""The size that the engine notes for a number, a boolean and null, by the first byte of the text."""

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_NUMERALS = b"-+.0123456789eE"
_AS_DIGITS = bytes(ord("0" if byte in _NUMERALS else " ") for byte in range(256))
_LONG_NUMBER = b"0" * (MAX_NUMBER_CHARACTERS + 1)
_EVERY = 20
_SAMPLED_NUMBER = b"0" * (MAX_NUMBER_CHARACTERS // _EVERY)
"""What every 20th character of a long number looks like, wherever the counting begins."""


def estimated_size(value: bytes) -> int:
    """Gives the size in bytes that the engine would note for a MEMORY value of this JSON text.

    The engine's rule: 2 for each UTF-16 unit of a string, 8 for a number, 1 for a boolean, 0 for null, otherwise the
    bytes of the value's compact JSON.
    """
    first = value[0]
    if first == _QUOTE:
        return 2 * utf16_units(value)
    fixed = FIXED_SIZES.get(first)
    return compact_length(value) if fixed is None else fixed


def within_engine_limits(value: bytes) -> bool:
    """Tells whether the engine's reader takes every number (1000 characters) and string (20,000,000) of `value`."""
    if len(value) <= MAX_STRING_CHARACTERS and not may_hold_long_number(value):
        return True
    return not any(_past_limit(value[start:end], kind) for kind, start, end in scan(value))


def may_hold_long_number(value: bytes) -> bool:
    """Tells cheaply whether a number of more than 1000 characters can stand in a text (it may be part of a string)."""
    if len(value) <= MAX_NUMBER_CHARACTERS or _SAMPLED_NUMBER not in value[::_EVERY].translate(_AS_DIGITS):
        return False
    return _LONG_NUMBER in value.translate(_AS_DIGITS)


def utf16_units(token: bytes) -> int:
    """Gives the length of a JSON string token in UTF-16 units, which is how Java counts."""
    if token.isascii() and _BACKSLASH not in token:
        return len(token) - 2
    text = decode_string(token)
    # The codec of this name is found without a search, and begins with a mark of two bytes.
    return len(text) if text.isascii() else len(text.encode("utf-16")) // 2 - 1


def _past_limit(token: bytes, kind: Kind) -> bool:
    if kind is Kind.NUMBER:
        return len(token) > MAX_NUMBER_CHARACTERS
    return kind is Kind.STRING and len(token) > MAX_STRING_CHARACTERS and utf16_units(token) > MAX_STRING_CHARACTERS
