"""Reading ahead and writing behind."""

import gc
from collections.abc import Iterator
from threading import Barrier, Lock

import pytest

from zenctx.operations.pipeline import pipeline


@pytest.mark.parametrize("writers", [0, 1, 2])
def test_each_item_is_carried_out_once(writers: int) -> None:
    """However many write at once; and all of it is done at the end of the block."""
    done: list[int] = []
    with pipeline(iter(range(50)), writers=writers) as line:
        for item in line:
            line.do(lambda item=item: done.append(item))  # type: ignore[misc]  # the item of this turn
    assert sorted(done) == list(range(50))


def test_two_write_at_once_and_no_more() -> None:
    """The second begins while the first is still at work; a third waits."""
    meeting = Barrier(2, timeout=10)
    at_work, most, lock = 0, 0, Lock()

    def work() -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        meeting.wait()
        with lock:
            at_work -= 1

    with pipeline(iter(range(10)), writers=2) as line:
        for _ in line:
            line.do(work)
    assert most == 2


@pytest.mark.parametrize("writers", [0, 2])
def test_a_failure_stops_the_walk(writers: int) -> None:
    """It is raised soon after, in the thread that hands over; what was under way is done."""
    met: list[int] = []

    def fail() -> None:
        raise ValueError("no")

    def walk() -> None:
        with pipeline(iter(range(100)), writers=writers) as line:
            for item in line:
                met.append(item)
                line.do(fail)

    with pytest.raises(ValueError, match="no"):
        walk()
    assert len(met) <= 4


def test_nothing_is_read_while_somebody_writes_where_they_exclude_each_other() -> None:
    """With one file for all, the next item is read before the work on the last one begins."""
    events: list[str] = []

    def source() -> Iterator[int]:
        for item in range(3):
            events.append(f"read {item}")
            yield item

    with pipeline(source(), writers=0) as line:
        for item in line:
            line.do(lambda item=item: events.append(f"write {item}"))  # type: ignore[misc]  # the item of this turn
    assert events == ["read 0", "read 1", "write 0", "read 2", "write 1", "write 2"]


@pytest.mark.parametrize("threshold", [0, 700, 100_000])
def test_cycles_are_searched_for_as_before_once_it_is_over(threshold: int) -> None:
    """Whoever uses the library finds the collector as it was, also after a failure."""
    before = gc.get_threshold()
    try:
        gc.set_threshold(threshold, 9, 8)
        line = pipeline(iter(range(3)), writers=0)
        line.__enter__()
        assert gc.get_threshold()[0] in (0, 20_000, 100_000)
        assert line.__exit__(ValueError, ValueError("no"), None) is False
        assert gc.get_threshold() == (threshold, 9, 8)
    finally:
        gc.set_threshold(*before)
