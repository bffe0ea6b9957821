"""Shares the bytes of two files where the file system can: each keeps its own when the other is changed."""

import fcntl
import sys

# The request of Linux's ioctl_ficlone(2). It is the same number on every architecture that Python runs on but MIPS,
# PowerPC and SPARC, where the call is refused and the file is copied.
_FICLONE = 0x40049409 if sys.platform == "linux" else None


def clone(source: int, target: int) -> bool:
    """Make the open, empty file `target` share the content of the open file `source`; False where that cannot be."""
    if _FICLONE is None:
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False  # another file system, one without shared extents, a file of another kind: it is copied instead
    return True
