"""Canonical form: equal exactly where an independent reading says so, however values are spelled."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.context import texts
from zenctx.context.canonical import canonical, canonical_number
from zenctx.errors import InvalidContextError

LEGACY = Path(__file__).parents[1] / "vectors" / "legacy"


def model(text: bytes) -> Any:
    """Read a text with exact numbers, kept apart from everything else; of equal names the last counts."""
    return json.loads(text, parse_int=exact, parse_float=exact)


def exact(text: str) -> tuple[str, Decimal]:
    """Give a number that equals another one exactly where the values are equal."""
    return "number", Decimal(text)


def respelled(tree: texts.Tree, ways: list[int]) -> texts.Tree:
    """Give an equal tree: members the other way round, strings in other spellings, numbers with other digits."""
    if tree.brackets:
        parts = tuple((renamed(name, ways), respelled(part, ways)) for name, part in tree.parts)
        return texts.Tree(brackets=tree.brackets, parts=parts[::-1] if tree.brackets == b"{}" else parts)
    if tree.token[:1] in b"-0123456789":
        return texts.Tree(renumbered(tree.token.decode(), ways[0]).encode())
    return texts.Tree(renamed(tree.token, ways))


def renamed(token: bytes, ways: list[int]) -> bytes:
    """Spell a string in another way."""
    return texts.spelled(json.loads(token), ways) if token.startswith(b'"') else token


def renumbered(number: str, zeros: int) -> str:
    """Append zeros, and shift the exponent by the same power of ten."""
    mantissa, _, exponent = number.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole.lstrip("-") + fraction).lstrip("0") + "0" * zeros
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{digits}.0e{int(exponent or 0) - len(fraction) - zeros}" if digits.strip("0") else f"-0.{digits}0E1"


@given(texts.values, st.lists(st.integers(0, 3), min_size=1, max_size=3), texts.blanks)
def test_another_spelling_is_the_same(tree: texts.Tree, ways: list[int], blanks: list[bytes]) -> None:
    """Order of members, escapes, blanks, digits and exponents do not count."""
    assert canonical(respelled(tree, ways).render(blanks)) == canonical(tree.render())


small = st.sampled_from(
    [
        *(b"1 1.0 10e-1 0 -0 0.00 0e99 -0.0E-5 true false null [] {} [[]] [1] [1,2] [2,1]".split()),
        *(b'"1" "" "a" "\\u0061" "A" "\xc3\xa9" "e\xcc\x81" "\\u00e9" {"a":1} {"a":1.0} {"a":[1]} {"b":1}'.split()),
        *(b'{"a":1,"b":2} {"b":2,"a":1} {"a":0,"a":1} {"a":1,"a":0}'.split()),
        *(b"18446744073709551616 1.8446744073709551616e19 1.8446744073709552e19".split()),
        *(b"1e400 10e399 1e-400 1.10 1.1 1.1000000000000000888 [null] [[],{}] [{},[]]".split()),
    ]
)


@settings(max_examples=300)
@given(small | texts.documents, small | texts.documents)
def test_equal_means_equal_values(one: bytes, other: bytes) -> None:
    """Two texts have the same canonical form exactly where an independent reading finds them equal."""
    assert (canonical(one) == canonical(other)) == (model(one) == model(other))


@given(texts.documents)
def test_the_form_is_json_and_its_own_form(text: bytes) -> None:
    """It can be read, means the same, and does not change any more."""
    form = canonical(text)
    assert model(form) == model(text)
    assert canonical(form) == form


@pytest.mark.parametrize(
    ("number", "form"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00e-99", "0"),
        ("0e99999999999999999999", "0"),
        ("1.0E7", "1e7"),
        ("10000000", "1e7"),
        ("1.10", "11e-1"),
        ("100", "1e2"),
        ("-12.3400", "-1234e-2"),
        ("1E+00005", "1e5"),
        ("123", "123"),
        ("1e400000", "1e400000"),
        ("0.000010", "1e-5"),
        ("1" + "0" * 5000, "1e5000"),
        ("1e1" + "0" * 5000, "1e1" + "0" * 5000),
        ("10e" + "9" * 5000, "1e1" + "0" * 5000),
        ("0.1e-" + "9" * 5000, "1e-1" + "0" * 5000),
        ("1e" + "0" * 5000 + "7", "1e7"),
    ],
)
def test_numbers_have_one_form(number: str, form: str) -> None:
    """Exact, never expanded, whatever the length of the exponent."""
    assert canonical_number(number.encode()) == form.encode()


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 30))
@example(Decimal("1E+400"), 0)
def test_numbers_are_equal_where_decimals_are(number: Decimal, zeros: int) -> None:
    """Zeros at the end change nothing."""
    text = str(number)
    assert Decimal(canonical_number(text.encode()).decode()) == number
    assert canonical_number(renumbered(text, zeros).encode()) == canonical_number(text.encode())


def test_what_is_no_number_is_refused() -> None:
    """A caller's mistake, said at once."""
    with pytest.raises(ValueError, match="x"):
        canonical_number(b"x")


@pytest.mark.parametrize("text", [b"", b"[1", b"1 2", rb'"\ud800"', b'"\xff"'])
def test_a_broken_text_has_no_form(text: bytes) -> None:
    """Nothing broken is ever equal to anything."""
    with pytest.raises(InvalidContextError):
        canonical(text)


def test_a_thousand_levels_have_a_form() -> None:
    """Without recursion."""
    text = texts.nested(1000, b"1.0")
    assert canonical(text) == text.replace(b"1.0", b"1")


@pytest.mark.parametrize("path", sorted(LEGACY.glob("*.json")), ids=lambda path: path.stem)
def test_vectors_keep_their_digits(path: Path) -> None:
    """No number of the vectors equals what a float would make of it, unless the float is exact."""
    text = path.read_bytes()
    assert model(canonical(text)) == model(text)
