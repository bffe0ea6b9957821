"""Conversion of a context both ways, as text: values into descriptors, descriptors into the values they wrap.

Pure: what must go to a file is handed back as a request, and what must come from one is asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, StrEnum, auto

from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import (
    JSON_MEDIA_TYPE,
    DescriptorType,
    RefValueDescriptor,
    decode_inline,
    encode_inline,
    sha256_checksum,
)
from zenctx.context.estimate import MAX_INLINE_BYTES, estimated_size, within_engine_limits
from zenctx.context.forms import Entry
from zenctx.context.rawjson import BLANKS, Member, check_document, is_json, join_members, quoted
from zenctx.context.rules import EngineReads, FileStrategy, StorageRules
from zenctx.context.scanner import deeper_than
from zenctx.errors import InvalidContextError, InvalidDescriptorError

MAX_MEMORY_DEPTH = 900
"""Levels of a value that are kept inline: the engine's reader stops at 1000, and more than the value is around it."""

MAX_LEGACY_BYTES = 268_435_455
"""The most bytes that a value can have in a `jsonb` column."""

_MEMORY = b'{"type":"MEMORY","locator":null,"mediaType":null,"size":%d,"checksum":null,"inlineValue":%b}'
_CONTAINERS = (b"{", b"[")


class Storage(Enum):
    """Where a value goes."""

    MEMORY = auto()
    JSON = auto()
    FILE_INLINE = auto()
    FILE = auto()


class BytesAs(StrEnum):
    """What becomes of a FILE value that is not JSON when a context goes back to the legacy form."""

    REFUSE = "refuse"
    BASE64 = "base64"


class StoredContent(DataStruct, frozen=True):
    """Where a large value has been put: the locator for the engine, bytes, and `sha256:<hex>`."""

    locator: str
    size: int
    checksum: str


class LargeValue(DataStruct, frozen=True):
    """A value that is to be put in a file of its own, as its JSON text, before the row may name it.

    The text may be a view of the whole row's, which is then kept as long.
    """

    position: int
    key: str
    content: bytes | memoryview


class Wrapped(DataStruct, frozen=True):
    """A context on its way to descriptors: all members but the large ones are done."""

    members: list[Member]
    large: Sequence[LargeValue]
    checksums: bool

    def text(self, stored: Iterable[StoredContent] = ()) -> bytes:
        """Gives the context's new text. Takes where each of `large` was stored, in the same order."""
        members = list(self.members)
        for value, content in zip(self.large, stored, strict=True):
            checksum = content.checksum if self.checksums else None
            descriptor = RefValueDescriptor(
                DescriptorType.FILE, content.locator, JSON_MEDIA_TYPE, content.size, checksum
            )
            members[value.position] = members[value.position]._replace(value=descriptor.to_json())
        return join_members(members)


def wrap(members: Sequence[Member], rules: StorageRules) -> Wrapped:
    """Turns the members of a legacy context into descriptors, each value's own text inside.

    Raises InvalidDescriptorError where the rules allow no place for a value (strategy `inline`, above the limit).
    """
    done: list[Member] = []
    large: list[LargeValue] = []
    for position, member in enumerate(members):
        value = member.value
        size = estimated_size(value)
        storage = choose_storage(value, size, rules)
        if storage is Storage.MEMORY:
            done.append(Member(member.name, member.spelling, _MEMORY % (size, value)))
        elif storage is Storage.FILE:
            large.append(LargeValue(position, member.name, value))
            done.append(member)
        else:
            done.append(Member(member.name, member.spelling, _inline(value, storage, rules).to_json()))
    return Wrapped(done, large, rules.checksums)


def choose_storage(value: bytes, size: int, rules: StorageRules) -> Storage:
    """Decides where a value of this JSON text and estimated size (bytes) is kept at rest."""
    is_container = value.startswith(_CONTAINERS)
    if size <= rules.memory_threshold and _fits_memory(value, is_container=is_container):
        return Storage.MEMORY
    if rules.engine_reads is EngineReads.PUBLISHED:
        return Storage.FILE
    if is_container and len(value) <= min(rules.json_threshold, MAX_INLINE_BYTES):
        return Storage.JSON
    return choose_file_storage(len(value), rules)


def _fits_memory(value: bytes, *, is_container: bool) -> bool:
    return not (is_container and deeper_than(value, MAX_MEMORY_DEPTH)) and within_engine_limits(value)


def choose_file_storage(length: int, rules: StorageRules) -> Storage:
    """Decides where `length` bytes that are kept as a FILE value lie, for an engine that reads both ways.

    Raises InvalidDescriptorError where the strategy allows no place for them.
    """
    if rules.file_strategy is FileStrategy.PERSISTENT:
        return Storage.FILE
    if rules.file_strategy is FileStrategy.INLINE:
        if length > MAX_INLINE_BYTES:
            raise InvalidDescriptorError(
                f"a value of {length} bytes cannot be kept inline (the engine reads at most {MAX_INLINE_BYTES})",
                hint="use the file strategy hybrid or persistent",
            )
        return Storage.FILE_INLINE
    return Storage.FILE_INLINE if length <= min(rules.inline_file_threshold, MAX_INLINE_BYTES) else Storage.FILE


def _inline(value: bytes, storage: Storage, rules: StorageRules) -> RefValueDescriptor:
    kind = DescriptorType.JSON if storage is Storage.JSON else DescriptorType.FILE
    # The engine writes no checksum on a JSON value.
    checksum = sha256_checksum(value) if rules.checksums and kind is DescriptorType.FILE else None
    return RefValueDescriptor(kind, None, JSON_MEDIA_TYPE, len(value), checksum, encode_inline(value))


ReadFile = Callable[[RefValueDescriptor], bytes]
"""Gives the content of the file that a descriptor names, its size and checksum compared; raises DamagedFileError."""


def unwrap(entries: Sequence[Entry], read_file: ReadFile, bytes_as: BytesAs = BytesAs.REFUSE) -> bytes:
    """Turns the entries of a context of descriptors back into the plain values they wrap, and gives the text.

    Raises InvalidDescriptorError for an entry that contradicts itself and for a value that is not JSON (unless
    `bytes_as` is BASE64), and what `read_file` raises.
    """
    for entry in entries:
        # One part of what it says would be lost, and which of them is right is not for us to decide.
        if entry.reason is not None:
            raise InvalidDescriptorError(f"the entry {quoted(entry.member.name)} cannot be put back: {entry.reason}")
    members = [entry.member._replace(value=unwrap_entry(entry, read_file, bytes_as)) for entry in entries]
    text = join_members(members)
    # A document of 999 levels is one level deeper inside the context: what could not be read again is not written.
    try:
        check_document(text)
    except InvalidContextError as error:
        raise InvalidDescriptorError(f"the values together would be {error.message}") from None
    return text


def unwrap_entry(entry: Entry, read_file: ReadFile, bytes_as: BytesAs = BytesAs.REFUSE) -> bytes:
    """Gives the JSON text of the value that one entry wraps (the value itself where it is no descriptor)."""
    descriptor = entry.descriptor
    if descriptor is None:
        return entry.member.value
    if descriptor.type is DescriptorType.MEMORY:
        return descriptor.inline_value
    content = decode_inline(descriptor) if descriptor.locator is None else read_file(descriptor)
    if is_json(content):
        return content.strip(BLANKS)
    if descriptor.type is DescriptorType.FILE and bytes_as is BytesAs.BASE64:
        return encode_inline(content)
    raise InvalidDescriptorError(
        f"the {descriptor.type} value of {quoted(entry.member.name)} is not JSON",
        hint="'--bytes-as base64' puts such a value back as base64 text",
    )
