"""What differs between two documents: nothing exactly where their values are equal, and each difference exactly."""

import copy
import json
from decimal import Decimal
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import json_texts
from zenctx.context import diff as module
from zenctx.context.canonical import canonical
from zenctx.context.diff import Change, differences, equal, pointer
from zenctx.context.patch import operations, patch_text
from zenctx.context.pointer import parse, resolve
from zenctx.errors import InvalidContextError

Shown = tuple[str, str | None, str | None, bytes | None, bytes | None]


def shown(a: bytes | str, b: bytes | str) -> list[Shown]:
    """Give the differences as plain tuples."""
    changes = differences(*(text.encode() if isinstance(text, str) else text for text in (a, b)))
    return [(change.kind.value, change.before, change.after, change.old, change.new) for change in changes]


def loaded(text: bytes) -> Any:
    """Read a text with exact numbers, kept apart from everything else."""
    return json.loads(text, parse_int=exact, parse_float=exact)


def exact(text: str) -> tuple[str, Decimal]:
    """Give a number that equals another one exactly where the values are equal."""
    return "number", Decimal(text)


def assert_leads_from_to(a: bytes, b: bytes) -> list[Change]:
    """Make sure that the patch turns the one document into the other, by the word of the jsonpatch library."""
    found = list(differences(a, b))
    patch = jsonpatch.JsonPatch(loaded(patch_text(operations(found))))
    assert patch.apply(copy.deepcopy(loaded(a))) == loaded(b)
    return found


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("1", "2", [("changed", "", "", b"1", b"2")]),
        ("{}", "[]", [("changed", "", "", b"{}", b"[]")]),
        ('{"a":1}', '{"b":1}', [("removed", "/a", None, b"1", None), ("added", None, "/b", None, b"1")]),
        ('{"a":{"b":[1,{"c":2}]}}', '{"a":{"b":[1,{"c":3}]}}', [("changed", "/a/b/1/c", "/a/b/1/c", b"2", b"3")]),
        ('{"a":null}', "{}", [("removed", "/a", None, b"null", None)]),
        ('{"a/b~c":1,"":2}', '{"a/b~c":2,"":3}',
         [("changed", "/a~1b~0c", "/a~1b~0c", b"1", b"2"), ("changed", "/", "/", b"2", b"3")]),
        ("[1,2,3,4]", "[0,1,2,3,4]", [("added", None, "/0", None, b"0")]),
        ("[1,2,3,4]", "[1,3,4]", [("removed", "/1", None, b"2", None)]),
        ("[1,2,3]", "[]", [("removed", f"/{at}", None, str(at + 1).encode(), None) for at in range(3)]),
        ('[{"a":1},5]', '[7,{"a":1},6]', [("added", None, "/0", None, b"7"), ("changed", "/1", "/2", b"5", b"6")]),
        ("[true]", "[1]", [("changed", "/0", "/0", b"true", b"1")]),
        ("[null]", "[0]", [("changed", "/0", "/0", b"null", b"0")]),
        ("[]", "{}", [("changed", "", "", b"[]", b"{}")]),
        ('"1"', "1", [("changed", "", "", b'"1"', b"1")]),
        ("[[1,[2,3]],9]", "[[1,[2,4]],9]", [("changed", "/0/1/1", "/0/1/1", b"3", b"4")]),
    ],
)  # fmt: skip
def test_each_difference_is_told_with_its_pointers_and_texts(a: str, b: str, expected: list[Shown]) -> None:
    """Once, at the deepest place that holds all of it."""
    assert shown(a, b) == expected
    assert_leads_from_to(a.encode(), b.encode())


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1.10", "1.1"),
        ("1.0E7", "10000000"),
        ("0", "-0.0e99"),
        ("1e400", "10E+399"),
        ("123456789012345678901234567890.0", "123456789012345678901234567890"),
        ('"\\u0041\\/"', '"A/"'),
        ('{"a":1,"b":[2,3]}', '{ "b" : [ 2.0, 3 ], "\\u0061" : 1 }'),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('[{"b":1,"a":2},{"b":2,"a":3}]', '[{"a":2,"b":1.0},{"a":3,"b":2}]'),
        ("[1,1.0,1]", "[1.0,1,1e0]"),
    ],
)
def test_other_spellings_of_the_same_value_are_no_difference(a: str, b: str) -> None:
    """Digits, exponents, escapes, blanks, the order of members; of equal names the last counts."""
    assert shown(a, b) == []
    assert equal(a.encode(), b.encode())


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("18446744073709551616", "18446744073709551617"),
        ("0.1", "0.1000000000000000055511151231257827021181583404541015625"),
        ("1e400", "1e401"),
        ("1e-400", "0"),
        ('"é"', '"e\u0301"'),
        ('"a"', '"a "'),
        ("9" * 5000, "9" * 4999 + "8"),
    ],
)
def test_every_digit_and_character_counts(a: str, b: str) -> None:
    """What a float, a double or a normalisation of Unicode would take for the same is not the same."""
    assert shown(a, b) == [("changed", "", "", a.encode(), b.encode())]


@given(json_texts.values, json_texts.values)
def test_there_is_a_difference_exactly_where_values_differ(a: str, b: str) -> None:
    """As the canonical form says; and the patch leads from the one to the other."""
    found = assert_leads_from_to(a.encode(), b.encode())
    assert (found == []) == (canonical(a.encode()) == canonical(b.encode()))


arrays = st.lists(
    st.sampled_from(["1", "1.0", "10e-1", "2", "[1]", "[1.0]", '{"a":[1,2]}', '{"a":[2]}', '"x"', "true"])
)


@settings(max_examples=300)
@given(arrays, arrays, st.integers(0, 70))
def test_arrays_are_lined_up_rightly(a: list[str], b: list[str], levels: int) -> None:
    """Whatever repeats, moves or is spelled in another way, on the usual way and on the one for deep documents."""
    left, right = (("[" * levels + ",".join(each) + "]" * levels or "0").encode() for each in (a, b))
    if levels == 0:
        left, right = b"[" + left + b"]", b"[" + right + b"]"
        left, right = left.replace(b"[0]", b"[]"), right.replace(b"[0]", b"[]")
    found = assert_leads_from_to(left, right)
    assert (found == []) == (canonical(left) == canonical(right))


@given(json_texts.values, json_texts.values, st.integers(60, 400))
def test_deep_documents_are_compared_as_shallow_ones(a: str, b: str, levels: int) -> None:
    """The way without recursion finds the same as the quick one, further down."""
    above = '{"a":[' * levels
    below = "]}" * levels
    steps = pointer(["a", 0] * levels)
    inner = [(kind, before, after) for kind, before, after, _, _ in shown(a, b)]
    outer = [(kind, before, after) for kind, before, after, _, _ in shown(above + a + below, above + b + below)]
    assert outer == [(kind, _under(steps, before), _under(steps, after)) for kind, before, after in inner]


def _under(steps: str, below: str | None) -> str | None:
    return None if below is None else steps + below


def test_a_thousand_levels_are_compared() -> None:
    """Without recursion; one more is what the engine cannot read either."""
    above, below = '[{"x":' * 499 + "[", "]" + "}]" * 499
    (change,) = shown(above + "1" + below, above + "2" + below)
    assert change[3:] == (b"1", b"2")
    assert len(parse(change[1] or "")) == 999
    assert shown("[" * 1000 + "]" * 1000, "[" * 1000 + " " + "]" * 1000) == []
    with pytest.raises(InvalidContextError):
        shown("[" * 1001 + "]" * 1001, "[]")


@pytest.mark.parametrize("text", [b"", b"{", b"nul", b"\xff", b'"\\ud800"', b"[1,]", b"1 2", b'{"a":1,}'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    """With what is wrong, on either side."""
    for pair in ((text, b"{}"), (b"{}", text)):
        with pytest.raises(InvalidContextError):
            list(differences(*pair))


@given(json_texts.values, json_texts.values)
def test_pointers_lead_to_what_is_told(a: str, b: str) -> None:
    """The one into A to the old text, the one into B to the new one (arrays and objects in any spelling)."""
    for change in differences(a.encode(), b.encode()):
        if change.before is not None:
            assert canonical(resolve(a.encode(), change.before)) == canonical(change.old or b"")
        if change.after is not None:
            assert canonical(resolve(b.encode(), change.after)) == canonical(change.new or b"")


def test_numbers_in_the_patch_are_spelled_as_they_were() -> None:
    """Neither rounded nor expanded."""
    patch = patch_text(
        operations(differences(b'{"a":1,"c":[1]}', b'{"a":1.10,"b":1E400,"c":[1,18446744073709551617]}'))
    )
    assert json.loads(patch, parse_float=str, parse_int=str) == [
        {"op": "replace", "path": "/a", "value": "1.10"},
        {"op": "add", "path": "/c/1", "value": "18446744073709551617"},
        {"op": "add", "path": "/b", "value": "1E400"},
    ]


def test_nothing_is_an_empty_patch() -> None:
    """Which is a patch, too."""
    assert patch_text(operations(differences(b"1", b"1.0"))) == b"[]"


def test_an_item_that_moved_is_taken_out_and_put_in() -> None:
    """The others stay where they are."""
    items = [json.dumps({"id": number, "name": f"n{number}"}) for number in range(1000)]
    moved = [*items[:10], *items[11:700], items[10], *items[700:]]
    found = assert_leads_from_to(f"[{','.join(items)}]".encode(), f"[{','.join(moved)}]".encode())
    assert [(change.kind, change.before, change.after) for change in found] == [
        ("removed", "/10", None),
        ("added", None, "/699"),
    ]


def test_long_arrays_without_anything_unique_are_compared_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost stays bounded; the result is right all the same."""
    monkeypatch.setattr(module, "MAX_FINGERPRINTED", 100)
    a = ("[" + ",".join("0110"[at % 4] for at in range(3000)) + "]").encode()
    b = ("[" + ",".join("1001"[at % 4] for at in range(2500)) + "]").encode()
    assert_leads_from_to(a, b)
    assert_leads_from_to(b, a)
