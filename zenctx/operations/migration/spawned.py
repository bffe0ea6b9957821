"""Processes that are started beside this one, and end with it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any


def spawned(target: Callable[..., None], *arguments: Any, name: str) -> tuple[BaseProcess, Pipe]:
    """Starts a process that calls `target` with its end of a pipe and the arguments; gives it, and our end.

    Ctrl-C while it starts is for later, and for us alone. Raises OSError where the system starts none.
    """
    # Spawned, for connections and threads do not survive a fork.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), name=name, daemon=True)
    with without_interruption():
        process.start()
    theirs.close()
    return process, ours


@contextmanager
def without_interruption() -> Iterator[None]:
    """Ctrl-C is for later, and for us alone: processes that are started within the block never hear of it."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # Not in the main thread, which alone is interrupted.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
