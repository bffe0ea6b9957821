"""Values become descriptors and come back equal, whatever the rules; what cannot is named."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from tests.support.counted_files import CountedFile, CountedFiles
from zenctx.context.convert import StoredContent
from zenctx.context.counters import Failure, Stage
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, sha256_checksum
from zenctx.context.factory import RefValueFactory, StoragePreference
from zenctx.context.forms import Form, detect
from zenctx.context.persistence import ContextFailedError, Descriptors, describe, restore
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing, StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.values import FileValue, MemoryValue, RefValue, ValueFile
from zenctx.errors import DamagedFileError, InvalidDescriptorError, RefusedError, StoreError

RULES = {
    f"{reads}-{strategy}": StorageRules(100, 200, 50, engine_reads=reads, file_strategy=strategy)
    for reads in EngineReads
    for strategy in FileStrategy
}
FILE, JSON = StoragePreference.FILE, StoragePreference.JSON


@dataclass
class Cupboard:
    """Persistent files, in memory."""

    files: dict[str, CountedFile] = field(default_factory=dict)

    def put(self, key: str, content: Iterable[bytes], suffix: str) -> StoredContent:
        """Puts one."""
        whole = b"".join(content)
        locator = f"./{len(self.files)}{suffix}"
        self.files[locator] = CountedFile(whole, locator=locator)
        return StoredContent(locator, len(whole), sha256_checksum(whole))

    def find(self, descriptor: RefValueDescriptor) -> ValueFile:
        """Finds one, unless it is gone."""
        file = self.files.get(descriptor.locator or "")
        if file is None:
            raise DamagedFileError("the file is missing")
        if file.size != descriptor.size:
            raise InvalidDescriptorError("the file was altered")
        return file


class Color(Enum):
    """Some enum."""

    RED = 1


@dataclass
class Order:
    """Some dataclass."""

    id: UUID
    placed: datetime
    price: Decimal
    tags: frozenset[str]


ORDER = Order(UUID(int=1), datetime(2026, 2, 28, 1, 2, 3, tzinfo=UTC), Decimal("1.10"), frozenset({"b", "a"}))
OBJECTS: dict[str, tuple[object, Any]] = {
    "order": (ORDER, Order),
    "orders": ([ORDER] * 5, list[Order]),
    "by name": ({"a": ORDER}, dict[str, Order]),
    "color": (Color.RED, Color),
    "date": (date(2026, 2, 28), date),
    "time": (time(1, 2, 3), time),
    "duration": (timedelta(seconds=1.5), timedelta),
    "decimal": (Decimal("1.10"), Decimal),
    "set": ({1, 2}, set[int]),
    "bytes": (b"\0\xff", bytes),
}


@pytest.fixture(params=list(RULES.values()), ids=list(RULES))
def rules(request: pytest.FixtureRequest) -> StorageRules:
    """Give every way of storing."""
    found: StorageRules = request.param
    return found


SAMPLES: dict[str, Any] = {"null": None, "map": {}, "text": "x" * 30, "list": list(range(20))}


def filled() -> tuple[RuntimeContext, dict[str, object]]:
    """Give a context with values of every kind and size, and what they are."""
    context = RuntimeContext(RefValueFactory(StorageRules(100, 200), CountedFiles()))
    values: dict[str, object] = {}
    for name, value in SAMPLES.items():
        for size in (1, 3, 10):
            key = f"{name} {size}"
            values[key] = value if name in ("null", "map") else value * size
            for storage in StoragePreference:
                values[f"{key} {storage}"] = values[key]
                context.put(f"{key} {storage}", values[key], storage=storage)
            context.put(key, values[key])
    for size in (0, 1, 60, 150, 500):
        values[f"bytes {size}"] = values[f"stream {size}"] = b"\xff" * size
        context.put(f"bytes {size}", b"\xff" * size, media_type="image/png")
        context.put_stream(f"stream {size}", [b"\xff" * size])
    return context, values


def test_values_come_back_equal(rules: StorageRules) -> None:
    """With their media types; the text is a context of descriptors as the engine knows them."""
    cupboard = Cupboard()
    context, values = filled()
    descriptors = context.to_descriptors(cupboard.put, rules=rules)
    assert {key: context.get(key) for key in context} == values, "the context stays as it is"
    form = detect(Descriptors(descriptors, ()).text(), lambda _: True).form
    assert form is Form.DESCRIPTORS
    again = RuntimeContext.from_descriptors(descriptors, cupboard.find, state=context.snapshot()[1])
    assert {key: again.get(key) for key in again} == values
    types = {key: context.get_ref(key).media_type for key in values}
    kept = {key: again.get_ref(key).media_type for key in values}
    assert {key for key in values if types[key] and types[key] != kept[key]} == set()
    assert again.counters.snapshot().failures == {}


def test_published_engines_get_what_they_can_read() -> None:
    """Values in memory as they are, everything else in files by their locator, whatever the strategy is."""
    context, _ = filled()
    for strategy in FileStrategy:
        rules = StorageRules(100, 200, engine_reads=EngineReads.PUBLISHED)
        descriptors = context.to_descriptors(Cupboard().put, rules=rules, strategy=strategy)
        assert {descriptor.type for descriptor in descriptors.values()} == {DescriptorType.MEMORY, DescriptorType.FILE}
        for descriptor in descriptors.values():
            assert (descriptor.locator is None) == (descriptor.type is DescriptorType.MEMORY)


@pytest.mark.parametrize(
    ("strategy", "inline"),
    [(FileStrategy.INLINE, {50, 51}), (FileStrategy.HYBRID, {50}), (FileStrategy.PERSISTENT, set[int]())],
)
def test_strategies_decide_about_files(strategy: FileStrategy, inline: set[int]) -> None:
    """In the descriptor or in a file of its own."""
    context = RuntimeContext(RefValueFactory(RULES["all-hybrid"], CountedFiles()))
    for size in (50, 51):
        context.put_stream(str(size), [b"x" * size])
    descriptors = context.to_descriptors(Cupboard().put, strategy=strategy)
    assert {descriptor.size for descriptor in descriptors.values() if descriptor.has_inline_value} == inline
    assert all(descriptor.checksum == sha256_checksum(b"x" * descriptor.size) for descriptor in descriptors.values())


@pytest.mark.parametrize("name", OBJECTS)
def test_complex_objects_come_back_as_their_type(name: str, rules: StorageRules) -> None:
    """By the JSON that the engine would have written."""
    value, type_ = OBJECTS[name]
    cupboard = Cupboard()
    context = RuntimeContext(RefValueFactory(rules, CountedFiles()))
    context.put("key", value)
    again = RuntimeContext.from_descriptors(context.to_descriptors(cupboard.put), cupboard.find)
    assert again.get("key", type_) == value


def test_bytes_without_their_state_are_base64_text() -> None:
    """As the engine sees them; asked for bytes, they are what they were."""
    context = RuntimeContext()
    context.put("key", b"\0\xff")
    again = RuntimeContext.from_descriptors(context.to_descriptors())
    assert (again.get("key"), again.get("key", bytes)) == ("AP8=", b"\0\xff")


# What fails


def test_every_value_that_cannot_be_described_is_named() -> None:
    """And counted; none is left out in silence."""
    context = RuntimeContext(RefValueFactory(StorageRules(10, 10, 10), CountedFiles()))
    context.put("fine", 1)
    context.put("too long", "x" * 100)
    context.put("gone", "y", storage=FILE)
    context.put("half \ud800", 1)
    value = context.get_ref("gone")
    assert isinstance(value, FileValue)
    value.file.discard()
    with pytest.raises(ContextFailedError) as caught:
        context.to_descriptors()
    assert {failure.key for failure in caught.value.failures} == {"too long", "gone", "half \ud800"}
    assert "'half \\ud800': its key holds half of a surrogate pair" in caught.value.message
    assert "there is no place for one" in caught.value.message
    assert context.counters.snapshot().failures == {"creation": 3}


def test_a_store_that_cannot_be_written_is_no_failure_of_a_value() -> None:
    """The next value would fail in the same way."""

    def full(key: str, content: Iterable[bytes], suffix: str) -> StoredContent:  # noqa: ARG001 - a `PutFile`
        raise StoreError("no space is left")

    context, _ = filled()
    with pytest.raises(StoreError):
        context.to_descriptors(full, strategy=FileStrategy.PERSISTENT)


def lost() -> Mapping[str, RefValueDescriptor]:
    """Give descriptors of files that are gone, and one of a value that is there."""
    gone = RefValueDescriptor(DescriptorType.FILE, "./gone", "application/json", 3)
    there = RefValueDescriptor(DescriptorType.MEMORY, None, None, 8, None, b"1")
    return {"there": there, "json": gone, "raw": replace(gone, media_type="image/png")}


@pytest.mark.parametrize(
    ("on_missing", "expected"),
    [
        (OnMissing.SKIP, {"there": 1}),
        (OnMissing.NULL, {"there": 1, "json": None, "raw": None}),
        (OnMissing.EMPTY, {"there": 1, "json": {}, "raw": b""}),
    ],
)
def test_what_is_missing_may_be_stood_in_for(on_missing: OnMissing, expected: dict[str, object]) -> None:
    """It is named all the same."""
    context = RuntimeContext.from_descriptors(lost(), Cupboard().find, on_missing=on_missing)
    assert {key: context.get(key) for key in context} == expected
    assert context.missing == tuple(
        Failure(key, Stage.RESTORATION, "the file is missing", "damaged_file") for key in ("json", "raw")
    )
    assert context.counters.snapshot().failures == {"restoration": 2}


def test_by_default_what_is_missing_fails() -> None:
    """Each with its key."""
    with pytest.raises(ContextFailedError, match=r"^2 values cannot be restored: 'json': the file is missing; 'raw'"):
        RuntimeContext.from_descriptors(lost(), Cupboard().find)


@pytest.mark.parametrize("on_missing", list(OnMissing))
@pytest.mark.parametrize(
    ("descriptor", "reason"),
    [
        (RefValueDescriptor(DescriptorType.FILE, "./altered", None, 3), "the file was altered"),
        (
            RefValueDescriptor(DescriptorType.JSON, None, None, 3, None, b'"e30="'),
            "the size is 3, the inline value has 2",
        ),
        (RefValueDescriptor(DescriptorType.JSON, None, None, -1, None, b'"e3"'), "not base64"),
        (RefValueDescriptor(DescriptorType.JSON, None, None, -1, None, b'"e3t7"'), "the document is"),
        (RefValueDescriptor(DescriptorType.FILE, None, None, -1), "neither a locator nor an inline value"),
        (RefValueDescriptor(DescriptorType.FILE, "./a", None, -1, None, b'"e30="'), "both a locator and an inline"),
    ],
)
def test_what_is_damaged_is_never_stood_in_for(
    descriptor: RefValueDescriptor, reason: str, on_missing: OnMissing
) -> None:
    """It is there, and not what it was: nobody decides that it is to be dropped."""
    cupboard = Cupboard({"./altered": CountedFile(b"longer")})
    with pytest.raises(ContextFailedError, match=reason):
        RuntimeContext.from_descriptors({"key": descriptor}, cupboard.find, on_missing=on_missing)


def test_without_a_place_for_files_there_are_none() -> None:
    """Whatever may stand in for one that is missing."""
    with pytest.raises(ContextFailedError, match="there is no place to look for it"):
        RuntimeContext.from_descriptors(lost(), on_missing=OnMissing.SKIP)


def test_no_message_shows_a_value() -> None:
    """Nor a key that could harm a terminal, or all of a long one."""
    cases: dict[str, RefValue] = {"\x1b[31m" + "k" * 1000: MemoryValue.of_bytes(b"secret" * 100)}
    rules = StorageRules(10, 10, 10)

    def refuse(key: str, content: Iterable[bytes], suffix: str) -> StoredContent:  # noqa: ARG001 - a `PutFile`
        raise RefusedError("it is refused")

    described = describe(cases, rules, refuse)
    with pytest.raises(ContextFailedError) as caught:
        described.require_all()
    assert "secret" not in caught.value.message
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 200


def test_failures_release_what_was_restored() -> None:
    """Nobody is to have it."""
    files = CountedFiles()
    value = RefValueFactory(files=files).create(1, FILE)
    restored = replace(restore((), Cupboard().find), values={"key": value})
    replace(restored).require_all()
    with pytest.raises(ContextFailedError):
        replace(restored, failures=(Failure("a", Stage.RESTORATION, "why"),)).require_all()
    assert (value.released, files.counts) == (True, {1})


def test_the_text_is_the_engines() -> None:
    """Six properties in its order, keys escaped only where they must be."""
    context = RuntimeContext()
    context.put('a"é', {"x": 1})
    text = Descriptors(context.to_descriptors(), ()).text().decode()
    assert list(json.loads(text)['a"é']) == ["type", "locator", "mediaType", "size", "checksum", "inlineValue"]
    assert text.startswith('{"a\\"é":{"type":"MEMORY",')
