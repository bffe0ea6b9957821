"""The engine's `RefValueDescriptor`: six properties, read as the engine reads them, written as it writes them."""

import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from zenctx.context.rawjson import Member, check_document, encode_string, split_object
from zenctx.context.scanner import decode_string
from zenctx.errors import InvalidContextError, InvalidDescriptorError

UNKNOWN_SIZE = -1
JSON_MEDIA_TYPE = "application/json"
PROPERTIES = ("type", "locator", "mediaType", "size", "checksum", "inlineValue")

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


class DescriptorType(StrEnum):
    """The three kinds of stored values."""

    MEMORY = "MEMORY"
    """The inline value is the value itself."""
    JSON = "JSON"
    """The inline value is the base64 text of a JSON document."""
    FILE = "FILE"
    """The bytes lie in the file that the locator names, or inline as base64 text."""


class ChecksumState(StrEnum):
    """What a comparison of a descriptor's checksum with the content says."""

    OK = "ok"
    MISMATCH = "mismatch"
    ABSENT = "absent"
    UNKNOWN_FORMAT = "unknown-format"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class RefValueDescriptor:
    """One stored value. `size` is in bytes (-1: unknown); `inline_value` is exact JSON text (`null` when absent)."""

    type: DescriptorType
    locator: str | None = None
    media_type: str | None = None
    size: int = UNKNOWN_SIZE
    checksum: str | None = None
    inline_value: bytes = b"null"

    def to_json(self) -> bytes:
        """Gives the text that the engine writes: six properties in its order, nulls written out."""
        return (
            b'{"type":"%b","locator":%b,"mediaType":%b,"size":%d,"checksum":%b,"inlineValue":%b}'
            % (
                self.type.value.encode(),
                _nullable(self.locator),
                _nullable(self.media_type),
                self.size,
                _nullable(self.checksum),
                self.inline_value,
            )
        )  # fmt: skip

    @property
    def has_inline_value(self) -> bool:
        """Whether the inline value is anything but null."""
        return self.inline_value != b"null"


class ExactDescriptor(msgspec.Struct, forbid_unknown_fields=True):
    """The six properties as msgspec decodes them: all present, none unknown (one that stands twice goes unnoticed)."""

    type: str
    locator: str | None
    mediaType: str | None  # noqa: N815 - the engine's name
    size: int
    checksum: str | None
    inlineValue: msgspec.Raw  # noqa: N815 - the engine's name


_EXACT = msgspec.json.Decoder(ExactDescriptor)
_TYPES = {kind.value: kind for kind in DescriptorType}


def parse_exact(text: bytes) -> RefValueDescriptor | None:
    """Gives the descriptor that `text` spells with exactly the six properties, once each; None if it does not.

    Takes the text of one JSON value of a context that was split before (its grammar and UTF-8 are known good).
    """
    try:
        exact = _EXACT.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return _parse_exact_carefully(text)
    kind = _TYPES.get(exact.type)
    if kind is None:
        return None
    descriptor = RefValueDescriptor(
        kind, exact.locator, exact.mediaType, exact.size, exact.checksum, bytes(exact.inlineValue)
    )
    # msgspec keeps the last of two equal names: only when the descriptor, spelled again, is the text itself is it
    # certain that each stood once.
    if text == descriptor.to_json() or text == _spelled_like_jsonb(descriptor):
        return descriptor
    return _parse_exact_carefully(text)


def parse_lenient(text: bytes) -> RefValueDescriptor | None:
    """Gives the descriptor that the engine would read from `text`, None where it would not read one.

    The engine takes the properties in any order, lets any but the type be missing, reads numbers and booleans as
    strings and strings as numbers, and knows no other property. Raises nothing; a name that stands twice is not read.
    """
    if not text.startswith(b"{"):
        return None
    try:
        members = {member.name: member for member in split_object(text)}
        kind = _lenient_type(members)
        if kind is None or not set(PROPERTIES).issuperset(members):
            return None
        return RefValueDescriptor(
            kind,
            _lenient_text(members.get("locator")),
            _lenient_text(members.get("mediaType")),
            _lenient_size(members.get("size")),
            _lenient_text(members.get("checksum")),
            members["inlineValue"].value if "inlineValue" in members else b"null",
        )
    except (InvalidContextError, ValueError):
        return None


def may_be_descriptor(text: bytes) -> bool:
    """Tells cheaply whether a JSON text can be a descriptor: an object that may have a type and a content.

    A property's name may be spelled with escapes, hence the last test.
    """
    if not text.startswith(b"{"):
        return False
    return b'"inlineValue"' in text or b'"locator"' in text or b"\\u" in text


def decode_inline(descriptor: RefValueDescriptor) -> bytes:
    """Gives the bytes of a JSON or inline FILE value, which JSON carries as base64 text.

    Raises InvalidDescriptorError where the inline value is not base64 of the standard alphabet, padded.
    """
    token = descriptor.inline_value
    if not token.startswith(b'"'):
        raise InvalidDescriptorError("the inline value is not base64 text")
    text = token[1:-1] if b"\\" not in token else decode_string(token).encode()
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except (binascii.Error, ValueError):
        raise InvalidDescriptorError("the inline value is not base64 text") from None


def encode_inline(content: bytes) -> bytes:
    """Gives the JSON text of a `byte[]`: a string of base64, standard alphabet, padded."""
    return b'"' + binascii.b2a_base64(content, newline=False) + b'"'


def sha256_checksum(content: bytes) -> str:
    """Gives the checksum of content in the form of descriptors, `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def compare_checksum(expected: str | None, actual: str) -> ChecksumState:
    """Compares a descriptor's checksum (bare or prefixed SHA-256, any case) with `actual`, given as `sha256:<hex>`."""
    if expected is None:
        return ChecksumState.ABSENT
    match = _SHA256.fullmatch(expected)
    if match is None:
        return ChecksumState.UNKNOWN_FORMAT
    return ChecksumState.OK if "sha256:" + match[1].lower() == actual else ChecksumState.MISMATCH


def contradiction(descriptor: RefValueDescriptor) -> str | None:
    """Gives the sentence that says why a descriptor contradicts itself, None if it does not. Opens nothing.

    The size of a MEMORY value is an estimate that does not survive a database's own spelling: it is not compared.
    """
    if descriptor.size < UNKNOWN_SIZE:
        return "the size is negative"
    if descriptor.type is not DescriptorType.FILE and descriptor.locator is not None:
        return f"a {descriptor.type} value has a locator"
    if descriptor.type is DescriptorType.MEMORY:
        return None
    if descriptor.type is DescriptorType.FILE and descriptor.locator is not None:
        return _locator_contradiction(descriptor)
    if not descriptor.has_inline_value:
        return f"a {descriptor.type} value has neither a locator nor an inline value"
    return _inline_contradiction(descriptor)


def _locator_contradiction(descriptor: RefValueDescriptor) -> str | None:
    if descriptor.has_inline_value:
        return "a FILE value has both a locator and an inline value"
    return None if descriptor.locator else "the locator is empty"


def _inline_contradiction(descriptor: RefValueDescriptor) -> str | None:
    try:
        content = decode_inline(descriptor)
        if descriptor.type is DescriptorType.JSON:
            check_document(content)
    except InvalidDescriptorError as error:
        return error.message
    except InvalidContextError as error:
        return f"the document is {error.message}"
    if descriptor.size not in (UNKNOWN_SIZE, len(content)):
        return f"the size is {descriptor.size}, the inline value has {len(content)} bytes"
    if compare_checksum(descriptor.checksum, sha256_checksum(content)) is ChecksumState.MISMATCH:
        return "the inline value does not have the checksum"
    return None


def _parse_exact_carefully(text: bytes) -> RefValueDescriptor | None:
    descriptor = parse_lenient(text)
    if descriptor is None:
        return None
    members = {member.name: member.value for member in split_object(text)}
    strings = all(members.get(name, b"")[:1] in (b'"', b"n") for name in ("locator", "mediaType", "checksum"))
    exact = len(members) == len(PROPERTIES) and strings and _INTEGER.fullmatch(members["size"].decode())
    return descriptor if exact else None


def _lenient_type(members: dict[str, Member]) -> DescriptorType | None:
    member = members.get("type")
    return None if member is None or member.value[:1] != b'"' else _TYPES.get(decode_string(member.value))


def _lenient_text(member: Member | None) -> str | None:
    if member is None or member.value == b"null":
        return None
    if member.value[:1] in (b"{", b"["):
        raise ValueError
    return decode_string(member.value) if member.value[:1] == b'"' else member.value.decode()


def _lenient_size(member: Member | None) -> int:
    if member is None or member.value == b"null":
        return UNKNOWN_SIZE
    text = decode_string(member.value).strip() if member.value[:1] == b'"' else member.value.decode()
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not abs(number) < 2**63:
        raise ValueError
    return int(number)


def _nullable(text: str | None) -> bytes:
    return b"null" if text is None else encode_string(text)


def _spelled_like_jsonb(descriptor: RefValueDescriptor) -> bytes:
    return (
        b'{"size": %d, "type": "%b", "locator": %b, "checksum": %b, "mediaType": %b, "inlineValue": %b}'
        % (
            descriptor.size,
            descriptor.type.value.encode(),
            _nullable(descriptor.locator),
            _nullable(descriptor.checksum),
            _nullable(descriptor.media_type),
            descriptor.inline_value,
        )
    )  # fmt: skip
