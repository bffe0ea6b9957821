"""SQLite's values go to text and come back as what they were, class of storage included."""

import math
import sqlite3
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zenctx.database.stored_values import BLOB, INTEGER, REAL, TEXT, parameter, read_text, spell

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8")),
    st.binary(),
    st.binary().map(read_text),
)


def stored(connection: sqlite3.Connection, column: str = "value") -> tuple[object, str]:
    """Give what a column holds, and its class."""
    value, kind = connection.execute(f"select {column}, typeof({column}) from things").fetchone()
    return value, kind


@given(VALUES)
@example(-0.0)
@example(math.inf)
@example("with a \0 in it")
@example(b"\xff")
@example(read_text(b"\xed\xa0\x80"))
def test_every_value_comes_back(value: object) -> None:
    """With its class, in a column that converts nothing; also after a second time."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = read_text
        connection.execute("create table things (value blob, other)")
        before = parameter(*spell(value))
        connection.execute(f"insert into things (value) values ({before[0]})", before[1:])
        found, kind = stored(connection)
        after = parameter(*spell(found))
        connection.execute(f"update things set other = {after[0]}", after[1:])
        assert (found, kind) == stored(connection, "other")
        assert (repr(found), type(found)) == (repr(value), type(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (None, None)),
        ("", ("", None)),
        (5, ("5", INTEGER)),
        (0.1, ("0.1", REAL)),
        (b"\x00\xff", ("\\x00ff", BLOB)),
        (read_text(b"\xff"), ("\\xff", TEXT)),
        (read_text(b"5"), ("5", None)),
    ],
)
def test_texts_are_as_documented(value: object, expected: tuple[str | None, str | None]) -> None:
    """Each class has its spelling; only usual texts and NULL go without the name of a class."""
    assert spell(value) == expected


@pytest.mark.parametrize(("text", "storage"), [("x", BLOB), ("x", TEXT), ("1", "decimal"), ("x", INTEGER)])
def test_what_no_value_is_spelled_like_is_refused(text: str, storage: str) -> None:
    """A text that was altered is an error, not another value."""
    with pytest.raises(ValueError, match=r"stored as|invalid literal"):
        parameter(text, storage)


def test_what_no_driver_gives_is_a_mistake() -> None:
    """Nothing is made up for it."""
    with pytest.raises(TypeError, match="list"):
        spell([])
