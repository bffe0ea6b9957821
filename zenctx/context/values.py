"""The values of a run as the engine keeps them: in memory, as a JSON document, or in a file.

A value's kind is where it is kept; it is read in the same way whatever its kind. The bytes of a file come from a
collaborator (`ValueFile`), so that nothing here touches a disk.
"""

import io
import threading
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, ClassVar, Protocol, TypeVar, overload

from zenctx.context.checked import checked
from zenctx.context.decode import decode, part_at
from zenctx.context.descriptor import JSON_MEDIA_TYPE, DescriptorType
from zenctx.context.estimate import estimated_size
from zenctx.context.typed import NotOfTypeError, decode_as
from zenctx.errors import DamagedFileError, InvalidContextError, InvalidDescriptorError, RefusedError

T = TypeVar("T")

_deciding = threading.Lock()
"""Held for the moment in which it is decided who releases a value; one for all, as it is never held for longer."""


class ReleasedError(RefusedError):
    """A value that was released is to be read."""

    kind = "released"


class ValueFile(Protocol):
    """A file that holds a value: what made it knows where it lies."""

    @property
    def locator(self) -> str | None:
        """The path by which a descriptor names it; None when its bytes are to stand in the descriptor."""

    @property
    def size(self) -> int:
        """Its size in bytes, -1 when that is unknown."""

    @property
    def checksum(self) -> str | None:
        """Its checksum as `sha256:<hex>`, None when that is unknown."""

    def open(self) -> BinaryIO:
        """Opens it to be read; raises DamagedFileError when it is missing."""

    def discard(self) -> None:
        """Does away with it because its value is released; called once."""


class RefValue(ABC):
    """One value of a run: `size` in bytes by the engine's rule, `media_type` (None: unknown). Threads may share it."""

    kind: ClassVar[DescriptorType]

    def __init__(self, size: int, media_type: str | None) -> None:
        self.size = size
        self.media_type = media_type
        self._released = False

    def __repr__(self) -> str:
        # Without the value, which may be a secret.
        state = ", released" if self._released else ""
        return f"<{type(self).__name__} of {self.size} bytes, {self.media_type or 'no media type'}{state}>"

    @property
    def checksum(self) -> str | None:
        """The checksum of the content as `sha256:<hex>`, None where it is not known."""
        return None

    @property
    def released(self) -> bool:
        """Whether the value was released, and can be read no more."""
        return self._released

    @property
    @abstractmethod
    def is_json(self) -> bool:
        """Whether the content is a JSON document; otherwise the value is the content's bytes."""

    @abstractmethod
    def content(self) -> bytes:
        """Gives the content: the exact JSON text of the value, or its bytes where it is no JSON.

        Raises ReleasedError after the release, and as `open_stream` does.
        """

    def open_stream(self) -> BinaryIO:
        """Opens the content as a stream, to be closed by the caller.

        A file is compared with its size and checksum while it is read: what was altered raises DamagedFileError at its
        end at the latest. One that is missing does so at once. Raises ReleasedError after the release; a stream that
        was open before goes on.
        """
        return io.BytesIO(self.content())

    @overload
    def read(self) -> Any: ...

    @overload
    def read(self, type: type[T]) -> T: ...

    def read(self, type: Any = None) -> Any:  # noqa: A002 - the name that msgspec and the engine use, too
        """Gives the value as Python has it, a new one each time.

        Without a type: None, bool, int, float or Decimal (see `zenctx.context.decode`), str, list, dict, or the bytes
        of what is no JSON. With one that msgspec knows (a dataclass, a Struct, `dict[str, int]`, `datetime`, `bytes`,
        ...) what the type asks for; what is no JSON can be read as bytes and as str. Raises NotOfTypeError,
        InvalidDescriptorError for what should be JSON and is not, and as `content` does.
        """
        content = self.content()
        if not self.is_json:
            if type in (None, bytes):
                return content
            if type is str:
                return _decoded(content)
        return self._parsed(content, type)

    def read_json(self, pointer: str | None = None, type: Any = None) -> Any:  # noqa: A002 - as for read
        """Gives the part that a JSON Pointer names (None: all) of what is JSON; what lies beside it is not parsed.

        Raises NotFoundError where the pointer leads to nothing, UsageError for what is no pointer, and as `read` does.
        """
        content = self.content()
        try:
            part = part_at(content, pointer or "")
        except InvalidContextError as error:
            raise self._no_json(error) from None
        return self._parsed(part, type)

    def release(self) -> bool:
        """Lets go of the content: a temporary file is deleted. Tells whether it was this call that did so.

        It happens once, whoever calls how often. Raises StoreError when the file cannot be deleted; the value counts as
        released all the same.
        """
        with _deciding:
            first = not self._released
            self._released = True
        if first:
            self._let_go()
        return first

    @abstractmethod
    def _let_go(self) -> None:
        """Lets go of the content; called once."""

    def _check(self) -> None:
        if self._released:
            raise _released()

    def _parsed(self, text: bytes, type_: Any) -> Any:
        try:
            return decode(text) if type_ is None else decode_as(text, type_)
        except InvalidContextError as error:
            raise self._no_json(error) from None

    def _no_json(self, error: InvalidContextError) -> InvalidDescriptorError:
        return InvalidDescriptorError(f"the {self.kind} value cannot be read as JSON: {error.message}")


class _HeldValue(RefValue):
    """A value whose content is held in memory."""

    def __init__(self, content: bytes, size: int, media_type: str | None) -> None:
        super().__init__(size, media_type)
        self._content: bytes | None = content

    def content(self) -> bytes:
        content = self._content  # once: another thread may release the value at any moment
        if content is None:
            raise _released()
        return content

    def _let_go(self) -> None:
        self._content = None


class MemoryValue(_HeldValue):
    """A value in memory: the JSON text of any value, or bytes.

    `text` is one valid JSON document without blanks around it. `MemoryValue.of_bytes` makes a value of bytes.
    """

    kind = DescriptorType.MEMORY

    def __init__(self, text: bytes, media_type: str | None = None) -> None:
        super().__init__(text, estimated_size(text), media_type)
        self._is_json = True

    @classmethod
    def of_bytes(cls, content: bytes, media_type: str | None = None) -> "MemoryValue":
        """Makes the value of bytes; once saved and restored it is their base64 text, which `read(bytes)` decodes."""
        value = cls(b"null", media_type)
        value._content, value.size, value._is_json = content, len(content), False
        return value

    @property
    def is_json(self) -> bool:
        """Whether it is anything but bytes."""
        return self._is_json


class JsonValue(_HeldValue):
    """A value that is kept as the bytes of one JSON document."""

    kind = DescriptorType.JSON
    is_json = True

    def __init__(self, document: bytes) -> None:
        super().__init__(document, len(document), JSON_MEDIA_TYPE)


class FileValue(RefValue):
    """A value in a file, temporary or persistent. It is JSON where its media type says so."""

    kind = DescriptorType.FILE

    def __init__(self, file: ValueFile, media_type: str | None = None) -> None:
        super().__init__(file.size, media_type)
        self.file = file

    @property
    def checksum(self) -> str | None:
        """The checksum of the file; see `RefValue.checksum`."""
        return self.file.checksum

    @property
    def is_json(self) -> bool:
        """Whether the media type says so."""
        return is_json_media_type(self.media_type)

    def content(self) -> bytes:
        """Gives all of the file; see `RefValue.content`."""
        with self.open_stream() as stream:
            return stream.read()

    def open_stream(self) -> BinaryIO:
        """Opens the file; see `RefValue.open_stream`."""
        self._check()
        file = self.file
        try:
            opened = file.open()
        except DamagedFileError:
            self._check()  # released since, and the file deleted with it
            if self.file is file:
                raise
            return self.open_stream()  # relocated since
        return checked(opened, file.locator or "inline", file.size, file.checksum)

    def relocate(self, file: ValueFile) -> None:
        """Goes on with another file of the same content: the one before is about to be deleted by whoever owns it."""
        self.file = file

    def _let_go(self) -> None:
        self.file.discard()


class InlineFile:
    """A `ValueFile` whose bytes are held in memory, as those of a small FILE value that stood in its descriptor."""

    locator = None

    def __init__(self, content: bytes, checksum: str | None = None) -> None:
        self._content: bytes | None = content
        self.size = len(content)
        self.checksum = checksum

    def open(self) -> BinaryIO:
        """Opens the bytes; DamagedFileError when they were discarded."""
        if self._content is None:
            raise DamagedFileError("the inline file was discarded")
        return io.BytesIO(self._content)

    def discard(self) -> None:
        """Lets go of the bytes."""
        self._content = None


def _released() -> ReleasedError:
    return ReleasedError("the value was released, and can be read no more")


def is_json_media_type(media_type: str | None) -> bool:
    """Tells whether a media type is that of a JSON document: `application/json`, `text/json`, or anything `+json`."""
    essence = (media_type or "").partition(";")[0].strip().lower()
    return essence in (JSON_MEDIA_TYPE, "text/json") or essence.endswith("+json")


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise NotOfTypeError(f"the value is no str: not UTF-8 at byte {error.start}") from None
