"""Two ways to take a JSON document apart, one part at a time, for whoever compares documents.

Usual documents are split level by level by msgspec: a part is its exact text, and only what differs is split further.
Deep ones would be split too often that way, so they are read once, without recursion, and every part gets a digest.
"""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from zenctx.context.canonical import canonical, canonical_number, canonical_scalar
from zenctx.context.rawjson import BLANKS, check_document, encode_string
from zenctx.context.scanner import Kind, check_utf8, decode_string, deeper_than, scan

MAX_QUICK_DEPTH = 64
"""Levels up to which a document is split level by level."""

N = TypeVar("N", bound=Hashable)
Split: TypeAlias = dict[str, N] | list[N] | None
"""The members of an object, the items of an array, None for what has no parts."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder(msgspec.Raw)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_NUMBER_STARTS = b"-0123456789"
_CONTAINERS = (b"{", b"[")


class Parts(Protocol[N]):
    """How parts of a document are read. Parts that are equal by `==` have equal values.

    The reverse holds where `knows_equals` says so.
    """

    knows_equals: bool

    def root(self, text: bytes) -> N:
        """Gives the document as a part."""

    def text(self, part: N) -> bytes:
        """Gives the text of a part, its scalars as they were spelled."""

    def split(self, part: N) -> Split[N]:
        """Gives what a part consists of; the last of two equal names counts, as for the engine."""

    def split_both(self, a: N, b: N) -> tuple[Split[N], Split[N]]:
        """Gives what two parts consist of; members that are equal in both objects may be left out."""

    def equal(self, a: N, b: N) -> bool:
        """Tells whether the values of two parts are equal."""

    def fingerprint(self, part: N) -> bytes:
        """Gives bytes that are the same exactly for equal values."""


def same_scalar(a: bytes, b: bytes) -> bool:
    """Tells whether two strings, numbers or literals have the same value, numbers compared exactly."""
    if a == b:
        return True
    if a[:1] in _NUMBER_STARTS and b[:1] in _NUMBER_STARTS:
        return canonical_number(a) == canonical_number(b)
    both_strings = a.startswith(b'"') and b.startswith(b'"')
    return both_strings and b"\\" in a + b and decode_string(a) == decode_string(b)


class QuickParts:
    """Parts are texts. For documents that were checked, of at most `MAX_QUICK_DEPTH` levels."""

    knows_equals = False

    def root(self, text: bytes) -> bytes:
        """Gives the text without blanks between its tokens, so that these are no difference."""
        return text if text.split(None, 1) == [text] else msgspec.json.format(text, indent=-1)

    def text(self, part: bytes) -> bytes:
        """Gives the part."""
        return part

    def split(self, part: bytes) -> Split[bytes]:
        """Splits one level."""
        if part.startswith(b"{"):
            return {name: bytes(value) for name, value in _OBJECT.decode(part).items()}
        return list(map(bytes, _ARRAY.decode(part))) if part.startswith(b"[") else None

    def split_both(self, a: bytes, b: bytes) -> tuple[Split[bytes], Split[bytes]]:
        """Splits one level; of two objects only what differs is copied."""
        if a[:1] != b"{" or b[:1] != b"{":
            return self.split(a), self.split(b)
        before, after = _OBJECT.decode(a), _OBJECT.decode(b)
        equal = {name for name, value in before.items() if after.get(name) == value}
        return _without(before, equal), _without(after, equal)

    def equal(self, a: bytes, b: bytes) -> bool:
        """Splits only what is not the same text."""
        waiting = [(a, b)]
        while waiting:
            a, b = waiting.pop()
            if a == b:
                continue
            pairs = _pairs(self.split(a), self.split(b)) if a[:1] == b[:1] else None
            if pairs is not None:
                waiting += pairs
            elif a[:1] in b"{[" or not same_scalar(a, b):
                return False
        return True

    def fingerprint(self, part: bytes) -> bytes:
        """Gives the canonical form."""
        if part[:1] in _NUMBER_STARTS:
            return canonical_number(part)
        # Without an escape there is one spelling of a string.
        return canonical(part) if part.startswith(_CONTAINERS) or b"\\" in part else part


def _without(members: dict[str, msgspec.Raw], names: set[str]) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in members.items() if name not in names}


def _pairs(a: Split[bytes], b: Split[bytes]) -> list[tuple[bytes, bytes]] | None:
    """Gives the parts that stand at the same place; None where there are none, or not the same places."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [(part, b[name]) for name, part in a.items()]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return list(zip(a, b, strict=True))
    return None


class _Node:
    """A part of a deep document: where its text lies, what it consists of, and a digest of its value."""

    __slots__ = ("digest", "end", "parts", "source", "start")

    def __init__(self, source: bytes, start: int, end: int, digest: bytes, parts: "Split[_Node]") -> None:
        self.source = source
        self.start = start
        self.end = end
        self.digest = digest
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Node) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


class DeepParts:
    """Parts are nodes of a tree that was made in one pass."""

    knows_equals = True

    def root(self, text: bytes) -> _Node:
        """Reads the document."""
        outermost: list[_Node] = []
        waiting: list[tuple[dict[str, _Node] | list[_Node], int]] = [(outermost, 0)]
        names = [""]
        for kind, start, end in scan(text):
            if kind in (Kind.OPEN_OBJECT, Kind.OPEN_ARRAY):
                waiting.append(({} if kind is Kind.OPEN_OBJECT else [], start))
                names.append("")
            elif kind is Kind.NAME:
                names[-1] = decode_string(text[start:end])
            else:
                node = _scalar_node(text, kind, start, end)
                if kind in (Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY):
                    parts, start_of_parts = waiting.pop()
                    names.pop()
                    node = _Node(text, start_of_parts, end, _digest(parts), parts)
                _put(waiting[-1][0], names[-1], node)
        return outermost[0]

    def text(self, part: _Node) -> bytes:
        """Gives the part of the source."""
        return part.source[part.start : part.end]

    def split(self, part: _Node) -> Split[_Node]:
        """Gives what was read."""
        return part.parts

    def split_both(self, a: _Node, b: _Node) -> tuple[Split[_Node], Split[_Node]]:
        """Gives what was read of either."""
        return a.parts, b.parts

    def equal(self, a: _Node, b: _Node) -> bool:
        """Compares the digests."""
        return a == b

    def fingerprint(self, part: _Node) -> bytes:
        """Gives the digest."""
        return part.digest


def _scalar_node(text: bytes, kind: Kind, start: int, end: int) -> _Node:
    token = text[start:end]
    form = canonical_scalar(kind, token) if kind in (Kind.STRING, Kind.NUMBER) else token
    return _Node(text, start, end, hashlib.sha256(form).digest(), None)


def _put(parts: dict[str, _Node] | list[_Node], name: str, node: _Node) -> None:
    if isinstance(parts, dict):
        parts[name] = node
    else:
        parts.append(node)


def _digest(parts: Mapping[str, _Node] | Sequence[_Node]) -> bytes:
    if isinstance(parts, Mapping):
        members = b"".join(encode_string(name) + b":" + node.digest for name, node in sorted(parts.items(), key=_name))
        return hashlib.sha256(b"{" + members).digest()
    return hashlib.sha256(b"[" + b"".join(node.digest for node in parts)).digest()


def _name(member: tuple[str, _Node]) -> str:
    return member[0]


def read_document(text: bytes) -> tuple[bytes, bool]:
    """Gives a JSON text without the blanks around it, and whether it is too deep to be split level by level.

    Raises InvalidContextError where it is no JSON document.
    """
    check_utf8(text)
    is_deep = deeper_than(text, MAX_QUICK_DEPTH)
    try:
        if is_deep:
            check_document(text)
        else:
            _ANY.decode(text)
    except msgspec.MsgspecError:
        check_document(text)  # says what is wrong
        is_deep = True
    return text.strip(BLANKS), is_deep
