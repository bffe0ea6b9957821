"""Python values from JSON text, with exact numbers and without recursion into anything that could crash.

Integers become int. Other numbers become float where the shortest spelling of that float is the same number, and
Decimal where a float would change it: `0.1`, `1.0E7` and `1.10` are floats, 30 digits of pi and `1e400` are Decimal.
End zeros are no part of a number's value; who needs them asks for a Decimal (`decode_as`). Integers of more than
4300 digits, for which Python's own conversion is slow enough to be a danger, become Decimal too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import msgspec

from zenctx.context import pointer as pointers
from zenctx.context.rawjson import MAX_DEPTH, check_document
from zenctx.context.scanner import Kind, decode_string, deeper_than, scan
from zenctx.errors import InvalidContextError, NotFoundError

Number = Callable[[str], object]
"""Gives the value of a number that is no integer, from its text."""

_LITERALS = {b"true": True, b"false": False, b"null": None}
_MAX_INT_DIGITS = 4300
_LONGEST_INDEX = 18

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_BLANKS = b" \t\n\r"


def exact_number(text: str) -> float | Decimal:
    """Gives the number that is no integer: a float where its shortest spelling is the same number, else a Decimal."""
    number = float(text)
    if repr(number) == text:
        return number
    exact = exact_decimal(text)
    return number if exact == Decimal(repr(number)) else exact


def exact_decimal(text: str) -> Decimal:
    """Gives a number with all its digits; raises InvalidContextError for an exponent past what Decimal can hold."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidContextError("a number whose exponent is too large to be read") from None


_QUICK: dict[Number, msgspec.json.Decoder[object]] = {
    number: msgspec.json.Decoder(object, float_hook=number) for number in (exact_number, exact_decimal)
}


def decode(text: bytes, number: Number = exact_number) -> object:
    """Gives the Python value of one JSON document: None, bool, int, float or Decimal, str, list, dict.

    Of two equal names the last counts, as for the engine. Raises InvalidContextError for what is not UTF-8, not JSON
    or nested more than `MAX_DEPTH` levels deep.
    """
    _check_depth(text)
    try:
        return _QUICK[number].decode(text)
    except (RecursionError, UnicodeDecodeError, msgspec.MsgspecError):
        return _decode_carefully(text, number)


def part_at(text: bytes, pointer: str) -> bytes:
    """Gives the text of the part of a JSON document that a JSON Pointer names, without parsing what lies beside it.

    Raises UsageError for what is no pointer, NotFoundError where it leads to nothing, InvalidContextError for a
    document that is not JSON.
    """
    part = text
    steps = pointers.parse(pointer)
    _check_depth(text)
    try:
        for step in steps:
            child = _child(part, step)
            if child is None:
                check_document(text)
                raise NotFoundError(f"the pointer {pointer!r} leads to nothing: there is no {step!r}")
            part = child
    except (RecursionError, UnicodeDecodeError, msgspec.MsgspecError):
        check_document(text)
        return pointers.resolve(text, pointer)
    return part


def _check_depth(text: bytes) -> None:
    # Before msgspec, which recurses: a program may have raised the limit that would stop it.
    if deeper_than(text, MAX_DEPTH):
        raise InvalidContextError(f"nested more than {MAX_DEPTH} levels deep")


def _child(text: bytes, step: str) -> bytes | None:
    first = text.lstrip(_BLANKS)[:1]
    child = None
    if first == b"{":
        child = _OBJECT.decode(text).get(step)
    elif first == b"[" and _is_index(step):
        items = _ARRAY.decode(text)
        child = items[int(step)] if int(step) < len(items) else None
    return None if child is None else bytes(child)


def _is_index(step: str) -> bool:
    return step.isdecimal() and len(step) <= _LONGEST_INDEX and str(int(step)) == step


@dataclass(slots=True)
class _Open:
    """A container that is being read: its parts so far, and the name that waits for a value."""

    is_object: bool
    name: str = ""
    items: list[object] = field(default_factory=list)
    members: dict[str, object] = field(default_factory=dict)

    def add(self, value: object) -> None:
        if self.is_object:
            self.members[self.name] = value
        else:
            self.items.append(value)


def _decode_carefully(text: bytes, number: Number) -> object:
    check_document(text)
    outermost = _Open(is_object=False)
    stack = [outermost]
    for kind, start, end in scan(text):
        if kind in (Kind.OPEN_OBJECT, Kind.OPEN_ARRAY):
            opened = _Open(is_object=kind is Kind.OPEN_OBJECT)
            stack[-1].add(opened.members if opened.is_object else opened.items)
            stack.append(opened)
        elif kind in (Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY):
            stack.pop()
        elif kind is Kind.NAME:
            stack[-1].name = decode_string(text[start:end])
        else:
            stack[-1].add(_scalar(kind, text[start:end], number))
    return outermost.items[0]


def _scalar(kind: Kind, token: bytes, number: Number) -> object:
    if kind is Kind.STRING:
        return decode_string(token)
    if kind is Kind.LITERAL:
        return _LITERALS[token]
    if not token.lstrip(b"-").isdigit():
        return number(token.decode())
    return int(token) if len(token) <= _MAX_INT_DIGITS else exact_decimal(token.decode())
