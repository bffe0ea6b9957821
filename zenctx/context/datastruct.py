"""What records are made of: a class of msgspec, which is made in a fiftieth of the time, and passes for a dataclass."""

import dataclasses
from copy import copy
from dataclasses import MISSING, Field, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields


class _DataclassFields:
    """What `dataclasses` looks at in a class, made when it is asked for."""

    def __get__(self, _record: object, kind: type[Struct]) -> dict[str, Field[Any]]:
        return _dataclass_fields(kind)


class DataStruct(Struct, frozen=True):
    """A record: `class Place(DataStruct, frozen=True)` stands for a frozen dataclass with slots.

    `fields`, `replace`, `asdict`, `astuple` and `is_dataclass` of `dataclasses` take it as one. A default that each
    record gets anew is `msgspec.field(default_factory=...)`.
    """

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _DataclassFields()


@cache
def _dataclass_fields(kind: type[Struct]) -> dict[str, Field[Any]]:
    return {each.name: _field(each) for each in fields(kind)}


def _field(info: FieldInfo) -> Field[Any]:
    field = copy(_any_field())
    field.name, field.type = info.name, info.type
    field.default = MISSING if info.default is NODEFAULT else info.default
    field.default_factory = MISSING if info.default_factory is NODEFAULT else info.default_factory
    return field


@cache
def _any_field() -> Field[Any]:
    @dataclass(init=False, repr=False, eq=False)
    class Pattern:
        field: Any

    return dataclasses.fields(Pattern)[0]
