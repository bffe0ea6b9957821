"""How long it will take, as people read it."""

import pytest

from zenctx.cli.progress import time_left


@pytest.mark.parametrize(
    ("things", "speeds", "text"),
    [
        (0, [5.0], "0 s left"),
        (100, [10.0], "10 s left"),
        (100, [10.0, 5.0], "10-20 s left"),
        (600, [1.0], "10 min left"),
        (600, [1.0, 2.0], "5-10 min left"),
        (119, [1.0], "119 s left"),
        (36_000, [1.0, 1.5], "7-10 h left"),
        (1_000_000, [1.0, 4.0], "3-12 d left"),
    ],
)
def test_time_left_is_a_range(things: float, speeds: list[float], text: str) -> None:
    """From the fastest to the slowest speed that was seen, in the unit that fits the longer one."""
    assert time_left(things, speeds) == text
