"""Where the factory keeps what is put in: the thresholds, the preferences, streams in constant memory."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.context.test_values import HeldFile
from zenctx.context.descriptor import DescriptorType
from zenctx.context.encode import NotEncodableError
from zenctx.context.factory import CHUNK, ByteSource, RefValueFactory, StoragePreference
from zenctx.context.rawjson import RawJson
from zenctx.context.rules import StorageRules
from zenctx.context.values import FileValue
from zenctx.errors import RefusedError, UsageError

AUTO, MEMORY, JSON, FILE = StoragePreference
RULES = StorageRules(memory_threshold=100, json_threshold=200)


@dataclass
class HeldFiles:
    """Makes files in memory, and remembers the suffix and the chunks of the last one."""

    suffix: str = ""
    chunks: list[bytes] = field(default_factory=list)

    def create(self, content: Iterable[bytes], suffix: str) -> HeldFile:
        """Reads all of `content`."""
        self.suffix = suffix
        self.chunks = list(content)
        return HeldFile(b"".join(self.chunks), size=sum(map(len, self.chunks)))


@pytest.fixture
def files() -> HeldFiles:
    """Where files are made."""
    return HeldFiles()


@pytest.fixture
def factory(files: HeldFiles) -> RefValueFactory:
    """A factory with small thresholds."""
    return RefValueFactory(RULES, files)


def _array(size: int) -> list[str]:
    """A list whose text has so many bytes."""
    return ["x" * (size - 4)]


@pytest.mark.parametrize(
    ("value", "auto", "memory", "json"),
    [
        (None, "MEMORY", "MEMORY", "MEMORY"),
        (True, "MEMORY", "MEMORY", "JSON"),
        (10**150, "MEMORY", "MEMORY", "JSON"),
        ("x" * 50, "MEMORY", "MEMORY", "JSON"),  # estimated at 100 bytes
        ("x" * 51, "FILE", "FILE", "JSON"),
        ("x" * 198, "FILE", "FILE", "JSON"),
        ("x" * 199, "FILE", "FILE", "FILE"),
        (_array(100), "MEMORY", "MEMORY", "JSON"),
        (_array(101), "JSON", "FILE", "JSON"),
        (_array(200), "JSON", "FILE", "JSON"),
        (_array(201), "FILE", "FILE", "FILE"),
        ({"k": "x" * 100}, "JSON", "FILE", "JSON"),
        (b"x" * 100, "MEMORY", "MEMORY", "MEMORY"),
        (b"x" * 101, "FILE", "FILE", "FILE"),
        (b"", "MEMORY", "MEMORY", "MEMORY"),
        (Decimal("1.10"), "MEMORY", "MEMORY", "JSON"),
    ],
)
def test_thresholds_win_over_preferences(
    factory: RefValueFactory, value: object, auto: str, memory: str, json: str
) -> None:
    """AUTO by the thresholds; MEMORY and JSON as far as they go, then FILE; FILE always, but for None."""
    for preference, kind in {
        AUTO: auto,
        MEMORY: memory,
        JSON: json,
        FILE: "MEMORY" if value is None else "FILE",
    }.items():
        made = factory.create(value, preference)
        assert (preference, made.kind) == (preference, kind)
        assert made.read(type(value)) == value


def test_the_default_thresholds_are_the_engine_s() -> None:
    """A mebibyte in memory, two as JSON."""
    files = HeldFiles()
    factory = RefValueFactory(files=files)
    sizes = {2**20: "MEMORY", 2**20 + 1: "JSON", 2**21: "JSON", 2**21 + 1: "FILE"}
    assert [factory.create(_array(size)).kind.value for size in sizes] == list(sizes.values())


def test_a_large_string_is_json_text_in_its_file(factory: RefValueFactory, files: HeldFiles) -> None:
    """With its quotes, and with the media type of JSON, as the engine reads a file by parsing it."""
    made = factory.create('say "hi"' * 10, media_type="text/html")
    assert made.content() == b'"' + b'say \\"hi\\"' * 10 + b'"'
    assert (made.media_type, files.suffix) == ("application/json", ".json")
    assert made.read() == 'say "hi"' * 10


@pytest.mark.parametrize(
    ("media_type", "suffix"),
    [
        (None, ".dat"), ("video/mp4", ".dat"), ("text/plain", ".txt"), ("Text/html; charset=utf-8", ".txt"),
        ("application/json", ".json"), ("application/ld+json", ".json"), ("text/json", ".json"),
    ],
)  # fmt: skip
def test_files_of_bytes_keep_their_media_type(
    factory: RefValueFactory, files: HeldFiles, media_type: str | None, suffix: str
) -> None:
    """And have a suffix that suits it; what is JSON by its media type is read as JSON."""
    made = factory.create(b"[1.10]", FILE, media_type=media_type)
    assert (made.kind, made.media_type, made.size, files.suffix) == (DescriptorType.FILE, media_type, 6, suffix)
    assert made.read() == ([1.1] if suffix == ".json" else b"[1.10]")


def test_a_media_type_stays_with_a_value_in_memory(factory: RefValueFactory) -> None:
    """Whatever it is; a JSON value has its own."""
    assert factory.create("<p>x</p>", media_type="text/html").media_type == "text/html"
    assert factory.create(b"x", media_type="image/png").media_type == "image/png"
    assert factory.create("<p>x</p>", JSON, media_type="text/html").media_type == "application/json"


def test_bytes_of_json_are_that_value(factory: RefValueFactory) -> None:
    """Where their media type says so, whatever their size, digit by digit; what is no JSON then is refused."""
    for size, kind in {10: "MEMORY", 150: "JSON", 300: "FILE"}.items():
        text = b'{"a":1.10,"b":"' + b"x" * size + b'"}'
        made = factory.create(text, media_type="application/json")
        assert (made.kind, made.content(), made.read_json("/a", Decimal)) == (kind, text, Decimal("1.10"))
    with pytest.raises(NotEncodableError, match="the value cannot be kept: it is not valid JSON at byte 0"):
        factory.create(b"hello", media_type="application/json")


def test_a_value_is_a_copy(factory: RefValueFactory) -> None:
    """What the program does to its own objects later does not reach it, nor what it does to what it read."""
    mine: dict[str, Any] = {"a": [1]}
    buffer = bytearray(b"abc")
    made, made_of_buffer = factory.create(mine), factory.create(buffer)
    mine["a"].append(2)
    buffer[0] = 0
    made.read()["a"].append(3)
    assert (made.read(), made_of_buffer.read()) == ({"a": [1]}, b"abc")


def test_exact_text_can_be_put_in(factory: RefValueFactory) -> None:
    """As it is, sized like any value."""
    assert factory.create(RawJson(b"[1.10, 1E5]")).content() == b"[1.10, 1E5]"


def test_what_has_no_form_is_not_kept(factory: RefValueFactory) -> None:
    """The part at fault is named when it is put in, not when the context is saved."""
    with pytest.raises(NotEncodableError, match="the part at '/when/1' cannot be kept"):
        factory.create({"when": [date(2025, 1, 1), object()]})


def test_without_a_place_for_files_what_needs_one_is_refused() -> None:
    """In one sentence; the rest works."""
    factory = RefValueFactory(RULES)
    assert factory.create("x").kind == "MEMORY"
    with pytest.raises(RefusedError, match="the value needs a file, and there is no directory for files"):
        factory.create("x", FILE)
    with pytest.raises(RefusedError, match="the value needs a file"):
        factory.create_from_stream(io.BytesIO(b"x"))


@pytest.mark.parametrize(
    ("content", "media_type", "memory", "json"),
    [
        (b"", None, "MEMORY", "FILE"),
        (b"\xff" * 100, None, "MEMORY", "FILE"),
        (b"\xff" * 101, None, "FILE", "FILE"),
        (b"[" + b"1," * 45 + b"1]", None, "MEMORY", "JSON"),
        (b"[" + b"1," * 45 + b"1]", "application/json", "MEMORY", "JSON"),
        (b"[" + b"1," * 70 + b"1]", None, "FILE", "JSON"),
        (b"[" + b"1," * 99 + b"1]", None, "FILE", "FILE"),
    ],
)
def test_streams_are_files_unless_they_fit_what_is_asked_for(
    factory: RefValueFactory, content: bytes, media_type: str | None, memory: str, json: str
) -> None:
    """Every byte is kept either way, from a file object as from chunks; the stream is left open."""
    for preference, kind in {AUTO: "FILE", FILE: "FILE", MEMORY: memory, JSON: json}.items():
        stream = io.BytesIO(content)
        chunks = iter([content[:7], b"", bytearray(content[7:])])
        for source in (stream, chunks):
            made = factory.create_from_stream(source, preference, media_type=media_type)  # type: ignore[arg-type]
            assert (preference, made.kind, made.content()) == (preference, kind, content)
        assert not stream.closed


class Endless:
    """A stream of so many mebibytes that notes how much it was asked for at a time."""

    def __init__(self, mebibytes: int) -> None:
        self.left = mebibytes
        self.asked: set[int] = set()

    def read(self, size: int, /) -> bytes:
        """Gives a mebibyte."""
        self.asked.add(size)
        self.left -= 1
        return b"x" * CHUNK if self.left >= 0 else b""


@pytest.mark.parametrize("preference", StoragePreference)
def test_a_stream_is_read_by_chunks(preference: StoragePreference) -> None:
    """No more than the threshold is held before it goes to the file, chunk by chunk."""
    files = HeldFiles()
    source = Endless(10)
    made = RefValueFactory(files=files).create_from_stream(source, preference)
    assert isinstance(made, FileValue)
    assert made.size == 10 * CHUNK
    assert source.asked == {CHUNK}
    assert max(map(len, files.chunks)) <= 3 * CHUNK


class Impatient:
    """A stream that does not wait."""

    def read(self, _: int, /) -> bytes | None:
        """Has nothing yet."""
        return None


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (io.StringIO("text"), "str"),
        (io.StringIO(), "str"),
        (Impatient(), "NoneType"),
        (["text"], "str"),
        (b"abc", "int"),
    ],
)
@pytest.mark.parametrize("preference", StoragePreference)
def test_what_gives_no_bytes_is_refused(
    factory: RefValueFactory, stream: ByteSource | Iterable[bytes], what: str, preference: StoragePreference
) -> None:
    """Rather than taken for the end of the value."""
    with pytest.raises(UsageError, match=f"the stream gives {what}, not bytes"):
        factory.create_from_stream(stream, preference)


def test_what_a_stream_raises_passes_through(factory: RefValueFactory) -> None:
    """It is the caller's own error."""

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        factory.create_from_stream(broken())
