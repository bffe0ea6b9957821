"""Descriptors: written exactly as the engine writes them, read in every spelling that it accepts."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context.descriptor import (
    PROPERTIES,
    UNKNOWN_SIZE,
    ChecksumState,
    DescriptorType,
    Reading,
    RefValueDescriptor,
    compare_checksum,
    contradiction,
    decode_inline,
    encode_inline,
    may_be_descriptor,
    read_descriptor,
    sha256_checksum,
)
from zenctx.context.rawjson import split_object
from zenctx.errors import InvalidDescriptorError

MEMORY, JSON, FILE = DescriptorType.MEMORY, DescriptorType.JSON, DescriptorType.FILE
CONTENT = b'{"a":1}'
INLINE = encode_inline(CONTENT)
FULL = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 42}

optional_texts = st.none() | st.text(texts.characters, max_size=5)
descriptors = st.builds(
    RefValueDescriptor,
    st.sampled_from(DescriptorType),
    optional_texts,
    optional_texts,
    st.integers(-1, 2**63 - 1),
    optional_texts,
    texts.documents.map(lambda text: text.strip(b" \t\r\n")),
)


def read(**changes: Any) -> Reading | None:
    """Read the full descriptor, some properties changed, or left out by `...`."""
    return read_descriptor(json.dumps({k: v for k, v in {**FULL, **changes}.items() if v is not ...}).encode())


@given(descriptors)
def test_what_is_written_is_the_engines_text(descriptor: RefValueDescriptor) -> None:
    """Six properties in its order, nulls written out, no blanks, the value verbatim; and it is read back the same."""
    text = descriptor.to_json()
    pairs = json.loads(text, object_pairs_hook=list)
    assert [name for name, _ in pairs] == list(PROPERTIES)
    assert [value for _, value in pairs[:5]] == [
        descriptor.type,
        descriptor.locator,
        descriptor.media_type,
        descriptor.size,
        descriptor.checksum,
    ]
    assert text.endswith(b'"inlineValue":' + descriptor.inline_value + b"}")
    assert read_descriptor(text) == Reading(descriptor)


def test_one_descriptor_in_full() -> None:
    """The text that Jackson writes."""
    descriptor = RefValueDescriptor(FILE, "./a/ü", "text/plain", 3, "sha256:00")
    expected = (
        '{"type":"FILE","locator":"./a/ü","mediaType":"text/plain","size":3,"checksum":"sha256:00","inlineValue":null}'
    )
    assert descriptor.to_json() == expected.encode()


@given(descriptors, st.permutations(PROPERTIES), texts.blanks, st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_order_blanks_and_escapes_do_not_matter(
    descriptor: RefValueDescriptor, order: list[str], blanks: list[bytes], ways: list[int]
) -> None:
    """All six properties in any order and spelling are the same descriptor."""
    values = {member.name: member.value for member in split_object(descriptor.to_json())}
    parts = tuple((texts.spelled(name, ways), texts.Tree(values[name])) for name in order)
    tree = texts.Tree(brackets=b"{}", parts=parts)
    for text in (tree.render(blanks).strip(), tree.like_jsonb()):
        reading = read_descriptor(text)
        assert reading == Reading(descriptor)
        assert may_be_descriptor(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"locator": ...},
        {"mediaType": ...},
        {"size": ...},
        {"checksum": ...},
        {"locator": ..., "mediaType": ..., "size": ..., "checksum": ...},
    ],
    ids=str,
)
def test_what_is_missing_is_null_or_unknown(changes: dict[str, Any]) -> None:
    """Any property but the type and a content may be left out; the engine loads the rest."""
    size = UNKNOWN_SIZE if "size" in changes else 8
    assert read(**changes) == Reading(RefValueDescriptor(MEMORY, size=size, inline_value=b"42"), is_complete=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": "8"}, {"size": 8}),
        ({"size": " 8 "}, {"size": 8}),
        ({"size": 8.9}, {"size": 8}),
        ({"size": 1e7}, {"size": 10_000_000}),
        ({"size": None}, {"size": -1}),
        ({"size": ""}, {"size": -1}),
        ({"size": "-1"}, {"size": -1}),
        ({"size": -5}, {"size": -5}),
        ({"size": 2**63 - 1}, {"size": 2**63 - 1}),
        ({"locator": 7}, {"locator": "7"}),
        ({"locator": True}, {"locator": "true"}),
        ({"mediaType": 1.10}, {"media_type": "1.1"}),
        ({"checksum": False}, {"checksum": "false"}),
    ],
    ids=str,
)
def test_numbers_and_texts_stand_for_each_other(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """The engine reads a number as a text and a text as a number, where a text or a number should be."""
    assert read(**changes) == Reading(RefValueDescriptor(MEMORY, **{"size": 8, "inline_value": b"42", **expected}))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"size": "8.5"}, "its size is not a number"),
        ({"size": "many"}, "its size is not a number"),
        ({"size": True}, "its size is not a number"),
        ({"size": [8]}, "its size is not a number"),
        ({"size": 2**63}, "its size is out of range"),
        ({"size": 1e300}, "its size is out of range"),
        ({"locator": {}}, "its locator is not a text"),
        ({"mediaType": []}, "its mediaType is not a text"),
        ({"checksum": {"a": 1}}, "its checksum is not a text"),
    ],
    ids=str,
)
def test_what_the_engine_cannot_read_is_named(changes: dict[str, Any], problem: str) -> None:
    """With all six properties it is a descriptor that went wrong; with fewer it is a plain value."""
    assert read(**changes) == Reading(None, problem=problem)
    missing = "checksum" if "checksum" not in changes else "mediaType"
    assert read(**changes, **{missing: ...}) is None


def test_a_size_of_any_length_is_read_in_no_time() -> None:
    """Neither thousands of digits nor an exponent of its own size is ever expanded."""
    for size in (b"1" * 5000, b"1e999999999", b"-1e400", b'"' + b"1" * 5000 + b'"'):
        reading = read_descriptor(json.dumps(FULL).encode().replace(b" 8", size))
        assert reading is not None
        assert reading.problem in ("its size is out of range", "its size is not a number")


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ...},
        {"type": "memory"},
        {"type": "OTHER"},
        {"type": None},
        {"type": 0},
        {"type": {"MEMORY": 1}},
        {"extra": 1},
        {"Type": 1},
        {"checksum": ..., "inlineValue": ...},
        {"type": "JSON", "checksum": ..., "inlineValue": None},
        {"type": "FILE", "checksum": ..., "inlineValue": ...},
    ],
    ids=str,
)
def test_what_is_no_descriptor(changes: dict[str, Any]) -> None:
    """No known type, a property too many, or neither a locator nor a value."""
    assert read(**changes) is None


@pytest.mark.parametrize("text", [b"[]", b"7", b"null", b'"MEMORY"', b"{}", b"{", b'{"type":"MEMORY"', b"\xff", b""])
def test_what_is_no_object_is_no_descriptor(text: bytes) -> None:
    """Reading raises nothing, also where the text is broken."""
    assert read_descriptor(text) is None
    assert text == b"\xff" or not may_be_descriptor(text)


def test_a_null_in_memory_is_a_value() -> None:
    """The engine writes it so; without any inline value it is none."""
    assert read_descriptor(b'{"type":"MEMORY","inlineValue":null}') is not None
    assert read_descriptor(b'{"type":"MEMORY","mediaType":null}') is None


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_that_stands_twice_is_a_problem(name: str) -> None:
    """The engine takes the last one, and says nothing: which was meant is not for us to guess."""
    text = json.dumps(FULL, separators=(",", ":")).encode()
    twice = b'{"%b":%b,' % (name.encode(), json.dumps(FULL[name]).encode()) + text[1:]
    reading = read_descriptor(twice)
    assert reading is not None
    assert (reading.is_complete, reading.problem) == (True, "a property stands twice")


@pytest.mark.parametrize(
    ("descriptor", "reason"),
    [
        (RefValueDescriptor(MEMORY, size=99, inline_value=b"1"), None),
        (RefValueDescriptor(MEMORY), None),
        (RefValueDescriptor(MEMORY, size=-2), "the size is negative"),
        (RefValueDescriptor(MEMORY, "a"), "a MEMORY value has a locator"),
        (RefValueDescriptor(JSON, size=7, inline_value=INLINE), None),
        (RefValueDescriptor(JSON, size=-1, inline_value=INLINE), None),
        (RefValueDescriptor(JSON, size=8, inline_value=INLINE), "the size is 8, the inline value has 7 bytes"),
        (RefValueDescriptor(JSON, "a", inline_value=INLINE), "a JSON value has a locator"),
        (RefValueDescriptor(JSON), "a JSON value has neither a locator nor an inline value"),
        (RefValueDescriptor(JSON, inline_value=b'"test"'), "the document is not"),
        (RefValueDescriptor(JSON, inline_value=b'"tes"'), "the inline value is not base64 text"),
        (RefValueDescriptor(JSON, inline_value=b"7"), "the inline value is not base64 text"),
        (RefValueDescriptor(FILE, "a"), None),
        (RefValueDescriptor(FILE, ""), "the locator is empty"),
        (RefValueDescriptor(FILE, "a", inline_value=b'""'), "a FILE value has both a locator and an inline value"),
        (RefValueDescriptor(FILE), "a FILE value has neither a locator nor an inline value"),
        (RefValueDescriptor(FILE, size=3, inline_value=b'"test"'), None),
        (RefValueDescriptor(FILE, size=0, inline_value=b'""'), None),
        (RefValueDescriptor(FILE, checksum="sha256:" + "0" * 64, inline_value=b'""'), "does not have the checksum"),
        (RefValueDescriptor(FILE, checksum=sha256_checksum(b""), inline_value=b'""'), None),
        (RefValueDescriptor(FILE, checksum="md5:0", inline_value=b'""'), None),
    ],
    ids=str,
)
def test_contradictions_are_named(descriptor: RefValueDescriptor, reason: str | None) -> None:
    """Of an estimate nothing is demanded; of bytes, size and checksum are."""
    found = contradiction(descriptor)
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


@given(st.binary(max_size=40))
def test_bytes_are_base64_of_the_standard_alphabet_with_padding(content: bytes) -> None:
    """As Java writes `byte[]`; and back."""
    token = encode_inline(content)
    assert token == b'"' + base64.b64encode(content) + b'"'
    assert decode_inline(RefValueDescriptor(FILE, inline_value=token)) == content


@pytest.mark.parametrize(
    "text", ["dGVzd", "dGVzdA", "dGVzdA=", "dGV zdA==", "dGVz\\nZA==", "_-8=", "ü", "====", "dGVzdA==x"]
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    """Missing padding, another alphabet, blanks: nothing is guessed."""
    with pytest.raises(InvalidDescriptorError, match="not base64 text"):
        decode_inline(RefValueDescriptor(FILE, inline_value=f'"{text}"'.encode()))


def test_base64_may_be_spelled_with_escapes() -> None:
    """It is a string like any other."""
    assert decode_inline(RefValueDescriptor(FILE, inline_value=rb'"\u002f\/4="')) == b"\xff\xfe"


@pytest.mark.parametrize(
    ("expected", "state"),
    [
        (None, ChecksumState.ABSENT),
        ("sha256:" + "ab" * 32, ChecksumState.OK),
        ("ab" * 32, ChecksumState.OK),
        ("AB" * 32, ChecksumState.OK),
        ("cd" * 32, ChecksumState.MISMATCH),
        ("", ChecksumState.UNKNOWN_FORMAT),
        ("sha256:ab", ChecksumState.UNKNOWN_FORMAT),
        ("md5:" + "ab" * 16, ChecksumState.UNKNOWN_FORMAT),
        ("ab" * 32 + "\n", ChecksumState.UNKNOWN_FORMAT),
    ],
)
def test_checksums_are_compared_bare_or_prefixed(expected: str | None, state: ChecksumState) -> None:
    """In letters of either case; what is no SHA-256 says nothing about the content."""
    assert compare_checksum(expected, "sha256:" + "ab" * 32) is state
