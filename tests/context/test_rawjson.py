"""Splitting objects into exact text and joining them again; the fast way and the careful way agree."""

import json

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context import rawjson
from zenctx.context.rawjson import (
    Member,
    RawJson,
    check_document,
    compact_length,
    encode_string,
    is_json,
    join_members,
    quoted,
    split_object,
    split_repeating,
)
from zenctx.context.scanner import scan
from zenctx.errors import InvalidContextError


def outcome(text: bytes, *, carefully: bool) -> list[Member] | str:
    """Give the members of a text, or the error, split in one of the two ways."""
    try:
        return rawjson._split_carefully(text) if carefully else split_repeating(text)
    except InvalidContextError as error:
        return error.message


@given(texts.compact_contexts)
def test_split_and_join_give_the_same_bytes(text: bytes) -> None:
    """A compact text survives with every spelling in it: of numbers, of escapes, of names."""
    assert join_members(split_object(text)) == text


@given(texts.contexts)
def test_members_are_those_of_the_standard_parser(text: bytes) -> None:
    """Names and values in their order, each value without blanks around it."""
    members = split_object(text)
    pairs = json.loads(text, object_pairs_hook=list) or []
    assert [(m.name, json.loads(m.value, object_pairs_hook=list)) for m in members] == pairs
    assert all(m.value == m.value.strip() and json.loads(m.spelling) == m.name for m in members)


@settings(max_examples=400)
@given(texts.contexts | texts.mangled_contexts)
@example(b'{"a":1,"a":2}')
@example(b'{"a":1,"\\u0061":2}')
@example(b'{"\\u001F":1}')
@example(b'{"\\/":1}')
@example(b'{"a": 1, "a": 2}')
@example(rb'{"a":"\ud800"}')
@example(b'{"a":"\xff"}')
@example(b"[]")
@example(b"null")
@example(b"7 ")
def test_the_fast_way_and_the_careful_way_agree(text: bytes) -> None:
    """The fast one never takes what the careful one refuses, and finds the same members, repeated names included."""
    assert outcome(text, carefully=False) == outcome(text, carefully=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[1]", "the context is a JSON array, not an object"),
        (b' "x"', "the context is a JSON string, not an object"),
        (b"-1", "the context is a JSON number, not an object"),
        (b"null", "the context is JSON null, not an object"),
        (b"true", "the context is a JSON boolean, not an object"),
        (b"", "not valid JSON at byte 0"),
        (b"\xef\xbb\xbf{}", "not valid JSON at byte 0"),
        (b'{"a":1}{}', "not valid JSON at byte 7"),
        (b'{"a":1,"a":2}', "the key 'a' stands twice"),
        (b'{"a":1,"b":1,"\\u0061":1}', "the key 'a' stands twice"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8 at byte 6"),
        (rb'{"\ud800":1}', "half of a surrogate pair in the string at byte 1"),
    ],
)
def test_what_is_no_context_is_refused_with_the_reason(text: bytes, message: str) -> None:
    """One sentence says what it is instead, or where it breaks."""
    with pytest.raises(InvalidContextError) as caught:
        split_object(text)
    assert caught.value.message == message


def test_equal_names_inside_a_value_are_the_business_of_that_value() -> None:
    """A value passes as text, whatever it repeats inside."""
    text = b'{"a":{"b":1,"b":2}}'
    assert join_members(split_object(text)) == text


def test_a_nul_is_a_character_like_any_other() -> None:
    """`jsonb` refuses it; SQLite and JSON do not, and the text passes."""
    text = rb'{"a\u0000":"\u0000"}'
    assert [member.name for member in split_object(text)] == ["a\0"]
    assert join_members(split_object(text)) == text


@given(texts.documents | texts.mangled_documents)
@example(rb'["\ud800"]')
@example(b"\xef\xbb\xbf1")
def test_a_document_is_what_the_careful_way_reads(text: bytes) -> None:
    """`is_json` takes any value, and nothing that is broken."""
    try:
        list(scan(text))
    except InvalidContextError:
        assert not is_json(text)
        with pytest.raises(InvalidContextError, match="byte"):
            check_document(text)
    else:
        assert is_json(text)


@given(texts.values, texts.blanks)
@example(texts.Tree(b'" \\" "'), [b" "])
def test_the_compact_length_is_that_without_blanks(tree: texts.Tree, blanks: list[bytes]) -> None:
    """Blanks between tokens do not count, blanks in strings do."""
    assert compact_length(tree.render(blanks)) == len(tree.render())
    assert compact_length(tree.like_jsonb()) == len(tree.render())
    assert len(rawjson._compact_carefully(tree.render(blanks))) == len(tree.render())


@given(st.text(texts.characters))
def test_strings_are_spelled_with_no_more_escapes_than_needed(text: str) -> None:
    """What is spelled reads back equal, and is as short as JSON can be."""
    token = encode_string(text)
    assume(all(character >= " " for character in text))
    assert token == json.dumps(text, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a", "'a'"), ("\x1b[2J\n", r"'\x1b[2J\n'"), ("x" * 101, "'" + "x" * 100 + "…'"), ("", "''")],
)
def test_names_in_messages_are_harmless_and_short(name: str, shown: str) -> None:
    """A key can hold escape sequences, or a megabyte."""
    assert quoted(name) == shown


def test_raw_json_is_a_value() -> None:
    """Two of the same text are equal."""
    assert RawJson(b"1.10") == RawJson(b"1.10")
