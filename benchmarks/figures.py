"""What a case gives back, and how it is printed: one line, a ratio, and what is required of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HEADINGS = ("case", "zenctx", "peer", "ratio", "required")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table, ready to be printed."""

    case: str
    zenctx: str
    peer: str = ""
    ratio: str = ""
    required: str = ""


def speed(case: str, zenctx: Sequence[float], peer: Sequence[float], required: float | None = None) -> Figure:
    """Compares seconds, round by round: how many times as fast as its peer zenctx is (the medians; least and most)."""
    ratio = _ratio(peer, zenctx)
    bar = "" if required is None else f"at least {required:g}"
    return Figure(case, seconds(zenctx), seconds(peer), ratio, bar)


def cost(case: str, zenctx: Sequence[float], peer: Sequence[float], required: float) -> Figure:
    """Compares processor time in seconds: how many times the time of its peer zenctx takes."""
    return Figure(
        case, milliseconds(zenctx), milliseconds(peer), f"{median(zenctx) / median(peer):.2f}", f"at most {required:g}"
    )


def seconds(rounds: Sequence[float]) -> str:
    """Gives the median of some seconds as text."""
    return f"{median(rounds):.2f} s"


def milliseconds(rounds: Sequence[float]) -> str:
    """Gives the median of some seconds as text, for short times."""
    return f"{median(rounds) * 1000:.1f} ms"


def megabytes(count: float) -> str:
    """Gives bytes as text, in millions of them."""
    return f"{count / 1e6:.0f} MB"


def table(figures: Sequence[Figure]) -> str:
    """Gives the lines of the table."""
    lines = [HEADINGS, *((f.case, f.zenctx, f.peer, f.ratio, f.required) for f in figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _ratio(peer: Sequence[float], zenctx: Sequence[float]) -> str:
    rounds = [theirs / ours for theirs, ours in zip(peer, zenctx, strict=True)]
    span = f" ({min(rounds):.2f}-{max(rounds):.2f})" if len(rounds) > 1 else ""
    return f"{median(peer) / median(zenctx):.2f}{span}"
