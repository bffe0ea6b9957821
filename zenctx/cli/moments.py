"""Times as people write them on a command line: a day, a time, an age, or how long something may take."""

import re
from datetime import UTC, datetime, timedelta

from zenctx.errors import UsageError

_AGE = re.compile(r"([0-9]{1,5})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LENGTH = re.compile(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")


def parse_length(text: str, *, option: str) -> timedelta:
    """Gives how long `90s`, `45m`, `2h`, `1h30m` or `1d` is. Raises UsageError, with the name of the option."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None or not any(int(part or 0) for part in match.groups()):
        raise UsageError(f"{option} {text!r} is no length of time", hint="write 90s, 45m, 2h, 1h30m or 1d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def parse_moment(text: str, now: datetime, *, option: str) -> datetime:
    """Gives the aware time that a text means: `2026-01-31`, `2026-01-31 13:45:00Z`, `24h` ago. Without a zone: UTC.

    Raises UsageError, with the name of the option, for anything else.
    """
    if match := _AGE.fullmatch(text.strip()):
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is neither a time nor an age",
            hint="write 2026-01-31, 2026-01-31T13:45:00 (UTC), or an age such as 90m, 24h or 7d",
        ) from None
