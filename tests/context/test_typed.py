"""Typed reads: what a program put in comes back as its type, from the engine's forms."""

import decimal
import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Any, NamedTuple, Optional, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.context.encode import encode
from zenctx.context.typed import NotOfTypeError, decode_as
from zenctx.errors import InvalidContextError

VIETNAM = timezone(timedelta(hours=7))


class Light(enum.Enum):
    """Names and values are each other's opposites: the name counts."""

    RED = "GREEN"
    GREEN = "RED"


class Level(enum.IntEnum):
    """An enum of integers."""

    LOW = 1


class Day(msgspec.Struct, tag=True):
    """One of two Structs that only their tags tell apart."""

    when: date


class Moment(msgspec.Struct, tag=True):
    """The other one."""

    when: datetime


class Row(msgspec.Struct, array_like=True, tag="row"):
    """A Struct that is an array."""

    at: time
    count: int


class Span(NamedTuple):
    """A tuple with names."""

    begin: date
    share: float


class Options(TypedDict):
    """A dict with known names."""

    length: timedelta


@dataclass
class Everything:
    """A field of every type that the engine has a form of its own for."""

    day: date
    moment: datetime | None
    local: datetime
    clocks: dict[Level, time]
    length: timedelta
    light: Light
    lights: dict[Light, list[date]]
    not_finite: float
    large: float | None
    digits: Decimal
    big: int
    content: bytes
    uuid: UUID
    names: set[str]
    path: PurePosixPath
    either: list[Day | Moment]
    row: Row
    span: Span
    options: Options
    days: tuple[date, ...]
    pair: tuple[int, date]
    by_day: dict[date, int]
    anything: Any
    thing: object
    inner: Optional["Everything"] = None
    limited: Annotated[timedelta, msgspec.Meta(title="a length")] = timedelta()


def _everything(inner: Everything | None = None) -> Everything:
    return Everything(
        day=date(2024, 2, 29),
        moment=datetime(2025, 10, 27, 14, 30, 15, 123456, tzinfo=VIETNAM),
        local=datetime(2025, 1, 1),  # noqa: DTZ001  without an offset
        clocks={Level.LOW: time(1, 2, 3, 4, tzinfo=timezone(-timedelta(hours=3, minutes=30, seconds=1)))},
        length=timedelta(days=-1, microseconds=5),
        light=Light.RED,
        lights={Light.GREEN: [date.max]},
        not_finite=float("-inf"),
        large=1e300,
        digits=Decimal("1.10"),
        big=2**200,
        content=b"\0\xff",
        uuid=UUID(int=7),
        names={"b", "a"},
        path=PurePosixPath("/a/b"),
        either=[Moment(datetime(1969, 12, 31, tzinfo=UTC)), Day(date.min)],
        row=Row(time(14, 30, tzinfo=UTC), 3),
        span=Span(date(2000, 1, 1), 1e-7),
        options={"length": timedelta(seconds=90.5)},
        days=(date(2000, 1, 1), date(2000, 1, 2)),
        pair=(5, date(2000, 1, 3)),
        by_day={date(2025, 1, 1): 3},
        anything={"pi": [Decimal("3.14159265358979323846264338327950288"), 0.1, 1e7]},
        thing=0.5,
        inner=inner,
        limited=timedelta(seconds=1),
    )


def test_a_program_s_own_type_comes_back_equal() -> None:
    """All of it, through the text that the engine would have written."""
    value = _everything(_everything())
    read = decode_as(encode(value), Everything)
    assert read == value
    assert read.digits.as_tuple() == value.digits.as_tuple()
    assert type(read.anything["pi"][1]) is float


_single_values = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(),
    st.timedeltas(),
    st.dates(),
    st.times(timezones=st.none() | st.just(VIETNAM)),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False),
)


@given(_single_values)
def test_single_values_come_back_equal(value: object) -> None:
    """Any time that Python has, any decimal with its digits, any float."""
    read = decode_as(encode(value), type(value))
    assert (read, str(read)) == (value, str(value))


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        (b"1.10", Decimal, Decimal("1.10")),
        (b"1.10", float, 1.1),
        (b"1.10", Any, 1.1),
        (b"[1.10]", list, [1.1]),
        (b'{"a":[1.10]}', dict[str, object], {"a": [1.1]}),
        (b"7", float, 7.0),
        (b"7", datetime, datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)),
        (b"1761550215.123456789", datetime, datetime(2025, 10, 27, 7, 30, 15, 123456, tzinfo=UTC)),
        (b"-0.000000001", datetime, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        (b'"2025-10-27T07:30:15Z"', datetime, datetime(2025, 10, 27, 7, 30, 15, tzinfo=UTC)),
        (b"[2025,10,27,14,30,15,123456789]", datetime | None, datetime(2025, 10, 27, 14, 30, 15, 123456)),  # noqa: DTZ001
        (b"[14,30,15,5]", time | None, time(14, 30, 15)),
        (b"null", time | None, None),
        (b"90.500000000", timedelta | None, timedelta(seconds=90.5)),
        (b"90.5", timedelta | float, 90.5),
        (b"90.5", float | Decimal | None, Decimal("90.5")),
        (b"5", int | datetime, 5),
        (b'"NaN"', str | float, "NaN"),
        (b'"Infinity"', float | None, float("inf")),
        (b'"RED"', Light | None, Light.RED),
        (b'"aGVsbG8="', bytes, b"hello"),
        (b'["b","a"]', frozenset[str], frozenset("ab")),
        (b'{"1":{}}', dict[int, dict[str, int]], {1: {}}),
        (b"[[2024,2,29]]", list[date] | None, [date(2024, 2, 29)]),
    ],
)
def test_a_type_decides_what_a_json_value_stands_for(text: bytes, type_: Any, value: object) -> None:
    """Where a type leaves a choice, the plainest reading counts."""
    read = decode_as(text, type_)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "type_", "sentence"),
    [
        (b'"x"', int, "the value is no int: Expected `int`, got `str`"),
        (b'[1,{"a":true}]', list[dict[str, int] | int], r"Expected `int`, got `bool` - at `\$\[1\]\[...\]`"),
        (b"1.5", int, "the value is no int: Expected `int`"),
        (b"[-1e400]", list[float], "a number too large for a float"),
        (b"[2025,13,1]", date, "the value is no date: month must be in 1..12"),
        (b"[2025,1]", date, "the value is no date: Expected `date`, got `array`"),
        (b"[1,2,3,4,5,6,7,8]", datetime, "the value is no datetime: Expected `datetime`, got `array`"),
        (b'[14,30,"somewhere"]', time, "the value is no time: Expected `time`, got `array`"),
        (b"[]", time, "the value is no time: Expected `time`, got `array`"),
        (b"1e999999999", datetime, "the value is no datetime: a time too far away"),
        (b"1e13", datetime, "the value is no datetime: date value out of range"),
        (b"-1e999999999", timedelta, "the value is no timedelta: a time too far away"),
        (b"true", timedelta, "the value is no timedelta: Expected `duration`, got `bool`"),
        (b"{}", Row, "the value is no Row: Expected `array`, got `object`"),
        (b"[1]", Day, "the value is no Day: Expected `object`, got `array`"),
        (b'{"type":"Other"}', Day | Moment, "Invalid value"),
        (b"1", PurePosixPath, "Expected `PurePosixPath`, got `int`"),
    ],
)
def test_what_is_of_another_type_is_one_sentence(text: bytes, type_: Any, sentence: str) -> None:
    """With the type that was asked for, and where in the value it is not so."""
    with pytest.raises(NotOfTypeError, match=sentence):
        decode_as(text, type_)


def test_a_sentence_does_not_show_the_value() -> None:
    """It may be a secret."""
    for type_ in (list[Light], list[Day | Moment]):
        with pytest.raises(NotOfTypeError) as caught:
            decode_as(b'["hunter2\' - at"]' if type_ == list[Light] else b'[{"type":"hunter2"}]', type_)
        assert "hunter2" not in caught.value.message


def test_what_is_no_json_and_no_type_is_told() -> None:
    """Broken text by a sentence, a type that cannot be read by a TypeError."""
    with pytest.raises(InvalidContextError, match="not valid JSON"):
        decode_as(b"{", dict)
    with pytest.raises(TypeError):
        decode_as(b"1", list["Nothing"])  # type: ignore[name-defined]  # noqa: F821


class Nest(msgspec.Struct):
    """A type as deep as its value."""

    inner: Optional["Nest"] = None


def test_depth_is_no_crash() -> None:
    """What a type leaves open may be as deep as JSON may; a type that deep is refused in a sentence."""
    assert isinstance(decode_as(b"[" * 999 + b"1.5" + b"]" * 999, list), list)
    assert decode_as(b'{"inner":' * 50 + b"{}" + b"}" * 50, Nest).inner is not None
    with pytest.raises(NotOfTypeError, match="the value is no Nest: it is nested too deep"):
        decode_as(b'{"inner":' * 998 + b"{}" + b"}" * 998, Nest)


def test_a_program_s_own_decimal_context_changes_nothing() -> None:
    """Few digits or strict traps are the program's own business."""
    with decimal.localcontext() as context:
        context.prec = 3
        context.traps[decimal.FloatOperation] = True
        assert decode_as(b"1761550215.123456789", datetime).microsecond == 123456
        assert decode_as(b'["3.14159265358979"]', list[Decimal]) == [Decimal("3.14159265358979")]
        assert decode_as(b"[0.1, 3.14159265358979323846]", list) == [0.1, Decimal("3.14159265358979323846")]
        assert encode([Decimal("3.14159265"), 1e-7, 10**5000])[:20] == b"[3.14159265,1.0E-7,1"
