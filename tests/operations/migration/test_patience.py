"""How long the database is waited for."""

import pytest

from zenctx.errors import DatabaseError
from zenctx.operations.migration.patience import PATIENCE_SECONDS, Patience

GONE = DatabaseError("the server is away", hint="start it")


class Time:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()

    def wait(self, seconds: float) -> None:
        """Goes on."""
        self.waits.append(seconds)
        self.now += seconds


def test_pauses_grow_and_end() -> None:
    """From a moment to some seconds; in the end the reason is named, with what to do."""
    time = Time()
    patience = Patience(clock=lambda: time.now, wait=time.wait)

    def wait_for_ever() -> None:
        while True:
            patience.wait(GONE)

    with pytest.raises(DatabaseError, match=r"no progress for 120 s: the server is away") as caught:
        wait_for_ever()
    assert caught.value.hint == "start it"
    assert time.waits[0] <= 0.2
    assert 2.5 <= max(time.waits) <= 10
    assert PATIENCE_SECONDS <= time.now <= PATIENCE_SECONDS + 10


def test_progress_makes_it_patient_again() -> None:
    """What fails after that is a new failure."""
    time = Time()
    patience = Patience(clock=lambda: time.now, wait=time.wait)
    for _ in range(100):
        patience.wait(GONE)
        patience.progressed()
    assert max(time.waits) <= 0.2
