"""Restorations in processes of their own, to be killed.

python -m tests.operations.restore_child URL FOLDER OPTIONS         (OPTIONS: settings as JSON)

It says "ready". For each line that it reads, the reference of a snapshot, it starts a process that restores it, and
says the number of that process; that one says how it ended. On one more line it waits for the end, and says "gone".
"""

import gc
import json
import os
import sys
import time
from pathlib import Path

from tests.operations.child import PATIENCE_SECONDS, RETRY_SECONDS, say
from zenctx.config import load_settings
from zenctx.database.engine import Database
from zenctx.errors import LockedError, ZenctxError
from zenctx.operations.restore import restore
from zenctx.operations.restoring import work
from zenctx.operations.restoring.request import RestoreRequest


def run(url: str, folder: Path, options: dict[str, str], reference: str) -> None:
    """Restore once; wait for the server to notice that an earlier process was killed."""
    settings = load_settings({"db": url, **options}, config_file=None, environ={}, cwd=folder)
    work.MAX_WRITES = 10  # many transactions, so that it is killed between two of them, too
    with Database.open(url, read_only=False) as database:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                report = restore(database, settings, RestoreRequest(reference), lambda _item: None)
            except ZenctxError as error:
                if isinstance(error, LockedError) and time.monotonic() < deadline:
                    time.sleep(RETRY_SECONDS)
                    continue
                say(f"failed: {error.message}\n")
                return
            say(f"ended with {report.exit_code}\n")
            return


def main(url: str, folder: str, options: str) -> None:
    """Start a restoration for each line."""
    gc.freeze()  # else the garbage collector of each child would touch, and so copy, all that is in memory
    say("ready\n")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(url, Path(folder), json.loads(options), line.strip())
            os._exit(0)
        say(f"{child}\n")
        # Until the next line comes the process is not let go: its number belongs to no other.
        sys.stdin.readline()
        os.waitpid(child, 0)
        say("gone\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
