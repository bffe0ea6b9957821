"""Strategies for JSON text as bytes: every spelling that the grammar allows, with or without blanks.

A tree of values grows out of a few random bytes: to draw every part of it by a strategy of its own takes ten times as
long. Hypothesis shrinks the bytes; zeros, and what is missing at the end, become the plainest values.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TypeVar

from hypothesis import strategies as st

PROPERTY_NAMES = ("type", "locator", "mediaType", "size", "checksum", "inlineValue")

_NUMBERS = ["0", "7", "-0", "1.10", "1.0E7", "-0.00e-0", "1e400000", "1E+00000000000000000000000000005", "1" * 400]
_NUMBERS += [str(2**exponent + offset) for exponent in (31, 53, 63, 64, 200) for offset in (-1, 0, 1)]
_TELLING = ("", "test", "12345678", "eyJhIjoxfQ==", "{}", "a/b~0", "%d%", "a.output.b", "MEMORY", *PROPERTY_NAMES)
_ODD = 'ab"\\/%, :{[\x00\x1f\x7f\n\u00e9\u0301\u2028\ufeff\uffff\U0001f680\U0010ffff'
_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_PROPERTIES = {
    "type": ('"MEMORY"', '"JSON"', '"FILE"', '"\\u0046ILE"', '"OTHER"', "1"),
    "locator": ("null", "null", "null", '"a/b"', '"/etc/passwd"', '""', "{}"),
    "mediaType": ("null", '"text/plain"', "7"),
    "size": ("-1", "7", "8", '"8"', "-2", "7.0", "1e30", "null", "[]"),
    "checksum": ("null", "null", '"sha256:00"', f'"{"0" * 64}"'),
    "inlineValue": ("8", "null", '"eyJhIjoxfQ=="', '"test"', '{"a":1}'),
}
_BLANKS = [b"", b" ", b"\n", b"\t\r "]
_PIECES: list[bytes | None] = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80",
    None,
    b'"a":1,',
    b"\\ud83d",
    b"\\ude80",
    b"\\u001F",
    b"",
]
_PIECES += [piece.encode() for piece in (*'{}[]:,"\\u0-.eE+ \x00', '{"', "null")]

T = TypeVar("T")


def spelled(text: str, ways: Sequence[int]) -> bytes:
    """Spell a string: each character in one of the four ways that JSON has for it, by turns."""
    return b'"' + b"".join(map(_spelled_character, text, cycle(ways))) + b'"'


def _spelled_character(character: str, way: int) -> bytes:
    if way == 0 and character in _SHORT:
        return _SHORT[character].encode()
    if way < 2 and character >= " " and character not in '"\\':
        return character.encode()
    escaped = json.dumps(character)[1:-1] if character > "~" else f"\\u{ord(character):04x}"
    return (escaped.upper().replace("\\U", "\\u") if way == 3 else escaped).encode()


@dataclass(frozen=True)
class Tree:
    """A JSON value whose tokens are spelled already: `parts` of a container with their names (empty in an array)."""

    token: bytes = b""
    brackets: bytes = b""
    parts: tuple[tuple[bytes, "Tree"], ...] = ()

    def render(self, blanks: Sequence[bytes] = (b"",)) -> bytes:
        """Give the text, with `blanks` between the tokens by turns."""
        return b"".join(self._pieces(cycle(blanks)))

    def like_jsonb(self) -> bytes:
        """Give the text with one blank after each colon and comma, as PostgreSQL spells it."""
        parts = [(name + b": " if self.brackets == b"{}" else b"") + part.like_jsonb() for name, part in self.parts]
        return self.brackets[:1] + b", ".join(parts) + self.brackets[1:] + self.token

    def _pieces(self, blanks: Iterator[bytes]) -> Iterator[bytes]:
        yield next(blanks)
        yield self.brackets[:1]
        for number, (name, part) in enumerate(self.parts):
            yield b"," if number else b""
            yield from (next(blanks), name, next(blanks), b":") if self.brackets == b"{}" else ()
            yield from part._pieces(blanks)
        yield next(blanks) if self.brackets else b""
        yield self.brackets[1:] + self.token
        yield next(blanks)


class _Seed:
    """Random bytes that decide, one after the other, how a tree grows."""

    def __init__(self, content: bytes) -> None:
        self._bytes = iter(content)

    def below(self, limit: int) -> int:
        return next(self._bytes, 0) % limit

    def value(self, levels: int = 4, *, suspicious: bool = False) -> Tree:
        kind = self.below(12)
        if suspicious and kind < 8:
            return self._lookalike()
        if kind < 6 or not levels:
            return Tree((self._number if self.below(2) else self._string)())
        if kind < 8:
            return Tree((b"null", b"true", b"false")[self.below(3)])
        if kind == 8:
            return self._lookalike()
        return self.object(levels - 1) if kind > 9 else self._array(levels - 1)

    def context(self) -> Tree:
        return self.object(suspicious=self.below(3) == 2)

    def text(self, tree: Tree) -> bytes:
        """Give the text of a tree: compact, as PostgreSQL spells it, or with odd blanks."""
        style = self.below(4)
        if style == 2:
            return tree.like_jsonb()
        return tree.render([_BLANKS[self.below(len(_BLANKS))] for _ in range(4)] if style == 3 else (b"",))

    def mangled(self, text: bytes) -> bytes:
        for _ in range(1 + self.below(3)):
            start = (self.below(256) << 8 | self.below(256)) % (len(text) + 1)
            end = min(len(text), start + self.below(9))
            piece = _PIECES[self.below(len(_PIECES))]
            text = text[:start] + (2 * text[start:end] if piece is None else piece) + text[end:]
        return text

    def object(self, levels: int = 4, *, suspicious: bool = False) -> Tree:
        parts: dict[str, tuple[bytes, Tree]] = {}
        for _ in range(self.below(5)):
            name = self._string()
            parts[json.loads(name)] = (name, self.value(levels, suspicious=suspicious))
        return Tree(brackets=b"{}", parts=tuple(parts.values()))

    def _array(self, levels: int) -> Tree:
        return Tree(brackets=b"[]", parts=tuple((b"", self.value(levels)) for _ in range(self.below(4))))

    def _lookalike(self) -> Tree:
        """All six properties, or some of them in any order, right or wrong."""
        names = list(PROPERTY_NAMES)
        if self.below(3) == 2:
            names = [names.pop(self.below(len(names))) for _ in range(2 + self.below(4))]
        choices = [(name, _PROPERTIES[name]) for name in names]
        parts = [(spelled(name, [0]), Tree(pool[self.below(len(pool))].encode())) for name, pool in choices]
        return Tree(brackets=b"{}", parts=tuple(parts))

    def _number(self) -> bytes:
        kind = self.below(4)
        if kind < 3:
            return _NUMBERS[self.below(len(_NUMBERS))].encode()
        whole = str(int("".join(str(self.below(10)) for _ in range(1 + self.below(30)))))
        fraction = "".join(str(self.below(10)) for _ in range(self.below(12)))
        exponent = f"{'eE'[self.below(2)]}{('', '+', '-')[self.below(3)]}{self.below(256):03}" if self.below(2) else ""
        return f"{('', '-')[self.below(2)]}{whole}{'.' if fraction else ''}{fraction}{exponent}".encode()

    def _string(self) -> bytes:
        kind = self.below(4)
        if kind < 2:
            return spelled(_TELLING[self.below(len(_TELLING))], [0])
        characters = [_ODD[self.below(len(_ODD))] if kind == 2 else self._character() for _ in range(self.below(9))]
        return spelled("".join(characters), [(0, 0, 1, 2, 3)[self.below(5)] for _ in range(3)])

    def _character(self) -> str:
        number = (self.below(256) << 8 | self.below(256)) + (self.below(17) << 16 if self.below(4) == 3 else 0)
        return "\ud7ff" if 0xD800 <= number <= 0xDFFF else chr(number)


def _from_seed(make: Callable[[_Seed], T]) -> st.SearchStrategy[T]:
    return st.binary(min_size=30, max_size=160).map(lambda drawn: make(_Seed(drawn)))


characters = st.characters(codec="utf-8")
blanks = st.just([b""]) | st.lists(st.sampled_from(_BLANKS), min_size=1, max_size=4)

trees = _from_seed(lambda seed: seed.object())
"""Contexts of any values."""
suspicious_trees = _from_seed(lambda seed: seed.object(suspicious=True))
"""Contexts that look like descriptors to some degree."""
values = _from_seed(_Seed.value)
"""Any values."""
compact_contexts = _from_seed(lambda seed: seed.context().render())
contexts = _from_seed(lambda seed: seed.text(seed.context()))
documents = _from_seed(lambda seed: seed.text(seed.value()))
mangled_contexts = _from_seed(lambda seed: seed.mangled(seed.text(seed.context())))
"""Contexts with a few bytes taken out, put in, or put twice: hardly ever valid, and never far from it."""
mangled_documents = _from_seed(lambda seed: seed.mangled(seed.text(seed.value())))


def mangled_trees(make: Callable[[Tree], bytes]) -> st.SearchStrategy[bytes]:
    """Give what `make` makes of contexts, mangled in the same way."""
    return _from_seed(lambda seed: seed.mangled(make(seed.object())))


def nested(levels: int, innermost: bytes = b"") -> bytes:
    """Give a value of that many levels, arrays and objects by turns, outermost an array."""
    opening = [b'{"a":' if level % 2 else b"[" for level in range(levels)]
    if not innermost and levels % 2 == 0:
        opening[-1] = b"{"
    closing = [b"}" if level % 2 else b"]" for level in reversed(range(levels))]
    return b"".join([*opening, innermost, *closing])
