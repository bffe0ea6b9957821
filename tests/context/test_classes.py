"""Classes of runs: what a row says, decided by a table, with the reason; what is not understood is never finished."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from zenctx.context.classes import (
    KNOWN_STATUSES,
    RESUMABLE,
    RETRY_GRACE,
    ZOMBIE_AGE,
    RunClass,
    RunFacts,
    classify_run,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
LONG_AGO = NOW - timedelta(days=400)

EXECUTING, PARKED, RETRYING = RunClass.EXECUTING, RunClass.PARKED, RunClass.RETRYING
FINISHED, ZOMBIE, UNREADABLE = RunClass.FINISHED, RunClass.ZOMBIE, RunClass.UNREADABLE


def facts(
    status: str,
    started: datetime | None = NOW - HOUR,
    ended: datetime | None = None,
    *,
    context: bool = True,
    retry: bool = False,
    last_sign: datetime | None = None,
) -> RunFacts:
    """Give what a row tells; started an hour ago, not ended, with a context, unless told otherwise."""
    return RunFacts(status, started, ended, has_context=context, pending_retry=retry, last_sign=last_sign)


@pytest.mark.parametrize(
    ("row", "run_class", "reason"),
    [
        (facts("RUNNING", context=False), EXECUTING, "it has not ended and has no context"),
        (facts("RUNNING"), PARKED, "it has not ended and has a context"),
        (facts("WAITING"), PARKED, "it has not ended and has a context"),
        (facts("SUCCESS"), PARKED, "it has not ended and has a context"),
        (facts("ERROR"), PARKED, "it has not ended and has a context"),
        (facts("ERROR", context=False), EXECUTING, "it has not ended and has no context"),
        (facts("RUNNING", ended=NOW), PARKED, "it has not ended and has a context"),
        (facts("SOMETHING_NEW"), PARKED, "it has not ended and has a context"),
        (facts("SOMETHING_NEW", context=False), EXECUTING, "it has not ended and has no context"),
        (facts("SOMETHING_NEW", ended=NOW), UNREADABLE, "the status SOMETHING_NEW is not known to zenctx"),
        (facts("success", ended=NOW), UNREADABLE, "the status success is not known to zenctx"),
        (facts("SUCCESS", ended=NOW), FINISHED, "it ended with success"),
        (facts("SUCCESS", ended=NOW + HOUR), FINISHED, "it ended with success"),
        (facts("SUCCESS", ended=LONG_AGO, retry=True), RETRYING, "it ended, and a retry is scheduled"),
        (facts("ERROR", ended=NOW), RETRYING, "it failed within the last 24 hours and may be retried"),
        (facts("ERROR", ended=NOW + HOUR), RETRYING, "it failed within the last 24 hours and may be retried"),
        (facts("ERROR", ended=NOW - RETRY_GRACE), RETRYING, "it failed within the last 24 hours and may be retried"),
        (facts("ERROR", ended=NOW - RETRY_GRACE - SECOND), FINISHED, "it failed more than 24 hours ago, and no retry"),
        (facts("ERROR", ended=LONG_AGO, retry=True), RETRYING, "it ended, and a retry is scheduled"),
        (facts("RUNNING", NOW - ZOMBIE_AGE), PARKED, "it has not ended and has a context"),
        (facts("RUNNING", NOW - ZOMBIE_AGE - SECOND), ZOMBIE, "showed no sign of life since 2026-01-30"),
        (facts("RUNNING", LONG_AGO, context=False), ZOMBIE, "it has not ended, and showed no sign of life since 2025"),
        (facts("SOMETHING_NEW", LONG_AGO), ZOMBIE, "it has not ended, and showed no sign of life since 2025"),
        (facts("RUNNING", LONG_AGO, retry=True), PARKED, "it has not ended and has a context"),
        (facts("RUNNING", LONG_AGO, last_sign=NOW - HOUR), PARKED, "it has not ended and has a context"),
        (facts("RUNNING", LONG_AGO, last_sign=LONG_AGO - HOUR), ZOMBIE, "showed no sign of life since 2025-01-25"),
        (facts("RUNNING", NOW - HOUR, last_sign=LONG_AGO), PARKED, "it has not ended and has a context"),
        (facts("RUNNING", LONG_AGO, ended=NOW - HOUR), PARKED, "it has not ended and has a context"),
        (facts("RUNNING", None), PARKED, "it has not ended and has a context"),
        (facts("RUNNING", NOW + HOUR), PARKED, "it has not ended and has a context"),
    ],
)
def test_classes_and_their_reasons(row: RunFacts, run_class: RunClass, reason: str) -> None:
    """One line a rule: status, end, context, pending retry and the last sign of life decide."""
    found = classify_run(row, NOW)
    assert found.run_class is run_class
    assert reason in found.reason


@pytest.mark.parametrize("status", [*KNOWN_STATUSES, "SOMETHING_NEW"])
def test_times_that_cannot_be_read_decide_nothing(status: str) -> None:
    """Such a row counts as one that may still be needed, whatever else it says."""
    row = RunFacts(status, LONG_AGO, LONG_AGO, has_context=True, times_readable=False)
    assert classify_run(row, NOW).run_class is UNREADABLE


def test_finished_needs_a_known_end() -> None:
    """Over all combinations: only SUCCESS and ERROR with an end and without a pending retry are finished."""
    moments = (None, LONG_AGO, NOW - HOUR, NOW + HOUR)
    statuses = (*KNOWN_STATUSES, "SOMETHING_NEW")
    for status, started, ended, context, retry in product(statuses, moments, moments, (True, False), (True, False)):
        found = classify_run(facts(status, started, ended, context=context, retry=retry), NOW)
        if found.run_class is FINISHED:
            assert ended is not None
            assert status in ("SUCCESS", "ERROR")
            assert not retry


def test_parked_and_retrying_runs_can_be_resumed() -> None:
    """And no others."""
    assert frozenset({PARKED, RETRYING}) == RESUMABLE
