"""The JSON of Python values: the engine's own texts, exact digits, and one sentence for what has no form."""

import enum
import json
import sys
from collections import ChainMap, OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenctx.context.canonical import canonical
from zenctx.context.decode import decode
from zenctx.context.encode import MAX_LEVELS, NotEncodableError, encode
from zenctx.context.rawjson import RawJson

LEGACY = Path(__file__).parents[1] / "vectors" / "legacy"
VIETNAM = timezone(timedelta(hours=7))


class Light(enum.Enum):
    """A traffic light, and what an enum's value is does not matter."""

    RED = 1
    AMBER = "amber"
    GREEN = (0, 255, 0)


class Level(enum.IntEnum):
    """An enum that is an integer, too."""

    LOW = 1


class Right(enum.Flag):
    """A flag, of which a combination may have no name."""

    READ = 1


@dataclass(slots=True)
class Point:
    """A record."""

    x: int
    y: float = 2.0


class Tagged(msgspec.Struct, tag="circle", rename="camel"):
    """A Struct whose names in JSON are others than its own."""

    line_width: int
    not_given: int | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True):
    """A Struct that is an array."""

    a: int
    b: str


class Pair(NamedTuple):
    """A tuple with names."""

    a: int
    b: date


def vector(name: str) -> bytes:
    """The text of a legacy context as the engine wrote it."""
    return (LEGACY / f"{name}.json").read_bytes()


SCALARS = {
    "null": None, "true": True, "false": False, "zero": 0, "minus_one": -1, "int_max": 2**31 - 1, "int_min": -(2**31),
    "long_max": 2**63 - 1, "long_min": -(2**63), "byte": 7, "short": -300, "char": "x", "empty_string": "",
    "word": "hello", "one_space": " ",
}  # fmt: skip
NUMBERS = {
    "two53": 2**53, "two53_plus_1": 2**53 + 1, "two63": 2**63, "two64_minus_1": 2**64 - 1, "two64": 2**64,
    "big_integer_40_digits": 1234567890123456789012345678901234567890,
    "big_integer_negative": -98765432109876543210987654321, "double_tenth": 0.1, "double_one": 1.0,
    "double_hundred": 100.0, "double_third": 1 / 3, "double_1e7": 1e7, "double_1e10": 1e10, "double_1e_minus_5": 1e-5,
    "double_sum": 0.1 + 0.2, "float_tenth": 0.1, "float_16777217": 16777216.0, "decimal_1_10": Decimal("1.10"),
    "decimal_0_00": Decimal("0.00"), "decimal_100": Decimal(100),
    "decimal_long": Decimal("3.14159265358979323846264338327950288"), "list": [1, 1.0, Decimal("1.00"), 10**10],
}  # fmt: skip
NOT_FINITE = {
    "double_nan": float("nan"), "double_inf": float("inf"), "double_minus_inf": -float("inf"),
    "float_nan": Decimal("NaN"), "float_inf": Decimal("Infinity"), "string_nan": "NaN", "string_infinity": "Infinity",
    "inside": [1.5, float("nan"), None],
}  # fmt: skip
CONTAINERS = {
    "empty_map": {}, "empty_list": (), "list_of_null": [None], "nested_empty": {"a": {}, "b": [], "c": [{}, []]},
    "mixed": [1, "1", True, None, 1.5, {"k": "v"}, (1, 2)], "int_keys": {1: "one", 2: "two", 10: "ten"},
    "enum_keys": {Light.RED: 1, Light.GREEN: 3}, "set": deque("ba"), "int_array": range(1, 4),
    "string_array": ["x", None], "record": Point(1), "map_with_nulls": MappingProxyType({"a": None, "b": None}),
    "matrix": [[1, 0], [0, 1]], "table": [OrderedDict(id=1, name="a"), {"id": 2, "name": "b"}],
}  # fmt: skip
BYTES = {
    "empty": b"", "one": b"\0", "two": b"\xff\xfe", "text": b"hello", "all_values": memoryview(bytes(range(256))),
    "needs_plus_slash": bytearray(b"\xfb\xef\xff"), "inside": {"name": "a.bin", "data": b"zenflow"},
    "list": [b"\1", b"\2\3"],
}  # fmt: skip
TIMES = {
    "offset_date_time": Decimal("1761550215.123456789"), "instant": Decimal("1761550215.123456789"),
    "zoned": datetime(2025, 10, 27, 14, 30, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")),
    "instant_whole_second": datetime(2025, 10, 27, 14, 10, 15, tzinfo=VIETNAM),
    "instant_epoch": datetime(1970, 1, 1, tzinfo=UTC), "local_date": date(2025, 10, 27),
    "local_time": [14, 30, 15, 5], "local_time_no_seconds": time(14, 30),
    "local_date_time": [2025, 10, 27, 14, 30, 15, 123456789], "duration": timedelta(seconds=90.5),
    "period": "P1Y2M3D", "year": 2025, "zone": "Asia/Ho_Chi_Minh", "util_date": 1761549015123,
    "inside": {"at": [date(2024, 2, 29)]},
}  # fmt: skip
MISCELLANEOUS = {
    "uuid": UUID("3f2504e0-4f89-11d3-9a0c-0305e82c3301"), "enum": Light.AMBER,
    "uri": urlsplit("https://example.org/a?b=c#d"), "locale": "vi_VN", "string_builder": "built", "atomic": 5,
    "path_like": PurePosixPath("/var/lib/x/y.json"), "class": "java.lang.String", "tree_node": {"b": 1, "a": 2},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("01_scalars", SCALARS),
        ("02_numbers", NUMBERS),
        ("03_nan_infinity", NOT_FINITE),
        ("05_containers", CONTAINERS),
        ("06_bytes", BYTES),
        ("07_java_time", TIMES),
        ("08_java_misc", MISCELLANEOUS),
    ],
)
def test_python_values_become_the_text_that_the_engine_wrote(name: str, value: object) -> None:
    """What corresponds to the engine's values is written byte for byte as the engine wrote them."""
    assert encode(value) == vector(name)


@pytest.mark.parametrize("path", sorted(LEGACY.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_read_is_written_again(path: Path) -> None:
    """Reading a context and writing it gives the same values; the same bytes, too, but for zeros at a number's end."""
    text = path.read_bytes()
    written = encode(decode(text))
    assert canonical(written) == canonical(text)
    if path.stem not in ("02_numbers", "07_java_time"):
        assert written == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2025, 10, 27, 14, 30, 15, 123456, tzinfo=VIETNAM), b"1761550215.123456000"),
        (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), b"-0.000001000"),
        (datetime(1, 1, 1, tzinfo=UTC), b"-62135596800.000000000"),
        (datetime(2025, 1, 2, 3, 4), b"[2025,1,2,3,4]"),  # noqa: DTZ001  without an offset
        (datetime(2025, 1, 2, 3, 4, 5), b"[2025,1,2,3,4,5]"),  # noqa: DTZ001
        (datetime(2025, 1, 2, 3, 4, 0, 5), b"[2025,1,2,3,4,0,5000]"),  # noqa: DTZ001
        (timedelta(), b"0.0"),
        (timedelta(days=-1, microseconds=5), b"-86399.999995000"),
        (timedelta.max, b"86399999999999.999999000"),
        (time(14, 30, 0, 7), b"[14,30,0,7000]"),
        (time(14, 30, 15, tzinfo=UTC), b'[14,30,15,"Z"]'),
        (time(14, 30, tzinfo=VIETNAM), b'[14,30,"+07:00"]'),
        (time(14, tzinfo=timezone(-timedelta(hours=3, minutes=30))), b'[14,0,"-03:30"]'),
        (time(14, tzinfo=timezone(timedelta(hours=1, seconds=9))), b'[14,0,"+01:00:09"]'),
    ],
)
def test_times_have_the_engine_s_forms(value: object, text: bytes) -> None:
    """Instants and lengths are decimal seconds with nine digits, local ones arrays that end where zeros begin."""
    assert encode(value) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, b"0.0"),
        (-0.0, b"-0.0"),
        (0.001, b"0.001"),
        (0.000999, b"9.99E-4"),
        (9999999.5, b"9999999.5"),
        (-12345678.25, b"-1.234567825E7"),
        (1e22, b"1.0E22"),
        (5e-324, b"5.0E-324"),
        (sys.float_info.max, b"1.7976931348623157E308"),
    ],
)
def test_floats_are_spelled_as_java_spells_them(number: float, text: bytes) -> None:
    """With an exponent below a thousandth and from ten million on."""
    assert encode(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back_equal(number: float) -> None:
    """No float changes, whatever its size; the sign of zero stays."""
    assert float(encode(number)) == number
    assert str(decode(encode(number))) == str(number)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_keep_their_digits(number: Decimal) -> None:
    """A decimal's own text is its JSON, zeros at its end included."""
    assert encode(number) == str(number).encode()
    assert json.loads(encode([number]), parse_float=Decimal, parse_int=Decimal)[0].as_tuple() == number.as_tuple()


@pytest.mark.parametrize("digits", [20, 4299, 4300, 4301, 9000])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_of_any_size_are_exact(digits: int, sign: int) -> None:
    """Also past the length at which Python stops converting integers to text."""
    text = encode(sign * (10**digits - 7))
    assert text == b"-" * (sign < 0) + b"9" * (digits - 1) + b"3"


@given(st.text())
def test_strings_are_escaped_as_the_engine_escapes_them(text: str) -> None:
    """Only quote, backslash and what is below U+0020 are escaped, and what is read back is the same."""
    assert decode(encode(text)) == text
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    expected = "".join(short.get(c) or (f"\\u{ord(c):04X}" if c < " " else c) for c in text)
    assert encode([text]) == f'["{expected}"]'.encode()
    assert encode({text: 1.5}) == f'{{"{expected}":1.5}}'.encode()


def test_dataclasses_and_structs_are_objects() -> None:
    """Fields in their order, Structs under the names and with the tag that they have in JSON."""
    assert encode([Point(3), Tagged(1), Row(1, "x")]) == b'[{"x":3,"y":2.0},{"type":"circle","lineWidth":1},[1,"x"]]'


def test_tuples_with_names_and_other_sequences_are_arrays() -> None:
    """Names of items are not kept, as by msgspec, so that they can be read back by their type."""
    assert encode([Pair(1, date(2024, 1, 2)), deque([b"a"]), {}.keys()]) == b'[[1,[2024,1,2]],["YQ=="],[]]'


def test_an_enum_is_its_name_whatever_else_it_is() -> None:
    """Also an enum of integers, which would otherwise be a number."""
    assert encode({"level": Level.LOW, Level.LOW: Light.GREEN}) == b'{"level":"LOW","LOW":"GREEN"}'


def test_equal_sets_have_equal_texts() -> None:
    """The items stand in the order of their texts, whatever the order in which a set hands them out."""
    assert encode({"b", "a", 10, 9, None, (1, 2.5), frozenset({3.5, 2.5})}) == b'["a","b",10,9,[1,2.5],[2.5,3.5],null]'
    assert encode([set(), frozenset([7])]) == b"[[],[7]]"


def test_keys_of_many_types_become_text() -> None:
    """As the engine does it: numbers as their digits, enums by name, dates in ISO form."""
    keys: dict[Any, int] = {
        "s": 0, 7: 1, True: 2, 1e7: 3, Decimal("1.10"): 4, UUID(int=1): 5, PurePosixPath("/p"): 6, b"\0": 7,
        date(2025, 1, 2): 8, datetime(2025, 1, 2, tzinfo=UTC): 9, time(1): 10, float("nan"): 11,
    }  # fmt: skip
    assert list(json.loads(encode(keys))) == [
        "s", "7", "true", "1.0E7", "1.10", str(UUID(int=1)), "/p", "AA==", "2025-01-02", "2025-01-02T00:00:00+00:00",
        "01:00:00", "NaN",
    ]  # fmt: skip


def test_subclasses_are_what_they_derive_from() -> None:
    """And the text of a string is its characters, not what its class says of it."""

    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "***"

    assert encode([Name("x"), {Name("k"): 1}, ChainMap({"a": 1.5})]) == b'["x",{"k":1},{"a":1.5}]'


def test_raw_text_passes_through() -> None:
    """Every digit stays, and what is no JSON is refused."""
    assert encode(RawJson(b' {"a": 1.10} ')) == b'{"a": 1.10}'
    with pytest.raises(NotEncodableError, match="the value cannot be kept: it is not valid JSON at byte 1"):
        encode(RawJson(b"[nul]"))
    with pytest.raises(NotEncodableError, match="nested more than 999 levels"):
        encode(RawJson(b"[" * 1000 + b"]" * 1000))


class _Nowhere(tzinfo):
    """A time zone without an offset."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


def _unset() -> Point:
    point = Point(1)
    del point.y
    return point


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (object(), "the value cannot be kept: it is a value of type object, which has no JSON form"),
        ({"a": [1, {"b/c~d": 1j}]}, "the part at '/a/1/b~1c~0d' cannot be kept: it is a value of type complex"),
        (Point(x=print), "the part at '/x' cannot be kept: it is a value of type builtin_function_or_method"),  # type: ignore[arg-type]
        ((n for n in "ab"), "a value of type generator"),
        ([open], "the part at '/0' cannot be kept"),
        ({"k": "\ud800"}, "the part at '/k' cannot be kept: it is a string with half of a surrogate pair"),
        ({"o": {"\ud800": 1}}, "the part at '/o' cannot be kept: it is a string with half of a surrogate pair"),
        ({"o": {None: 1}}, "the part at '/o' cannot be kept: it is a mapping with a key of type NoneType"),
        ({1: 1, "1": 2}, "a mapping of which two keys become the same text"),
        (Right(0), "a tests.context.test_encode.Right without a name"),
        (_unset(), "a tests.context.test_encode.Point whose field 'y' is not set"),
        (time(1, tzinfo=ZoneInfo("Europe/Paris")), "a time in a time zone, whose offset depends on a date"),
        (datetime(2025, 1, 1, tzinfo=_Nowhere()), "a time in a time zone, whose offset"),
        (time(1, tzinfo=timezone(timedelta(hours=23))), "a time with an offset that the engine does not have"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_named_with_its_path(value: object, sentence: str) -> None:
    """One sentence, with a JSON Pointer to the part at fault, and nothing of its content."""
    with pytest.raises(NotEncodableError) as caught:
        encode(value)
    assert sentence in caught.value.message
    assert caught.value.exit_code == 4


def test_a_value_that_holds_itself_is_named() -> None:
    """At the place where it comes back to itself, through whatever kinds of containers."""
    inner: list[object] = []
    point = Point(inner)  # type: ignore[arg-type]
    inner.append({"again": point})
    with pytest.raises(NotEncodableError, match="the part at '/x/0/again' cannot be kept: it is a value that holds"):
        encode(point)


def test_the_same_part_may_stand_twice() -> None:
    """Twice is no circle."""
    part: list[object] = [1.5]
    assert encode([part, part, {"a": part}]) == b'[[1.5],[1.5],{"a":[1.5]}]'


@pytest.mark.parametrize("leaf", [[], [1.5], {}, {"a": None}, {1}, date(2024, 1, 1), ()], ids=repr)
def test_depth_has_a_limit_whatever_is_at_the_bottom(leaf: object) -> None:
    """As deep as a context can hold it, and not a level more."""
    value = leaf
    for _ in range(MAX_LEVELS - 1):
        value = [value]
    assert encode(value).startswith(b"[" * (MAX_LEVELS - 1))
    with pytest.raises(NotEncodableError, match="nested more than 999 levels deep"):
        encode([value])


def test_what_is_far_too_deep_is_a_short_sentence() -> None:
    """A hundred thousand levels neither crash nor fill the message."""
    value: dict[str, object] = {}
    for _ in range(100_000):
        value = {"level": value}
    with pytest.raises(NotEncodableError, match="nested more than 999") as caught:
        encode(value)
    assert len(caught.value.message) < 400


@dataclass
class Tree:
    """A node with whatever a program may put into it."""

    parts: list[Any] = field(default_factory=list)


_plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_values = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(_values)
def test_plain_values_are_read_back_equal(value: object) -> None:
    """What consists of plain values comes back as it was, inside a dataclass as well."""
    assert decode(encode(value)) == value
    assert decode(encode(Tree([value]))) == {"parts": [value]}
