"""Quartz's six fields of a schedule, in the words of crontab and of systemd; what they cannot say is named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from zenctx.errors import SettingsError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SYSTEMD_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_PART = re.compile(r"(\*|[0-9A-Z]+)(?:-([0-9A-Z]+))?(?:/([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a field: from `first` to `last` in steps. `is_all`: it was written as `*`."""

    first: int
    last: int
    step: int = 1
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: Sequence[str] = ()
    offset: int = 0
    """What the first of the names counts as."""


_FIELDS = (
    _Field("seconds", 0, 59),
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of the week", 1, 7, _DAYS, 1),
    _Field("year", 1970, 2099),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is to run, field by field; days of the week count from Sunday, which is 1."""

    text: str
    seconds: tuple[Range, ...]
    minutes: tuple[Range, ...]
    hours: tuple[Range, ...]
    days: tuple[Range, ...]
    months: tuple[Range, ...]
    weekdays: tuple[Range, ...]
    years: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Converted:
    """The same schedule in other words, and what had to be left out."""

    text: str
    notes: tuple[str, ...] = ()


def read(text: str) -> Schedule:
    """Reads a schedule of six or seven fields. SettingsError for one that is none, or that only Quartz knows."""
    words = text.upper().split()
    if len(words) not in (6, 7):
        raise _unreadable(text, f"it has {len(words)} fields, and Quartz has six or seven")
    words += ["*"] * (7 - len(words))
    ranges = [_ranges(text, word, field) for word, field in zip(words, _FIELDS, strict=True)]
    return Schedule(text, *ranges)


def as_crontab(schedule: Schedule) -> Converted:
    """Gives the five fields of crontab, which knows neither seconds nor years."""
    notes = []
    if schedule.seconds != (Range(0, 0),):
        notes.append("crontab knows no seconds: it runs once, at the beginning of the minute")
    if not _is_all(schedule.years):
        notes.append("crontab knows no years: it runs in every one")
    weekdays = _weekdays(schedule)
    fields = (
        _cron(schedule.minutes, 59),
        _cron(schedule.hours, 23),
        _cron(schedule.days, 31),
        _cron(schedule.months, 12),
        "*" if weekdays is None else ",".join(str(day) for day in weekdays),
    )
    if weekdays is not None and not _is_all(schedule.days):
        raise _unreadable(schedule.text, "crontab runs on either, not on both, of a day of the month and of the week")
    return Converted(" ".join(fields), tuple(notes))


def as_systemd(schedule: Schedule) -> Converted:
    """Gives the calendar event of a systemd timer."""
    weekdays = _weekdays(schedule)
    days = "" if weekdays is None else ",".join(_SYSTEMD_DAYS[day] for day in weekdays) + " "
    date = "-".join(
        _calendar(field, width) for field, width in ((schedule.years, 4), (schedule.months, 2), (schedule.days, 2))
    )
    time = ":".join(_calendar(field, 2) for field in (schedule.hours, schedule.minutes, schedule.seconds))
    return Converted(f"{days}{date} {time}")


def _ranges(text: str, word: str, field: _Field) -> tuple[Range, ...]:
    if word == "?":
        return (Range(field.least, field.most, is_all=True),)
    return tuple(each for part in word.split(",") for each in _range(text, part, field))


def _range(text: str, part: str, field: _Field) -> tuple[Range, ...]:
    match = _PART.fullmatch(part)
    if match is None or (field.name.startswith("day") and re.fullmatch(r"[0-9A-Z]*[LW]", part) and part not in _DAYS):
        raise _unreadable(text, f"{part} for the {field.name} is Quartz's alone")
    first, last, step = match.groups()
    if first == "*" and last is None:
        is_all = step is None
        return (Range(field.least, field.most, _step(text, step, field), is_all),)
    begin = _number(text, first, field)
    if last is not None:
        end = _number(text, last, field)
        if end < begin:
            return _around(text, part, field, range(begin, end, _step(text, step, field)))
        return (Range(begin, end, _step(text, step, field)),)
    return (Range(begin, begin if step is None else field.most, _step(text, step, field)),)


def _around(text: str, part: str, field: _Field, given: range) -> tuple[Range, ...]:
    """A range over the end of its field, such as from Friday to Monday: each of its values, as only Quartz reads it."""
    if field.name == "year":
        raise _unreadable(text, f"{part} for the {field.name} goes backwards")
    length = field.most - field.least + 1
    values = range(given.start, given.stop + length + 1, given.step)
    return tuple(Range(each, each) for each in ((value - field.least) % length + field.least for value in values))


def _step(text: str, step: str | None, field: _Field) -> int:
    number = 1 if step is None else int(step)
    if not 1 <= number <= field.most:
        raise _unreadable(text, f"/{step} for the {field.name} is no step")
    return number


def _number(text: str, word: str, field: _Field) -> int:
    if word in field.names:
        return field.names.index(word) + field.offset
    if not word.isdecimal() or not field.least <= int(word) <= field.most:
        raise _unreadable(text, f"{word} is no {field.name}")
    return int(word)


def _is_all(ranges: Sequence[Range]) -> bool:
    return any(each.is_all for each in ranges)


def _values(ranges: Sequence[Range]) -> list[int]:
    return sorted({value for each in ranges for value in range(each.first, each.last + 1, each.step)})


def _weekdays(schedule: Schedule) -> list[int] | None:
    """The days of the week from 0, which is Sunday; None for every day."""
    return None if _is_all(schedule.weekdays) else [value - 1 for value in _values(schedule.weekdays)]


def _cron(ranges: Sequence[Range], most: int) -> str:
    return ",".join(_cron_part(each, most) for each in ranges)


def _cron_part(part: Range, most: int) -> str:
    if part.is_all:
        return "*"
    if part.first == part.last:
        return str(part.first)
    step = "" if part.step == 1 else f"/{part.step}"
    if part.first in (0, 1) and part.last == most and (most in (31, 12)) == (part.first == 1):
        return f"*{step}"
    return f"{part.first}-{part.last}{step}"


def _calendar(ranges: Sequence[Range], width: int) -> str:
    if _is_all(ranges):
        return "*"
    return ",".join(_calendar_part(each, width) for each in ranges)


def _calendar_part(part: Range, width: int) -> str:
    if part.first == part.last:
        return f"{part.first:0{width}}"
    step = "" if part.step == 1 else f"/{part.step}"
    return f"{part.first:0{width}}..{part.last:0{width}}{step}"


def _unreadable(text: str, why: str) -> SettingsError:
    return SettingsError(
        f"the setting orphan-cleanup-schedule ({text!r}) cannot be converted: {why}",
        hint="set a schedule without what only Quartz knows, or write the line by hand",
    )
