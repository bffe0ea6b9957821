"""Typed reads: the engine's forms of times and enums turned back into what a type asks for, the rest by msgspec.

msgspec knows times as ISO text and enums by their values; the engine writes instants and durations as decimal seconds,
local dates and times as arrays, enums by name and what is not finite as a string. So the parts that a type asks for
in this way are fitted first, along the type; then msgspec checks and builds the whole.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import inspect

from zenctx.context.decode import decode, exact_decimal, exact_number
from zenctx.context.times import read_date, read_duration, read_instant, read_time
from zenctx.errors import DataError

T = TypeVar("T")
Info: TypeAlias = Any
"""What msgspec tells of a type: one of the many classes of `msgspec.inspect`."""

_SHOWN_VALUE = re.compile(r"(Invalid (?:enum )?value) .*?((?: - at `[^`]*`)?)\Z", re.DOTALL)
_SPECIAL = ("NaN", "Infinity", "-Infinity")
_INFINITIES = (float("inf"), float("-inf"))


class NotOfTypeError(DataError):
    """A value that is not of the type as which it was to be read."""

    kind = "not_of_type"


def decode_as(text: bytes, type_: type[T]) -> T:
    """Gives the value of one JSON document as a type that msgspec knows: a dataclass, a Struct, `dict[str, int]`, ...

    Decimals keep all their digits; times lose what is less than a microsecond, which Python has no place for. Raises
    NotOfTypeError where the value is of another type, InvalidContextError for what is not JSON, TypeError for a type
    that msgspec does not know.
    """
    info = _type_info(type_)  # type: ignore[arg-type]  # for all that mypy knows, a class may not be hashable
    value = decode(text, exact_decimal)
    try:
        fitted = _fit(value, info)
        return msgspec.convert(fitted, type_, str_keys=True, dec_hook=_build)
    except (msgspec.ValidationError, OverflowError) as error:
        # What msgspec says of an enum shows the value, which may be a secret.
        reason = _SHOWN_VALUE.sub(r"\1\2", str(error))
        raise NotOfTypeError(f"the value is no {_shown(type_)}: {reason}") from None
    except RecursionError:
        raise NotOfTypeError(f"the value is no {_shown(type_)}: it is nested too deep") from None


@lru_cache(maxsize=1024)
def _type_info(type_: Any) -> Info:
    return inspect.type_info(type_)


def _shown(type_: object) -> str:
    return type_.__qualname__ if isinstance(type_, type) else str(type_)


def _build(type_: type, value: object) -> object:
    """Builds what msgspec does not: paths, and what is an instance already."""
    if issubclass(type_, PurePath) and isinstance(value, str):
        return type_(value)
    if isinstance(value, type_):
        return value
    message = f"Expected `{type_.__name__}`, got `{type(value).__name__}`"
    raise msgspec.ValidationError(message)


def _fit(value: object, info: Info) -> object:
    fit = _FITS.get(type(info))
    return value if fit is None else fit(value, info)


def _fit_anything(value: object, _: Info) -> object:
    """Gives what a read without a type gives; a value may be as deep as JSON may be, so this does not recurse."""
    holder = [value]
    pending: list[Any] = [holder]
    while pending:
        container = pending.pop()
        for step, part in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(part, Decimal):
                container[step] = exact_number(str(part))
            elif isinstance(part, list | dict):
                pending.append(part)
    return holder[0]


def _fit_float(value: object, _: Info) -> object:
    if isinstance(value, str):
        return float(value) if value in _SPECIAL else value
    number = float(value) if isinstance(value, Decimal) else value
    if number in _INFINITIES:
        raise msgspec.ValidationError("a number too large for a float")
    return number


def _fit_enum(value: object, info: Info) -> object:
    member = info.cls.__members__.get(value) if isinstance(value, str) else None
    return value if member is None else member.value


def _fit_items(value: object, info: Info) -> object:
    return [_fit(part, info.item_type) for part in value] if isinstance(value, list) else value


def _fit_tuple(value: object, info: Info) -> object:
    if not isinstance(value, list) or len(value) != len(info.item_types):
        return value
    return [_fit(part, item) for part, item in zip(value, info.item_types, strict=True)]


def _fit_mapping(value: object, info: Info) -> object:
    if not isinstance(value, dict):
        return value
    return {_fit(name, info.key_type): _fit(part, info.value_type) for name, part in value.items()}


def _fit_fields(value: object, info: Info) -> object:
    fields = {field.encode_name: field.type for field in info.fields}
    if isinstance(value, dict):
        return {name: _fit(part, fields[name]) if name in fields else part for name, part in value.items()}
    if isinstance(value, list):
        types = [*([None] if getattr(info, "tag", None) is not None else []), *fields.values()]
        return [*(_fit(part, item) for part, item in zip(value, types, strict=False)), *value[len(types) :]]
    return value


def _fit_union(value: object, info: Info) -> object:
    """Fits a value to the first type of a union that its JSON can be; without one, as if any type would do."""
    for wanted in _CHOICES.get(type(value), ()):
        for choice in info.types:
            if isinstance(choice, wanted) and _may_be(value, choice):
                return _fit(value, choice)
    return _fit_anything(value, None)


def _may_be(value: object, choice: Info) -> bool:
    """Tells whether an object or array can be a Struct by its shape and by the tag that tells it from others."""
    if not isinstance(choice, inspect.StructType):
        return True
    if isinstance(value, dict):
        return choice.tag is None or value.get(choice.tag_field) == choice.tag
    return choice.array_like and (choice.tag is None or (isinstance(value, list) and value[:1] == [choice.tag]))


def _time(read: Callable[[object], object]) -> "_Fit":
    """Makes a fit of a reader of times; a time that no calendar has is an error as msgspec's own are."""

    def fit(value: object, _: Info) -> object:
        try:
            return read(value)
        except (ValueError, OverflowError) as error:
            raise msgspec.ValidationError(str(error)) from None

    return fit


_Fit: TypeAlias = Callable[[object, Info], object]
_FITS: dict[type, _Fit] = {
    inspect.AnyType: _fit_anything,
    inspect.CustomType: _fit_anything,
    inspect.FloatType: _fit_float,
    inspect.EnumType: _fit_enum,
    inspect.DateTimeType: _time(read_instant),
    inspect.TimeDeltaType: _time(read_duration),
    inspect.DateType: _time(read_date),
    inspect.TimeType: _time(read_time),
    inspect.ListType: _fit_items,
    inspect.SetType: _fit_items,
    inspect.FrozenSetType: _fit_items,
    inspect.VarTupleType: _fit_items,
    inspect.CollectionType: _fit_items,
    inspect.TupleType: _fit_tuple,
    inspect.DictType: _fit_mapping,
    inspect.StructType: _fit_fields,
    inspect.DataclassType: _fit_fields,
    inspect.TypedDictType: _fit_fields,
    inspect.NamedTupleType: _fit_fields,
    inspect.UnionType: _fit_union,
    inspect.Metadata: lambda value, info: _fit(value, info.type),
}
_ARRAYS = (
    inspect.CollectionType,
    inspect.TupleType,
    inspect.NamedTupleType,
    inspect.StructType,
    inspect.DateType,
    inspect.TimeType,
    inspect.DateTimeType,
)
_OBJECTS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.DictType)
_NUMBERS = (inspect.DecimalType, inspect.FloatType, inspect.DateTimeType, inspect.TimeDeltaType)
# What a JSON value of a Python type may stand for, the plainest first.
_CHOICES: dict[type, tuple[type, ...]] = {
    dict: _OBJECTS,
    list: _ARRAYS,
    int: (inspect.IntType, *_NUMBERS),
    Decimal: _NUMBERS,
    str: (inspect.StrType, inspect.EnumType, inspect.FloatType),
}
