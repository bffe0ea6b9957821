"""Conversion: where each value goes, what is written for it, and what the way back gives or refuses."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.context.storage import Files, anywhere, back
from zenctx.context.convert import (
    BytesAs,
    LargeValue,
    Storage,
    StoredContent,
    choose_storage,
    unwrap,
    unwrap_entry,
    wrap,
)
from zenctx.context.descriptor import RefValueDescriptor, encode_inline, sha256_checksum
from zenctx.context.estimate import estimated_size
from zenctx.context.forms import Entry, detect
from zenctx.context.rawjson import RawJson, split_object
from zenctx.context.rules import EngineReads, FileStrategy, StorageRules
from zenctx.errors import DamagedFileError, InvalidDescriptorError

PUBLISHED, ALL = EngineReads.PUBLISHED, EngineReads.ALL
HYBRID, INLINE, PERSISTENT = FileStrategy.HYBRID, FileStrategy.INLINE, FileStrategy.PERSISTENT

OBJECT = b'{"a":"' + b"x" * 24 + b'"}'  # 32 bytes
STRING = b'"' + b"x" * 30 + b'"'  # 32 bytes, an estimate of 60


def rules(reads: EngineReads, strategy: FileStrategy = HYBRID, **limits: int) -> StorageRules:
    """Make rules of small thresholds."""
    small = StorageRules(memory_threshold=20, json_threshold=40, inline_file_threshold=40)
    return replace(small, engine_reads=reads, file_strategy=strategy, **limits)  # type: ignore[arg-type]


def stored(value: bytes, by: StorageRules) -> Storage:
    """Tell where a value goes."""
    return choose_storage(value, estimated_size(value), by)


def entries(**descriptors: Any) -> list[Entry]:
    """Give the entries of a context of descriptors; properties that are not named are null."""
    empty = {"type": "FILE", "locator": None, "mediaType": None, "size": -1, "checksum": None, "inlineValue": None}
    return list(detect(json.dumps({k: {**empty, **d} for k, d in descriptors.items()}).encode(), anywhere).entries)


def no_file(descriptor: RefValueDescriptor) -> bytes:
    """Fail: these values need no file."""
    raise DamagedFileError(f"the file {descriptor.locator} is missing")


@pytest.mark.parametrize(
    ("value", "by", "storage"),
    [
        (OBJECT, rules(PUBLISHED, memory_threshold=32), Storage.MEMORY),
        (OBJECT, rules(PUBLISHED, memory_threshold=31), Storage.FILE),
        (STRING, rules(PUBLISHED, memory_threshold=60), Storage.MEMORY),
        (STRING, rules(PUBLISHED, memory_threshold=59), Storage.FILE),
        (OBJECT, rules(PUBLISHED, INLINE), Storage.FILE),
        (OBJECT, rules(ALL, memory_threshold=32), Storage.MEMORY),
        (OBJECT, rules(ALL, memory_threshold=31), Storage.JSON),
        (OBJECT, rules(ALL, PERSISTENT), Storage.JSON),
        (OBJECT, rules(ALL, json_threshold=32), Storage.JSON),
        (OBJECT, rules(ALL, json_threshold=31), Storage.FILE_INLINE),
        (OBJECT, rules(ALL, json_threshold=31, inline_file_threshold=32), Storage.FILE_INLINE),
        (OBJECT, rules(ALL, json_threshold=31, inline_file_threshold=31), Storage.FILE),
        (OBJECT, rules(ALL, INLINE, json_threshold=31, inline_file_threshold=31), Storage.FILE_INLINE),
        (OBJECT, rules(ALL, PERSISTENT, json_threshold=31), Storage.FILE),
        (STRING, rules(ALL), Storage.FILE_INLINE),
        (STRING, rules(ALL, inline_file_threshold=32), Storage.FILE_INLINE),
        (STRING, rules(ALL, inline_file_threshold=31), Storage.FILE),
        (STRING, rules(ALL, PERSISTENT), Storage.FILE),
        (b"[ 1, 2, 3 ]", rules(PUBLISHED, memory_threshold=7), Storage.MEMORY),
        (b"null", rules(PUBLISHED, memory_threshold=0), Storage.MEMORY),
        (b"1", rules(PUBLISHED, memory_threshold=8), Storage.MEMORY),
        (b"1", rules(PUBLISHED, memory_threshold=7), Storage.FILE),
    ],
)
def test_each_value_goes_where_the_rules_say(value: bytes, by: StorageRules, storage: Storage) -> None:
    """At a threshold a value is still kept, one byte above it is not; an engine as published reads no base64."""
    assert stored(value, by) is storage


def test_a_descriptor_of_each_kind_in_full() -> None:
    """The texts that are written, sizes in bytes and the checksum of a file's content included."""
    by = rules(ALL, json_threshold=100, inline_file_threshold=32)
    text = b'{"m":1.10,"j":%b,"i":%b,"f":"%b"}' % (OBJECT, STRING, b"y" * 31)
    wrapped = wrap(split_object(text), by)
    assert wrapped.large == [LargeValue(3, "f", b'"' + b"y" * 31 + b'"')]
    result = wrapped.text([StoredContent("./files/f.json", 33, "sha256:77")])
    assert result == (
        b'{"m":{"type":"MEMORY","locator":null,"mediaType":null,"size":8,"checksum":null,"inlineValue":1.10},'
        b'"j":{"type":"JSON","locator":null,"mediaType":"application/json","size":32,"checksum":null,"inlineValue":%b},'
        b'"i":{"type":"FILE","locator":null,"mediaType":"application/json","size":32,"checksum":"%b","inlineValue":%b},'
        b'"f":{"type":"FILE","locator":"./files/f.json","mediaType":"application/json","size":33,'
        b'"checksum":"sha256:77","inlineValue":null}}'
    ) % (encode_inline(OBJECT), sha256_checksum(STRING).encode(), encode_inline(STRING))


def test_without_checksums_none_is_written() -> None:
    """The setting holds for inline and for other files."""
    by = StorageRules(memory_threshold=0, inline_file_threshold=2, checksums=False)
    wrapped = wrap(split_object(b'{"a":"","b":"long"}'), by)
    text = wrapped.text([StoredContent("x", 6, "sha256:77")])
    assert [value["checksum"] for value in json.loads(text).values()] == [None, None]


def test_every_large_value_needs_its_place() -> None:
    """A row never names a file that was not stored, and no stored file is forgotten."""
    wrapped = wrap(split_object(b'{"a":"long","b":"long"}'), StorageRules(memory_threshold=0, engine_reads=PUBLISHED))
    content = StoredContent("x", 6, "sha256:77")
    for places in ([], [content], [content] * 3):
        with pytest.raises(ValueError, match="zip"):
            wrapped.text(places)


def test_names_keep_their_spelling() -> None:
    """An escape in a key is still there on either side."""
    text = rb'{"\u00e9\/":1,"":2}'
    wrapped = wrap(split_object(text), StorageRules()).text()
    assert wrapped.startswith(rb'{"\u00e9\/":{')
    assert back(wrapped, Files()) == text


@pytest.mark.parametrize(
    ("content", "value"),
    [(b" [1.10]\n", b"[1.10]"), (b"null", b"null"), (b'"text"', b'"text"'), (b"\t7", b"7")],
)
def test_json_in_a_file_of_any_media_type_is_the_value(content: bytes, value: bytes) -> None:
    """The engine parses the content and does not ask for the media type; neither do we."""
    for media_type in (None, "application/json", "text/plain"):
        found = entries(a={"locator": "x", "mediaType": media_type})
        assert unwrap(found, lambda _: content) == b'{"a":' + value + b"}"
        inline = entries(a={"inlineValue": json.loads(encode_inline(content)), "mediaType": media_type})
        assert unwrap(inline, no_file) == b'{"a":' + value + b"}"


@pytest.mark.parametrize("content", [b"", b"plain text", b"\xff\xfe", b"[1", b"\xef\xbb\xbf1", rb'"\ud800"'])
def test_what_is_not_json_is_refused_unless_asked_for_as_base64(content: bytes) -> None:
    """Bytes have no place in a legacy context but base64 text, and only when somebody says so."""
    for found in (entries(a={"locator": "x"}), entries(a={"inlineValue": json.loads(encode_inline(content))})):
        with pytest.raises(InvalidDescriptorError, match="the FILE value of 'a' is not JSON") as caught:
            unwrap(found, lambda _: content)
        assert caught.value.hint is not None
        assert unwrap(found, lambda _: content, BytesAs.BASE64) == b'{"a":' + encode_inline(content) + b"}"


def test_a_json_value_that_is_not_json_is_never_put_back() -> None:
    """It contradicts itself, and base64 was not asked for values of that kind."""
    found = entries(a={"type": "JSON", "inlineValue": "test"})
    for bytes_as in BytesAs:
        with pytest.raises(InvalidDescriptorError, match="the entry 'a' cannot be put back: the document is"):
            unwrap(found, no_file, bytes_as)
    with pytest.raises(InvalidDescriptorError, match="the JSON value of 'a' is not JSON"):
        unwrap_entry(found[0], no_file, BytesAs.BASE64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "MEMORY", "inlineValue": 1, "locator": "x"},
        {"type": "FILE", "inlineValue": "test", "locator": "x"},
        {"type": "FILE", "inlineValue": "NQ==", "size": 7},
        {"type": "FILE", "inlineValue": "NQ==", "checksum": "0" * 64},
        {"type": "MEMORY", "inlineValue": 1, "size": "many"},
    ],
    ids=str,
)
def test_what_contradicts_itself_is_not_put_back(wrong: dict[str, Any]) -> None:
    """A part of what it says would be lost, and which part is right is not ours to decide; to look at it is."""
    found = entries(a={"type": "MEMORY", "inlineValue": 5}, b=wrong)
    with pytest.raises(InvalidDescriptorError, match="the entry 'b' cannot be put back"):
        unwrap(found, no_file)
    assert unwrap_entry(found[1], lambda _: b"5")


def test_plain_values_and_nulls_beside_descriptors_stay() -> None:
    """On the way back of a mixed context, only what is a descriptor is unwrapped."""
    full = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 5}
    text = json.dumps({"a": full, "b": 1.5, "c": None}, separators=(",", ":")).encode()
    assert back(text, Files()) == b'{"a":5,"b":1.5,"c":null}'


def test_only_one_layer_is_unwrapped() -> None:
    """A value that looks like a descriptor is the value."""
    inner = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 5}
    text = json.dumps({"a": inner}, separators=(",", ":")).encode()
    wrapped = wrap(split_object(text), StorageRules()).text()
    assert back(wrapped, Files()) == text


def test_errors_of_the_files_come_through() -> None:
    """A missing file stops the way back of its row."""
    with pytest.raises(DamagedFileError, match="missing"):
        unwrap(entries(a={"locator": "x"}), no_file)


def test_raw_json_of_an_entry_is_its_exact_text() -> None:
    """What a value is shown as is what is stored."""
    found = detect(b'{"a":1.10}', anywhere)
    assert RawJson(unwrap_entry(found.entries[0], no_file)) == RawJson(b"1.10")
