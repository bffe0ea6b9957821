"""How one attribute of an item becomes one cell of text."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

from zenctx.cli.terminal import neutralise
from zenctx.context.datastruct import DataStruct
from zenctx.context.rawjson import RawJson

Squeeze = Literal["fold", "middle", "never", "below"]
_KIBI = 1024
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Column(DataStruct, frozen=True):
    """One column of a table, or one line of a report's facts.

    `show` turns the attribute's value into text, which is then made harmless. When a terminal is too narrow, a column
    with the highest `drop` above 0 is left out first; then `fold` breaks its text over lines, `middle` leaves out the
    middle of it, both down to `least` cells, and `never` (ids) stays whole as long as anything else can give way.
    `below` is for sentences: where the table is too wide they move below their rows, over the whole width, behind the
    header where it is `labelled`; none is ever left out. Off a terminal nothing is cut or moved.
    """

    header: str
    attribute: str
    show: Callable[[Any], str]
    justify: Literal["left", "right"] = "left"
    squeeze: Squeeze = "fold"
    drop: int = 0
    least: int = 12
    labelled: bool = False

    def cell(self, item: object) -> str:
        """Gives the harmless text of this column for an item."""
        return neutralise(self.show(getattr(item, self.attribute)))


def text(header: str, attribute: str, *, squeeze: Squeeze = "fold", drop: int = 0, least: int = 12) -> Column:
    """A column of anything that reads well as it is."""
    return Column(header, attribute, plain, squeeze=squeeze, drop=drop, least=least)


def remark(header: str, attribute: str, *, labelled: bool = False) -> Column:
    """A column of whole sentences or paths, which are never lost for lack of room."""
    return Column(header, attribute, plain, squeeze="below", labelled=labelled)


def identifier(header: str, attribute: str, *, drop: int = 0) -> Column:
    """A column of ids, which someone will want to copy whole."""
    return Column(header, attribute, plain, squeeze="never", drop=drop)


def number(header: str, attribute: str, *, drop: int = 0) -> Column:
    """A column of counts, with thousands separators."""
    return Column(header, attribute, count, justify="right", squeeze="never", drop=drop)


def size(header: str, attribute: str, *, drop: int = 0) -> Column:
    """A column of sizes in bytes, shown as `1.5 MiB`."""
    return Column(header, attribute, human_bytes, justify="right", squeeze="never", drop=drop)


def moment(header: str, attribute: str, *, drop: int = 0) -> Column:
    """A column of times, shown in UTC to the second."""
    return Column(header, attribute, utc, squeeze="never", drop=drop)


def duration(header: str, attribute: str, *, drop: int = 0) -> Column:
    """A column of seconds between a `low` and a `high`, shown as `2-3 min`."""

    def show(value: Any) -> str:
        return "-" if value is None else time_span(value.low, value.high)

    return Column(header, attribute, show, justify="right", squeeze="never", drop=drop)


def plain(value: object) -> str:
    """Gives the usual text of a value; `-` for None, `""` for an empty string, `yes` and `no` for booleans."""
    match value:
        case None:
            return "-"
        case "":
            return '""'
        case bool():
            return "yes" if value else "no"
        case Enum():
            return plain(value.value)
        case datetime():
            return utc(value)
        case RawJson():
            return value.text.decode()
        case tuple() | list() | set() | frozenset():
            return _joined(value)
        case _:
            return str(value)


def count(value: int | None) -> str:
    """Gives `1,234,567`; `-` for None."""
    return "-" if value is None else f"{value:,}"


def human_bytes(value: int | None) -> str:
    """Gives `0 B`, `1023 B`, `1.5 MiB`; `-` for None and for a size that is not known (below 0)."""
    if value is None or value < 0:
        return "-"
    if value < _KIBI:
        return f"{value} B"
    amount = float(value)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        amount /= _KIBI
        # The next unit takes over where this one would round up to 1024.0.
        if round(amount, 1) < _KIBI or unit == "PiB":
            break
    return f"{amount:.1f} {unit}"


def signed_bytes(value: int | None) -> str:
    """Gives a size, or how much more or less one has become: `-1.5 MiB`."""
    return f"-{human_bytes(-value)}" if value is not None and value < 0 else human_bytes(value)


def utc(value: datetime | None) -> str:
    """Gives `2026-11-22 21:35:04Z`; a time without a zone is taken for UTC; `-` for None."""
    if value is None:
        return "-"
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return f"{aware.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def time_span(shortest: float, longest: float) -> str:
    """Gives `2-3 min` for between so many seconds and so many; `5 s` where both are the same."""
    size, unit = next((size, unit) for size, unit in _SPANS if longest >= 2 * size or size == 1)
    low, high = round(shortest / size), round(longest / size)
    return f"{high} {unit}" if low == high else f"{low}-{high} {unit}"


def _joined(values: Iterable[object]) -> str:
    return ", ".join(plain(value) for value in values) or "-"
