"""New locators in the text of a context; every other byte of it stays."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from zenctx.context.rawjson import encode_string
from zenctx.context.scanner import Kind, Token, decode_string, end_of_value, scan

_LOCATOR = "locator"
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"', re.DOTALL)


class _Span(NamedTuple):
    """Where the locator of a key stands in the text."""

    key: str
    start: int
    end: int


def relocate(text: bytes, locators: Mapping[str, str]) -> bytes:
    """Gives the text of a context of descriptors in which those of some keys have other locators.

    A descriptor that has no property of that name stays as it is. Raises InvalidContextError where `text` is not JSON.
    """
    if not locators:
        return text
    parts: list[bytes] = []
    end = 0
    for span in _spans(text):
        if span.key in locators:
            parts += [text[end : span.start], encode_string(locators[span.key])]
            end = span.end
    return b"".join([*parts, text[end:]])


def names_in_broken(text: bytes, locator: str) -> bool:
    """Tells whether a text that need not be JSON has a locator as one of its strings."""
    return encode_string(locator) in text


def relocate_broken(text: bytes, locators: Mapping[str, str]) -> bytes:
    """Gives a text that need not be JSON, in which some strings that are locators are others."""
    if not locators:
        return text
    spelled = {encode_string(old): encode_string(new) for old, new in locators.items()}
    # All at once: a new locator must not be taken for an old one.
    pattern = re.compile(b"|".join(re.escape(old) for old in sorted(spelled, key=len, reverse=True)))
    return pattern.sub(lambda match: spelled[match[0]], text)


def relocated_in_broken(text: bytes, current: bytes, locators: Iterable[str]) -> dict[str, str] | None:
    """Gives which locators `current` has in place of some of `text`, where that is all in which the two differ.

    None where something else differs, and where two of them have become one. As `relocate_broken` would have done it.
    """
    spelled = {encode_string(locator): locator for locator in locators}
    pattern = re.compile(b"|".join(re.escape(each) for each in sorted(spelled, key=len, reverse=True)))
    found: dict[str, str] = {}
    end = at = 0
    for match in pattern.finditer(text):
        piece = text[end : match.start()]
        now = _STRING.match(current, at + len(piece))
        if now is None or current[at : now.start()] != piece:
            return None
        try:
            locator = decode_string(now[0])
        except (msgspec.MsgspecError, ValueError):
            return None  # it is no string after all
        if found.setdefault(spelled[match[0]], locator) != locator:
            return None
        end, at = match.end(), now.end()
    is_all = text[end:] == current[at:] and len(set(found.values())) == len(found)
    return found if is_all else None


def _spans(text: bytes) -> Iterator[_Span]:
    tokens = scan(text)
    next(tokens)
    for name in tokens:
        if name.kind is Kind.NAME:
            key = decode_string(text[name.start : name.end])
            yield from _in_descriptor(key, text, next(tokens), tokens)


def _in_descriptor(key: str, text: bytes, first: Token, tokens: Iterator[Token]) -> Iterator[_Span]:
    """Reads to the end of a value; yields where the locator stands that it has as a direct property."""
    if first.kind is not Kind.OPEN_OBJECT:
        end_of_value(first, tokens)
        return
    for name in tokens:
        if name.kind is Kind.CLOSE_OBJECT:
            return
        value = next(tokens)
        end = end_of_value(value, tokens)
        if decode_string(text[name.start : name.end]) == _LOCATOR:
            yield _Span(key, value.start, end)
