"""Where the program starts: answers `--version` before anything is imported, and hands the rest to the application."""

import os
import sys

from zenctx import __version__

_NEW_OBJECTS = 50_000
"""Objects that are made between two searches for cycles; those of a row live for a moment, and are part of none."""


def main() -> None:
    """Runs the command line in `sys.argv` and exits with its code."""
    try:
        if sys.argv[1:] == ["--version"] and _version_was_written():
            return
        _run()
    except KeyboardInterrupt:
        # Before the application stood, or while it was already stopping: it could not say so itself.
        sys.exit(130)


def _run() -> None:
    _collect_seldom()
    try:
        # Lazy: the application costs seven times what an interpreter does.
        from zenctx.cli.app import app

        app(prog_name="zenctx")
    finally:
        import gc  # lazy, here and below: `--version` needs neither
        import signal

        # The end of the interpreter looks for cycles among all that was imported, which takes longer than many a
        # command. Whatever needs to be closed is closed by now.
        gc.freeze()
        # The command has ended, and said how: Ctrl-C while the interpreter stops must not make another end of it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # An interrupt that passed through `exec` of a text (dataclasses have such) is noted by CPython as one that
        # nobody handled, and would end the process by a signal all the same. The next `exec` begins anew.
        exec("")  # noqa: S102 - nothing


def _collect_seldom() -> None:
    # Imports make some 100,000 objects and no garbage; to look through them again and again takes a tenth of a start.
    import gc

    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def _version_was_written() -> bool:
    try:
        os.write(1, f"zenctx {__version__}\n".encode())
    except OSError:
        # The application knows what to say about a closed pipe or a full disk.
        return False
    return True
