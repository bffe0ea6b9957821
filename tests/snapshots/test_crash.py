"""Writers that are killed, and writers beside each other."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.operations.forks import Forks, forks
from tests.snapshots.samples import HEADER, RUN, header, store_of, take
from zenctx.errors import LockedError
from zenctx.snapshots.model import SnapshotInfo
from zenctx.snapshots.repository import Repository

CHILD = (sys.executable, "-m", "tests.snapshots.child")
CHECKOUT = Path(__file__).parents[2]


def start(repository: Repository, verb: str, number: int = 0) -> "subprocess.Popen[str]":
    """A child at work in a repository."""
    arguments = [*CHILD, verb, str(store_of(repository).root), str(number)]
    return subprocess.Popen(arguments, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def serving(repository: Repository) -> AbstractContextManager[Forks]:
    """A process that takes snapshots in processes of their own."""
    return forks("tests.snapshots.child", "serve", str(store_of(repository).root))


def told(repository: Repository) -> set[str]:
    """The snapshots that these were told of. The last line may be cut: it counts only when its end was written."""
    path = Path(f"{store_of(repository).root}.told")
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return {line.strip() for line in lines if line.endswith("\n")}


def must_be_sound(repository: Repository) -> list[SnapshotInfo]:
    """Every object is what its name says, every snapshot can be read, and all that it needs is there."""
    for entry in repository.objects():
        with repository.open_object(entry.checksum, entry.size) as file:
            assert len(file.read()) == entry.size
    snapshots = repository.snapshots()
    assert repository.damaged() == []
    for info in snapshots:
        assert sum(1 for _ in repository.read(info, verify_first=True)) == info.totals.runs
        for checksum, size in set(repository.references(info)):
            assert repository.has_object(checksum, size)
    return snapshots


def must_be_clean_afterwards(repository: Repository) -> None:
    """The lock is free, what is left are temporaries, and the next snapshot is taken."""
    with repository.lock_exclusive():
        repository.clean()
    root = store_of(repository).root
    names = {path.name for path in root.rglob("*") if path.is_file()}
    assert not any("tmp" in name for name in names)
    take(repository, header(), [RUN])
    must_be_sound(repository)


def test_a_killed_writer_leaves_a_sound_repository(repository: Repository) -> None:
    """Killed at random moments: what was told is there, everything can be read, and the next one goes on."""
    with serving(repository) as process:
        for number in range(10):
            child = process.start("loop")
            while len(told(repository)) <= number:
                time.sleep(0.005)
            time.sleep(secrets.randbelow(80) / 1000)
            os.kill(child, signal.SIGKILL)
            assert process.ends() == [-signal.SIGKILL]
    assert told(repository) <= {info.snapshot_id for info in must_be_sound(repository)}
    must_be_clean_afterwards(repository)


@pytest.mark.parametrize("first", range(4))
def test_a_writer_killed_at_any_step(repository: Repository, first: int) -> None:
    """Before each step that touches a file: there is a whole snapshot, or none."""
    known, ends = 0, []
    with serving(repository) as process:
        for number in (*range(1 + first, 40, 8), *range(60 + 10 * first, 200, 40)):
            process.start(str(number))
            ends += process.ends()
            snapshots = must_be_sound(repository)
            assert len(snapshots) in {known, known + 1}
            assert told(repository) <= {info.snapshot_id for info in snapshots}
            known = len(snapshots)
    assert ends.count(-signal.SIGKILL) >= len(ends) / 2
    must_be_clean_afterwards(repository)


def test_writers_beside_each_other(repository: Repository) -> None:
    """Three processes that put the same and other objects at once: each has its snapshots, and all are whole."""
    children = [start(repository, "take", 3) for _ in range(3)]
    told: list[str] = []
    for child in children:
        told += child.communicate(timeout=120)[0].split()
        assert child.returncode == 0
    assert len(told) == 9
    assert set(told) == {info.snapshot_id for info in must_be_sound(repository)}


def test_a_lock_dies_with_its_process(repository: Repository) -> None:
    """Who removes keeps others out as long as it lives, and not a moment longer."""
    with start(repository, "hold") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as caught, repository.lock_shared():
            pass
        assert caught.value.exit_code == 11
        child.kill()
    with contextlib.ExitStack() as stack:
        stack.enter_context(repository.lock_exclusive())


def test_a_removal_waits_for_no_writer(repository: Repository) -> None:
    """While a snapshot is being written, gc is refused, so that no object vanishes before its manifest is there."""
    with repository.lock_shared(), repository.write(HEADER) as manifest:
        manifest.put_object(b"content")
        with pytest.raises(LockedError), Repository.open(repository.store).lock_exclusive():
            pass
