"""The quick way of a conversion for whole batches, and a process that does a part of each.

Writing to SQLite needs the interpreter for every row, so that threads do not help: one process decides and writes, and
another one wraps. It is handed texts and gives texts back; it has no connection and no file.
"""

import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection as Pipe

from zenctx.context.quick import wrap_quickly
from zenctx.context.rules import StorageRules
from zenctx.operations.migration.spawned import spawned

HELPED_FROM = 2_000
"""Rows after which a helper is worth its start, which takes as long as to wrap some thousands."""

_FEW = 50
"""Fewer rows are not worth the way there and back."""
_FIRST_SHARE, _MOST, _STEP = 0.5, 0.9, 0.05


def wrap_all(texts: Sequence[bytes | None], rules: StorageRules) -> list[bytes | None]:
    """Gives what `wrap_quickly` gives of each text; None of None."""
    return [None if text is None else wrap_quickly(text, rules) for text in texts]


class Wrapping:
    """Wraps batches, alone or with a helper, which gets as much of each as it can do in our time."""

    def __init__(self, *, may_have_help: bool) -> None:
        self._wants_help = may_have_help and _processors() > 1
        self._alone = 0
        self._pipe: Pipe | None = None
        self._share = _FIRST_SHARE

    def wrap(self, texts: Sequence[bytes | None], rules: StorageRules) -> list[bytes | None]:
        """Gives what `wrap_all` gives. A helper that fails or is killed is done without."""
        if self._wants_help and self._alone >= HELPED_FROM:
            self._wants_help = False
            self._pipe = _started()
        if self._pipe is None or len(texts) < _FEW:
            self._alone += len(texts)
            return wrap_all(texts, rules)
        cut = len(texts) - int(len(texts) * self._share)
        try:
            return self._with_help(self._pipe, texts[:cut], texts[cut:], rules)
        except (EOFError, OSError, pickle.PickleError):
            self.close()
            return wrap_all(texts, rules)
        except BaseException:
            # An answer that nobody took would be taken for the next one's.
            self.close()
            raise

    def _with_help(
        self, pipe: Pipe, ours: Sequence[bytes | None], theirs: Sequence[bytes | None], rules: StorageRules
    ) -> list[bytes | None]:
        pipe.send((theirs, rules))
        wrapped = wrap_all(ours, rules)
        self._share = min(self._share + _STEP, _MOST) if pipe.poll() else max(self._share - _STEP, 0.0)
        helped: list[bytes | None] = pipe.recv()
        return wrapped + helped

    def close(self) -> None:
        """Lets the helper go: it ends when nobody is at the other end of its pipe."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


@contextmanager
def wrapping(*, may_have_help: bool) -> Iterator[Wrapping]:
    """Gives a wrapping whose helper, if there ever is one, is gone after the block."""
    made = Wrapping(may_have_help=may_have_help)
    try:
        yield made
    finally:
        made.close()


def _processors() -> int:
    # What this process may use, where the system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _started() -> Pipe | None:
    try:
        _process, pipe = spawned(_help, name="zenctx-helper")
    except OSError:
        return None
    return pipe


def _help(pipe: Pipe) -> None:
    # Ctrl-C reaches every process of the terminal; the one at the other end says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            texts, rules = pipe.recv()
            pipe.send(wrap_all(texts, rules))
