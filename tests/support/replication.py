"""A primary and a hot standby of our own, from the same binaries: streamed to, through a physical slot."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.support.postgres import HASTY, PATIENCE_SECONDS, Server, as_ordinary_user, running_server
from zenctx.operations.progress import Progress

PRIMARY = {
    "wal_level": "logical",
    "archive_mode": "on",
    "autovacuum": "off",
    "synchronous_commit": "on",
    "max_prepared_transactions": "2",
    "wal_sender_timeout": "5s",
}
"""Enough for logical slots, and an archiver whose command a test may change while it runs."""

STANDBY = {"wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "100ms", "archive_mode": "off"}
SLOT = "standby"


class Standby(Server):
    """A hot standby of a server. `start`, `stop` and `kill` are as those of a server; `promote` makes it a primary."""

    def __init__(self, primary: Server, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(primary.bin_dir, folder, {**HASTY, **PRIMARY, **STANDBY, **settings})
        self._primary = primary

    def create(self) -> None:
        """Copy the data directory of the primary, and make the slot that keeps its WAL."""
        command: list[str | Path] = [*as_ordinary_user(), self.bin_dir / "pg_basebackup", "--pgdata"]
        command += [self.folder / "data", "--host", self._primary.folder, "--port", str(self._primary.port)]
        command += ["--username=postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        command += ["--create-slot", f"--slot={SLOT}"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"pg_basebackup of {self.bin_dir} failed: {made.stderr}")

    def promote(self) -> None:
        """Make it a primary, and wait until it takes what is written."""
        run(self, "select pg_promote()")

    def catch_up(self) -> None:
        """Wait until it has applied all that the primary has done."""
        # A commit writes out what others, such as a vacuum, have left to be written out later.
        run(self._primary, "select pg_logical_emit_message(true, 'test', '')")
        ((at,),) = run(self._primary, "select pg_current_wal_lsn()")
        until(lambda: run(self, f"select pg_last_wal_replay_lsn() >= '{at}'") == [(True,)])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it receive changes, and apply none of them, within the block."""
        run(self, "select pg_wal_replay_pause()")
        try:
            yield
        finally:
            # What it then applies may end the very statement that told it to.
            with suppress(psycopg.errors.SerializationFailure):
                run(self, "select pg_wal_replay_resume()")

    def stop_following(self) -> None:
        """Have it receive nothing any more, for good, and wait until that is so."""
        run(self, "alter system set primary_conninfo = ''")
        run(self, "select pg_reload_conf()")
        until(lambda: self.receiver() is None)

    def receiver(self) -> int | None:
        """Give the process that receives the WAL; None: there is none."""
        rows = run(self, "select pid from pg_stat_wal_receiver")
        return int(str(rows[0][0])) if rows else None

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Stop the process that receives the WAL, as a network does that loses everything."""
        pid = self.receiver()
        assert pid is not None, "nothing receives"
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def connected(server: Server, database: str = "postgres", *, autocommit: bool = True) -> psycopg.Connection:
    """Connect as the superuser, without anything of ours."""
    return psycopg.connect(server.url(database).replace("+psycopg", ""), autocommit=autocommit)


def run(server: Server, statement: str) -> list[tuple[object, ...]]:
    """Run a statement as the superuser, in a transaction of its own; give its rows."""
    with connected(server) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@contextmanager
def running_pair(
    bin_dir: Path, *, primary: Mapping[str, str] | None = None, standby: Mapping[str, str] | None = None
) -> Iterator[tuple[Server, Standby]]:
    """Run a fresh primary and a standby of it, each in a temporary folder of its own, until the block ends."""
    with (
        running_server(bin_dir, settings={**PRIMARY, **(primary or {})}) as server,
        tempfile.TemporaryDirectory(prefix="zenctx-pg-") as folder,
    ):
        replica = Standby(server, Path(folder), standby or {})
        replica.create()
        try:
            replica.start()
            yield server, replica
        finally:
            replica.kill()


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Notes(Progress):
    """What a migration tells while it works."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, total: int | None, unit: str) -> None:
        """Nothing to see."""

    def advance(self, n: int, bytes_: int = 0) -> None:
        """Nothing to see."""

    def note(self, text: str, **_facts: object) -> None:
        """Keep it."""
        self.told.append(text)

    def finish(self) -> None:
        """Nothing to see."""
