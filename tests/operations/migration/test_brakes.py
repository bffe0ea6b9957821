"""What slows a migration down and what stops it, by a clock that goes on only when somebody waits."""

from pathlib import Path

from zenctx.operations.migration.brakes import Brakes, Stop, Terms


class Time:
    """A clock, and what is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str | None] = []

    def wait(self, seconds: float) -> None:
        """Goes on."""
        self.now += seconds

    def brakes(self, terms: Terms, *reasons: str | None) -> Brakes:
        """Make brakes that are held for these reasons, one after the other."""
        left = list(reasons)
        hold = (lambda: left.pop(0) if left else None,)
        return Brakes(terms, hold, clock=lambda: self.now, wait=self.wait)

    def goes_on(self, brakes: Brakes, rows: int = 100) -> bool:
        """Ask before a batch."""
        return brakes.lets_go_on(rows, self.told.append)


def test_without_terms_nothing_waits() -> None:
    """Nor is anything told."""
    time = Time()
    brakes = time.brakes(Terms())
    assert all(time.goes_on(brakes) for _ in range(10))
    assert (time.now, time.told, brakes.stop) == (0, [], None)


def test_a_duration_ends_it_before_the_next_batch() -> None:
    """With the code of work half done."""
    time = Time()
    brakes = time.brakes(Terms(max_seconds=10))
    assert time.goes_on(brakes)
    time.now = 10
    assert not time.goes_on(brakes)
    assert brakes.stop == Stop("--max-duration is over", 3)


def test_a_rate_is_kept_on_the_whole() -> None:
    """Batches wait for their turn; time in which nothing was written is not made up for."""
    time = Time()
    brakes = time.brakes(Terms(max_rate=100))
    for _ in range(11):
        assert time.goes_on(brakes)
    assert 9 <= time.now <= 11
    time.now += 1000
    started = time.now
    for _ in range(6):
        assert time.goes_on(brakes)
    assert time.now - started >= 3.5


def test_batches_that_write_nothing_need_not_wait() -> None:
    """A rate is one of rows that are written."""
    time = Time()
    brakes = time.brakes(Terms(max_rate=1))
    assert all(time.goes_on(brakes, 0) for _ in range(10))
    assert time.now == 0


def test_the_reason_for_waiting_is_told_once() -> None:
    """And that it is over."""
    time = Time()
    brakes = time.brakes(Terms(), "lag", "lag", "vacuum", None)
    assert time.goes_on(brakes)
    assert time.told == ["lag", "vacuum", None]
    assert time.now > 0


def test_what_held_it_at_the_end_is_named() -> None:
    """A duration that runs out while nothing may be written says why nothing was."""
    time = Time()
    brakes = time.brakes(Terms(max_seconds=1), *["a standby lags"] * 100)
    assert not time.goes_on(brakes)
    assert brakes.stop == Stop("--max-duration is over (a standby lags)", 3)


def test_a_pause_file_holds_it(tmp_path: Path) -> None:
    """As long as it is there."""
    time = Time()
    file = tmp_path / "pause"
    file.touch()
    brakes = Brakes(Terms(pause_file=file), clock=lambda: time.now, wait=lambda _seconds: file.unlink())
    assert time.goes_on(brakes)
    assert time.told == [f"paused: {file} exists", None]


def test_few_poisoned_rows_do_not_stop_it() -> None:
    """However high their share is among few rows, or long ago."""
    brakes = Brakes(Terms())
    brakes.landed(100, 100)
    assert brakes.stop is None
    brakes = Brakes(Terms())
    for _ in range(100):
        brakes.landed(1000, 10)
    assert brakes.stop is None


def test_many_poisoned_rows_stop_it() -> None:
    """More than one in a hundred of the last ten thousand: something else is wrong than single rows."""
    brakes = Brakes(Terms())
    for _ in range(20):
        brakes.landed(1000, 0)
    brakes.landed(1000, 60)
    first = brakes.stop
    brakes.landed(1000, 41)
    reason, code, _step = brakes.stop or Stop("", 0)
    assert (first, code) == (None, 5)
    assert reason.startswith("101 of the last 10,000 rows had to be quarantined")
