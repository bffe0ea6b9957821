"""Whatever the recursion limit and the depth of the stack: an outcome, and the same one."""

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.context.storage import Files, anywhere, back, there
from tests.context.texts import nested
from zenctx.context.canonical import canonical
from zenctx.context.estimate import estimated_size
from zenctx.context.forms import Form, detect
from zenctx.context.quick import count_evident_descriptors, wrap_quickly
from zenctx.context.rawjson import check_document
from zenctx.context.redact import redactor_for
from zenctx.context.rules import EngineReads, StorageRules

HEADROOM = 60
"""Frames that are left: not many, and a few more than any of these calls needs for itself."""

LEGACY = b'{"deep": ' + nested(950, b"1.10") + b', "flat": {"a": [1, "x"]}, "wide": "' + b"y" * 100 + b'"}'
TOO_DEEP = b'{"a":' + nested(100_000) + b"}"
ENDLESS = b'{"a":' + b"[" * 100_000
INVALID = b'{"a":' + nested(900, b"x") + b"}"
RULES = StorageRules(engine_reads=EngineReads.PUBLISHED, memory_threshold=50)


def work() -> list[object]:
    """Do everything once that reads nested text, and give what came of it."""
    files = Files()
    wrapped = there(LEGACY, RULES, files)
    redactor = redactor_for(detect(LEGACY, anywhere).members, ("password",))
    value = nested(950, b"1.10")
    check_document(value)
    results = [detect(text, anywhere) for text in (LEGACY, TOO_DEEP, INVALID, wrapped)]
    return [
        [(found.form, found.reason) for found in results],
        wrapped,
        back(wrapped, files),
        canonical(LEGACY),
        redactor.redact(LEGACY),
        estimated_size(value.replace(b"1.10", b" 1.10 ")),
        *(wrap_quickly(text, StorageRules()) for text in (LEGACY, TOO_DEEP, ENDLESS, INVALID)),
        *(count_evident_descriptors(text) for text in (LEGACY, TOO_DEEP, ENDLESS, INVALID, wrapped)),
    ]


@contextmanager
def recursion_limit(limit: int) -> Iterator[None]:
    """Set Python's limit for a while."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def frames() -> int:
    """Count the frames that are on the stack."""
    return len(inspect.stack(0))


def from_below(levels: int, action: Callable[[], list[object]]) -> list[object]:
    """Call something from that many frames further down."""
    return action() if levels <= 0 else from_below(levels - 1, action)


@pytest.fixture(scope="module")
def usual() -> list[object]:
    """Give what comes of it under the usual limit."""
    return work()


def test_the_usual_outcome(usual: list[object]) -> None:
    """950 levels are an ordinary context, 100,000 are too many, and a broken one is broken."""
    assert usual[0] == [
        (Form.LEGACY, None),
        (Form.INVALID, "nested more than 1000 levels deep"),
        (Form.INVALID, "not valid JSON at byte 2705"),
        (Form.DESCRIPTORS, None),
    ]
    assert usual[2] == LEGACY.replace(b'": ', b'":').replace(b', "', b',"').replace(b'[1,"x"]', b'[1, "x"]').replace(
        b'{"a":[1, ', b'{"a": [1, '
    )


@pytest.mark.parametrize("limit", [200, 500, 5000, 1_000_000])
def test_another_recursion_limit_changes_nothing(usual: list[object], limit: int) -> None:
    """A raised limit does not let text overflow the stack, a lowered one does not lose a context."""
    with recursion_limit(max(limit, frames() + HEADROOM)):
        assert work() == usual


def test_the_small_stack_of_a_thread_is_enough(usual: list[object]) -> None:
    """With no limit to speak of, only what is refused unread keeps text from overflowing the stack of the process."""
    results: list[object] = []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.extend(work()))
        with recursion_limit(1_000_000):
            thread.start()
            thread.join()
    finally:
        threading.stack_size(before)
    assert results == usual


def test_a_deep_stack_changes_nothing(usual: list[object]) -> None:
    """Called with hardly any frames left, everything still has the same outcome."""
    levels = sys.getrecursionlimit() - frames() - HEADROOM
    assert from_below(levels, work) == usual
