"""Reading JSON text: exact numbers, no crash, and parts by pointer without reading the rest."""

import json
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.context import pointer as pointers
from zenctx.context.decode import decode, exact_decimal, part_at
from zenctx.context.rawjson import encode_string
from zenctx.errors import InvalidContextError, NotFoundError, UsageError

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?",
    fullmatch=True,
    alphabet=st.characters(codec="ascii"),
)
_texts = st.builds(json.dumps, _values, ensure_ascii=st.booleans(), indent=st.none() | st.just(1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"18446744073709551616", 2**64),
        (b"-0", 0),
        (b"1.10", 1.1),
        (b"1.0E7", 1e7),
        (b"0.000010", 1e-5),
        (b"1E5", 1e5),
        (b"-0.0", -0.0),
        (b"1761550200.000000000", 1761550200.0),
        (b"1761550215.123456789", Decimal("1761550215.123456789")),
        (b"3.14159265358979323846264338327950288", Decimal("3.14159265358979323846264338327950288")),
        (b"1e400", Decimal("1e400")),
        (b"1e-400", Decimal("1e-400")),
        (b"9" * 4400, Decimal("9" * 4400)),
        (b"-" + b"9" * 4400, Decimal("-" + "9" * 4400)),
    ],
)
def test_numbers_are_exact(text: bytes, value: object) -> None:
    """A number is an int, a float that means the same number, or a Decimal; inside a container as well."""
    read = decode(text)
    assert (read, type(read), str(read)) == (value, type(value), str(value))
    assert decode(b'{"a":[%b]}' % text) == {"a": [value]}


@given(_numbers)
def test_no_number_changes(token: str) -> None:
    """Whatever the digits and the exponent, what Python holds means the same number as the text."""
    read = decode(token.encode())
    assert isinstance(read, int | float | Decimal)
    assert Decimal(repr(read) if isinstance(read, float) else read) == Decimal(token)


@given(_numbers)
def test_a_decimal_keeps_every_digit(token: str) -> None:
    """Zeros at the end included, where decimals are asked for."""
    read = decode(token.encode(), exact_decimal)
    assert isinstance(read, int) or str(read) == str(Decimal(token))


@given(_texts)
def test_everything_else_is_what_json_says(text: str) -> None:
    """The values are those of Python's own reader."""
    assert decode(text.encode()) == json.loads(text)


def test_of_two_equal_names_the_last_counts() -> None:
    """As for the engine."""
    assert decode(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


def _levels(value: object) -> int:
    levels = 0
    while isinstance(value, list | dict):
        levels += 1
        value = next(iter(value.values() if isinstance(value, dict) else value), None)
    return levels


@pytest.mark.parametrize("levels", [900, 1000])
@pytest.mark.parametrize(("opening", "bottom", "closing"), [(b"[", b"1.10", b"]"), (b'{"a":', b"9" * 4400, b"}")])
def test_a_thousand_levels_are_read(opening: bytes, bottom: bytes, closing: bytes, levels: int) -> None:
    """Where the quick reader gives up, the careful one does it."""
    assert _levels(decode(opening * levels + bottom + closing * levels)) == levels


@pytest.mark.parametrize("levels", [1001, 1_000_000])
def test_more_levels_are_one_sentence(levels: int) -> None:
    """Also where the program has raised the limit that would stop a recursion in time."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000_000)
    try:
        with pytest.raises(InvalidContextError, match="nested more than 1000 levels deep"):
            decode(b"[" * levels + b"]" * levels)
        with pytest.raises(InvalidContextError, match="nested more than 1000 levels deep"):
            part_at(b"[" * levels + b"]" * levels, "/0")
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "not valid JSON at byte 0"),
        (b'{"a":}', "not valid JSON at byte 5"),
        (b"1 2", "not valid JSON at byte 2"),
        (b"NaN", "not valid JSON at byte 0"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'["\\ud800"]', "half of a surrogate pair"),
        (b"1e99999999999999999999999", "a number whose exponent is too large to be read"),
    ],
)
def test_what_is_no_json_is_one_sentence(text: bytes, sentence: str) -> None:
    """With the byte at fault."""
    with pytest.raises(InvalidContextError, match=sentence):
        decode(text)


DOCUMENT = b'{"a":{"b/c":[10,{"x":1.10}],"m~n":null}, "":[], "a\\u0062":"last", "deep":%b}' % (b"[" * 990 + b"]" * 990)


@pytest.mark.parametrize(
    ("pointer", "part"),
    [
        ("", DOCUMENT),
        ("/a/b~1c/1/x", b"1.10"),
        ("/a/b~1c/0", b"10"),
        ("/a/m~0n", b"null"),
        ("/", b"[]"),
        ("/ab", b'"last"'),
        ("/deep" + "/0" * 90, b"[" * 900 + b"]" * 900),
    ],
)
def test_a_part_is_found_as_it_was_spelled(pointer: str, part: bytes) -> None:
    """Names are compared by what they mean, and a level that is too deep for the quick way is found all the same."""
    assert part_at(DOCUMENT, pointer) == part


@pytest.mark.parametrize("pointer", ["/b", "/a/b~1c/2", "/a/b~1c/01", "/a/b~1c/-", "/a/b~1c/٣", "/ab/0", "/a/b~1c/0/x"])
def test_a_pointer_to_nothing_is_told(pointer: str) -> None:
    """An index past the end, one that is no plain number, a step into a single value."""
    with pytest.raises(NotFoundError, match="leads to nothing"):
        part_at(DOCUMENT, pointer)


def test_what_is_no_pointer_is_told() -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match="begins with '/'"):
        part_at(b"not JSON", "a")


@pytest.mark.parametrize("text", [b'{"a":1', b'{"a":nul}', b'{"a":1}x', b'{"\xff":1}', b'[1,{"a":"\\x"}]', b"\xff"])
def test_a_part_of_what_is_no_json_is_not_given(text: bytes) -> None:
    """What is broken is named, also behind the part that was asked for."""
    with pytest.raises(InvalidContextError, match="not "):
        part_at(text, "/a")


@given(_texts)
def test_the_quick_way_finds_what_the_careful_way_finds(text: str) -> None:
    """For every member of any object, and every direct part of each."""
    document = text.encode()
    for name, part in pointers.children(document):
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        assert part_at(document, pointer) == pointers.resolve(document, pointer) == part
        for step, inner in pointers.children(part):
            deeper = f"{pointer}/" + step.replace("~", "~0").replace("/", "~1")
            assert part_at(document, deeper) == pointers.resolve(document, deeper) == inner


def test_names_with_escapes_lead_to_their_values() -> None:
    """Whatever a name holds."""
    name = '\0"\\/~\u2028\U0001f680'
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    assert part_at(b"{" + encode_string(name) + b":7}", pointer) == b"7"
