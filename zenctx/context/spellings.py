"""How the engine's JSON library spells numbers and text, all of it exact.

Each function gives the JSON text of one value, or raises `UnspellableError` with the reason as a clause.
"""

import re
from decimal import Decimal

import msgspec

_encode = msgspec.json.Encoder().encode

_MAX_INT_BITS = 14_000
"""Integers up to here have fewer digits than Python's own limit for `str(int)`, which is 4300."""

_RARE_CONTROL = re.compile(rb"(?<!\\)((?:\\\\)*\\u00)([01][0-9a-f])")


class UnspellableError(ValueError):
    """A value that JSON, or the engine, has no text for."""


def spell_string(text: str) -> bytes:
    """Gives the JSON text of a string: only what must be escaped is, hexadecimal digits in upper case."""
    try:
        return spell_plain(str.__str__(text))  # a subclass may have another str()
    except UnicodeEncodeError:
        raise UnspellableError("a string with half of a surrogate pair") from None


def spell_plain(value: object) -> bytes:
    """Gives the text of a string, or of a list or dict of strings, integers of up to 64 bits, booleans and None.

    Raises OverflowError for a larger integer, UnicodeEncodeError for half of a surrogate pair.
    """
    text = _encode(value)
    return _RARE_CONTROL.sub(_upper, text) if b"\\u00" in text else text


def spell_integer(number: int) -> bytes:
    """Gives the digits of an integer of any size."""
    if number.bit_length() <= _MAX_INT_BITS:
        return b"%d" % number
    return str(Decimal(number)).encode()  # exact, and not subject to the limit


def spell_boolean(value: bool) -> bytes:
    """Gives `true` or `false`."""
    return b"true" if value else b"false"


def spell_float(number: float) -> bytes:
    """Gives the shortest digits that read back as the same number, in Java's form: `1.0E7`, `0.1`, `1.0E-5`.

    What is not finite is a string, as the engine writes it.
    """
    number = float(number)
    text = repr(number)
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return text.encode()
    exact = Decimal(text)
    if not exact.is_finite():
        return _spell_special(exact)
    sign, digits, _ = exact.as_tuple()
    fraction = "".join(map(str, digits[1:])).rstrip("0") or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{exact.adjusted()}".encode()


def spell_decimal(number: Decimal) -> bytes:
    """Gives the exact digits of a decimal, end zeros included; Java writes its own decimals by the same rule."""
    return Decimal.__str__(number).encode() if number.is_finite() else _spell_special(number)


def _spell_special(number: Decimal) -> bytes:
    if number.is_nan():
        return b'"NaN"'
    return b'"Infinity"' if number > 0 else b'"-Infinity"'


def _upper(match: re.Match[bytes]) -> bytes:
    return match[1] + match[2].upper()
