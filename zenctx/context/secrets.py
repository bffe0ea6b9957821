"""Finding secrets in stored texts, and the same text without them: only what is secret changes, to the byte.

Secret is what stands under the engine's reserved keys or a name like a secret's (`zenctx.context.names`), and the
same value wherever else it stands: in a text, as a number, in JSON within a string, escaped as in JSON, URLs or HTML,
in base64 at any alignment.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from zenctx.context.base64_text import GROUP, around, begins_text, candidates, extends, has_document, is_text
from zenctx.context.names import SecretNames, steps_of
from zenctx.context.rawjson import BLANKS, encode_string, is_json
from zenctx.context.readings import JSON_STRING, READINGS, Reading, Span, merged, replaced
from zenctx.context.redact import BASE64_STARTS, MASK, MIN_SECRET_CHARACTERS, SECRET_KEYS, base64_cores, texts_of
from zenctx.context.scanner import Kind, Token, decode_string, end_of_value, scan

MASKED = encode_string(MASK)
"""What stands in the place of a secret value."""

_LEVELS = 4
"""Encodings within one another that are looked through: base64 of a URL that is in JSON in a string, say."""
_MOST_ATTEMPTS = 16
_MASK = MASK.encode()
BLANK_VALUES = frozenset({b"null", b"true", b"false", b'""', b"{}", b"[]", MASKED})
"""Values that are no secret under any name."""
_OPENS = {Kind.OPEN_OBJECT, Kind.OPEN_ARRAY}
_CLOSES = {Kind.CLOSE_OBJECT, Kind.CLOSE_ARRAY}


class FindKind(StrEnum):
    """By what something was recognised as secret."""

    RESERVED = "reserved key"
    NAME = "name"
    VALUE = "same value"


class Find(NamedTuple):
    """One secret: by what it was recognised, and where in its document it stands (a JSON Pointer, without secrets)."""

    kind: FindKind
    pointer: str = ""


class Cleaned(NamedTuple):
    """A text without its secrets (the text itself where it has none), and what was found in it."""

    text: bytes
    finds: list[Find]


def kind_of(name: str) -> FindKind:
    """Tells by what the value under a secret name was recognised."""
    return FindKind.RESERVED if name in SECRET_KEYS else FindKind.NAME


def kind_of_key(key: str) -> FindKind:
    """Tells by what the value of a secret context key was recognised: a reserved step of its path says it first."""
    return FindKind.NAME if frozenset(SECRET_KEYS).isdisjoint(steps_of(key)) else FindKind.RESERVED


def is_blank(value: bytes) -> bool:
    """Tells whether a JSON value is no secret under any name: null, a boolean, nothing at all, or masked already."""
    return value in BLANK_VALUES


def secret_texts(value: bytes, *, by_name: bool) -> Iterator[str]:
    """Yields the texts of a secret value that count as secrets wherever they stand: 8 characters or more.

    What a name alone calls a secret (`by_name`) must hold a digit: a word such as `disabled` stands in many places.
    A text that is a JSON document itself, as the key of a service account, is a secret as a whole and in its parts.
    """
    for found in _with_nested(texts_of(value)):
        # A secret that was read from a file may be used without the line's end.
        for text in {found, found.strip()}:
            is_secret = len(text) >= MIN_SECRET_CHARACTERS and text.strip("*") != ""
            if is_secret and (not by_name or any(character.isdigit() for character in text)):
                yield text


def _with_nested(found: Iterable[str]) -> Iterator[str]:
    for text in found:
        yield text
        document = text.encode()
        if text.lstrip()[:1] in ("{", "[") and is_json(document):
            yield from texts_of(document)


def named_values(document: bytes, names: SecretNames) -> Iterator[tuple[str, bytes]]:
    """Yields name and text of each value in a JSON document that stands under a secret name."""
    if not names.may_stand_in(document):
        return
    tokens = scan(document)
    for token in tokens:
        if token.kind is Kind.NAME and names.names(name := decode_string(document[token.start : token.end])):
            first = next(tokens)
            value = document[first.start : end_of_value(first, tokens)]
            if not is_blank(value):
                yield name, value


class Secrets:
    """What is secret in one run: under these names, and these values."""

    def __init__(self, names: SecretNames, values: Iterable[str] = ()) -> None:
        self.names = names
        self.values = frozenset(values)

    @property
    def longest(self) -> int:
        """The length in bytes of the longest usual spelling of a value; what a reader by chunks must let overlap."""
        return 12 * max(map(len, self.values), default=0)

    def clean_content(self, content: bytes) -> Cleaned:
        """Gives content without secrets: as a document where it is JSON, else as a text of any bytes."""
        return self.clean_document(content) if is_json(content) else self.clean_text(content)

    def clean_document(self, document: bytes) -> Cleaned:
        """Gives a JSON document without secrets; it is JSON afterwards, and everything else is spelled as it was."""
        if not self._may_hold(document, _LEVELS):
            return Cleaned(document, [])
        found = list(self._in_document(document, _LEVELS))
        return Cleaned(replaced(document, [span for span, _ in found]), [find for _, find in found])

    def is_quiet(self, context: bytes) -> bool:
        """Tells quickly that a context without files or documents of its own holds no secret, by name or value."""
        return b'"FILE"' not in context and b'"JSON"' not in context and not self._may_hold(context, _LEVELS)

    def clean_text(self, text: bytes) -> Cleaned:
        """Gives a text of any bytes without secrets."""
        spans = self._spans(text, _LEVELS)
        cleaned = replaced(text, spans)
        if spans and self._spans(cleaned, _LEVELS):
            cleaned = _MASK
        return Cleaned(cleaned, [Find(self._inner_kind)] * len(spans))

    def holds(self, content: bytes) -> bool:
        """Tells whether any bytes hold a secret value."""
        return bool(self.values and self._spans(content, _LEVELS))

    def clean_name(self, name: str) -> str:
        """Gives a key or name for people, without secrets."""
        return self.clean_text(name.encode("utf-8", "surrogatepass")).text.decode("utf-8", "replace")

    @property
    def _inner_kind(self) -> FindKind:
        """By what something within a text was most likely recognised: documents in texts are searched by names, too."""
        if self.values:
            return FindKind.VALUE
        return FindKind.RESERVED if self.names.pattern is None else FindKind.NAME

    @cached_property
    def _plain(self) -> tuple[bytes, ...]:
        spellings = {text for value in self.values for text in (value, value.replace(" ", "+"))}
        return tuple(sorted((text.encode() for text in spellings), key=lambda text: (-len(text), text)))

    @cached_property
    def _cores(self) -> dict[bytes, int]:
        """What stands for a value in base64, with where in a group of four characters it begins."""
        return {
            core.encode(): start
            for value in self.values
            for text in _escaped(value)
            for shift, start in enumerate(BASE64_STARTS)
            for core in base64_cores(text.encode(), shift)
        }

    def _may_hold(self, document: bytes, levels: int) -> bool:
        """Tells, much quicker than by its tokens, whether a JSON document can hold a secret."""
        if self.names.may_stand_in(document) or has_document(document):
            return True
        # A document within a string has its quotes escaped, and names in it.
        if b'\\"' in document and self.names.may_stand_in(document.replace(b"\\", b"")):
            return True
        # Its strings are one level deeper in it than by themselves.
        return bool(self.values and self._text_spans(document, levels + 1))

    def _in_document(self, document: bytes, levels: int) -> Iterator[tuple[Span, Find]]:
        """Yields what is secret in a JSON document, in order."""
        masks = self._masks_for_names(document)
        walker = _Walker(document)
        for token in walker:
            text = document[token.start : token.end]
            if token.kind is Kind.NAME:
                name = decode_string(text)
                if self._in_string(text, levels) is not None:
                    walker.name = next(masks)
                    yield Span(*token[1:], encode_string(walker.name)), Find(FindKind.VALUE, walker.pointer)
                if self.names.names(name) and (hidden := walker.take_value()) is not None:
                    yield hidden, Find(kind_of(name), walker.pointer)
            elif token.kind is Kind.STRING:
                if (cleaned := self._in_string(text, levels)) is not None:
                    yield Span(*token[1:], cleaned), Find(self._inner_kind, walker.pointer)
            elif token.kind is Kind.NUMBER and text.decode() in self.values:
                yield Span(*token[1:], MASKED), Find(FindKind.VALUE, walker.pointer)

    def _in_string(self, token: bytes, levels: int) -> bytes | None:
        """Gives a JSON string without secrets; None where it has none."""
        inside = token[1:-1]
        if len(inside) < MIN_SECRET_CHARACTERS:
            return None
        spans = self._decoded_spans(inside, levels)
        if not spans:
            return None
        cleaned = replaced(inside, spans)
        return MASKED if self._decoded_spans(cleaned, levels) else b'"' + cleaned + b'"'

    def _decoded_spans(self, inside: bytes, levels: int) -> list[Span]:
        """Finds in what a JSON string says, and gives where that stands in its spelling."""
        if b"\\" not in inside:
            return self._spans(inside, levels)
        return self._through(JSON_STRING, inside, levels)

    def _spans(self, text: bytes, levels: int) -> list[Span]:
        """Finds what is secret in a text."""
        if len(text) < MIN_SECRET_CHARACTERS:
            return []
        found: list[Span] = []
        if levels and self._is_nested(text, levels - 1):
            found = [span for span, _ in self._in_document(text, levels - 1)]
        # What looks like a document may be one by chance, and hold the secret as the text that it is.
        return found or self._text_spans(text, levels)

    def _text_spans(self, text: bytes, levels: int) -> list[Span]:
        """Finds what is secret in a text, whatever it is made of."""
        found = list(self._encoded_texts(text, levels - 1)) if levels else []
        if not self.values:
            return found
        found += [*self._plain_spans(text), *self._base64_spans(text, levels)]
        if levels:
            for reading in READINGS:
                found += self._through(reading, text, levels - 1)
        return merged(found, _MASK)

    def _through(self, reading: Reading, text: bytes, levels: int) -> list[Span]:
        decoded = reading.decode(text)
        inner = [] if decoded is None else self._spans(decoded, levels)
        return reading.spans(text, inner) if inner else []

    def _is_nested(self, text: bytes, levels: int) -> bool:
        """Tells whether a text is a JSON object or array that may hold a secret, and is searched like any other."""
        return text.lstrip(BLANKS)[:1] in (b"{", b"[") and is_json(text) and self._may_hold(text, levels)

    def _plain_spans(self, text: bytes) -> Iterator[Span]:
        there = [value for value in self._plain if value in text]
        if there:
            for match in re.finditer(b"|".join(map(_exactly, there)), text):
                yield Span(*match.span(), _MASK)

    def _base64_spans(self, text: bytes, levels: int) -> Iterator[Span]:
        masked = 0
        for core, start in self._cores.items():
            at = text.find(core)
            while at >= 0:
                # What cannot be decoded a few times is not tried for ever: each time all of it is read.
                span = self._in_base64(text, at, len(core), start, levels if masked < _MOST_ATTEMPTS else 0)
                masked += span.new == _MASK
                yield span
                at = text.find(core, max(span.end, at + 1))

    def _encoded_texts(self, text: bytes, levels: int) -> Iterator[Span]:
        """Finds in texts that stand in base64: in JSON objects and arrays, and where values are known in any text."""
        for first, end in candidates(text, only_documents=not self.values):
            # What stands right before it may be no part of it.
            for start in range(first, first + (GROUP if self.values else 1)):
                if not begins_text(text, start, end):
                    continue
                found = around(text, start, 0)
                if found.content is not None and is_text(found.content):
                    inner = self._spans(found.content, levels)
                    if inner:
                        yield Span(found.start, found.end, found.encode(replaced(found.content, inner)))
                        break

    def _in_base64(self, text: bytes, at: int, length: int, start: int, levels: int) -> Span:
        """Gives what to do with base64 that holds a value: decoded, cleaned and encoded again, else masked in part."""
        found = around(text, at, start)
        if levels and found.content is not None:
            inner = self._spans(found.content, levels - 1)
            if inner:
                return Span(found.start, found.end, found.encode(replaced(found.content, inner)))
        # The characters beside it hold bits of the value, too.
        end = at + length
        return Span(at - extends(text, at - 1), end + extends(text, end), _MASK)

    def _masks_for_names(self, document: bytes) -> Iterator[str]:
        """Yields names for members whose names hold secrets, none of which any member of the document has."""
        taken: set[str] | None = None
        number = 0
        while True:
            name = f"{MASK}{number or ''}"
            if taken is None:
                taken = {decode_string(document[t.start : t.end]) for t in scan(document) if t.kind is Kind.NAME}
            if name not in taken:
                yield name
            number += 1


def _escaped(value: str) -> set[str]:
    """A value as it is, as it stands in JSON, and as it stands in JSON within a string of JSON."""
    once = encode_string(value)[1:-1].decode()
    return {value, once, encode_string(once)[1:-1].decode()}


def _exactly(value: bytes) -> bytes:
    """What finds a value; one of digits alone is none within more digits, where it would stand by chance."""
    escaped = re.escape(value)
    return b"(?<![0-9])" + escaped + b"(?![0-9])" if value.isdigit() else escaped


class _Walker:
    """The tokens of a document, and where each stands in it."""

    def __init__(self, document: bytes) -> None:
        self._document = document
        self._tokens = scan(document)
        self._path: list[str | int] = []

    @property
    def name(self) -> str:
        """The name of the member that the walk is in."""
        return str(self._path[-1])

    @name.setter
    def name(self, name: str) -> None:
        self._path[-1] = name

    @property
    def pointer(self) -> str:
        """The JSON Pointer of the value that the walk is in."""
        return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in self._path)

    def __iter__(self) -> Iterator[Token]:
        for token in self._tokens:
            kind = token.kind
            if kind is Kind.NAME:
                self._path[-1] = decode_string(self._document[token.start : token.end])
            elif kind in _CLOSES:
                self._path.pop()
            else:
                self._count()
            yield token
            if kind in _OPENS:
                self._path.append("" if kind is Kind.OPEN_OBJECT else -1)

    def take_value(self) -> Span | None:
        """Reads over the value after a name; gives it to be masked, or None where it is no secret under any name."""
        first = next(self._tokens)
        end = end_of_value(first, self._tokens)
        value = self._document[first.start : end]
        return None if is_blank(value) else Span(first.start, end, MASKED)

    def _count(self) -> None:
        if self._path and isinstance(self._path[-1], int):
            self._path[-1] += 1
