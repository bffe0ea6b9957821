"""A folder that is quick to write to and to sync: one in memory, where there is one with room."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from zenctx.store import volume

IN_MEMORY = "/dev/shm"  # noqa: S108 - each test has a folder of its own in it
ROOM_BYTES = 3 * 2**30
_is_kept = {True}
"""Empty where nothing has failed, of which somebody may want to see the files."""


def quick_folder() -> str | None:
    """Give a folder in memory; None where there is none, or it is small or runs no program, as in many a container."""
    if not os.access(IN_MEMORY, os.W_OK) or os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return IN_MEMORY if shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES else None


def work_quickly() -> None:
    """Let all temporary files of this process and of its children lie there, unless TMPDIR says where they are to be.

    Many tests wait for the disk longer than for anything else; none of them needs what it wrote after a power cut.
    """
    folder = quick_folder()
    if folder is not None and "TMPDIR" not in os.environ:
        own = Path(tempfile.mkdtemp(prefix="zenctx-tests-", dir=folder))
        # As /tmp is: some tests let another user in.
        own.chmod(0o755)
        os.environ["TMPDIR"] = str(own)
        tempfile.tempdir = None
        atexit.register(_delete, own)


def keep_nothing() -> None:
    """Have all that is left there deleted when this process ends: what was killed has not tidied up."""
    _is_kept.clear()


def _delete(folder: Path) -> None:
    if not _is_kept:
        shutil.rmtree(folder, ignore_errors=True)


def pass_for_disk() -> None:
    """Let what lies there pass for a disk: `doctor` warns of memory, which is for its own tests to look at."""
    real = volume._kind

    def kind(device: int, path: str) -> str | None:
        found = real(device, path)
        return "ext4" if found == "tmpfs" and path.startswith(IN_MEMORY) else found

    patch.object(volume, "_kind", kind).start()
