"""New locators in the text of a context: nothing else of it changes, however it is spelled."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.json_texts import values as json_values
from zenctx.context.rawjson import encode_string, split_object
from zenctx.context.relocate import names_in_broken, relocate, relocate_broken

FILE = '{"type":"FILE","locator":"old","mediaType":null,"size":1,"checksum":null,"inlineValue":null}'


def test_only_the_locators_of_the_named_keys_change() -> None:
    """Blanks, escapes, the order of properties, and the same words elsewhere stay as they are."""
    text = (
        '{ "a" : {"size": 1.0, "loc\\u0061tor" :\t"old", "x": {"locator": "old"}},\n "\\u0062": '
        f'{FILE}, "c": {FILE}, "locator": "old", "d": [{{"locator": "old"}}]}}'
    )
    changed = relocate(text.encode(), {"a": "né w", "b": 'q"'}).decode()
    assert changed == text.replace('"old", "x"', '"né w", "x"').replace(
        '"\\u0062": {"type":"FILE","locator":"old"', '"\\u0062": {"type":"FILE","locator":"q\\""'
    )


def test_a_locator_may_be_null_or_absent() -> None:
    """Null is replaced; where there is no such property nothing is added."""
    assert relocate(b'{"a":{"locator":null},"b":{},"c":1}', {"a": "x", "b": "y", "c": "z"}) == (
        b'{"a":{"locator":"x"},"b":{},"c":1}'
    )


@given(st.dictionaries(st.text(), json_values, max_size=4), st.text())
def test_a_context_without_such_keys_stays_as_it_is(values: dict[str, str], locator: str) -> None:
    """Whatever else is in it; and a key that has a locator gets the new one, and nothing else."""
    members = b",".join(encode_string(key) + b":" + value.encode() for key, value in values.items() if key != "a")
    text = b"{" + members + b"}"
    assert relocate(text, {"none of them": "x"} if "none of them" not in values else {}) == text
    with_file = b'{"a":' + FILE.encode() + (b"," if members else b"") + members + b"}"
    changed = split_object(relocate(with_file, {"a": locator}))
    assert json.loads(changed[0].value)["locator"] == locator
    assert changed[1:] == split_object(with_file)[1:]


@pytest.mark.parametrize("text", [b'{"a":"x/1","a":"x/2"', b'\xff"x/1"x/2', b'["x/1","x/2"]'])
def test_strings_of_a_text_that_is_no_context_are_exchanged_all_at_once(text: bytes) -> None:
    """One new locator is never taken for an old one; what stands within a longer string stays."""
    assert names_in_broken(b'"x/1"', "x/1")
    assert not names_in_broken(b'"x/12"', "x/1")
    changed = relocate_broken(text, {"x/1": "x/2", "x/2": "x/1"})
    assert relocate_broken(changed, {"x/1": "x/2", "x/2": "x/1"}) == text
    assert changed.replace(b'"x/2"', b'"?"') == text.replace(b'"x/1"', b'"?"').replace(b'"x/2"', b'"x/1"')
    assert relocate_broken(text, {}) == text
