"""A migration in a process of its own, to be killed, to lack rights, or to fill a small disk.

python -m tests.operations.child URL FOLDER OPTIONS         (OPTIONS: settings as JSON)
python -m tests.operations.child once URL FOLDER OPTIONS

The first says "ready", then starts one migration for each line that it reads, in a process of its own: it says the
number of that process, then a dot for each batch, and at the end how it ended. On a second line it waits for the end,
and says that the process is gone. The second form migrates once and says how that ended, and what a verification says
after it, as JSON.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path

from tests.operations.world import request
from zenctx.config import load_settings
from zenctx.database.engine import Database
from zenctx.database.rows import Selection
from zenctx.errors import LockedError, ZenctxError
from zenctx.operations.migrate import migrate
from zenctx.operations.progress import Progress
from zenctx.operations.verify import VerifyRequest, verify

BATCH_ROWS = 25
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.01


def say(text: str) -> None:
    """Write at once: a process that is killed flushes nothing."""
    os.write(1, text.encode())


class Dots(Progress):
    """Says a dot for each batch."""

    def start(self, total: int | None, unit: str) -> None:
        """Nothing to say."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """One batch is on its way."""
        say(".")

    def note(self, text: str, **_facts: object) -> None:
        """Nothing to say."""

    def finish(self) -> None:
        """Nothing to say."""


def run(url: str, folder: Path, options: dict[str, str]) -> None:
    """Migrate once; wait for the server to notice that an earlier process was killed."""
    settings = load_settings({"db": url, **options}, config_file=None, environ={}, cwd=folder)
    with Database.open(url, read_only=False) as database:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                report = migrate(database, settings, request(batch_rows=BATCH_ROWS), lambda _item: None, Dots())
            except ZenctxError as error:
                if isinstance(error, LockedError) and time.monotonic() < deadline:
                    time.sleep(RETRY_SECONDS)
                    continue
                say(f"\n{error.message}\n")
                return
            say(f"\nended with {report.exit_code}\n")
            return


def once(url: str, folder: str, options: str) -> None:
    """Migrate once, then verify; say how both ended."""
    settings = load_settings({"db": url, **json.loads(options)}, config_file=None, environ={}, cwd=Path(folder))
    ended: dict[str, object] = {"error": None}
    with Database.open(url, read_only=False) as database:
        try:
            ended["migrate"] = migrate(database, settings, request(batch_rows=1), lambda _item: None).exit_code
        except ZenctxError as error:
            ended |= {"migrate": error.exit_code, "error": error.message, "hint": error.hint}
        verified = verify(database, settings, VerifyRequest(Selection()), lambda _item: None)
    say(json.dumps({**ended, "verify": verified.exit_code, "files": verified.summary.files}) + "\n")


def main(url: str, folder: str, options: str) -> None:
    """Start a migration for each line."""
    gc.freeze()  # else the garbage collector of each child would touch, and so copy, all that is in memory
    say("ready\n")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            run(url, Path(folder), json.loads(options))
            os._exit(0)
        say(f"{child}\n")
        # Until the next line comes the process is not let go: its number belongs to no other.
        sys.stdin.readline()
        os.waitpid(child, 0)
        say("gone\n")


if __name__ == "__main__":
    once(*sys.argv[2:]) if sys.argv[1] == "once" else main(*sys.argv[1:])
