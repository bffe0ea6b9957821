"""Long strings are handed over where they stand: what becomes of the row is what the careful way makes of it."""

from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.context import texts
from tests.context.storage import ALL_RULES, Files, anywhere
from zenctx.context import long_rows
from zenctx.context.convert import Wrapped, wrap
from zenctx.context.forms import Form, detect
from zenctx.context.long_rows import MIN_STRING_BYTES, wrap_in_place
from zenctx.context.rules import StorageRules
from zenctx.errors import DataError

LONG = "x" * 20
DEFAULT = StorageRules()


def wrap_carefully(text: bytes, rules: StorageRules) -> Wrapped | None:
    """Convert a row as it is done without the short way; None for what is not legacy, or has no place."""
    found = detect(text, anywhere)
    try:
        return wrap(found.members, rules) if found.form is Form.LEGACY else None
    except DataError:
        return None


def outcome(wrapped: Wrapped | None) -> tuple[bytes, list[tuple[int, str, bytes]]] | None:
    """Give the new text of a row and what goes to files."""
    if wrapped is None:
        return None
    large = [(value.position, value.key, bytes(value.content)) for value in wrapped.large]
    files = Files()
    return wrapped.text(files.put(content) for _, _, content in large), large


@settings(max_examples=300)
@given(texts.contexts | texts.mangled_contexts | texts.trees.map(texts.Tree.like_jsonb), st.sampled_from(ALL_RULES))
@example(f'{{"a":"{LONG}","a":"{LONG}"}}'.encode(), ALL_RULES[1])
@example(f'{{"a": "{LONG}", "b": 1, "c": "{LONG}"}}'.encode(), ALL_RULES[1])
@example(f'{{"a": "{LONG}","b":{{"type":"MEMORY","inlineValue":1}}}}'.encode(), ALL_RULES[1])
@example(f'{{"a": "{LONG}\xff"}}'.encode("latin-1"), ALL_RULES[1])
@example(f'{{"a": "{LONG}\\ud800"}}'.encode(), ALL_RULES[1])
@example(f'{{"a": "{LONG}\x01"}}'.encode(), ALL_RULES[1])
@example(f'{{"\\u0061": "{LONG}"}}'.encode(), ALL_RULES[1])
@example(f'{{"\\u001F": "{LONG}"}}'.encode(), ALL_RULES[1])
@example('{"a": "\U0001f680\U0001f680\U0001f680\\n\\u00e9"}'.encode(), ALL_RULES[1])
def test_what_is_done_in_place_is_what_is_done_carefully(text: bytes, rules: StorageRules) -> None:
    """Whatever is handed over in place is legacy without doubt, with the same files and the very same text."""
    with patch.object(long_rows, "MIN_STRING_BYTES", 1):
        in_place = outcome(wrap_in_place(text, rules))
    assert in_place is None or in_place == outcome(wrap_carefully(text, rules))


@pytest.mark.parametrize("separator", [":", ": "])
@pytest.mark.parametrize(
    "content", ["x" * 600_000, "\u00e9\\n\\\\\U0001f680" * 200_000, "[INFO] nothing to tell {}\\n" * 60_000]
)
def test_a_long_string_is_a_view_of_its_row(separator: str, content: str) -> None:
    """It is not copied, whatever is in it; what is beside it is converted."""
    rules = StorageRules(inline_file_threshold=0)
    text = f'{{"n"{separator}1,"s"{separator}"{content}"}}'.replace(",", ", " if " " in separator else ",").encode()
    wrapped = wrap_in_place(text, rules)
    assert outcome(wrapped) == outcome(wrap_carefully(text, rules))
    assert wrapped is not None
    (value,) = wrapped.large
    assert isinstance(value.content, memoryview)
    assert value.content.nbytes == len(f'"{content}"'.encode())


@pytest.mark.parametrize(
    "value",
    [
        '"' + "x" * (MIN_STRING_BYTES - 3) + '"',
        "[" + "1," * MIN_STRING_BYTES + "1]",
        '"' + "x" * 300_000 + '"',
        f'"{"x" * 2_000_000}","b":{"[" * 1001 + "]" * 1001}',
        f'"{"x" * 1_500_000}","b":[{"""{"a":"b"},""" * 9_000}1]',
    ],
    ids=["short", "array", "fits the row", "deep", "dense"],
)
def test_what_has_no_long_string_is_left_to_others(value: str) -> None:
    """Values that are short, that are no strings, or that stay in the row."""
    assert wrap_in_place(f'{{"a":{value}}}'.encode(), DEFAULT) is None
