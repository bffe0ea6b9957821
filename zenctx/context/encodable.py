"""Which Python types have a JSON form: single values are spelled at once, containers are handed out part by part."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from types import NoneType
from typing import Any, TypeAlias, TypeVar
from urllib.parse import ParseResult, SplitResult
from uuid import UUID

import msgspec

from zenctx.context.descriptor import encode_inline
from zenctx.context.spellings import (
    UnspellableError,
    spell_boolean,
    spell_decimal,
    spell_float,
    spell_integer,
    spell_plain,
    spell_string,
)
from zenctx.context.times import spell_date, spell_duration, spell_instant, spell_time

T = TypeVar("T")

Child: TypeAlias = tuple[bytes, object, object]
"""The text before a part, the step of a pointer that leads to it, and the part."""


@dataclasses.dataclass(slots=True)
class Container:
    """A container on its way: what is still to be written, and the step of a pointer to what was written last."""

    children: Iterator[Child]
    brackets: bytes = b"[]"
    starts: list[int] | None = None
    """Where each part begins in the output, for a container whose parts are sorted at its end."""
    identity: int = 0
    is_empty: bool = True
    step: object = ""


_PLAIN = frozenset({str, int, bool, NoneType})

Form: TypeAlias = Callable[[Any], bytes | Container]


@lru_cache(maxsize=1024)
def form_of(kind: type) -> Form | None:
    """Gives how values of a type are written; the first that fits counts, as an enum may be an integer as well."""
    form = _first(kind, _FORMS)
    if form is None and dataclasses.is_dataclass(kind):
        return _fields
    return form or _first(kind, _COLLECTIONS)


def type_name(value: object) -> str:
    """Gives the name of a value's type, with its module unless it is one of Python's own."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _first(kind: type, forms: Iterable[tuple[type, T]]) -> T | None:
    return next((form for base, form in forms if issubclass(kind, base)), None)


def _null(_: None) -> bytes:
    return b"null"


def _name(value: Enum) -> bytes:
    return spell_string(_enum_name(value))


def _enum_name(value: Enum) -> str:
    name: str | None = value.name
    if name is None:  # as for a flag of which no bit is set
        raise UnspellableError(f"a {type_name(value)} without a name")
    return name


def _bytes(value: bytes | bytearray | memoryview) -> bytes:
    return encode_inline(bytes(value))


def _text(value: UUID | PurePath) -> bytes:
    return spell_string(str(value))


def _url(value: SplitResult | ParseResult) -> bytes:
    return spell_string(value.geturl())


def _fields(value: Any) -> Container:
    return _object([(field.name, _field(value, field.name)) for field in dataclasses.fields(value)])


def _struct(value: msgspec.Struct) -> Container:
    config = value.__struct_config__
    tag: list[tuple[str, object]] = [] if config.tag is None else [(config.tag_field or "type", config.tag)]
    names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
    members = [*tag, *((name, _field(value, field)) for name, field in names)]
    if config.array_like:
        return _items([part for _, part in members])
    return _object([(name, part) for name, part in members if part is not msgspec.UNSET])


def _field(value: object, name: str) -> object:
    try:
        return getattr(value, name)
    except AttributeError:
        raise UnspellableError(f"a {type_name(value)} whose field {name!r} is not set") from None


def _mapping(value: Mapping[Any, object]) -> bytes | Container:
    members = list(value.items())
    if all(type(name) is str for name, _ in members):
        plain = dict(members)  # whatever `value` may be besides a mapping
        return _at_once(plain, plain.values()) or _object(members)
    named = [(_key(name), part) for name, part in members]
    if len({name for name, _ in named}) < len(named):
        raise UnspellableError("a mapping of which two keys become the same text")
    return _object(named)


def _object(members: list[tuple[str, object]]) -> Container:
    return Container(iter([(spell_string(name) + b":", name, part) for name, part in members]), b"{}")


def _key(key: object) -> str:
    form = _first(type(key), _KEYS)
    if form is None:
        raise UnspellableError(f"a mapping with a key of type {type_name(key)}")
    return form(key)


def _sequence(value: Sequence[object]) -> bytes | Container:
    items = list(value)
    return _at_once(items, items) or _items(items)


def _set(value: AbstractSet[object]) -> Container:
    return _items(value, starts=[])


def _items(items: Iterable[object], starts: list[int] | None = None) -> Container:
    return Container(((b"", step, part) for step, part in enumerate(list(items))), starts=starts)


def _at_once(value: object, parts: Iterable[object]) -> bytes | None:
    """Gives the text of a container whose parts are all of the plainest types, None where it takes more care."""
    if not _PLAIN.issuperset(map(type, parts)):
        return None
    try:
        return spell_plain(value)
    except (OverflowError, UnicodeEncodeError):
        return None


_FORMS: tuple[tuple[type, Form], ...] = (
    (Enum, _name),  # before what an enum may be as well
    (NoneType, _null),
    (str, spell_string),
    (bool, spell_boolean),
    (int, spell_integer),
    (float, spell_float),
    (Decimal, spell_decimal),
    (bytes, _bytes),
    (bytearray, _bytes),
    (memoryview, _bytes),
    (datetime, spell_instant),
    (date, spell_date),
    (time, spell_time),
    (timedelta, spell_duration),
    (UUID, _text),
    (PurePath, _text),
    (SplitResult, _url),
    (ParseResult, _url),
    (msgspec.Struct, _struct),
)
_COLLECTIONS: tuple[tuple[type, Form], ...] = ((Mapping, _mapping), (Sequence, _sequence), (AbstractSet, _set))
_KEYS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Enum, _enum_name),
    (str, str.__str__),
    (bool, lambda key: spell_boolean(key).decode()),
    (int, lambda key: spell_integer(key).decode()),
    (float, lambda key: spell_float(key).decode().strip('"')),
    (Decimal, lambda key: spell_decimal(key).decode().strip('"')),
    (bytes, lambda key: _bytes(key).decode().strip('"')),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (time, time.isoformat),
    (UUID, str),
    (PurePath, str),
)
