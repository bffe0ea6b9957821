"""The canonical form of a JSON text: equal values give equal bytes, however they are spelled.

Numbers are compared exactly and never expanded (`1e400000` stays short); members are sorted; blanks are dropped.
A database's own spelling (`1.0E7` -> `10000000`, `1.10` -> `1.10`) does not change the canonical form.
"""

import re
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MAX_PREC, Context, Decimal

from zenctx.context.rawjson import encode_string
from zenctx.context.scanner import Kind, decode_string, scan

_NUMBER = re.compile(rb"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")

# Exponents may have any number of digits: Python's own integers refuse to be read from thousands of them.
_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX)


@dataclass(slots=True)
class _Open:
    """A container that is being read: its finished parts, and the name that waits for a value."""

    is_object: bool
    name: str = ""
    parts: list[bytes] = field(default_factory=list)
    members: dict[str, bytes] = field(default_factory=dict)

    def add(self, value: bytes) -> None:
        if self.is_object:
            self.members[self.name] = value  # the last of two equal names counts, as for the engine
        else:
            self.parts.append(value)

    def text(self) -> bytes:
        if not self.is_object:
            return b"[" + b",".join(self.parts) + b"]"
        return b"{" + b",".join(encode_string(k) + b":" + v for k, v in sorted(self.members.items())) + b"}"


def canonical(text: bytes) -> bytes:
    """Gives the canonical form of a JSON text. Raises InvalidContextError where `scan` does."""
    outermost = _Open(is_object=False)
    stack = [outermost]
    for kind, start, end in scan(text):
        if kind in (Kind.OPEN_OBJECT, Kind.OPEN_ARRAY):
            stack.append(_Open(is_object=kind is Kind.OPEN_OBJECT))
        elif kind in (Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY):
            closed = stack.pop()
            stack[-1].add(closed.text())
        elif kind is Kind.NAME:
            stack[-1].name = decode_string(text[start:end])
        else:
            stack[-1].add(canonical_scalar(kind, text[start:end]))
    return outermost.parts[0]


def canonical_scalar(kind: Kind, token: bytes) -> bytes:
    """Gives the canonical form of a string, number or literal."""
    if kind is Kind.NUMBER:
        return canonical_number(token)
    return encode_string(decode_string(token)) if kind is Kind.STRING else token


def canonical_number(token: bytes) -> bytes:
    """Gives one spelling for every number of the same value: digits without end zeros, and a power of ten."""
    match = _NUMBER.fullmatch(token)
    if match is None:
        raise ValueError(token)
    sign, whole, fraction, exponent = match.groups(b"")
    digits = (whole + fraction).lstrip(b"0")
    if not digits:
        return b"0"
    stripped = digits.rstrip(b"0")
    moved = len(digits) - len(stripped) - len(fraction)
    power = _EXACTLY.add(Decimal(exponent.decode()), moved) if exponent else Decimal(moved)
    return b"%b%b" % (sign, stripped) if power == 0 else b"%b%be%b" % (sign, stripped, f"{power:f}".encode())
