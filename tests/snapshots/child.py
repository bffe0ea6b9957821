"""What the tests run in a process of its own, to be killed at any moment.

python -m tests.snapshots.child serve ROOT   serves lines (see `tests.operations.forked`); writes ids to ROOT.told
python -m tests.snapshots.child take ROOT N  takes N snapshots; prints their ids
python -m tests.snapshots.child hold ROOT    holds the repository alone for ever; prints a line when it has it

Of the lines that it serves "loop" takes snapshots for ever, and a number takes one and kills itself before its step of
that number on a file.
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

from tests.operations.forked import serve
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


def _serve(repository: Repository, told: Path) -> None:
    def note(snapshot_id: str) -> None:
        with told.open("a") as file:
            file.write(f"{snapshot_id}\n")

    def work(line: str) -> int:
        if line != "loop":
            _kill_at(int(line))
            note(_take(repository))
            return 0
        while True:
            note(_take(repository))

    serve(work)


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
    if verb == "serve":
        _serve(repository, Path(f"{root}.told"))
    elif verb == "hold":
        _hold(repository)
    else:
        for _ in range(int(number)):
            _say(_take(repository))


if __name__ == "__main__":
    main(*sys.argv[1:])
