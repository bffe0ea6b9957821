"""The engine's forms of times: decimal seconds for instants and durations, arrays for local dates and times.

Writing gives JSON text, or raises `UnspellableError`. Reading takes what a JSON value decodes to and gives the time
that it stands for, or the value itself where it stands for none; what is less than a microsecond is cut off, for Python
has no place for it.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TypeGuard

from zenctx.context.spellings import UnspellableError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WIDEST_OFFSET = timedelta(hours=18)
_LONGEST_SECONDS = Decimal(10) ** 14
"""More than Python has for any time; a guard against exponents."""
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")


def spell_instant(moment: datetime) -> bytes:
    """Gives a date and time: decimal seconds since 1970 where it has an offset, else an array of its parts."""
    if _has_offset(moment):
        return spell_duration(moment - _EPOCH)
    return _spell_array(moment.year, moment.month, moment.day, *_clock(moment))


def spell_duration(length: timedelta) -> bytes:
    """Gives decimal seconds with nine digits (zero is `0.0`)."""
    microseconds = length // _MICROSECOND
    if microseconds == 0:
        return b"0.0"
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return b"%b%d.%06d000" % (b"-" if microseconds < 0 else b"", seconds, rest)


def spell_date(day: date) -> bytes:
    """Gives the array of year, month and day."""
    return _spell_array(day.year, day.month, day.day)


def spell_time(clock: time) -> bytes:
    """Gives the array of hour, minute, and what else is not zero; the offset, where there is one, at its end."""
    parts = _spell_array(*_clock(clock))
    if not _has_offset(clock):
        return parts
    return b'%b,"%b"]' % (parts[:-1], _offset(clock.utcoffset() or timedelta()))


def read_instant(value: object) -> object:
    """Gives a datetime for decimal seconds (in UTC) or an array of five to seven integers (without an offset)."""
    if _is_number(value):
        return _EPOCH + _seconds(value)
    parts = _integers(value, 5, 7)
    if not parts:
        return value
    year, month, day, hour, minute, second, nanos = parts
    return datetime(year, month, day, hour, minute, second, nanos // 1000)  # noqa: DTZ001  it has no offset


def read_duration(value: object) -> object:
    """Gives a timedelta for decimal seconds."""
    return _seconds(value) if _is_number(value) else value


def read_date(value: object) -> object:
    """Gives a date for an array of three integers."""
    parts = _integers(value, 3, 3)
    return date(*parts) if parts else value


def read_time(value: object) -> object:
    """Gives a time for an array of two to four integers, with an offset where one stands at the end."""
    items = value if isinstance(value, list) else []
    offset = _read_offset(items[-1]) if items else None
    parts = _integers(items if offset is None else items[:-1], 2, 4)
    if not parts:
        return value
    hour, minute, second, nanos = parts
    return time(hour, minute, second, nanos // 1000, tzinfo=offset)


def _spell_array(*numbers: int) -> bytes:
    return b"[" + b",".join(b"%d" % number for number in numbers) + b"]"


def _clock(clock: datetime | time) -> tuple[int, ...]:
    parts = (clock.hour, clock.minute, clock.second, clock.microsecond * 1000)
    if parts[3]:
        return parts
    return parts[:3] if parts[2] else parts[:2]


def _has_offset(clock: datetime | time) -> bool:
    if clock.tzinfo is None:
        return False
    if clock.utcoffset() is None:
        raise UnspellableError("a time in a time zone, whose offset depends on a date that it lacks")
    return True


def _offset(offset: timedelta) -> bytes:
    if offset.microseconds or abs(offset) > _WIDEST_OFFSET:
        raise UnspellableError("a time with an offset that the engine does not have")
    minutes, seconds = divmod(abs(offset) // timedelta(seconds=1), 60)
    if not (minutes or seconds):
        return b"Z"
    tail = b":%02d" % seconds if seconds else b""
    return b"%b%02d:%02d%b" % (b"-" if offset < timedelta() else b"+", *divmod(minutes, 60), tail)


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _integers(value: object, fewest: int, most: int) -> list[int]:
    """Gives an array of so many integers, filled up with zeros, and an empty list for anything else."""
    if isinstance(value, list) and fewest <= len(value) <= most and all(type(part) is int for part in value):
        return value + [0] * (most - len(value))
    return []


def _seconds(seconds: int | Decimal) -> timedelta:
    exact = Decimal(seconds)
    if not -_LONGEST_SECONDS < exact < _LONGEST_SECONDS:
        raise OverflowError("a time too far away")
    # A context of its own: that of the program may round to a few digits.
    return timedelta(microseconds=int(exact.scaleb(6, Context(prec=60)).to_integral_value(ROUND_FLOOR)))


def _read_offset(text: object) -> timezone | None:
    if text == "Z":
        return UTC
    match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    sign, hours, minutes, seconds = match.groups("0")
    length = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    return timezone(-length if sign == "-" else length)
