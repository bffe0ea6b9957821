"""Bars of text: what part one line has of the largest."""

from collections.abc import Callable

from zenctx.cli.columns import Column

CELLS = 16
_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL, _PLAIN = "█", "#"


def bar_column(header: str, attribute: str, *, can_draw: bool) -> Column:
    """A column of bars, of block characters where these can be printed."""
    show: Callable[[float], str] = _drawn if can_draw else _written
    return Column(header, attribute, show, squeeze="never", drop=2)


def _drawn(share: float) -> str:
    eighths = _least_one(share, 8 * CELLS)
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _written(share: float) -> str:
    return _PLAIN * _least_one(share, CELLS)


def _least_one(share: float, most: int) -> int:
    """Gives the length of a bar: what is there at all is seen."""
    return max(round(min(share, 1.0) * most), 1 if share > 0 else 0)
