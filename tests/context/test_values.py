"""Values of each kind: read alike, compared with what was kept, released once."""

import hashlib
import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest

from zenctx.context.checked import checked
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, decode_inline, read_descriptor
from zenctx.context.encode import encode
from zenctx.context.rawjson import split_object
from zenctx.context.typed import NotOfTypeError
from zenctx.context.values import (
    FileValue,
    InlineFile,
    JsonValue,
    MemoryValue,
    RefValue,
    ReleasedError,
    is_json_media_type,
)
from zenctx.errors import DamagedFileError, InvalidDescriptorError, NotFoundError, StoreError

VECTORS = Path(__file__).parents[1] / "vectors"
DOCUMENT = b'{"a":[1.10,2],"pi":3.14159265358979323846,"when":[2024,2,29]}'
SHA256 = "sha256:" + hashlib.sha256(DOCUMENT).hexdigest()


@dataclass
class HeldFile:
    """A file in memory that counts what is done to it; `content` is None when it is gone."""

    content: bytes | None
    locator: str | None = "./a.dat"
    size: int = -1
    checksum: str | None = None
    discarded: int = 0
    on_open: Callable[[], object] = field(default=lambda: None)

    def open(self) -> BinaryIO:
        """Opens the bytes."""
        self.on_open()
        if self.content is None:
            raise DamagedFileError("the file is missing")
        return io.BytesIO(self.content)

    def discard(self) -> None:
        """Loses the bytes."""
        self.discarded += 1
        self.content = None


def _file(content: bytes = DOCUMENT, media_type: str | None = "application/json") -> FileValue:
    return FileValue(HeldFile(content, size=len(content)), media_type)


KINDS: dict[str, Callable[[], RefValue]] = {
    "memory": lambda: MemoryValue(DOCUMENT),
    "json": lambda: JsonValue(DOCUMENT),
    "file": _file,
    "inline": lambda: FileValue(InlineFile(DOCUMENT, SHA256), "application/json; charset=utf-8"),
}
BYTES: dict[str, Callable[[bytes], RefValue]] = {
    "memory": MemoryValue.of_bytes,
    "file": lambda content: _file(content, "application/octet-stream"),
    "no media type": lambda content: _file(content, None),
}


@pytest.fixture(params=KINDS)
def value(request: pytest.FixtureRequest) -> RefValue:
    """The same document as a value of each kind."""
    return KINDS[request.param]()


class When(msgspec.Struct):
    """What a program may want of the document."""

    a: list[Decimal]


def test_a_value_reads_the_same_whatever_its_kind(value: RefValue) -> None:
    """As plain Python values with exact numbers, as a type, as bytes, and each time anew."""
    plain = {"a": [1.1, 2], "pi": Decimal("3.14159265358979323846"), "when": [2024, 2, 29]}
    assert value.read() == value.read_json() == value.read(dict) == plain
    assert value.read() is not value.read()
    assert [str(number) for number in value.read(When).a] == ["1.10", "2"]
    with value.open_stream() as stream:
        assert stream.read() == DOCUMENT == value.content()
    assert value.is_json


def test_a_part_is_read_by_its_pointer(value: RefValue) -> None:
    """Plain, or as a type; what is not there is told."""
    assert value.read_json("/a/0") == 1.1
    assert str(value.read_json("/a/0", Decimal)) == "1.10"
    assert value.read_json("") == value.read()
    with pytest.raises(NotFoundError, match="leads to nothing"):
        value.read_json("/b")


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_are_read_as_they_are(kind: str) -> None:
    """As bytes, as text where they are UTF-8, and as JSON by whoever knows that they are."""
    value = BYTES[kind]('[1.10, "é"]'.encode())
    assert value.read() == value.read(bytes) == value.content() == '[1.10, "é"]'.encode()
    assert value.read(str) == '[1.10, "é"]'
    assert value.read_json("/0") == 1.1
    assert not value.is_json
    with pytest.raises(NotOfTypeError, match="the value is no str: not UTF-8 at byte 0"):
        BYTES[kind](b"\xff").read(str)
    with pytest.raises(InvalidDescriptorError, match="value cannot be read as JSON: not "):
        BYTES[kind](b"\xff").read_json()


def test_bytes_come_back_from_their_base64_text() -> None:
    """After a database they are a string; whoever asks for bytes gets them as before."""
    assert MemoryValue(encode(b"\0\xff")).read(bytes) == b"\0\xff"


@pytest.mark.parametrize("broken", [b'{"a":1', b"", b"\xff"])
@pytest.mark.parametrize("make", [JsonValue, _file], ids=["json", "file"])
def test_what_should_be_json_and_is_not_is_told(make: Callable[[bytes], RefValue], broken: bytes) -> None:
    """In one sentence; the bytes can be had all the same."""
    value = make(broken)
    for read in (value.read, value.read_json, lambda: value.read_json("/a"), lambda: value.read(dict)):
        with pytest.raises(InvalidDescriptorError, match=f"the {value.kind} value cannot be read as JSON: not "):
            read()
    assert value.content() == broken


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"null", 0),
        (b"true", 1),
        (b"1.10", 8),
        (b'"hello"', 10),
        ('"🚀"'.encode(), 4),
        (b'{"b": 1,"a":[1,null]}', 20),
    ],
)
def test_the_size_in_memory_is_the_engine_s_estimate(text: bytes, size: int) -> None:
    """2 for each UTF-16 unit, 8 for a number, otherwise the compact text."""
    assert MemoryValue(text).size == size


def test_what_is_known_of_a_value_is_told() -> None:
    """Kind, size, media type and checksum, by each kind as a descriptor would say it."""
    values = [
        MemoryValue(b"1", "text/x"),
        MemoryValue.of_bytes(b"abc"),
        JsonValue(b"[]"),
        FileValue(HeldFile(b"", size=7, checksum=SHA256)),
    ]
    assert [(v.kind.value, v.size, v.media_type, v.checksum) for v in values] == [
        ("MEMORY", 8, "text/x", None),
        ("MEMORY", 3, None, None),
        ("JSON", 2, "application/json", None),
        ("FILE", 7, None, SHA256),
    ]


@pytest.mark.parametrize(
    ("media_type", "is_json"),
    [
        ("application/json", True), ("Application/JSON; charset=utf-8", True), ("text/json", True),
        ("application/problem+json", True), (None, False), ("", False), ("application/x-ndjson", False),
        ("application/json-seq", False), ("text/plain", False),
    ],
)  # fmt: skip
def test_a_media_type_says_what_is_json(media_type: str | None, *, is_json: bool) -> None:
    """One document, not a sequence of them."""
    assert is_json_media_type(media_type) is is_json


def test_a_secret_does_not_show_in_a_trace(value: RefValue) -> None:
    """The representation tells kind and size, and no content."""
    assert "3.14" not in repr(value)
    assert f"of {value.size} bytes" in repr(value)
    value.release()
    assert "released" in repr(value)


def test_a_released_value_is_read_no_more(value: RefValue) -> None:
    """By no way of reading, and releasing it again is no error."""
    assert not value.released
    assert [value.release(), value.release(), value.released] == [True, False, True]
    for read in (value.read, value.read_json, value.open_stream, value.content):
        with pytest.raises(ReleasedError, match="the value was released, and can be read no more"):
            read()


def test_a_stream_that_is_open_survives_the_release(value: RefValue) -> None:
    """Whoever reads when the value is replaced reads on to its end."""
    with value.open_stream() as stream:
        start = stream.read(5)
        value.release()
        assert start + stream.read() == DOCUMENT


def test_a_file_is_discarded_once_by_many_threads() -> None:
    """One of them is told that it was the one."""
    file = HeldFile(DOCUMENT)
    value = FileValue(file)
    barrier = threading.Barrier(8)

    def release(_: int) -> bool:
        barrier.wait()
        return value.release()

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(release, range(8))) == [False] * 7 + [True]
    assert file.discarded == 1


def test_readers_see_the_value_or_its_release(value: RefValue) -> None:
    """Never half of it, and never a file that is missing for no reason."""
    started = threading.Event()

    def read() -> set[bytes]:
        seen = set()
        try:
            while True:
                seen.add(value.content())
                started.set()
        except ReleasedError:
            return seen

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(4)]
        assert started.wait(10)
        value.release()
        assert set().union(*(reader.result(10) for reader in readers)) == {DOCUMENT}


def test_a_file_that_is_deleted_while_it_is_opened_is_a_release() -> None:
    """The reader came too late, and is told so rather than that something is damaged."""
    file = HeldFile(DOCUMENT)
    value = FileValue(file)
    file.on_open = value.release
    with pytest.raises(ReleasedError):
        value.read()


def test_a_file_that_cannot_be_deleted_is_told_once() -> None:
    """The value counts as released."""

    class Stubborn(HeldFile):
        def discard(self) -> None:
            super().discard()
            raise StoreError("the directory cannot be written")

    file = Stubborn(DOCUMENT)
    value = FileValue(file)
    with pytest.raises(StoreError):
        value.release()
    assert not value.release()
    assert file.discarded == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "the file is missing"),
        (b"", "the file './a.dat' has 0 bytes, and had 61 when it was kept"),
        (DOCUMENT[:-1], "has 60 bytes, and had 61"),
        (DOCUMENT + b" ", "has at least 62 bytes, and had 61"),
        (DOCUMENT.replace(b"2,29", b"2,28"), "the file './a.dat' has another checksum than when it was kept"),
    ],
)
def test_a_file_that_was_altered_is_told(content: bytes | None, sentence: str) -> None:
    """By every way of reading it whole; one that is not altered passes."""
    value = FileValue(HeldFile(content, size=len(DOCUMENT), checksum=SHA256), "application/json")
    for read in (value.read, value.content, lambda: value.read_json("/when/0")):
        with pytest.raises(DamagedFileError, match=sentence):
            read()


def _stream(content: bytes, *, size: int = len(DOCUMENT), checksum: str | None = SHA256) -> BinaryIO:
    return checked(io.BytesIO(content), "name", size, checksum)


def test_a_stream_is_compared_when_its_size_is_reached() -> None:
    """Also by a reader that stops there, because it knows the size."""
    altered = DOCUMENT.replace(b"2,29", b"2,28")
    with _stream(altered) as stream, pytest.raises(DamagedFileError, match="another checksum"):
        stream.read(len(DOCUMENT))
    with _stream(altered, size=-1) as stream, pytest.raises(DamagedFileError, match="another checksum"):
        stream.read()
    with _stream(altered, checksum="md5:1") as stream:
        assert stream.read() == altered


def test_a_stream_can_be_moved() -> None:
    """After a jump it is not compared; from the beginning it is again."""
    altered = DOCUMENT.replace(b"2,29", b"2,28")
    with _stream(altered) as stream:
        assert stream.seek(-3, io.SEEK_END) == len(DOCUMENT) - 3
        assert stream.read() == altered[-3:]
        assert stream.tell() == len(DOCUMENT)
        assert stream.seek(0) == 0
        with pytest.raises(DamagedFileError, match="another checksum"):
            stream.read()
    with _stream(DOCUMENT) as stream:
        assert [stream.read(3), stream.seek(0), stream.read()] == [DOCUMENT[:3], 0, DOCUMENT]


def test_a_stream_closes_its_file() -> None:
    """Nothing is left open."""
    file = io.BytesIO(DOCUMENT)
    checked(file, "name", -1, None).close()
    assert file.closed


def _restored(descriptor: RefValueDescriptor) -> RefValue:
    """The value of a stored descriptor."""
    if descriptor.type is DescriptorType.MEMORY:
        return MemoryValue(descriptor.inline_value, descriptor.media_type)
    if descriptor.type is DescriptorType.JSON:
        return JsonValue(decode_inline(descriptor))
    if descriptor.locator is None:
        return FileValue(InlineFile(decode_inline(descriptor), descriptor.checksum), descriptor.media_type)
    path = VECTORS / descriptor.locator
    content = path.read_bytes() if path.exists() else None
    file = HeldFile(content, descriptor.locator, descriptor.size, descriptor.checksum)
    return FileValue(file, descriptor.media_type)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(part) for name, part in sorted(value.items())}
    return [_sorted(part) for part in value] if isinstance(value, list) else value


def _hash_of_json(value: object) -> str:
    return "json:" + hashlib.sha256(encode(_sorted(value))).hexdigest()


def _vectors() -> list[Any]:
    cases = []
    for path in sorted((VECTORS / "descriptors").glob("*.tsv")):
        entries = {m.name: m.value for m in split_object(Path(str(path).replace("expected.tsv", "json")).read_bytes())}
        for line in filter(None, path.read_text().split("\n")):
            key, *expected = line.split("\t")
            name = json.loads(key)
            cases.append(pytest.param(entries[name], expected, id=f"{path.name[:2]}-{name}"))
    return cases


# Where the text of a value does not tell what it was before: a double that was no number, and bytes.
_ESTIMATES_OF_ANOTHER_TYPE = (b'"NaN"', b'"aGVsbG8="', b'"AAEC', b'"12345678"')


@pytest.mark.parametrize(("text", "expected"), _vectors())
def test_what_the_engine_restores_is_what_is_read(text: bytes, expected: list[str]) -> None:
    """Every entry of the vectors reads as it does for the engine: value, bytes, size, checksum; or not at all."""
    reading = read_descriptor(text)
    if reading is None or reading.descriptor is None:
        assert (text, expected[0]) == (b"null", "null")
        return
    value = _restored(reading.descriptor)
    if expected[1] == "ERROR":
        with pytest.raises(DamagedFileError):
            value.read()
        return
    kind, _, hashed, size, media_type, *rest = expected
    assert value.kind == kind
    assert f"media={value.media_type or 'null'}" == media_type
    if hashed.startswith("json:"):
        assert _hash_of_json(value.read()) == hashed
    else:
        assert "bytes:" + hashlib.sha256(value.content()).hexdigest() == hashed
    if not reading.descriptor.inline_value.startswith(_ESTIMATES_OF_ANOTHER_TYPE):
        assert f"size={value.size}" == size
    for parsed in (part for part in rest if part.startswith("value=")):
        assert parsed.endswith(_hash_of_json(value.read()))
