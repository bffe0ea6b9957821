"""A list of file names that needs no memory."""

import sqlite3

import pytest

from zenctx.database.scratch import FileList
from zenctx.errors import StoreError


def test_what_nobody_holds_is_free() -> None:
    """In order, and each once."""
    with FileList() as files:
        assert files.add(["c", "a", "b", "a"]) == 4
        assert files.hold("b") == 1
        assert list(files.free()) == ["a", "c"]


def test_holding_is_counted() -> None:
    """Also of a name that was never taken in, which is never free."""
    with FileList() as files:
        files.add(["a"])
        assert [files.hold("a"), files.hold("a"), files.hold("new"), files.hold("new")] == [1, 2, 1, 2]
        assert list(files.free()) == []


def test_names_of_any_kind_are_kept_apart() -> None:
    """By their exact characters."""
    names = ["a", "A", "a ", "é", "e\u0301", "x" * 5000, "'; drop table files; --"]
    with FileList() as files:
        files.add(names)
        for name in names:
            assert files.hold(name) == 1


def test_more_names_than_one_fetch_takes() -> None:
    """Thousands are given back, in order."""
    names = [f"{number:06}" for number in range(2500)]
    with FileList() as files:
        files.add(reversed(names))
        assert list(files.free()) == names


def test_an_error_of_whoever_gives_the_names_passes_through() -> None:
    """It is not ours."""

    def names() -> object:
        yield "a"
        raise ZeroDivisionError

    with FileList() as files, pytest.raises(ZeroDivisionError):
        files.add(names())  # type: ignore[arg-type]


def test_a_full_temporary_directory_is_said() -> None:
    """By a sentence of ours."""
    with FileList() as files:
        files._connection.execute("pragma max_page_count = 8")
        with pytest.raises(StoreError, match="temporary directory"):
            files.add("x" * 1000 + str(number) for number in range(1000))
        with pytest.raises(StoreError, match="temporary directory"):
            list(map(files.hold, ("y" * 1000 + str(number) for number in range(1000))))
    with pytest.raises(sqlite3.ProgrammingError):
        files._connection.execute("select 1")
