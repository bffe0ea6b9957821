"""Makes values of what Python programs put in, and decides where each is kept, as the engine's own factory does.

The preference of whoever puts a value in is a wish; the thresholds win:

| preference | kept as |
|---|---|
| AUTO | MEMORY up to the memory threshold; objects and arrays up to the JSON threshold JSON; what is larger, FILE |
| MEMORY | MEMORY up to the memory threshold, else FILE: a JSON document would be in memory just as well |
| JSON | JSON up to the JSON threshold, else FILE; bytes, which are no JSON, as with AUTO |
| FILE | FILE |

None is MEMORY whatever the preference. Streams are FILE unless MEMORY or JSON is asked for and what is read fits (and,
for JSON, is JSON).
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import Protocol, cast

from zenctx.context.descriptor import JSON_MEDIA_TYPE, DescriptorType
from zenctx.context.encode import encode
from zenctx.context.estimate import estimated_size
from zenctx.context.rawjson import RawJson, is_json
from zenctx.context.rules import StorageRules
from zenctx.context.values import FileValue, JsonValue, MemoryValue, RefValue, ValueFile, is_json_media_type
from zenctx.errors import RefusedError, UsageError

CHUNK = 1024 * 1024
"""Bytes that are read from a stream at a time."""


class StoragePreference(StrEnum):
    """Where a value should be kept, if it can be kept there."""

    AUTO = "AUTO"
    MEMORY = "MEMORY"
    JSON = "JSON"
    FILE = "FILE"


class TemporaryFiles(Protocol):
    """Makes the files of values that are too large to be held in memory."""

    def create(self, content: Iterable[bytes], suffix: str) -> ValueFile:
        """Writes content, chunk by chunk, to a new file whose name ends in `suffix`; its value owns the file.

        Raises StoreError when it cannot be written; what `content` raises passes through. Either way nothing is left.
        """


class ByteSource(Protocol):
    """What can be read as a stream of bytes."""

    def read(self, size: int, /) -> bytes | None:
        """Gives up to `size` bytes, none at the end."""


class RefValueFactory:
    """Makes values by the thresholds of `rules`. `files` makes the files; without it what needs one is refused."""

    def __init__(self, rules: StorageRules | None = None, files: TemporaryFiles | None = None) -> None:
        self.rules = rules or StorageRules()
        self.files = files

    def create(
        self,
        value: object,
        preference: StoragePreference = StoragePreference.AUTO,
        *,
        media_type: str | None = None,
    ) -> RefValue:
        """Makes a value of a Python value, of which it keeps a copy as JSON text (`zenctx.context.encode` tells how).

        bytes are kept as they are, unless `media_type` says that they are a JSON document. MEMORY keeps any media type;
        JSON and files of JSON text have a media type of JSON. Raises NotEncodableError for what has no JSON form,
        RefusedError where a file is needed and there is no place for files, StoreError when it cannot be written.
        """
        if not isinstance(value, bytes | bytearray | memoryview):
            return self._keep_json(encode(value), preference, media_type)
        content = bytes(value)
        if is_json_media_type(media_type):
            return self._keep_json(encode(RawJson(content)), preference, media_type)
        return self._keep_bytes(content, preference, media_type)

    def create_from_stream(
        self,
        stream: ByteSource | Iterable[bytes],
        preference: StoragePreference = StoragePreference.AUTO,
        *,
        media_type: str | None = None,
    ) -> RefValue:
        """Makes a value of the bytes of a binary stream, or of chunks of bytes; in constant memory where it is a file.

        The stream is read to its end and not closed. Raises as `create` does; what the stream raises passes through.
        """
        chunks = _chunks(stream)
        limit = self._limit(preference)
        if limit is None:
            return self._file(chunks, media_type)
        head, is_all = _head(chunks, limit)
        if is_all and preference is StoragePreference.MEMORY:
            return self.create(head, preference, media_type=media_type)
        if is_all and is_json(head):
            return self._keep_json(encode(RawJson(head)), preference, media_type)
        return self._file(chain([head], chunks), media_type)

    def _limit(self, preference: StoragePreference) -> int | None:
        limits = {
            StoragePreference.MEMORY: self.rules.memory_threshold,
            StoragePreference.JSON: self.rules.json_threshold,
        }
        return limits.get(preference)

    def _keep_json(self, text: bytes, preference: StoragePreference, media_type: str | None) -> RefValue:
        kind = choose_kind(text, preference, self.rules)
        if kind is DescriptorType.MEMORY:
            return MemoryValue(text, media_type)
        if kind is DescriptorType.JSON:
            return JsonValue(text)
        return self._file([text], media_type if is_json_media_type(media_type) else JSON_MEDIA_TYPE)

    def _keep_bytes(self, content: bytes, preference: StoragePreference, media_type: str | None) -> RefValue:
        if preference is StoragePreference.FILE or len(content) > self.rules.memory_threshold:
            return self._file([content], media_type)
        return MemoryValue.of_bytes(content, media_type)

    def _file(self, content: Iterable[bytes], media_type: str | None) -> RefValue:
        if self.files is None:
            raise RefusedError(
                "the value needs a file, and there is no directory for files",
                hint="give the factory a directory for temporary files",
            )
        return FileValue(self.files.create(content, _suffix(media_type)), media_type)


def choose_kind(text: bytes, preference: StoragePreference, rules: StorageRules) -> DescriptorType:
    """Decides where a value of this JSON text is kept; see the table above."""
    if text == b"null":
        return DescriptorType.MEMORY
    if preference is StoragePreference.FILE:
        return DescriptorType.FILE
    if preference is StoragePreference.JSON:
        return DescriptorType.JSON if len(text) <= rules.json_threshold else DescriptorType.FILE
    if estimated_size(text) <= rules.memory_threshold:
        return DescriptorType.MEMORY
    is_container = text.startswith((b"{", b"["))
    if preference is StoragePreference.AUTO and is_container and len(text) <= rules.json_threshold:
        return DescriptorType.JSON
    return DescriptorType.FILE


def _chunks(stream: ByteSource | Iterable[bytes]) -> Iterator[bytes]:
    read = getattr(stream, "read", None)
    chunks: Iterable[object] = iter(lambda: read(CHUNK), b"") if read is not None else cast("Iterable[bytes]", stream)
    for chunk in chunks:
        if not isinstance(chunk, bytes | bytearray | memoryview):
            # Text; or None, by which a stream that does not wait says that there is nothing yet: not the end.
            raise UsageError(f"the stream gives {type(chunk).__name__}, not bytes")
        yield cast("bytes", chunk)


def _head(chunks: Iterator[bytes], limit: int) -> tuple[bytes, bool]:
    """Reads up to the first chunk that goes past `limit` bytes; tells whether that was all there is."""
    head = bytearray()
    for chunk in chunks:
        head += chunk
        if len(head) > limit:
            return bytes(head), False
    return bytes(head), True


def _suffix(media_type: str | None) -> str:
    if is_json_media_type(media_type):
        return ".json"
    return ".txt" if (media_type or "").lower().startswith("text/") else ".dat"
