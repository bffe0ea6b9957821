"""JSON Pointers: the part that is pointed at, as it was spelled; the standard's own examples; and what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from tests.context import texts
from zenctx.context.pointer import children, parse, resolve
from zenctx.errors import NotFoundError, UsageError

EXAMPLE = b'{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}'


def pointers(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every pointer into a parsed value, with the part that it leads to."""
    yield path, value
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in named:
        step = str(name).replace("~", "~0").replace("/", "~1")
        yield from pointers(part, f"{path}/{step}")


@given(texts.documents)
def test_every_part_is_found_where_it_is(text: bytes) -> None:
    """Each pointer into what the standard parser reads leads to the text of the same value."""
    for path, part in pointers(json.loads(text, parse_int=str, parse_float=str)):
        assert json.loads(resolve(text, path), parse_int=str, parse_float=str) == part


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        ("", EXAMPLE),
        ("/foo", b'["bar","baz"]'),
        ("/foo/0", b'"bar"'),
        ("/", b"0"),
        ("/a~1b", b"1"),
        ("/c%d", b"2"),
        ("/i\\j", b"5"),
        ('/k"l', b"6"),
        ("/ ", b"7"),
        ("/m~0n", b"8"),
    ],
)
def test_the_examples_of_the_standard(pointer: str, text: bytes) -> None:
    """RFC 6901, section 5."""
    assert resolve(EXAMPLE, pointer) == text


def test_the_part_is_verbatim() -> None:
    """Digits, blanks inside and escapes are as they were stored; blanks around are not part of it."""
    text = rb' { "a" : [ 1.10 , { "b":"\u00e9" } ] } '
    assert resolve(text, "/a") == rb'[ 1.10 , { "b":"\u00e9" } ]'
    assert resolve(text, "/a/0") == b"1.10"
    assert resolve(text, "/a/1/b") == rb'"\u00e9"'
    assert resolve(b" [1, 2]", "/1") == b"2"


def test_of_equal_names_the_last_counts() -> None:
    """As it does for the engine."""
    assert resolve(b'{"a":1,"\\u0061":2}', "/a") == b"2"


@pytest.mark.parametrize(
    "pointer",
    ["/b", "/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/-1", "/foo/+0", "/foo/", "/foo/0/0", "//x", "/FOO"],
)
def test_what_is_not_there_is_not_found(pointer: str) -> None:
    """The message names the step that leads to nothing."""
    with pytest.raises(NotFoundError, match="leads to nothing: there is no"):
        resolve(EXAMPLE, pointer)


@pytest.mark.parametrize("pointer", ["foo", " /foo", "#/foo", "/a~b", "/a~2", "/~"])
def test_what_is_no_pointer_is_a_usage_error(pointer: str) -> None:
    """It never silently means something else."""
    with pytest.raises(UsageError):
        parse(pointer)


def test_steps_are_unescaped_in_the_right_order() -> None:
    """`~01` is `~1`, not a slash."""
    assert parse("/~01/~1~0") == ["~1", "/~"]


def test_children_of_each_kind_of_value() -> None:
    """Members by name, items by number, nothing in a scalar."""
    assert list(children(b'{"a":1,"b":[]}')) == [("a", b"1"), ("b", b"[]")]
    assert list(children(b"[5,6]")) == [("0", b"5"), ("1", b"6")]
    assert list(children(b'"text"')) == []
