"""Snapshots in processes of their own, to be killed or to run side by side.

python -m tests.operations.snapshot_child URL FOLDER OPTIONS    (OPTIONS: settings as JSON)

Says "ready", then takes a snapshot of all runs for each line that it reads, in a process of its own: it says the number
of that process and at once reads the next line; an empty one lets it wait for all of them, and say how each ended.
"""

import json
import os
import sys
from pathlib import Path

from tests.operations.child import say
from tests.operations.taking import request
from zenctx.config import load_settings
from zenctx.database.engine import Database
from zenctx.errors import ZenctxError
from zenctx.operations.snapshot import snapshot


def run(url: str, folder: Path, options: dict[str, str]) -> int:
    """Take a snapshot; give its exit code."""
    settings = load_settings({"db": url, **options}, config_file=None, environ={}, cwd=folder)
    with Database.open(url, read_only=False) as database:
        try:
            return snapshot(database, settings, request(), lambda _item: None).exit_code
        except ZenctxError as error:
            return error.exit_code


def main(url: str, folder: str, options: str) -> None:
    """Start a snapshot for each line that is not empty."""
    say("ready\n")
    children: list[int] = []
    for line in sys.stdin:
        if line.strip():
            child = os.fork()
            if child == 0:
                os._exit(run(url, Path(folder), json.loads(options)))
            children.append(child)
            say(f"{child}\n")
        else:
            ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            children.clear()
            say(f"{json.dumps(ends)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
