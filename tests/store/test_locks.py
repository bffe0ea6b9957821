"""Shared and exclusive locks on a store."""

import os
import stat
from pathlib import Path

import pytest

from zenctx.errors import LockedError, StoreError
from zenctx.store.access import Access
from zenctx.store.local import LocalStore
from zenctx.store.names import LOCK


def test_writers_share_the_lock(local: LocalStore) -> None:
    """Several may hold it together, and then nobody alone."""
    with local.lock_shared(), local.lock_shared(), pytest.raises(LockedError, match="at work"), local.lock_exclusive():
        pass


def test_an_exclusive_lock_is_alone(local: LocalStore) -> None:
    """While one holds it alone, nobody else gets it, and afterwards everybody does."""
    with local.lock_exclusive():
        for attempt in (local.lock_exclusive, local.lock_shared):
            with pytest.raises(LockedError) as caught, attempt():
                pass
            assert caught.value.exit_code == 11
    with local.lock_exclusive():
        pass


def test_an_error_under_the_lock_is_its_own(local: LocalStore) -> None:
    """What fails under the lock is not taken for a failure of the lock, and releases it."""
    with pytest.raises(FileNotFoundError), local.lock_exclusive():
        raise FileNotFoundError
    with local.lock_exclusive():
        pass


def test_the_group_may_lock_too(local: LocalStore) -> None:
    """Those who may write the directories may lock them; a crash before the mode was set is healed."""
    lock = local.root / LOCK
    lock.touch(0o600)
    with local.lock_shared():
        assert stat.S_IMODE(lock.stat().st_mode) == 0o660
    assert Access(0o400).lock_mode == 0o600
    assert Access(0o444).lock_mode == 0o660


@pytest.mark.parametrize("trick", ["link", "pipe", "directory"])
def test_a_lock_file_that_is_none_is_refused(local: LocalStore, trick: str) -> None:
    """A link, a pipe or a directory in its place is named; nothing is created behind a link."""
    lock = local.root / LOCK
    target = local.root.parent / "elsewhere"
    if trick == "link":
        lock.symlink_to(target)
    elif trick == "pipe":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    with pytest.raises(StoreError), local.lock_exclusive():
        pass
    assert not target.exists()


def test_no_lock_without_a_store(tmp_path: Path) -> None:
    """A missing store is said, not made."""
    store = LocalStore(tmp_path / "missing", file_mode=0o440, file_group=None)
    with pytest.raises(StoreError, match="does not exist"), store.lock_shared():
        pass
    assert not store.exists()
