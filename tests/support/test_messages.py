"""The collection of messages: what it makes of the ways in which a message may be written."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.messages import Message, _calls, _of_call
from tests.support.texts_of_code import _read, modules

IMPORTS = "from zenctx.errors import RefusedError, StoreError\n"
CASES = {
    "a text": ('raise StoreError("no room here", hint="make room")', {("no room here", 12, "make room")}),
    "a name in it": ('raise RefusedError(f"the file {path} is odd")', {("the file … is odd", 5, "")}),
    "a choice": (
        'raise StoreError("no room " + ("here" if a else "there"))',
        {("no room here", 12, ""), ("no room there", 12, "")},
    ),
    "a constant": ('WHAT = "is too large"\nraise StoreError(f"{x} {WHAT}")', {("… is too large", 12, "")}),
    "the last one of several": (
        (
            'def f(a):\n    what = "first of all"\n    if a:\n        what = "in between"\n    raise StoreError(what)\n'
            '    what = "never said"'
        ),
        {("first of all", 12, ""), ("in between", 12, "")},
    ),
    "one that was replaced": (
        'def f(a):\n    what = "first of all"\n    what = "in its place"\n    raise StoreError(what)',
        {("in its place", 12, "")},
    ),
    "rows of a table": (
        (
            'T = {1: ("one thing", "do this"), 2: ("two things", None)}\n'
            "def f(n):\n    what, todo = T[n]\n    raise StoreError(what, hint=todo)"
        ),
        {("one thing", 12, "do this"), ("two things", 12, "")},
    ),
    "what a function gives": (
        'def g(a):\n    return "one thing" if a else "another thing"\ndef f(a):\n    raise StoreError(g(a))',
        {("one thing", 12, ""), ("another thing", 12, "")},
    ),
    "a class that is chosen": (
        'K = {1: StoreError, 2: RefusedError}\ndef f(n):\n    kind = K[n]\n    raise kind("as it stands")',
        {("as it stands", 12, ""), ("as it stands", 5, "")},
    ),
    "one that is passed on": ("raise StoreError(error.message)", set()),
}


def _collected(source: str) -> Iterator[Message]:
    name = "zenctx.errors"  # where the names of errors are looked up
    tree = ast.parse(IMPORTS + source)
    for place, call in _calls(_read(name, tree), tree, None):
        yield from _of_call(place, call)


@pytest.mark.parametrize("case", CASES)
def test_what_may_be_said_is_told(case: str) -> None:
    """Each text that an expression may come down to, with the code of its class and the hint beside it."""
    source, expected = CASES[case]
    assert {(each.text, each.exit_code, each.hint) for each in _collected(source)} == expected


def test_all_modules_are_read() -> None:
    """Those of every layer."""
    assert {"zenctx.errors", "zenctx.cli.app", "zenctx.store.faults"} <= set(modules())
