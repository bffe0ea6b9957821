"""Splitting a JSON object into its members as exact text, and joining them again, without parsing a value.

A float round trip turns `1.10` into `1.1` and 2^64 into 1.8e19; so values pass through as the bytes they came in.
"""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from zenctx.context.scanner import decode_string, deeper_than, parts, scan
from zenctx.errors import InvalidContextError

MAX_DEPTH = 1000
"""Levels of nesting that the engine's JSON reader accepts, the context itself being the first."""

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY_DOCUMENT = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class RawJson:
    """Exact JSON text that output embeds as it is."""

    text: bytes


class Member(NamedTuple):
    """One member of an object: its name, the name as it was spelled (quotes included), the value's exact text."""

    name: str
    spelling: bytes
    value: bytes


def split_object(text: bytes) -> list[Member]:
    """Splits the text of one JSON object into its members, in their order.

    The values are checked for grammar but not parsed: `join_members` gives the same object again, and the same text
    where the text was compact. Raises InvalidContextError for text that is not UTF-8, not JSON or not an object, for
    a name that stands twice, for half a surrogate pair and for more than `MAX_DEPTH` levels.
    """
    check_utf8(text)
    try:
        decoded = _DECODER.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return _split_carefully(text)
    names = list(decoded)
    values = list(map(bytes, decoded.values()))
    members = list(map(Member, names, map(_encode, names), values))
    # msgspec keeps the last of two equal names and forgets how a name was spelled. Only when the parts, joined
    # again in one of the two usual spellings, are the source itself is nothing lost.
    joined = _join_like_jsonb(members) if b": " in text else join_members(members)
    if text != joined and text != join_members(members):
        return _split_carefully(text)
    if deeper_than(text, MAX_DEPTH):
        raise _too_deep()
    return members


def join_members(members: list[Member]) -> bytes:
    """Gives the compact text of an object of these members, names spelled as they were."""
    return b"{" + b",".join([spelling + b":" + value for _, spelling, value in members]) + b"}"


def encode_string(value: str) -> bytes:
    """Gives the JSON text of a string, escaping only what must be."""
    return _encode(value)


def is_json(text: bytes) -> bool:
    """Tells whether bytes are one JSON document that the engine's reader would take: UTF-8, at most 1000 levels."""
    try:
        check_document(text)
    except InvalidContextError:
        return False
    return True


def check_document(text: bytes) -> None:
    """Raises InvalidContextError unless `text` is one JSON document in UTF-8 of at most `MAX_DEPTH` levels."""
    check_utf8(text)
    try:
        _ANY_DOCUMENT.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        _check_depth_carefully(text)
        for _ in scan(text):
            pass
        return
    if deeper_than(text, MAX_DEPTH):
        raise _too_deep()


def compact_length(text: bytes) -> int:
    """Gives the length in bytes of a valid JSON text without the blanks between its tokens."""
    if b" " not in text and b"\n" not in text and b"\t" not in text and b"\r" not in text:
        return len(text)
    try:
        return len(msgspec.json.format(text, indent=-1))
    except (RecursionError, msgspec.MsgspecError):
        return len(_compact_carefully(text))


def indented(text: bytes) -> bytes:
    """Gives a valid JSON text on several lines, for people; its strings and numbers stay as they are spelled."""
    try:
        return msgspec.json.format(text, indent=2)
    except (RecursionError, msgspec.MsgspecError):
        return text  # too deep to be laid out


def check_utf8(text: bytes) -> None:
    """Raises InvalidContextError, with the byte at fault, unless `text` is UTF-8 (msgspec does not check)."""
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise InvalidContextError(f"not UTF-8 at byte {error.start}") from None


def _join_like_jsonb(members: list[Member]) -> bytes:
    return b"{" + b", ".join([spelling + b": " + value for _, spelling, value in members]) + b"}"


def _compact_carefully(text: bytes) -> bytes:
    lexemes = []
    end = 0
    for token in scan(text):
        between = text[end : token.start].translate(None, b" \t\n\r")
        lexemes += [between, text[token.start : token.end]]
        end = token.end
    return b"".join(lexemes)


def _split_carefully(text: bytes) -> list[Member]:
    _check_depth_carefully(text)
    members = [Member(decode_string(spelling) if spelling else "", spelling, value) for spelling, value in parts(text)]
    first = text.lstrip(b" \t\n\r")[:1]
    if first != b"{":
        raise InvalidContextError(f"the context is {_NOT_AN_OBJECT.get(first, 'a JSON number')}, not an object")
    _check_distinct(members)
    return members


def _check_depth_carefully(text: bytes) -> None:
    # Before the text is known to be valid the count is only a guard: a wrong one leads to another error below.
    if deeper_than(text, MAX_DEPTH):
        raise _too_deep()


def _check_distinct(members: list[Member]) -> None:
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            raise InvalidContextError(f"the key {member.name!r} stands twice")
        seen.add(member.name)


def _too_deep() -> InvalidContextError:
    return InvalidContextError(f"nested more than {MAX_DEPTH} levels deep")


_NOT_AN_OBJECT = {
    b"[": "a JSON array",
    b'"': "a JSON string",
    b"n": "JSON null",
    b"t": "a JSON boolean",
    b"f": "a JSON boolean",
}
