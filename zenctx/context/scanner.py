"""A JSON tokenizer that checks the grammar, keeps every token's exact text and never recurses.

It is the slow and careful way: the fast one is msgspec (`rawjson`), which recurses and drops what it decodes.
"""

import json
import re
from collections.abc import Iterator
from enum import Enum, auto
from itertools import accumulate
from typing import NamedTuple

from zenctx.errors import InvalidContextError

_TOKEN = re.compile(
    rb"""[ \t\n\r]*+(?:
      (?P<STRING>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
    | (?P<NUMBER>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
    | (?P<LITERAL>true|false|null)
    | (?P<MARK>[{}\[\],:]))""",
    re.VERBOSE,
)
_BLANK = re.compile(rb"[ \t\n\r]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Kind(Enum):
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


class _Expect(Enum):
    VALUE = auto()
    VALUE_OR_CLOSE = auto()
    NAME = auto()
    NAME_OR_CLOSE = auto()
    COLON = auto()
    COMMA_OR_CLOSE = auto()


_VALUE_EXPECTED = (_Expect.VALUE, _Expect.VALUE_OR_CLOSE)
_NAME_EXPECTED = (_Expect.NAME, _Expect.NAME_OR_CLOSE)
_CLOSE_EXPECTED = (_Expect.VALUE_OR_CLOSE, _Expect.NAME_OR_CLOSE, _Expect.COMMA_OR_CLOSE)
_SCALARS = {"STRING": Kind.STRING, "NUMBER": Kind.NUMBER, "LITERAL": Kind.LITERAL}


class _Grammar:
    """The state of one scan: open containers and what may come next."""

    def __init__(self) -> None:
        self.containers: list[bool] = []  # True: an object
        self.expect = _Expect.VALUE

    def accept(self, group: str, mark: bytes) -> Kind | None:
        """Takes one lexical token; gives its kind, None for a colon or comma, or raises ValueError."""
        if group == "MARK":
            return self._accept_mark(mark)
        if group == "STRING" and self.expect in _NAME_EXPECTED:
            self.expect = _Expect.COLON
            return Kind.NAME
        if self.expect not in _VALUE_EXPECTED:
            raise ValueError
        self.expect = _Expect.COMMA_OR_CLOSE
        return _SCALARS[group]

    def _accept_mark(self, mark: bytes) -> Kind | None:
        if mark in b"{[":
            return self._open(is_object=mark == b"{")
        if mark in b"}]":
            return self._close(is_object=mark == b"}")
        if mark == b":" and self.expect is _Expect.COLON:
            self.expect = _Expect.VALUE
            return None
        if mark == b"," and self.expect is _Expect.COMMA_OR_CLOSE and self.containers:
            self.expect = _Expect.NAME if self.containers[-1] else _Expect.VALUE
            return None
        raise ValueError

    def _open(self, *, is_object: bool) -> Kind:
        if self.expect not in _VALUE_EXPECTED:
            raise ValueError
        self.containers.append(is_object)
        self.expect = _Expect.NAME_OR_CLOSE if is_object else _Expect.VALUE_OR_CLOSE
        return Kind.OPEN_OBJECT if is_object else Kind.OPEN_ARRAY

    def _close(self, *, is_object: bool) -> Kind:
        if self.expect not in _CLOSE_EXPECTED or not self.containers or self.containers[-1] is not is_object:
            raise ValueError
        self.containers.pop()
        self.expect = _Expect.COMMA_OR_CLOSE
        return Kind.CLOSE_OBJECT if is_object else Kind.CLOSE_ARRAY


def scan(text: bytes) -> Iterator[Token]:
    """Yields the tokens of one JSON document (colons and commas are checked, not yielded).

    Takes UTF-8 text; raises InvalidContextError, with the byte at fault, where the grammar of RFC 8259 is broken or
    a string holds half of a surrogate pair.
    """
    grammar = _Grammar()
    position, finished = 0, False
    while not finished:
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidContextError(f"not valid JSON at byte {_blank_end(text, position)}")
        group = match.lastgroup or ""
        start, end = match.span(group)
        try:
            kind = grammar.accept(group, text[start:end] if group == "MARK" else b"")
        except ValueError:
            raise InvalidContextError(f"not valid JSON at byte {start}") from None
        if kind in (Kind.STRING, Kind.NAME):
            _check_surrogates(text, start, end)
        if kind is not None:
            yield Token(kind, start, end)
        position = end
        finished = not grammar.containers and grammar.expect is _Expect.COMMA_OR_CLOSE
    if _blank_end(text, position) != len(text):
        raise InvalidContextError(f"not valid JSON at byte {_blank_end(text, position)}: text after the end")


_OPENS = (Kind.OPEN_OBJECT, Kind.OPEN_ARRAY)
_CLOSES = (Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY)


class Part(NamedTuple):
    """One direct part of a container: its name as spelled (empty in an array), and its exact text."""

    spelling: bytes
    value: bytes


def parts(text: bytes) -> Iterator[Part]:
    """Yields the direct parts of an object or array, in order; nothing for another value. Raises as `scan` does."""
    spelling, start, level = b"", 0, 0
    for kind, token_start, token_end in scan(text):
        if kind is Kind.NAME:
            spelling = text[token_start:token_end] if level == 1 else spelling
            continue
        if level == 1 and kind not in _CLOSES:
            start = token_start
        was_open = level
        level += (kind in _OPENS) - (kind in _CLOSES)
        if level == 1 and (was_open == 2 or kind not in _OPENS):
            yield Part(spelling, text[start:token_end])


def end_of_value(first: Token, tokens: Iterator[Token]) -> int:
    """Reads on to the end of the value that begins with `first`; gives where it ends."""
    level = 1 if first.kind in _OPENS else 0
    end = first.end
    while level:
        token = next(tokens)
        level += (token.kind in _OPENS) - (token.kind in _CLOSES)
        end = token.end
    return end


def _blank_end(text: bytes, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _check_surrogates(text: bytes, start: int, end: int) -> None:
    if text.find(b"\\u", start, end) < 0:
        return
    try:
        decode_string(text[start:end]).encode()
    except UnicodeEncodeError:
        raise InvalidContextError(f"half of a surrogate pair in the string at byte {start}") from None


def decode_string(token: bytes) -> str:
    """Gives the characters of a JSON string token, quotes included in `token`."""
    if b"\\" not in token:
        return token[1:-1].decode()
    decoded: str = json.loads(token)
    return decoded


def deeper_than(text: bytes, levels: int) -> bool:
    """Tells whether containers nest more than `levels` deep in a valid JSON text; linear in its length."""
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", text).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > levels
