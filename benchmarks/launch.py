"""Runs a command and tells what it used, from a process so small that it leaves no trace in the figures.

The peak memory of a process counts what it was before `exec`, too: a copy of the one that started it.
"""

import json
import os
import sys
import time


def main() -> None:
    """Takes the file for the result, then the command and its arguments."""
    result, command, *arguments = sys.argv[1:]
    started = time.monotonic()
    child = os.posix_spawnp(command, [command, *arguments], os.environ)
    _, status, used = os.wait4(child, 0)
    figures = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "wall": time.monotonic() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib alone would be most of this process
        json.dump(figures, file)


main()
