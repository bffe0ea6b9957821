"""Clean-ups in a process of their own, to be killed.

python -m tests.operations.gc_child URL FOLDER

Says "ready", then cleans up once for each line that it reads, in a process of its own: it says the number of that
process, and at the end how it ended. On a second line it waits for the end, and says that the process is gone.
"""

import gc
import os
import sys
import time
from pathlib import Path

from zenctx.config import load_settings
from zenctx.database.engine import Database
from zenctx.errors import LockedError, ZenctxError
from zenctx.operations import gc as operation
from zenctx.operations.collection import execute
from zenctx.operations.collection.request import Limit
from zenctx.operations.gc import GcRequest, Given

PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.01


def say(text: str) -> None:
    """Write at once: a process that is killed flushes nothing."""
    os.write(1, text.encode())


def run(url: str, folder: Path) -> None:
    """Clean up once; wait for the server to notice that an earlier process was killed."""
    settings = load_settings({"db": url}, config_file=None, environ={}, cwd=folder)
    execute.BATCH = 20
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Database.open(url, read_only=False) as database:
        while True:
            try:
                request = GcRequest(limit=Limit(percent=100))
                report = operation.collect(Given(database, settings, request, lambda _item: say(".")))
            except ZenctxError as error:
                if isinstance(error, LockedError) and time.monotonic() < deadline:
                    time.sleep(RETRY_SECONDS)
                    continue
                say(f"\n{error.message}\n")
                return
            say(f"\nended with {report.exit_code}\n")
            return


def main(url: str, folder: str) -> None:
    """Clean up for each line."""
    gc.freeze()  # else the garbage collector of each child would touch, and so copy, all that is in memory
    say("ready\n")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            run(url, Path(folder))
            os._exit(0)
        say(f"{child}\n")
        # Until the next line comes the process is not let go: its number belongs to no other.
        sys.stdin.readline()
        os.waitpid(child, 0)
        say("gone\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
