"""Decides which columns a narrow terminal shows and how wide each of them is; pure, measured in cells."""

from collections.abc import Collection, Mapping, Sequence

from zenctx.cli.cells import cell_len
from zenctx.cli.columns import Column
from zenctx.context.datastruct import DataStruct

GAP = 2
"""Cells between two columns."""

_NARROWEST_ID = 4
_ORDER_OF_GIVING_WAY = ("middle", "fold", "below", "never")


class Fit(DataStruct, frozen=True):
    """The columns that are shown, by position, with their widths; those left out; those that stand below the rows."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    hidden: tuple[int, ...]
    below: tuple[int, ...] = ()


def fit(
    columns: Sequence[Column],
    natural: Sequence[int],
    width: int,
    *,
    shown: Sequence[int] | None = None,
    empty: Collection[int] = (),
) -> Fit:
    """Fits columns of `natural` widths into a terminal of `width` cells.

    First sentences move below, then columns that may be dropped go (those that are `empty` before all others), unless
    `shown` settles which stay; then those that may be squeezed are, the widest first, down to their least; only then
    ids.
    """
    if shown is None:
        shown = _choose(columns, natural, width, empty)
    widths = {at: min(natural[at], width) for at in shown}
    for kind in _ORDER_OF_GIVING_WAY:
        least = {at: _least(columns[at]) for at in shown if columns[at].squeeze == kind}
        _squeeze(widths, least, _total(list(widths.values())) - width)
    rest = [at for at in range(len(columns)) if at not in shown]
    below = tuple(at for at in rest if columns[at].squeeze == "below")
    hidden = tuple(at for at in rest if at not in below)
    return Fit(tuple(shown), tuple(widths[at] for at in shown), hidden, below)


def _choose(columns: Sequence[Column], natural: Sequence[int], width: int, empty: Collection[int]) -> list[int]:
    shown = list(range(len(columns)))
    if _total(natural) > width:
        shown = [at for at in shown if columns[at].squeeze != "below"]
    while _total([_floor(columns[at], natural[at]) for at in shown]) > width:
        droppable = [at for at in shown if columns[at].drop]
        if not droppable:
            break
        # Of two equals the one further right goes.
        shown.remove(max(droppable, key=lambda at: (at in empty, columns[at].drop, at)))
    return shown


def shorten(text: str, width: int, ellipsis: str) -> str:
    """Leaves out the middle of a text that is wider than `width` cells; the end, which tells more, gets the odd one."""
    if cell_len(text) <= width:
        return text
    room = max(width - cell_len(ellipsis), 0)
    # Lazy: only texts that are too wide come here.
    from rich.cells import set_cell_size

    head = room // 2
    return set_cell_size(text, head).rstrip(" ") + ellipsis + _tail(text, room - head)


def _tail(text: str, width: int) -> str:
    tail = ""
    for character in reversed(text):
        if cell_len(character + tail) > width:
            break
        tail = character + tail
    return tail


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def _floor(column: Column, natural: int) -> int:
    return natural if column.squeeze == "never" else min(natural, column.least)


def _least(column: Column) -> int:
    return _NARROWEST_ID if column.squeeze == "never" else column.least


def _squeeze(widths: dict[int, int], least: Mapping[int, int], excess: int) -> None:
    """Takes `excess` cells from the columns of `least`, always from the widest that has any to give."""
    for _ in range(excess):
        givers = [at for at, cells in least.items() if widths[at] > cells]
        if not givers:
            return
        widths[max(givers, key=lambda at: widths[at])] -= 1
