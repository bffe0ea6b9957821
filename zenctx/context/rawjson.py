"""Splitting a JSON object into its members as exact text, and joining them again, without parsing a value.

A float round trip turns `1.10` into `1.1` and 2^64 into 1.8e19; so values pass through as the bytes they came in.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from zenctx.context.datastruct import DataStruct
from zenctx.context.scanner import check_utf8, decode_string, deeper_than, parts, scan
from zenctx.errors import InvalidContextError

MAX_DEPTH = 1000
"""Levels of nesting that the engine's JSON reader accepts, the context itself being the first."""

BLANKS = b" \t\n\r"
"""What may stand between the tokens of a JSON text."""
_LONGEST_SHOWN = 100

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY_DOCUMENT = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.Encoder().encode


class RawJson(DataStruct, frozen=True):
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
    members = split_repeating(text)
    if len({member.name for member in members}) < len(members):
        name, _ = Counter(member.name for member in members).most_common(1)[0]
        raise InvalidContextError(f"the key {quoted(name)} stands twice")
    return members


def split_repeating(text: bytes) -> list[Member]:
    """Splits an object as `split_object` does, but lets a name stand more than once."""
    _check_text(text)
    try:
        decoded = _DECODER.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return _split_carefully(text)
    members = list(map(Member, decoded, map(_encode, decoded), map(bytes, decoded.values())))
    if is_usually_spelled(text, [member.spelling for member in members], [member.value for member in members]):
        return members
    return _split_carefully(text)


def is_usually_spelled(text: bytes, names: Sequence[bytes], values: Sequence[bytes | msgspec.Raw]) -> bool:
    """Tells whether `text` is an object of just these names, as msgspec spells them, and values, as it has split them.

    msgspec keeps the last of two equal names and forgets how a name was spelled. Only when the parts, joined again in
    one of the two usual spellings, are the text itself is nothing lost.
    """
    return _is_spelled(text, names, values, b": ", b", ") or _is_spelled(text, names, values, b":", b",")


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
    _check_text(text)
    try:
        _ANY_DOCUMENT.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        for _ in scan(text):
            pass


def compact_length(text: bytes) -> int:
    """Gives the length in bytes of a valid JSON text without the blanks between its tokens."""
    if text.split(None, 1) == [text]:
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


def quoted(name: str) -> str:
    """Gives a name as messages show it: in quotes, control characters escaped, the end of a long one left out."""
    return repr(name if len(name) <= _LONGEST_SHOWN else name[:_LONGEST_SHOWN] + "…")


def _check_text(text: bytes) -> None:
    """Checks what msgspec does not: UTF-8, and a depth that its recursion bears under any recursion limit."""
    check_utf8(text)
    if deeper_than(text, MAX_DEPTH):
        raise InvalidContextError(f"nested more than {MAX_DEPTH} levels deep")


def _is_spelled(
    text: bytes, names: Sequence[bytes], values: Sequence[bytes | msgspec.Raw], colon: bytes, comma: bytes
) -> bool:
    """Whether members, joined by these, are the text; they are compared where they stand, for they may be large."""
    at, before = 0, b"{"
    for name, value in zip(names, values, strict=True):
        for part in (before, name, colon, value):
            if not text.startswith(part, at):
                return False
            at += len(part)
        before = comma
    return text[at:] == (b"}" if names else b"{}")


def _compact_carefully(text: bytes) -> bytes:
    lexemes = []
    end = 0
    for token in scan(text):
        between = text[end : token.start].translate(None, BLANKS)
        lexemes += [between, text[token.start : token.end]]
        end = token.end
    return b"".join(lexemes)


def _split_carefully(text: bytes) -> list[Member]:
    members = [Member(decode_string(spelling) if spelling else "", spelling, value) for spelling, value in parts(text)]
    first = text.lstrip(BLANKS)[:1]
    if first != b"{":
        raise InvalidContextError(f"the context is {_NOT_AN_OBJECT.get(first, 'a JSON number')}, not an object")
    return members


_NOT_AN_OBJECT = {
    b"[": "a JSON array",
    b'"': "a JSON string",
    b"n": "JSON null",
    b"t": "a JSON boolean",
    b"f": "a JSON boolean",
}
