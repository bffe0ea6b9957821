"""What a text says once its escapes are undone (JSON's, of URLs, of HTML), and where in the text each part stands.

So a part that was found by what it says can be replaced in the text, and everything around it stays as it is spelled.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import encode_string
from zenctx.context.scanner import decode_string

_JSON = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[\"\\/bfnrt])")
_URL = re.compile(rb"%[0-9a-fA-F]{2}")
_HTML = re.compile(rb"&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")


class Span(NamedTuple):
    """A part of a text, `text[start:end]`, and what is to stand in its place."""

    start: int
    end: int
    new: bytes


class Reading(DataStruct, frozen=True):
    """One way to escape: the byte that begins an escape, what escapes look like, what one means, how it is written."""

    mark: bytes
    escape: re.Pattern[bytes]
    meaning: Callable[[bytes], bytes]
    written: Callable[[bytes], bytes]

    def decode(self, text: bytes) -> bytes | None:
        """Gives what the text says; None where that is the text itself."""
        if self.mark not in text:
            return None
        decoded = self.escape.sub(lambda match: self.meaning(match[0]), text)
        return None if decoded == text else decoded

    def spans(self, text: bytes, inner: Iterable[Span]) -> list[Span]:
        """Gives where parts of the decoded text stand in the text itself: always whole escapes."""
        places = _Places(self, text)
        return [Span(places.start(span.start), places.end(span.end), self.written(span.new)) for span in inner]


class _Places:
    """Where each byte of a decoded text comes from."""

    def __init__(self, reading: Reading, text: bytes) -> None:
        self._decoded: list[int] = [0]  # after each escape: how far the decoded text is, and how far the text is
        self._raw: list[int] = [0]
        self._begin: list[int] = [0]  # and where that escape begins
        for match in reading.escape.finditer(text):
            before = self._decoded[-1] + match.start() - self._raw[-1]
            self._decoded.append(before + len(reading.meaning(match[0])))
            self._raw.append(match.end())
            self._begin.append(match.start())

    def start(self, at: int) -> int:
        """Where the escape or byte begins that the decoded byte `at` comes from."""
        known = bisect_right(self._decoded, at) - 1
        place = self._raw[known] + at - self._decoded[known]
        following = known + 1
        return min(place, self._begin[following]) if following < len(self._begin) else place

    def end(self, at: int) -> int:
        """Where the escape or byte ends that the decoded byte before `at` comes from."""
        place = self.start(at - 1)
        following = bisect_right(self._begin, place) - 1
        return self._raw[following] if following and self._begin[following] == place else place + 1


def _json_meaning(escape: bytes) -> bytes:
    try:
        return decode_string(b'"' + escape + b'"').encode()
    except ValueError:  # half of a pair
        return escape


def _html_meaning(escape: bytes) -> bytes:
    return html.unescape(escape.decode()).encode("utf-8", "replace")


JSON_STRING = Reading(b"\\", _JSON, _json_meaning, lambda new: encode_string(new.decode())[1:-1])
URL = Reading(b"%", _URL, lambda escape: bytes([int(escape[1:], 16)]), lambda new: new.replace(b'"', b"%22"))
HTML = Reading(b"&", _HTML, _html_meaning, lambda new: new.replace(b'"', b"&quot;"))

READINGS = (JSON_STRING, URL, HTML)


def merged(spans: Iterable[Span], joined: bytes) -> list[Span]:
    """Gives spans in order, none over another: what overlaps becomes one, and what stands there then is `joined`."""
    done: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not done or span.start >= done[-1].end:
            done.append(span)
        elif span.end > done[-1].end:
            done[-1] = Span(done[-1].start, span.end, joined)
    return done


def replaced(text: bytes, spans: Iterable[Span]) -> bytes:
    """Gives a text with other parts in the place of some; `spans` are in order and do not overlap."""
    out: list[bytes] = []
    end = 0
    for span in spans:
        out += [text[end : span.start], span.new]
        end = span.end
    return b"".join([*out, text[end:]])
