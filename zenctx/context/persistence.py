"""Values as descriptors and back: what is saved when a run pauses, and restored when it goes on.

Pure: files are put and found by collaborators. Every value that fails is named; none is dropped in silence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from zenctx.context.convert import Storage, StoredContent, choose_file_storage, choose_storage
from zenctx.context.counters import Failure, Stage
from zenctx.context.descriptor import (
    JSON_MEDIA_TYPE,
    DescriptorType,
    RefValueDescriptor,
    contradiction,
    decode_inline,
    encode_inline,
    sha256_checksum,
)
from zenctx.context.estimate import MAX_INLINE_BYTES, estimated_size
from zenctx.context.forms import Entry, Fit
from zenctx.context.rawjson import Member, check_document, encode_string, join_members, quoted
from zenctx.context.rules import EngineReads, OnMissing, StorageRules
from zenctx.context.values import (
    FileValue,
    InlineFile,
    JsonValue,
    MemoryValue,
    RefValue,
    ValueFile,
    is_json_media_type,
)
from zenctx.errors import DamagedFileError, DataError, InvalidDescriptorError, RefusedError, SetupError, ZenctxError

CHUNK = 1024 * 1024


class PutFile(Protocol):
    """Puts content into a persistent file of its own, durably."""

    def __call__(self, key: str, content: Iterable[bytes], suffix: str) -> StoredContent:
        """Gives where it was put; raises StoreError, and what `content` raises."""


FindFile = Callable[[RefValueDescriptor], ValueFile]
"""Gives the file that a descriptor names; raises DamagedFileError when it is missing, and another DataError when it is
there but not what the descriptor says."""

_NAMED = 5
"""How many values the message of an error names; `failures` has them all."""


class ContextFailedError(DataError):
    """Some values of a context could not be saved or restored; `failures` names each with its key."""

    kind = "context_failed"

    def __init__(self, what: str, failures: Iterable[Failure]) -> None:
        self.failures = tuple(failures)
        count = len(self.failures)
        named = "; ".join(f"{quoted(failure.key)}: {failure.reason}" for failure in self.failures[:_NAMED])
        more = f"; and {count - _NAMED} more" if count > _NAMED else ""
        super().__init__(f"{count} {'value' if count == 1 else 'values'} {what}: {named}{more}")


def no_place(key: str, content: Iterable[bytes], suffix: str) -> StoredContent:  # noqa: ARG001 - a `PutFile`
    """A `PutFile` for those who have no persistent files: refuses."""
    raise RefusedError("the value needs a persistent file, and there is no place for one")


def no_files(descriptor: RefValueDescriptor) -> ValueFile:  # noqa: ARG001 - a `FindFile`
    """A `FindFile` for those who have no persistent files: refuses."""
    raise RefusedError("the value is in a persistent file, and there is no place to look for it")


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The descriptors of the values of a context, by key, and the values that have none."""

    entries: Mapping[str, RefValueDescriptor]
    failures: tuple[Failure, ...]

    def require_all(self) -> None:
        """Raises ContextFailedError, naming every failure, unless each value has its descriptor."""
        if self.failures:
            raise ContextFailedError("cannot be saved", self.failures)

    def text(self) -> bytes:
        """Gives the text of the context as the engine stores it."""
        return join_members(
            [Member(key, encode_string(key), descriptor.to_json()) for key, descriptor in self.entries.items()]
        )


@dataclass(frozen=True, slots=True)
class RestoredValues:
    """The values of a stored context, by key, and the failures: values that could not be had.

    `missing` are those whose file is gone, and for which `on_missing` allows another value, or none.
    """

    values: Mapping[str, RefValue]
    failures: tuple[Failure, ...] = ()
    missing: tuple[Failure, ...] = ()

    def require_all(self) -> None:
        """Raises ContextFailedError, naming every failure, if there are any; then the values are released."""
        if self.failures:
            self.release()
            raise ContextFailedError("cannot be restored", self.failures)

    def release(self) -> None:
        """Releases the values, which nobody is to have."""
        for value in self.values.values():
            value.release()


def describe(values: Mapping[str, RefValue], rules: StorageRules, put_file: PutFile) -> Descriptors:
    """Turns values into descriptors; large ones are put into files as the rules say, one chunk in memory at a time.

    Raises SetupError where files cannot be written at all; what is wrong with one value is a failure.
    """
    entries: dict[str, RefValueDescriptor] = {}
    failures: list[Failure] = []
    for key, value in values.items():
        try:
            _require_writable(key)
            entries[key] = _described(key, value, rules, put_file)
        except SetupError:
            raise  # not about this value: the next would fail in the same way
        except ZenctxError as error:
            failures.append(Failure(key, Stage.CREATION, error.message, error.kind))
    return Descriptors(entries, tuple(failures))


def _require_writable(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError:
        raise DataError("its key holds half of a surrogate pair, which no JSON can") from None


def _described(key: str, value: RefValue, rules: StorageRules, put_file: PutFile) -> RefValueDescriptor:
    if isinstance(value, FileValue):
        return _described_file(key, value, rules, put_file)
    content = value.content()
    if not value.is_json:
        return _described_bytes(key, value, content, rules, put_file)
    storage = _json_storage(value, content, rules)
    if storage is Storage.MEMORY:
        return RefValueDescriptor(DescriptorType.MEMORY, None, value.media_type, estimated_size(content), None, content)
    if storage is Storage.JSON:
        inline = encode_inline(content)
        return RefValueDescriptor(DescriptorType.JSON, None, JSON_MEDIA_TYPE, len(content), None, inline)
    media_type = value.media_type if is_json_media_type(value.media_type) else JSON_MEDIA_TYPE
    return _as_file(key, content, media_type, storage, rules, put_file)


def _json_storage(value: RefValue, content: bytes, rules: StorageRules) -> Storage:
    # A value that was kept as a document stays one, where the engine reads it.
    fits = len(content) <= min(rules.json_threshold, MAX_INLINE_BYTES)
    if value.kind is DescriptorType.JSON and rules.engine_reads is EngineReads.ALL and fits:
        return Storage.JSON
    return choose_storage(content, estimated_size(content), rules)


def _described_bytes(
    key: str, value: RefValue, content: bytes, rules: StorageRules, put_file: PutFile
) -> RefValueDescriptor:
    if rules.engine_reads is EngineReads.PUBLISHED:
        return _as_file(key, content, value.media_type, Storage.FILE, rules, put_file)
    if len(content) <= min(rules.memory_threshold, MAX_INLINE_BYTES):
        inline = encode_inline(content)
        return RefValueDescriptor(DescriptorType.MEMORY, None, value.media_type, len(content), None, inline)
    storage = choose_file_storage(len(content), rules)
    return _as_file(key, content, value.media_type, storage, rules, put_file)


def _described_file(key: str, value: FileValue, rules: StorageRules, put_file: PutFile) -> RefValueDescriptor:
    storage = Storage.FILE
    if rules.engine_reads is EngineReads.ALL and value.size >= 0:
        storage = choose_file_storage(value.size, rules)
    if storage is Storage.FILE_INLINE:
        return _as_file(key, value.content(), value.media_type, storage, rules, put_file)
    with value.open_stream() as stream:
        return _put(key, chunks(stream), value.media_type, rules, put_file)


def _as_file(
    key: str, content: bytes, media_type: str | None, storage: Storage, rules: StorageRules, put_file: PutFile
) -> RefValueDescriptor:
    if storage is Storage.FILE:
        return _put(key, [content], media_type, rules, put_file)
    checksum = sha256_checksum(content) if rules.checksums else None
    inline = encode_inline(content)
    return RefValueDescriptor(DescriptorType.FILE, None, media_type, len(content), checksum, inline)


def _put(
    key: str, content: Iterable[bytes], media_type: str | None, rules: StorageRules, put_file: PutFile
) -> RefValueDescriptor:
    stored = put_file(key, content, ".json" if is_json_media_type(media_type) else ".dat")
    checksum = stored.checksum if rules.checksums else None
    return RefValueDescriptor(DescriptorType.FILE, stored.locator, media_type, stored.size, checksum)


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yields the content of a stream in pieces of at most `CHUNK` bytes."""
    while chunk := stream.read(CHUNK):
        yield chunk


def restore(
    entries: Iterable[Entry],
    find_file: FindFile,
    on_missing: OnMissing = OnMissing.FAIL,
    bytes_keys: Iterable[str] = (),
) -> RestoredValues:
    """Turns the entries of a context of descriptors into values.

    `bytes_keys` are keys whose value in memory was bytes. `on_missing` is about files that are gone: one that is there
    and not what it was is a failure in any case. Raises SetupError where files cannot be read at all.
    """
    were_bytes = frozenset(bytes_keys)
    values: dict[str, RefValue] = {}
    failures: list[Failure] = []
    missing: list[Failure] = []
    for entry in entries:
        key = entry.member.name
        try:
            values[key] = _restored(entry, find_file, was_bytes=key in were_bytes)
        except DamagedFileError as error:
            failure = Failure(key, Stage.RESTORATION, error.message, error.kind)
            (failures if on_missing is OnMissing.FAIL else missing).append(failure)
            if (stand_in := _stand_in(entry, on_missing)) is not None:
                values[key] = stand_in
        except SetupError:
            raise
        except ZenctxError as error:
            failures.append(Failure(key, Stage.RESTORATION, error.message, error.kind))
    return RestoredValues(values, tuple(failures), tuple(missing))


def entries_of(descriptors: Mapping[str, RefValueDescriptor]) -> Iterator[Entry]:
    """Yields descriptors as the entries of a context; what contradicts itself says so."""
    for key, descriptor in descriptors.items():
        reason = contradiction(descriptor)
        # The member's own text is what stands for a value without a descriptor: here each has one.
        member = Member(key, b"", b"")
        yield Entry(member, Fit.EXACT if reason is None else Fit.CONTRADICTORY, descriptor, reason)


def stored_file(descriptor: RefValueDescriptor, find_file: FindFile) -> ValueFile:
    """Gives the file of a FILE descriptor, wherever its bytes are."""
    if descriptor.locator is not None:
        return find_file(descriptor)
    content = decode_inline(descriptor)
    return InlineFile(content, sha256_checksum(content))


def _stand_in(entry: Entry, on_missing: OnMissing) -> RefValue | None:
    """What takes the place of a value whose file is gone: nothing, null, or an empty value of the same kind."""
    if on_missing is OnMissing.NULL:
        return MemoryValue(b"null")
    if on_missing is not OnMissing.EMPTY:
        return None
    media_type = entry.descriptor.media_type if entry.descriptor else None
    return MemoryValue(b"{}") if is_json_media_type(media_type) else MemoryValue.of_bytes(b"", media_type)


def _restored(entry: Entry, find_file: FindFile, *, was_bytes: bool) -> RefValue:
    descriptor = entry.descriptor
    if entry.fit is Fit.CONTRADICTORY:
        raise InvalidDescriptorError(entry.reason or "the descriptor contradicts itself")
    if descriptor is None:
        return MemoryValue(entry.member.value)
    if descriptor.type is DescriptorType.MEMORY:
        return (was_bytes and _as_bytes(descriptor)) or MemoryValue(descriptor.inline_value, descriptor.media_type)
    if descriptor.type is DescriptorType.FILE:
        return FileValue(stored_file(descriptor, find_file), descriptor.media_type)
    content = decode_inline(descriptor)
    check_document(content)
    return JsonValue(content)


def _as_bytes(descriptor: RefValueDescriptor) -> RefValue | None:
    """The bytes of a value in memory; None where another value has taken their place since that was noted."""
    try:
        content = decode_inline(descriptor)
    except InvalidDescriptorError:
        return None
    # A text has twice its length for its size, bytes have their own.
    return MemoryValue.of_bytes(content, descriptor.media_type) if descriptor.size == len(content) else None
