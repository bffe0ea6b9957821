"""Serves work that is to be killed: everything is imported once, and each piece of work is a child."""

import gc
import json
import os
import sys
from collections.abc import Callable


def serve(work: Callable[[str], int]) -> None:
    """Say "ready", then do work for each line that is not empty, in a process of its own, and say its number.

    An empty line lets it wait for all of them, and say how each ended, as JSON.
    """
    # Else the garbage collector of each child would touch, and so copy, all that is in memory.
    gc.freeze()
    _say("ready")
    children: list[int] = []
    for line in sys.stdin:
        if line.strip():
            child = os.fork()
            if child == 0:
                os._exit(work(line.strip()))
            children.append(child)
            _say(str(child))
        else:
            ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            children.clear()
            _say(json.dumps(ends))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
