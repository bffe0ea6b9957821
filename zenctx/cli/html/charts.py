"""Charts as inline SVG: bars, and a line over time. They stretch to the room there is; words stay outside of them."""

from collections.abc import Sequence
from datetime import datetime

from zenctx.cli.html.markup import Markup, joined, tag

_WIDTH, _HEIGHT, _MARGIN = 600.0, 120.0, 4.0


def bar(parts: Sequence[tuple[float, str]], label: str) -> Markup:
    """Gives a bar of one or more parts, each with its share (all of them together 1 at most) and its CSS class."""
    rectangles: list[Markup] = []
    start = 0.0
    for share, kind in parts:
        width = min(max(share, 0.0), 1.0 - start)
        if width > 0:
            rectangles.append(
                tag("rect", x=f"{100 * start:.2f}", y=0, width=f"{100 * width:.2f}", height=1, class_=kind)
            )
        start += width
    return tag(
        "svg",
        *rectangles,
        class_="bar",
        viewBox="0 0 100 1",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def line(points: Sequence[tuple[datetime, int]], kind: str, label: str) -> Markup:
    """Gives a line over time, from nothing at the bottom to the largest value at the top."""
    first, last = points[0][0], points[-1][0]
    span = max((last - first).total_seconds(), 1.0)
    most = max(1, *(value for _, value in points))
    places = [
        (_WIDTH * (at - first).total_seconds() / span, _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * value / most)
        for at, value in points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    area = f"0,{_HEIGHT} {path} {places[-1][0]:.1f},{_HEIGHT}"
    return tag(
        "svg",
        joined(
            [tag("polygon", points=area, class_=f"{kind} area"), tag("polyline", points=path, class_=f"{kind} line")]
        ),
        class_="line-chart",
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
