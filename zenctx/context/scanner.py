"""A JSON tokenizer that checks the grammar, keeps every token's exact text and never recurses.

It is the slow and careful way: the fast one is msgspec (`rawjson`), which recurses and drops what it decodes.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from enum import IntEnum, auto
from itertools import accumulate
from typing import NamedTuple

import msgspec

from zenctx.errors import InvalidContextError

# Every group is what a token can be; then the end of the text; the last is what no JSON text holds.
_TOKEN = rb"""(?xs)[ \t\n\r]*+(?:
      ("(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
    | (-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
    | (true|false|null)
    | (\{) | (\}) | (\[) | (\]) | (:) | (,)
    | (\Z)
    | (.))"""
_STRING, _NUMBER, _LITERAL, _OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY, _COLON, _COMMA, _END = range(1, 11)

_LONG = 64 * 1024
"""Bytes from which on it takes longer to count brackets than to look at them."""
_FEW = 64
"""Brackets that are searched for one by one: between them a search is thirty times as fast as counting."""
_ROUNDS = 8
_BACKSLASH = ord("\\")
_NEITHER_BRACKET_NOR_QUOTE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_LEVELS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

_PIECE = 64 * 1024
_Utf8Decoder = getincrementaldecoder("utf-8")

_decode_string = msgspec.json.Decoder(str).decode


class Kind(IntEnum):
    """What a token is."""

    OPEN_OBJECT = auto()
    CLOSE_OBJECT = auto()
    OPEN_ARRAY = auto()
    CLOSE_ARRAY = auto()
    NAME = auto()
    STRING = auto()
    NUMBER = auto()
    LITERAL = auto()


class Token(NamedTuple):
    """A token's kind and where its text lies: `text[start:end]`."""

    kind: Kind
    start: int
    end: int


class _State(IntEnum):
    """What has been read last, and so what may come next."""

    BEFORE_VALUE = auto()
    AT_ARRAY_START = auto()
    AT_OBJECT_START = auto()
    BEFORE_NAME = auto()
    BEFORE_COLON = auto()
    AFTER_ITEM = auto()
    AFTER_MEMBER = auto()
    AFTER_DOCUMENT = auto()


# What each token that may come next is, and the state after it (None: the state after a value, wherever that stands).
_Step = tuple[Kind | None, _State | None]
_VALUE: dict[int, _Step] = {
    _STRING: (Kind.STRING, None),
    _NUMBER: (Kind.NUMBER, None),
    _LITERAL: (Kind.LITERAL, None),
    _OPEN_OBJECT: (Kind.OPEN_OBJECT, _State.AT_OBJECT_START),
    _OPEN_ARRAY: (Kind.OPEN_ARRAY, _State.AT_ARRAY_START),
}
_NAME: dict[int, _Step] = {_STRING: (Kind.NAME, _State.BEFORE_COLON)}
_STEPS: dict[_State, dict[int, _Step]] = {
    _State.BEFORE_VALUE: _VALUE,
    _State.AT_ARRAY_START: _VALUE | {_CLOSE_ARRAY: (Kind.CLOSE_ARRAY, None)},
    _State.AT_OBJECT_START: _NAME | {_CLOSE_OBJECT: (Kind.CLOSE_OBJECT, None)},
    _State.BEFORE_NAME: _NAME,
    _State.BEFORE_COLON: {_COLON: (None, _State.BEFORE_VALUE)},
    _State.AFTER_ITEM: {_COMMA: (None, _State.BEFORE_VALUE), _CLOSE_ARRAY: (Kind.CLOSE_ARRAY, None)},
    _State.AFTER_MEMBER: {_COMMA: (None, _State.BEFORE_NAME), _CLOSE_OBJECT: (Kind.CLOSE_OBJECT, None)},
    _State.AFTER_DOCUMENT: {_END: (None, None)},
}
_AFTER_A_PART = {Kind.OPEN_OBJECT: _State.AFTER_MEMBER, Kind.OPEN_ARRAY: _State.AFTER_ITEM}
_CLOSES = frozenset({Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY})


def scan(text: bytes) -> Iterator[Token]:
    """Yields the tokens of one JSON document (colons and commas are checked, not yielded).

    Raises InvalidContextError, with the byte at fault, where the text is not UTF-8, the grammar of RFC 8259 is broken
    or a string holds half of a surrogate pair.
    """
    check_utf8(text)
    may_hold_surrogates = b"\\u" in text
    state = _State.BEFORE_VALUE
    after_value = [_State.AFTER_DOCUMENT]  # one for each container that is open, and one for the document
    for match in re.finditer(_TOKEN, text):
        group = match.lastindex or 0
        step = _STEPS[state].get(group)
        if step is None:
            raise InvalidContextError(f"not valid JSON at byte {match.start(group)}")
        kind, following = step
        if kind is None:
            state = following or state
            continue
        if kind in _AFTER_A_PART:
            after_value.append(_AFTER_A_PART[kind])
        elif kind in _CLOSES:
            after_value.pop()
        elif may_hold_surrogates and group == _STRING:
            _check_surrogates(match[group], match.start(group))
        state = following or after_value[-1]
        yield Token(kind, *match.span(group))


class Part(NamedTuple):
    """One direct part of a container: its name as spelled (empty in an array), and its exact text."""

    spelling: bytes
    value: bytes


def parts(text: bytes) -> Iterator[Part]:
    """Yields the direct parts of an object or array, in order; nothing for another value. Raises as `scan` does."""
    spelling = b""
    tokens = scan(text)
    if next(tokens).kind in _AFTER_A_PART:
        for token in tokens:
            if token.kind is Kind.NAME:
                spelling = text[token.start : token.end]
            elif token.kind not in _CLOSES:
                yield Part(spelling, text[token.start : end_of_value(token, tokens)])
    else:
        for _ in tokens:
            pass


def end_of_value(first: Token, tokens: Iterator[Token]) -> int:
    """Reads on to the end of the value that begins with `first`; gives where it ends."""
    level = 1 if first.kind in _AFTER_A_PART else 0
    end = first.end
    while level:
        kind, _, end = next(tokens)
        level += (kind in _AFTER_A_PART) - (kind in _CLOSES)
    return end


def check_utf8(text: bytes) -> None:
    """Raises InvalidContextError, with the byte at fault, unless `text` is UTF-8."""
    if text.isascii():
        return
    start = held = 0
    try:
        if len(text) <= _PIECE:
            text.decode()
            return
        # One character that needs them makes all the others take four bytes, too: not of the whole of a long text.
        decoder = _Utf8Decoder()
        for start in range(0, len(text), _PIECE):
            decoder.decode(text[start : start + _PIECE], final=start + _PIECE >= len(text))
            held = len(decoder.getstate()[0])
    except UnicodeDecodeError as error:
        raise InvalidContextError(f"not UTF-8 at byte {start - held + error.start}") from None


def decode_string(token: bytes) -> str:
    """Gives the characters of a JSON string token, quotes included in `token`."""
    return _decode_string(token) if _BACKSLASH in token else token[1:-1].decode()


def deeper_than(text: bytes, levels: int) -> bool:
    """Tells whether containers nest more than `levels` deep in a JSON text; linear in its length.

    In a text that is not valid, whatever is valid up to the first fault is judged rightly.
    """
    if opens_at_most(text, min(levels, _FEW)):
        return False
    if len(text) < _LONG and text.count(b"[") + text.count(b"{") <= levels:
        return False
    brackets = _brackets(text)
    if _nests_little(brackets, levels):
        return False
    return max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0) > levels


def opens_at_most(text: bytes, left: int) -> bool:
    """Tells whether a text has at most `left` opening brackets, those in strings, too; stops at the first one more."""
    for bracket in (b"[", b"{"):
        at = text.find(bracket)
        while at >= 0:
            if not left:
                return False
            left -= 1
            at = text.find(bracket, at + 1)
    return True


def _nests_little(brackets: bytes, levels: int) -> bool:
    """Whether brackets that belong together are soon all taken away, from the inside to the outside.

    Each round takes at most two levels away, so that what is gone after so few of them did not nest deeper.
    """
    for _ in range(min(_ROUNDS, levels // 2)):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return True
    return False


def _brackets(text: bytes) -> bytes:
    # Every quote that is left begins or ends a string: what stands before the first, between the second and third ...
    # is none. Two quotes side by side may go: what stands elsewhere is inside or outside of strings as before.
    return b"".join(b"".join(map(_marks, _pieces(text))).replace(b'""', b"").split(b'"')[::2])


def _marks(text: bytes) -> bytes:
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return text.translate(None, _NEITHER_BRACKET_NOR_QUOTE)


def _pieces(text: bytes) -> Iterator[bytes]:
    """Cuts a text, never between a backslash and what it escapes: in pieces that are made and dropped quickly."""
    start = 0
    while start < len(text):
        piece = text[start : start + _PIECE]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece = text[start : start + _PIECE + 1]
        yield piece
        start += len(piece)


def _check_surrogates(token: bytes, start: int) -> None:
    try:
        _decode_string(token)
    except msgspec.DecodeError:
        raise InvalidContextError(f"half of a surrogate pair in the string at byte {start}") from None
