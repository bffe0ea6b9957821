"""Records: what `dataclasses` and pickle make of them, and that all of zenctx's are declared soundly."""

import pickle
from collections.abc import Iterator
from dataclasses import MISSING, Field, asdict, astuple, dataclass, fields, is_dataclass, replace
from importlib import import_module
from pkgutil import walk_packages

import msgspec
import pytest

import zenctx
from zenctx.context.datastruct import DataStruct


class Point(DataStruct, frozen=True):
    """A record inside another one."""

    x: int
    y: int = 0


class Line(DataStruct, frozen=True):
    """A record with every kind of default."""

    name: str
    points: tuple[Point, ...] = ()
    notes: dict[str, Point] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usual:
    """The same as a dataclass."""

    name: str
    points: tuple[Point, ...] = ()


LINE = Line("a", (Point(1), Point(2, 3)), {"end": Point(4)})


def test_a_record_passes_for_a_dataclass() -> None:
    """What reads, copies and spells dataclasses takes it as one, whatever is nested in it."""
    assert (is_dataclass(Line), is_dataclass(LINE)) == (True, True)
    names_and_defaults = [(each.name, each.default) for each in fields(Line)]
    assert names_and_defaults[:2] == [(each.name, each.default) for each in fields(Usual)]
    assert (fields(Line)[2].default, fields(Line)[2].default_factory) == (MISSING, dict)
    assert replace(LINE, name="b") == Line("b", LINE.points, LINE.notes)
    points = ({"x": 1, "y": 0}, {"x": 2, "y": 3})
    assert asdict(LINE) == {"name": "a", "points": points, "notes": {"end": {"x": 4, "y": 0}}}
    assert astuple(LINE) == ("a", ((1, 0), (2, 3)), {"end": (4, 0)})


def test_a_record_is_a_value() -> None:
    """It compares by what it holds, can be a key and sent to another process, and cannot be changed."""
    assert pickle.loads(pickle.dumps(LINE)) == LINE  # noqa: S301 - our own
    assert replace(LINE, name="b") != LINE
    assert {Point(1): "found"}[Point(1, 0)] == "found"
    with pytest.raises(AttributeError):
        LINE.name = "b"  # type: ignore[misc]


def test_every_record_is_frozen_and_has_defaults_of_its_own() -> None:
    """A default made by `dataclasses.field` would be taken for the value itself."""
    for module in walk_packages(zenctx.__path__, "zenctx."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    records = set(_below(DataStruct))
    assert len(records) > 100
    for record in records:
        assert record.__struct_config__.frozen, record
        assert not any(isinstance(each.default, Field) for each in fields(record)), record


def _below(kind: type[DataStruct]) -> Iterator[type[DataStruct]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
