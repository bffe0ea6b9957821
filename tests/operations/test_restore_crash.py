"""A restoration that is killed at any moment: rows are wholly old or wholly new, and running it again finishes."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.operations.forks import Moments
from tests.operations.restorations import Shelter
from tests.operations.test_migrate_crash import CHECKOUT, heard, pipe
from tests.support.rows import compact
from tests.support.warm import warm_python
from zenctx.operations.live_files import bind_store, live_files

RUNS, FILES_EVERY = 80, 8
OLD = b'{"old": true}'


@dataclass
class Killing:
    """A world whose runs are as they should not be, a snapshot of how they should be, and what restores it."""

    shelter: Shelter
    process: subprocess.Popen[str]
    taken: str = ""
    values: dict[str, object] = field(default_factory=dict)
    contents: set[str] = field(default_factory=set)
    rows: list[object] = field(default_factory=list)

    def fill(self) -> None:
        """Adds runs, every eighth with two files, some that try others again, and takes a snapshot."""
        contexts = [{"number": number, "text": "x" * (number % 50)} for number in range(RUNS)]
        for number, context in enumerate(contexts[::FILES_EVERY]):
            files = {f"f{place}": b'"%d %d"' % (number, place) for place in range(2)}
            self.shelter.add_files(files, context)
            self.contents |= {hashlib.sha256(content).hexdigest() for content in files.values()}
        self.shelter.world.rows.add_all(compact(each) for n, each in enumerate(contexts) if n % FILES_EVERY)
        ids = [row[0] for row in self.shelter.rows()]
        links = " ".join(f"when '{a}' then '{b}'" for a, b in zip(ids[::7], ids[3::7], strict=False))
        cast = "text" if self.shelter.world.rows.is_sqlite else "uuid"
        self.shelter.world.rows.execute(
            f"update workflow_runs set retry_of = cast(case cast(id as text) {links} end as {cast})"
        )
        self.values = {run_id: self.shelter.plain(text or "") for run_id, text in self.shelter.texts().items()}
        self.rows = list(self.shelter.rows())
        self.taken = self.shelter.take()

    def spoil(self) -> None:
        """Gives two thirds of the runs another context, and deletes the rest and the files of all."""
        rows = self.shelter.world.rows
        ids = sorted(self.values)
        with rows.database.connect() as connection:
            bind_store(live_files(self.shelter.world.settings), connection)
        rows.execute(f"update workflow_runs set context = '{OLD.decode()}'")
        listed = ", ".join(f"'{run_id}'" for run_id in ids[::3])
        rows.execute(f"delete from workflow_runs where id in ({listed})")
        for name in self.shelter.world.files():
            (self.shelter.world.store / name).unlink()

    def start(self) -> int:
        """Starts a restoration; gives the number of its process."""
        pipe(self.process.stdin).write(f"{self.taken}\n")
        return int(pipe(self.process.stdout).readline())

    def end(self) -> str:
        """Waits for its end; gives all that it said."""
        pipe(self.process.stdin).write("\n")
        said = ""
        while not said.endswith("gone\n"):
            said += heard(pipe(self.process.stdout).readline())
        return said

    def check(self) -> int:
        """Checks that each row is wholly old or wholly new, and each file whole; gives how many rows are new."""
        restored = 0
        for run_id, text in self.shelter.texts().items():
            if json.loads(text or "") != json.loads(OLD):
                assert self.shelter.plain(text or "") == self.values[run_id]
                restored += 1
        for name in self.shelter.world.files():
            content = (self.shelter.world.store / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() in self.contents
        return restored


@contextmanager
def killing(shelter: Shelter) -> Iterator[Killing]:
    """Give a filled world, and the process that starts restorations; it has imported everything once, for all."""
    url = shelter.world.database.engine.url.render_as_string(hide_password=False)
    command = [*warm_python(), "-m", "tests.operations.restore_child", url, str(shelter.world.folder)]
    command.append(json.dumps(shelter.world.options))
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert pipe(process.stdout).readline() == "ready\n"
        try:
            made = Killing(shelter, process)
            made.fill()
            yield made
        finally:
            process.kill()


def kill_again_and_again(shelter: Shelter, kills: int) -> None:
    """Kill a restoration at moments over all of its time, each from the beginning; then let it finish."""
    with killing(shelter) as made:
        made.spoil()
        started = time.monotonic()
        made.start()
        said = heard(pipe(made.process.stdout).readline())
        seconds = time.monotonic() - started
        assert made.end() == "gone\n"
        assert said == "ended with 0\n"
        moments = Moments(seconds, kills)
        for delay in moments:
            made.spoil()
            process = made.start()
            time.sleep(delay)
            os.kill(process, signal.SIGKILL)
            moments.note("ended" not in made.end())
            made.check()
        outcome = made.shelter.restore(made.taken)
        assert outcome.report.exit_code == 0
        assert made.check() == RUNS
        assert made.shelter.rows() == made.rows
        assert made.shelter.restore(made.taken).report.summary.same == RUNS
        assert made.shelter.world.verify()[0].exit_code == 0


def test_killed_at_any_moment_nothing_is_lost(shelter: Shelter) -> None:
    """Killed some times, then run once more."""
    kill_again_and_again(shelter, 10)


@pytest.mark.soak
def test_killed_thirty_times_nothing_is_lost(shelter: Shelter) -> None:
    """The same, more often."""
    kill_again_and_again(shelter, 30)
