"""The careful tokenizer: the grammar of RFC 8259, exact positions, no recursion, and depth without parsing."""

import json
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context import scanner
from zenctx.context.scanner import Kind, check_utf8, decode_string, deeper_than, end_of_value, parts, scan
from zenctx.errors import InvalidContextError


def model(text: bytes) -> Any:
    """Read a text with Python's own parser and our rules; ValueError where they refuse it."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(text.decode(), parse_constant=refuse, object_pairs_hook=list, parse_int=len, parse_float=len)
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair cannot be encoded
    return value


def is_accepted(text: bytes) -> bool:
    """Tell whether the tokenizer reads a text to its end."""
    try:
        return len(list(scan(text))) > 0
    except InvalidContextError:
        return False


def depth(value: object) -> int:
    """Give the levels of what `json.loads` made of a text."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max((depth(part) for part in (value.values() if isinstance(value, dict) else value)), default=0)


@settings(max_examples=500)
@given(texts.mangled_documents | texts.mangled_contexts | texts.contexts | st.binary(max_size=6))
@example(b"")
@example(b" ")
@example(b"01")
@example(b"[1.]")
@example(b"-")
@example(b"1e")
@example(b"[1,]")
@example(b'{"a":1,}')
@example(b'{"a" 1}')
@example(b"{1:2}")
@example(b"[}")
@example(b"{]")
@example(b"1 2")
@example(b'{"a":1}x')
@example(b"NaN")
@example(b"[tru]")
@example(b"\xef\xbb\xbf{}")
@example(b'"\x1f"')
@example(b'"\\x"')
@example(b'"\\u12"')
@example(b'"\xed\xa0\x80"')
@example(rb'"\ud800"')
@example(rb'"\udc00\ud800"')
@example(rb'"\ud83d\u0041"')
@example(rb'["\\ud800"]')
@example(rb'{"\ud83d\ude80":"\u0000"}')
def test_it_accepts_what_the_standard_parser_and_our_rules_accept(text: bytes) -> None:
    """Python's parser, without its own additions, in strict UTF-8 and without half pairs, is the judge."""
    try:
        model(text)
    except ValueError:
        assert not is_accepted(text)
    else:
        assert is_accepted(text)


@given(texts.contexts)
def test_tokens_lie_where_they_say(text: bytes) -> None:
    """Between two tokens there is nothing but blanks, a colon or a comma; every token is exact text."""
    tokens = list(scan(text))
    for before, after in pairwise(tokens):
        assert text[before.end : after.start].strip(b" \t\r\n") in (b"", b":", b",")
    for kind, start, end in tokens:
        if kind in (Kind.STRING, Kind.NAME):
            assert decode_string(text[start:end]) == json.loads(text[start:end])
    assert text[: tokens[0].start].strip() == text[tokens[-1].end :].strip() == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not valid JSON at byte 0"),
        (b'{"a": ', "not valid JSON at byte 6"),
        (b'{"a": x}', "not valid JSON at byte 6"),
        (b'{"a":1} {', "not valid JSON at byte 8"),
        (b'{"a":"b}', "not valid JSON at byte 5"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        (rb'["ok", "\ud800"]', "half of a surrogate pair in the string at byte 7"),
    ],
)
def test_errors_name_the_byte(text: bytes, message: str) -> None:
    """Somebody who has to mend a row can find the place."""
    with pytest.raises(InvalidContextError) as caught:
        list(scan(text))
    assert caught.value.message == message


@given(st.binary(max_size=12) | st.text(max_size=12).map(str.encode), st.integers(1, 5))
def test_utf8_is_checked_alike_in_pieces(text: bytes, piece: int) -> None:
    """Where a long text is cut for it makes no difference, and the byte at fault is the same."""
    try:
        text.decode()
        fault = None
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 at byte {error.start}"
    with patch.object(scanner, "_PIECE", piece):
        if fault is None:
            check_utf8(text)
        else:
            with pytest.raises(InvalidContextError, match=f"^{fault}$"):
                check_utf8(text)


@given(texts.documents)
def test_parts_are_the_direct_parts(text: bytes) -> None:
    """They are those that Python's parser finds, in the same order; a scalar has none."""
    value = json.loads(text, object_pairs_hook=tuple)
    found = list(parts(text))
    if isinstance(value, tuple):
        assert [(json.loads(name), json.loads(part, object_pairs_hook=tuple)) for name, part in found] == list(value)
    elif isinstance(value, list):
        assert [(name, json.loads(part, object_pairs_hook=tuple)) for name, part in found] == [(b"", v) for v in value]
    else:
        assert found == []


def test_the_end_of_a_value_is_that_of_its_last_bracket() -> None:
    """Reading on from a container's first token stops behind its last."""
    tokens = scan(b'[ {"a":[1]} , 2]')
    next(tokens)
    first = next(tokens)
    assert end_of_value(first, tokens) == 11
    assert next(tokens).start == 14


@given(texts.documents, st.integers(0, 5), st.sampled_from([1, 2, 3, 7, 65536]))
@example(b'"[[[[" ', 1, 65536)
@example(rb'["\"[[[",[]]', 2, 1)
@example(rb'["\\","[[["]', 1, 3)
@example(rb'["\\\\\"[[",{}]', 2, 4)
def test_depth_is_that_of_a_parsed_value(text: bytes, levels: int, piece: int) -> None:
    """Brackets in strings, and quotes behind any number of backslashes, do not count, wherever a long text is cut."""
    with patch.object(scanner, "_PIECE", piece):
        assert deeper_than(text, levels) == (depth(json.loads(text)) > levels)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 66, 200])
@pytest.mark.parametrize("filler", ["", "x" * 100_000])
def test_depth_is_right_however_many_brackets_there_are(count: int, filler: str) -> None:
    """Few are searched for, some counted, many looked at; those in strings are none."""
    deep, flat = "[" * count + f'"{filler}"' + "]" * count, "[" + ",".join(["[]"] * count) + f',"{filler}[[["]'
    assert (deeper_than(deep.encode(), count - 1), deeper_than(deep.encode(), count)) == (True, False)
    assert (deeper_than(flat.encode(), 1), deeper_than(flat.encode(), 2)) == (True, False)


@given(texts.mangled_contexts, st.integers(0, 3))
def test_depth_of_a_broken_text_is_judged_up_to_the_fault(text: bytes, levels: int) -> None:
    """Whatever is opened in the valid beginning is counted: nothing recurses deeper than this says."""
    level = deepest = 0
    try:
        for token in scan(text):
            level += (token.kind in (Kind.OPEN_ARRAY, Kind.OPEN_OBJECT)) - (
                token.kind in (Kind.CLOSE_ARRAY, Kind.CLOSE_OBJECT)
            )
            deepest = max(level, deepest)
    except InvalidContextError:
        pass
    assert deeper_than(text, levels) >= (deepest > levels)
