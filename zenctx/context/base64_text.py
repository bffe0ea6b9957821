"""Base64 in the midst of texts: where it stands, what it says, and the same for other content."""

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

GROUP = 4
"""Characters that stand for three bytes together."""

_ANY = re.compile(rb"[A-Za-z0-9+/_-]+")
_LONG = re.compile(rb"[A-Za-z0-9+/_-]{11,}")
"""What is long enough for 8 bytes."""
_DOCUMENT = re.compile(rb"(?<![A-Za-z0-9+/_-])[eW][w-z0-9+/_-][A-Za-z0-9+/_-]{10,}")
"""An opening brace or bracket, by its first two characters; a short document holds nothing."""
_FOR_URLS = b"-_"
_TO_STANDARD = bytes.maketrans(_FOR_URLS, b"+/")
_PEEKED = 64
_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


class EncodedRun(NamedTuple):
    """A part of a text that is base64, and what it says; None where it is none."""

    start: int
    end: int
    content: bytes | None
    for_urls: bool = False
    padded: bool = False

    def encode(self, content: bytes) -> bytes:
        """Gives other content in the same alphabet, padded alike."""
        encoded = base64.b64encode(content, _FOR_URLS if self.for_urls else None)
        return encoded if self.padded else encoded.rstrip(b"=")


def around(text: bytes, at: int, start: int) -> EncodedRun:
    """Finds the base64 around a place that is the character `start` of a group of four, as far as it can be decoded."""
    first = _beginning(text, at)
    match = _ANY.match(text, at)
    last = match.end() if match else at
    # What stands before may be no part of it: groups are counted from the place that is known.
    first += (at - start - first) % GROUP
    raw = text[first:last]
    for_urls = b"-" in raw or b"_" in raw
    padding = -len(raw) % GROUP
    padded = padding in (1, 2) and text[last : last + padding] == b"=" * padding
    try:
        content = binascii.a2b_base64(raw.translate(_TO_STANDARD) + b"=" * padding, strict_mode=True)
    except (binascii.Error, ValueError):
        content = None
    run = EncodedRun(first, last + padding if padded else last, content, for_urls, padded or not padding)
    is_exact = content is not None and run.encode(content) == text[run.start : run.end]
    return run if is_exact else run._replace(content=None)


def _beginning(text: bytes, at: int) -> int:
    """Where the characters of base64 begin that a place is among; looks back step by step."""
    step = 64
    while True:
        piece = text[max(at - step, 0) : at][::-1]
        match = _ANY.match(piece)
        length = match.end() if match else 0
        if length < len(piece) or len(piece) < step:
            return at - length
        step *= 4


def candidates(text: bytes, *, only_documents: bool) -> Iterator[tuple[int, int]]:
    """Yields where base64 may stand that is long enough to hold a secret, or that may be a JSON object or array."""
    for match in (_DOCUMENT if only_documents else _LONG).finditer(text):
        yield match.span()


def has_document(text: bytes) -> bool:
    """Tells whether base64 stands in a text that begins like a JSON object or array."""
    return any(begins_text(text, start, end) for start, end in candidates(text, only_documents=True))


def begins_text(text: bytes, start: int, end: int) -> bool:
    """Tells whether base64 at a place begins with something that can be UTF-8; looks no further than its beginning."""
    encoded = text[start : min(start + _PEEKED, end)]
    try:
        content = binascii.a2b_base64(encoded[: len(encoded) // GROUP * GROUP].translate(_TO_STANDARD))
        _Utf8Decoder().decode(content)
    except ValueError:
        return False
    return True


def extends(text: bytes, at: int) -> bool:
    """Tells whether a character of base64 stands at a place, which may lie outside of the text."""
    return at >= 0 and _ANY.match(text, at, at + 1) is not None


def is_text(content: bytes) -> bool:
    """Tells whether bytes are UTF-8; what only looks like base64 says something that is not."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
