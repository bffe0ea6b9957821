"""A process that wraps a part of each batch: it changes no result, may be killed at any time, and ends with us."""

import os
import signal
from collections.abc import Iterator
from multiprocessing import active_children

import pytest

from zenctx.context.rules import StorageRules
from zenctx.operations.migration import wrapping as module
from zenctx.operations.migration.wrapping import Wrapping, wrap_all, wrapping

RULES = StorageRules()
TEXTS = [None, b"{", b'{"a":{"type":"MEMORY"}}', *(b'{"a":%d,"b":"caf\xc3\xa9"}' % number for number in range(300))]


def helpers() -> list[int]:
    """Give the processes that help."""
    return [child.pid for child in active_children() if child.name == "zenctx-helper" and child.pid]


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wrapping]:
    """Give a wrapping that has help from its second batch on."""
    monkeypatch.setattr(module, "HELPED_FROM", 1)
    monkeypatch.setattr(module, "_processors", lambda: 2)
    with wrapping(may_have_help=True) as made:
        assert made.wrap(TEXTS, RULES) == wrap_all(TEXTS, RULES)
        assert helpers() == []
        yield made
    for child in active_children():
        child.join(10)


def test_with_help_the_result_is_the_same(helped: Wrapping) -> None:
    """Batch after batch, whatever share the helper has, and in the same order."""
    for count in (len(TEXTS), 51, 7, 0, len(TEXTS)):
        for _ in range(5):
            assert helped.wrap(TEXTS[:count], RULES) == wrap_all(TEXTS[:count], RULES)
    assert len(helpers()) == 1


def test_a_helper_that_is_killed_is_done_without(helped: Wrapping) -> None:
    """What it had to do is done here."""
    helped.wrap(TEXTS, RULES)
    (helper,) = helpers()
    os.kill(helper, signal.SIGKILL)
    for _ in range(3):
        assert helped.wrap(TEXTS, RULES) == wrap_all(TEXTS, RULES)
    assert helpers() == []


def test_a_helper_ends_with_us(helped: Wrapping) -> None:
    """When nobody is at the other end of its pipe."""
    helped.wrap(TEXTS, RULES)
    (helper,) = (child for child in active_children() if child.name == "zenctx-helper")
    helped.close()
    helper.join(10)
    assert helper.exitcode == 0
    assert helped.wrap(TEXTS, RULES) == wrap_all(TEXTS, RULES)


def test_an_answer_that_nobody_took_is_not_taken_for_the_next(
    helped: Wrapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted while the helper works, there is no help any more."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    helped.wrap(TEXTS, RULES)
    with monkeypatch.context() as patched:
        patched.setattr(module, "wrap_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            helped.wrap(TEXTS, RULES)
    assert helped.wrap(TEXTS[::-1], RULES) == wrap_all(TEXTS[::-1], RULES)


def test_one_processor_has_nobody_to_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a database with processors of its own needs nobody."""
    monkeypatch.setattr(module, "HELPED_FROM", 0)
    monkeypatch.setattr(module, "_processors", lambda: 1)
    with wrapping(may_have_help=True) as alone:
        assert alone.wrap(TEXTS, RULES) == wrap_all(TEXTS, RULES)
    monkeypatch.setattr(module, "_processors", lambda: 2)
    with wrapping(may_have_help=False) as alone:
        assert alone.wrap(TEXTS, RULES) == wrap_all(TEXTS, RULES)
    assert helpers() == []
