"""Makes a directory with those above it, durably."""

import os
from pathlib import Path

from zenctx.store.access import Access
from zenctx.store.beneath import open_root
from zenctx.store.durable import make_directory, sync_directory


def make_with_parents(path: Path, access: Access) -> None:
    """Make a directory, and those above it, where they are missing; raises `OSError`."""
    if path.is_dir():
        return
    if path.parent != path:
        make_with_parents(path.parent, access)
    parent = open_root(path.parent)
    try:
        make_directory(parent, path.name, access)
    finally:
        os.close(parent)


def sync_upwards(root: Path) -> None:
    """Make the root and the directories above it durable, also those that a run which was killed had just made."""
    device = root.stat().st_dev
    for directory in (root, *root.parents):
        try:
            fd = open_root(directory)
        except PermissionError:
            return  # not one that we could have made
        try:
            if os.fstat(fd).st_dev != device:
                return
            sync_directory(fd)
        finally:
            os.close(fd)
