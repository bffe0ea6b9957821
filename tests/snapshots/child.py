"""What the tests run in a process of its own, to be killed at any moment.

python -m tests.snapshots.child loop ROOT    takes snapshots for ever; prints each one's id when it was told it
python -m tests.snapshots.child step ROOT N  takes one snapshot and kills itself before its N-th step on a file
python -m tests.snapshots.child take ROOT N  takes N snapshots; prints their ids
python -m tests.snapshots.child hold ROOT    holds the repository alone for ever; prints a line when it has it
"""

import io
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.snapshots.samples import HEADER, RUN, a_file
from zenctx.snapshots.repository import Repository
from zenctx.store.objects import LocalObjects

STEPS = ("write", "fsync", "link", "rename", "mkdir", "unlink", "open", "fchmod")
COMMON = b"the same in every snapshot" * 40_000


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _take(repository: Repository) -> str:
    """One snapshot of twenty runs: large and small files, one the same as always, one run too large for a line."""
    head = replace(HEADER, created_at=datetime.now(UTC))
    with repository.lock_shared(), repository.write(head) as manifest:
        futures = [
            manifest.submit_object(lambda: io.BytesIO(os.urandom(secrets.randbelow(100_000)))) for _ in range(10)
        ]
        contents = [COMMON, b"", os.urandom(700_000)]
        stored = [manifest.put_object(content) for content in contents] + [future.result() for future in futures]
        for n in range(20):
            files = tuple(a_file(one.checksum, one.size, str(at)) for at, one in enumerate(stored))
            context = os.urandom(4_500_000) if n == 10 else os.urandom(500)
            manifest.add(replace(RUN, run_id=str(n), context=context, files=files))
        return manifest.commit().snapshot_id


def _loop(repository: Repository) -> None:
    while True:
        _say(_take(repository))


def _hold(repository: Repository) -> None:
    with repository.lock_exclusive():
        _say("held")
        time.sleep(60)


def _kill_at(number: int) -> None:
    """Let this process die right before so many steps have been made."""
    left = iter(range(number - 1, -1, -1))

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: object, **options: object) -> object:
            if next(left, 0) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


def main(verb: str, root: str, number: str = "0") -> None:
    """Carry out one of the verbs above."""
    repository = Repository.create(LocalObjects(Path(root)))
    if verb == "loop":
        _loop(repository)
    elif verb == "hold":
        _hold(repository)
    elif verb == "take":
        for _ in range(int(number)):
            _say(_take(repository))
    else:
        _kill_at(int(number))
        _say(_take(repository))


if __name__ == "__main__":
    main(*sys.argv[1:])
