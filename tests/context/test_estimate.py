"""Sizes by the engine's rule, against a direct model of it; and the cheap test for numbers that are too long."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context.estimate import (
    MAX_INLINE_BYTES,
    MAX_STRING_CHARACTERS,
    estimated_size,
    may_hold_long_number,
    utf16_units,
    within_engine_limits,
)


def without_blanks(text: str) -> str:
    """Leave out what stands between tokens, character by character."""
    kept, inside, escaped = [], False, False
    for character in text:
        if inside or character not in " \t\r\n":
            kept.append(character)
        inside ^= character == '"' and not escaped
        escaped = inside and character == "\\" and not escaped
    return "".join(kept)


def size_by_the_rule(text: str) -> int:
    """Give the size as the engine's rule says it, of a value without blanks around it."""
    value = json.loads(text, parse_int=float, parse_float=float)
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1
    if isinstance(value, float):
        return 8
    if isinstance(value, str):
        return 2 * sum(2 if character > "\uffff" else 1 for character in value)
    return len(without_blanks(text).encode())


@given(texts.documents)
def test_sizes_are_those_of_the_rule(text: bytes) -> None:
    """Two for each UTF-16 unit, eight for a number, one for a boolean, none for null, else the compact JSON."""
    value = text.strip(b" \t\r\n")
    assert estimated_size(value) == size_by_the_rule(value.decode())


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('""', 0),
        ('"hello"', 10),
        ('"\U0001f680"', 4),
        (r'"\uD83D\ude80"', 4),
        (r'"\\\\\""', 6),
        (r'"\\u00e9"', 12),
        ('"Quy tr\u00ecnh\\n"', 20),
        ("-1.5E+300", 8),
        ('{"b":1,"a":[1,null]}', 20),
        ('{"b": 1, "a": [1, null]}', 20),
        ('[ "a b" ]', 7),
        ("[]", 2),
        ("null", 0),
        ("false", 1),
    ],
)
def test_sizes_of_known_values(text: str, size: int) -> None:
    """What Java notes for the same values."""
    assert estimated_size(text.encode()) == size


@given(st.text(texts.characters), st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_units_are_counted_however_a_string_is_spelled(text: str, ways: list[int]) -> None:
    """An escape is one character, a pair of them at most one beyond the first plane."""
    assert utf16_units(texts.spelled(text, ways)) == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "is_within"),
    [
        ("1" * 1000, True),
        ("1" * 1001, False),
        ("-1." + "0" * 995 + "e1", True),
        ("-1." + "0" * 995 + "e+1", False),
        ('["' + "1" * 1001 + '"]', True),
        ('{"' + "1" * 1001 + '":1}', True),
        ("[" + "1," * 2000 + "1]", True),
        ('{"a":[{"b":' + "1" * 1001 + "}]}", False),
    ],
)
def test_numbers_of_up_to_a_thousand_characters_are_within_the_limits(text: str, is_within: bool) -> None:
    """Digits in strings and names do not count; a number counts wherever it stands."""
    assert within_engine_limits(text.encode()) == is_within
    assert is_within or may_hold_long_number(text.encode())


def test_a_long_number_is_found_wherever_it_begins() -> None:
    """Only some characters are looked at first: none of a number past the limit may lie between all of them."""
    number = b"1" * 1001
    assert all(may_hold_long_number(b'["' + b"x" * before + b'",' + number + b"]") for before in range(41))
    assert not any(may_hold_long_number(b'["' + b"x" * before + b'",' + number[1:] + b"]") for before in range(41))


def test_many_numbers_just_short_of_the_limit_take_no_time() -> None:
    """A megabyte of them is searched once, not once from every digit."""
    text = b"[" + b",".join([b"1" * 999] * 20_000) + b"]"
    assert within_engine_limits(text)


def test_as_many_bytes_fit_inline_as_base64_gives_characters() -> None:
    """The two limits are one."""
    assert MAX_INLINE_BYTES * 4 // 3 == MAX_STRING_CHARACTERS
