"""A writer that is killed at any moment."""

import contextlib
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.store.child import is_sealed
from zenctx.errors import LockedError
from zenctx.store.base import EntryKind
from zenctx.store.local import LocalStore

CHILD = (sys.executable, "-m", "tests.store.child")
CHECKOUT = Path(__file__).parents[2]
HARMLESS = {EntryKind.VALUE, EntryKind.TEMPORARY, EntryKind.EMPTY_DIRECTORY}


def test_a_killed_writer_leaves_whole_files_and_temporaries(local: LocalStore) -> None:
    """Killed at ten random moments: each name has its whole content, what was told is there, the store goes on."""
    told: set[str] = set()
    for _ in range(10):
        with subprocess.Popen([*CHILD, "loop", local.root], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            told.add(child.stdout.readline().strip())
            time.sleep(secrets.randbelow(80) / 1000)
            child.kill()
            # The last line may be cut: it counts only when its end was written.
            told.update(line.strip() for line in child.stdout if line.endswith("\n"))
    entries = list(local.scan())
    assert {entry.kind for entry in entries} <= HARMLESS
    values = {entry.name for entry in entries if entry.kind is EntryKind.VALUE}
    assert told <= values
    for name in values:
        with local.open(name) as file:
            assert is_sealed(file.read())
    assert local.put("run 1", "after", b"the crash").size == 9


def test_a_lock_dies_with_its_process(local: LocalStore) -> None:
    """A lock keeps others out as long as its holder lives, and not a moment longer."""
    with subprocess.Popen([*CHILD, "hold", local.root], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(LockedError), local.lock_shared():
            pass
        child.kill()
    with contextlib.ExitStack() as stack:
        stack.enter_context(local.lock_exclusive())
