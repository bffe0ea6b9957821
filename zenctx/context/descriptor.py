"""The engine's `RefValueDescriptor`: six properties, read as the engine reads them, written as it writes them."""

import binascii
import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from math import isfinite
from typing import Annotated, Literal

import msgspec

from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import check_document, encode_string, split_repeating
from zenctx.context.scanner import decode_string
from zenctx.errors import InvalidContextError, InvalidDescriptorError

UNKNOWN_SIZE = -1
JSON_MEDIA_TYPE = "application/json"
PROPERTIES = ("type", "locator", "mediaType", "size", "checksum", "inlineValue")

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_MAX_SIZE = 2**63 - 1


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


class RefValueDescriptor(DataStruct, frozen=True):
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
                self.type.encode(),
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


SizeInBytes = Annotated[int, msgspec.Meta(ge=UNKNOWN_SIZE, le=_MAX_SIZE)]


class _Exact(msgspec.Struct, forbid_unknown_fields=True):
    """The six properties as msgspec decodes them: all present, none unknown (one that stands twice goes unnoticed)."""

    type: Literal["MEMORY", "JSON", "FILE"]
    locator: str | None
    mediaType: str | None  # noqa: N815 - the engine's name
    size: SizeInBytes
    checksum: str | None
    inlineValue: msgspec.Raw  # noqa: N815 - the engine's name


_EXACT = msgspec.json.Decoder(_Exact)
_TYPES = {kind.value: kind for kind in DescriptorType}


class Reading(DataStruct, frozen=True):
    """What the engine would make of an object that is shaped like a descriptor.

    `descriptor` is None where a property has a value that the engine cannot read; `is_complete` says whether all six
    properties are there; `problem` is the sentence that says what is wrong with the spelling, None if nothing is.
    """

    descriptor: RefValueDescriptor | None
    is_complete: bool = True
    problem: str | None = None


def read_descriptor(text: bytes) -> Reading | None:
    """Reads the text of one JSON value as the engine would read a descriptor; None where it would not take it for one.

    The engine takes the properties in any order, lets any but the type be missing (what has neither a locator nor an
    inline value is no descriptor), the last of two equal ones counts, reads numbers and booleans as strings and
    strings as numbers, and knows no other property. With all six properties an object is shaped like a descriptor
    even if one of them cannot be read.
    """
    return _read_quickly(text) or _read_carefully(text)


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


def sha256_checksum(content: bytes | memoryview) -> str:
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


def _read_quickly(text: bytes) -> Reading | None:
    try:
        exact = _EXACT.decode(text)
    except (RecursionError, msgspec.MsgspecError):
        return None
    descriptor = RefValueDescriptor(
        _TYPES[exact.type], exact.locator, exact.mediaType, exact.size, exact.checksum, bytes(exact.inlineValue)
    )
    # msgspec keeps the last of two equal names: only when the descriptor, spelled again, is the text itself is it
    # certain that each stood once.
    if text == descriptor.to_json() or text == _spelled_like_jsonb(descriptor):
        return Reading(descriptor)
    return None


def _read_carefully(text: bytes) -> Reading | None:
    try:
        members = split_repeating(text)
    except InvalidContextError:
        return None
    properties = {member.name: member.value for member in members}
    kind = _TYPES.get(_string(properties.get("type")) or "")
    if kind is None or not properties.keys() <= set(PROPERTIES):
        return None
    is_complete = len(properties) == len(PROPERTIES)
    if not is_complete and not _has_content(kind, properties):
        return None
    try:
        descriptor = _descriptor(kind, properties)
    except ValueError as error:
        return Reading(None, problem=str(error)) if is_complete else None
    return Reading(descriptor, is_complete, "a property stands twice" if len(properties) < len(members) else None)


def _has_content(kind: DescriptorType, properties: Mapping[str, bytes]) -> bool:
    """Whether there is a locator or an inline value; null is a value in memory."""
    if properties.get("locator", b"null") != b"null":
        return True
    inline_value = properties.get("inlineValue")
    return inline_value is not None and (kind is DescriptorType.MEMORY or inline_value != b"null")


def _descriptor(kind: DescriptorType, properties: Mapping[str, bytes]) -> RefValueDescriptor:
    locator, media_type, checksum = (_text(name, properties) for name in ("locator", "mediaType", "checksum"))
    inline_value = properties.get("inlineValue", b"null")
    return RefValueDescriptor(kind, locator, media_type, _size(properties), checksum, inline_value)


def _string(value: bytes | None) -> str | None:
    return decode_string(value) if value is not None and value.startswith(b'"') else None


def _text(name: str, properties: Mapping[str, bytes]) -> str | None:
    value = properties.get(name, b"null")
    if value == b"null":
        return None
    if value.startswith((b"{", b"[")):
        raise ValueError(f"its {name} is not a text")
    return decode_string(value) if value.startswith(b'"') else value.decode()


def _size(properties: Mapping[str, bytes]) -> int:
    value = properties.get("size", b"null")
    text = (_string(value) or "").strip() if value.startswith(b'"') else value.decode()
    if text in ("", "null"):
        return UNKNOWN_SIZE
    if _INTEGER.fullmatch(text):
        size = int(text)
    elif value[:1] in b"-0123456789":
        size = _truncated(float(text))
    else:
        raise ValueError("its size is not a number")
    if abs(size) > _MAX_SIZE:
        raise ValueError("its size is out of range")
    return size


def _truncated(number: float) -> int:
    return int(number) if isfinite(number) else _MAX_SIZE + 1


def _nullable(text: str | None) -> bytes:
    return b"null" if text is None else encode_string(text)


def _spelled_like_jsonb(descriptor: RefValueDescriptor) -> bytes:
    return (
        b'{"size": %d, "type": "%b", "locator": %b, "checksum": %b, "mediaType": %b, "inlineValue": %b}'
        % (
            descriptor.size,
            descriptor.type.encode(),
            _nullable(descriptor.locator),
            _nullable(descriptor.checksum),
            _nullable(descriptor.media_type),
            descriptor.inline_value,
        )
    )  # fmt: skip
