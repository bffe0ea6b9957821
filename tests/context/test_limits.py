"""Every limit of storage and of the engine's reader: kept at the limit, and a defined outcome one past it."""

import pytest

from tests.context.storage import Files, anywhere, back, there
from tests.context.texts import nested
from zenctx.context.convert import MAX_MEMORY_DEPTH, Storage, choose_storage, unwrap
from zenctx.context.descriptor import DescriptorType, encode_inline
from zenctx.context.estimate import MAX_INLINE_BYTES, MAX_STRING_CHARACTERS, estimated_size
from zenctx.context.forms import Form, detect
from zenctx.context.rawjson import MAX_DEPTH, check_document, is_json, split_object
from zenctx.context.rules import MIB, EngineReads, FileStrategy, StorageRules
from zenctx.errors import InvalidContextError, InvalidDescriptorError

PUBLISHED = StorageRules(engine_reads=EngineReads.PUBLISHED)
ALL = StorageRules(engine_reads=EngineReads.ALL)


def stored(value: bytes, rules: StorageRules) -> Storage:
    """Tell where a value goes."""
    return choose_storage(value, estimated_size(value), rules)


def string(characters: int) -> bytes:
    """Give a string of that many characters."""
    return b'"' + b"x" * characters + b'"'


def array(length: int) -> bytes:
    """Give an array whose text has that many bytes."""
    return b"[" + string(length - 4) + b"]"


def context(value: bytes) -> bytes:
    """Give a context of one value."""
    return b'{"a":' + value + b"}"


@pytest.mark.parametrize(
    ("value", "published", "everything"),
    [
        (string(MIB // 2), Storage.MEMORY, Storage.MEMORY),
        (string(MIB // 2 + 1), Storage.FILE, Storage.FILE_INLINE),
        (string(MIB - 2), Storage.FILE, Storage.FILE_INLINE),
        (string(MIB - 1), Storage.FILE, Storage.FILE),
        (array(MIB), Storage.MEMORY, Storage.MEMORY),
        (array(MIB + 1), Storage.FILE, Storage.JSON),
        (array(2 * MIB), Storage.FILE, Storage.JSON),
        (array(2 * MIB + 1), Storage.FILE, Storage.FILE),
        (nested(MAX_MEMORY_DEPTH), Storage.MEMORY, Storage.MEMORY),
        (nested(MAX_MEMORY_DEPTH + 1), Storage.FILE, Storage.JSON),
        (b"1" * 1000, Storage.MEMORY, Storage.MEMORY),
        (b"1" * 1001, Storage.FILE, Storage.FILE_INLINE),
        (b"[" + b"1" * 1001 + b"]", Storage.FILE, Storage.JSON),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_default_limits(value: bytes, published: Storage, everything: Storage) -> None:
    """At each limit and one past it, for both readers; and the value comes back either way."""
    for rules, storage in ((PUBLISHED, published), (ALL, everything)):
        assert stored(value, rules) is storage
        files = Files()
        assert back(there(context(value), rules, files), files) == context(value)
        assert len(files.contents) == (storage is Storage.FILE)


def test_strings_of_twenty_million_characters() -> None:
    """The engine reads them, and no longer ones, wherever the threshold is."""
    rules = StorageRules(memory_threshold=100_000_000, engine_reads=EngineReads.PUBLISHED)
    longest = string(MAX_STRING_CHARACTERS)
    assert stored(longest, rules) is Storage.MEMORY
    assert stored(longest[:-1] + b'x"', rules) is Storage.FILE
    # The length is counted as Java counts, not in bytes; and one string of an array is enough.
    assert stored(b"[" + longest[:-2] + rb'\n"]', rules) is Storage.MEMORY
    assert stored(b"[" + longest[:-1] + b'x"]', rules) is Storage.FILE


def test_fifteen_million_bytes_inline() -> None:
    """As base64 they have the most characters that the engine reads in a string."""
    rules = StorageRules(file_strategy=FileStrategy.INLINE, json_threshold=10**9, inline_file_threshold=10**9)
    longest = string(MAX_INLINE_BYTES - 2)
    assert stored(longest, rules) is Storage.FILE_INLINE
    assert len(encode_inline(longest)) - 2 == MAX_STRING_CHARACTERS
    assert stored(array(MAX_INLINE_BYTES), rules) is Storage.JSON
    for value in (longest[:-1] + b'x"', array(MAX_INLINE_BYTES + 1)):
        with pytest.raises(InvalidDescriptorError, match="a value of 15000001 bytes cannot be kept inline") as caught:
            stored(value, rules)
        assert caught.value.hint == "use the file strategy hybrid or persistent"
        hybrid = StorageRules(json_threshold=10**9, inline_file_threshold=10**9)
        assert stored(value, hybrid) is Storage.FILE


def test_a_thousand_levels_are_a_context_and_one_more_is_not() -> None:
    """The context itself is the first level."""
    deepest = context(nested(MAX_DEPTH - 1))
    found = detect(deepest, anywhere)
    assert (found.form, len(found.entries)) == (Form.LEGACY, 1)
    for rules in (PUBLISHED, ALL):
        files = Files()
        assert back(there(deepest, rules, files), files) == deepest
    too_deep = detect(context(nested(MAX_DEPTH)), anywhere)
    assert (too_deep.form, too_deep.reason) == (Form.INVALID, "nested more than 1000 levels deep")


@pytest.mark.parametrize("levels", [950, 998])
def test_deep_descriptors_are_read(levels: int) -> None:
    """A descriptor adds a level, and the engine reads what is within the thousand."""
    text = context(b'{"type":"MEMORY","inlineValue":' + nested(levels) + b"}")
    assert detect(text, anywhere).form is Form.AMBIGUOUS
    full = b'{"type":"MEMORY","locator":null,"mediaType":null,"size":9,"checksum":null,"inlineValue":%b}'
    found = detect(context(full % nested(levels)), anywhere)
    assert found.form is Form.DESCRIPTORS
    assert unwrap(found.entries, Files().read) == context(nested(levels))


@pytest.mark.parametrize(
    "text",
    [nested(100_000), context(nested(100_000)), context(b"[" * 100_000), b'{"a":' * 100_000, b"[" * 100_000 + b"}"],
    ids=["array", "context", "open", "open objects", "wrong end"],
)
def test_a_hundred_thousand_levels_are_one_sentence(text: bytes) -> None:
    """Nothing recurses, and nothing takes long."""
    found = detect(text, anywhere)
    assert (found.form, found.reason) == (Form.INVALID, "nested more than 1000 levels deep")
    assert not is_json(text)
    for read in (split_object, check_document):
        with pytest.raises(InvalidContextError, match="nested more than 1000 levels deep"):
            read(text)


def test_a_document_that_would_be_too_deep_in_its_context_is_refused() -> None:
    """In its file it has a thousand levels; put back it would make a row that nothing can read."""
    descriptor = b'{"type":"FILE","locator":"%b","mediaType":null,"size":-1,"checksum":null,"inlineValue":null}'
    files = Files()
    allowed, refused = (files.put(nested(levels)).locator.encode() for levels in (MAX_DEPTH - 1, MAX_DEPTH))
    assert back(context(descriptor % allowed), files) == context(nested(MAX_DEPTH - 1))
    with pytest.raises(InvalidDescriptorError, match="the values together would be nested more than 1000 levels deep"):
        back(context(descriptor % refused), files)


def test_what_is_past_a_limit_of_the_reader_is_kept_all_the_same() -> None:
    """No reader takes a number of 1001 characters, in a row or in a file; no value is lost for that."""
    text = context(b"-" + b"1" * 5000 + b".5")
    for rules in (PUBLISHED, ALL):
        files = Files()
        wrapped = there(text, rules, files)
        descriptor = detect(wrapped, anywhere).entries[0].descriptor
        assert descriptor is not None
        assert descriptor.type is DescriptorType.FILE
        assert back(wrapped, files) == text
