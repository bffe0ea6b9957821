"""Detection of forms: each rule with an example, and never a guess."""

import json
from typing import Any

import pytest
from hypothesis import given

from tests.context import texts
from tests.context.storage import anywhere
from zenctx.context.forms import Fit, Form, classify, detect
from zenctx.context.rawjson import Member

FULL = {"type": "MEMORY", "locator": None, "mediaType": None, "size": 8, "checksum": None, "inlineValue": 42}
DOCUMENT = {**FULL, "type": "JSON", "size": 7, "inlineValue": "eyJhIjoxfQ=="}
IN_FILE = {**FULL, "type": "FILE", "locator": "inside", "inlineValue": None}
OUTSIDE = {**IN_FILE, "locator": "/etc/passwd"}
LOADABLE = {"type": "MEMORY", "inlineValue": 42}
LOADABLE_OUTSIDE = {"type": "FILE", "locator": "/etc/passwd"}


def inside(locator: str) -> bool:
    """Take one locator only for one inside the directories."""
    return locator == "inside"


@pytest.mark.parametrize(
    ("context", "form", "reason"),
    [
        ({}, Form.EMPTY, None),
        ({"a": 1}, Form.LEGACY, None),
        ({"a": None}, Form.LEGACY, None),
        ({"a": {"type": "JSON", "size": 3}}, Form.LEGACY, None),
        ({"a": {"type": "OTHER", **{k: v for k, v in FULL.items() if k != "type"}}}, Form.LEGACY, None),
        ({"a": {**FULL, "extra": 1}}, Form.LEGACY, None),
        ({"a": json.dumps(FULL)}, Form.LEGACY, None),
        ({"a": [FULL]}, Form.LEGACY, None),
        ({"a": "test", "b": "12345678"}, Form.LEGACY, None),
        ({"a": LOADABLE, "b": 5}, Form.LEGACY, None),
        ({"a": LOADABLE_OUTSIDE, "b": 5}, Form.LEGACY, None),
        ({"type": "MEMORY", "locator": None, "size": 8, "inlineValue": 42}, Form.LEGACY, None),
        ({"a": FULL}, Form.DESCRIPTORS, None),
        ({"a": {**FULL, "inlineValue": None, "size": 0}}, Form.DESCRIPTORS, None),
        ({"a": {**FULL, "size": "8"}}, Form.DESCRIPTORS, None),
        ({"a": FULL, "b": None, "c": LOADABLE}, Form.DESCRIPTORS, None),
        ({"a": DOCUMENT, "b": IN_FILE}, Form.DESCRIPTORS, None),
        ({"a": FULL, "b": 5}, Form.MIXED, "the entry 'a' is a descriptor, the entry 'b' is a plain value"),
        ({"b": 5, "c": OUTSIDE, "a": FULL}, Form.MIXED, "the entry 'a' is a descriptor, the entry 'b' is a plain"),
        ({"a": LOADABLE}, Form.AMBIGUOUS, "the entry 'a' can be read as a descriptor, but lacks properties"),
        ({"a": LOADABLE, "b": None}, Form.AMBIGUOUS, "the entry 'a' can be read as a descriptor, but lacks"),
        ({"a": OUTSIDE}, Form.AMBIGUOUS, "the entry 'a' is shaped like a descriptor, but the locator leaves"),
        ({"a": FULL, "b": LOADABLE_OUTSIDE}, Form.AMBIGUOUS, "the entry 'b' is shaped like a descriptor, but the loc"),
        ({"a": OUTSIDE, "b": 5}, Form.AMBIGUOUS, "the entry 'a' is shaped like a descriptor, but the locator leaves"),
        ({"a": {**DOCUMENT, "size": 6}}, Form.AMBIGUOUS, "but the size is 6, the inline value has 7 bytes"),
        ({"a": {**DOCUMENT, "inlineValue": "x"}}, Form.AMBIGUOUS, "but the inline value is not base64 text"),
        ({"a": {**DOCUMENT, "inlineValue": None}}, Form.AMBIGUOUS, "neither a locator nor an inline value"),
        ({"a": {**DOCUMENT, "checksum": "0" * 64}}, Form.AMBIGUOUS, "but the inline value does not have the checksum"),
        ({"a": {**FULL, "size": "many"}}, Form.AMBIGUOUS, "but its size is not a number"),
        ({"a": FULL, "b": {**FULL, "locator": "x"}}, Form.AMBIGUOUS, "the entry 'b' is shaped like a descriptor, but"),
        ([], Form.INVALID, "the context is a JSON array, not an object"),
        ("text", Form.INVALID, "the context is a JSON string, not an object"),
        (7, Form.INVALID, "the context is a JSON number, not an object"),
        (None, Form.INVALID, "the context is JSON null, not an object"),
    ],
    ids=repr,
)
def test_forms_and_their_reasons(context: Any, form: Form, reason: str | None) -> None:
    """Each rule of detection, in both usual spellings."""
    for separators in ((",", ":"), (", ", ": ")):
        found = detect(json.dumps(context, separators=separators).encode(), inside)
        assert found.form is form
        assert (found.reason is None) == (reason is None)
        assert (reason or "") in (found.reason or "")


def test_no_context_is_null() -> None:
    """SQL NULL is not the JSON null."""
    assert detect(None, inside).form is Form.NULL


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"{", b'{"a":1}x', b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":1,"a":1}', rb'{"a":["\udc00"]}', b"\x00"],
)
def test_what_cannot_be_read_is_invalid_with_a_reason(text: bytes) -> None:
    """It has no entries, and nothing is raised."""
    found = detect(text, inside)
    assert (found.form, found.entries) == (Form.INVALID, ())
    assert found.reason


@pytest.mark.parametrize(
    ("value", "fit"),
    [
        (b"null", Fit.NULL),
        (b"5", Fit.PLAIN),
        (json.dumps(FULL).encode(), Fit.EXACT),
        (json.dumps(LOADABLE).encode(), Fit.LOADABLE),
        (json.dumps(OUTSIDE).encode(), Fit.CONTRADICTORY),
        (json.dumps(LOADABLE_OUTSIDE).encode(), Fit.LOADABLE),
        (rb'{"\u0074ype":"MEMORY","\u0069nlineValue":1}', Fit.LOADABLE),
        (b'{"type":"MEMORY","inlineValue":1,"inlineValue":2}', Fit.LOADABLE),
    ],
)
def test_fits_of_single_entries(value: bytes, fit: Fit) -> None:
    """A value is judged by itself first."""
    assert classify(Member("a", b'"a"', value), inside).fit is fit


def test_in_a_legacy_context_a_value_stands_for_itself() -> None:
    """What could be read as a descriptor has none beside plain values: nobody is to open its file, or unwrap it."""
    found = detect(json.dumps({"a": LOADABLE_OUTSIDE, "b": LOADABLE, "c": 5}).encode(), inside)
    assert found.form is Form.LEGACY
    assert [(entry.fit, entry.descriptor, entry.reason) for entry in found.entries] == [
        (Fit.LOADABLE, None, None),
        (Fit.LOADABLE, None, None),
        (Fit.PLAIN, None, None),
    ]


def test_reasons_are_short_and_harmless() -> None:
    """A key of any length and content does not reach a terminal as it is."""
    found = detect(json.dumps({"\x1b[2J" + "x" * 10_000: FULL, "b": 5}).encode(), inside)
    assert found.reason is not None
    assert len(found.reason) < 250
    assert "\x1b" not in found.reason


@given(texts.contexts)
def test_detection_keeps_every_member(text: bytes) -> None:
    """Whatever the form, the members are those of the text, in order."""
    found = detect(text, anywhere)
    assert found.form is not Form.INVALID
    pairs = json.loads(text, object_pairs_hook=list) or []
    assert [member.name for member in found.members] == [name for name, _ in pairs]
    assert (found.form is Form.EMPTY) == (not pairs)


@given(texts.suspicious_trees)
def test_the_spelling_of_a_context_does_not_decide_its_form(tree: texts.Tree) -> None:
    """Compact, as `jsonb` spells it, or with odd blanks: the same form, for the same reason."""
    compact = detect(tree.render(), inside)
    for text in (tree.like_jsonb(), tree.render([b" ", b"\n"])):
        found = detect(text, inside)
        assert (found.form, found.reason) == (compact.form, compact.reason)
        assert [entry.fit for entry in found.entries] == [entry.fit for entry in compact.entries]


@given(texts.suspicious_trees | texts.trees)
def test_forms_follow_from_the_fits(tree: texts.Tree) -> None:
    """Legacy means no exact entry; descriptors means nothing plain and nothing contradictory."""
    found = detect(tree.render(), inside)
    fits = {entry.fit for entry in found.entries}
    if found.form is Form.LEGACY:
        assert Fit.EXACT not in fits
        assert fits & {Fit.PLAIN, Fit.NULL}
    if found.form is Form.DESCRIPTORS:
        assert Fit.EXACT in fits
        assert not fits & {Fit.PLAIN, Fit.CONTRADICTORY}
        assert all(entry.reason is None for entry in found.entries)
