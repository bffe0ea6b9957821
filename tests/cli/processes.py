"""Starts the command line as a process of its own: in a pipe, or in a terminal of a given width."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.support.warm import warm_python

SAMPLE = ("-m", "tests.cli.samples")
ZENCTX = ("-m", "zenctx")

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process left behind; a terminal shows both streams as one."""

    exit_code: int
    stdout: str
    stderr: str = ""

    @property
    def plain(self) -> str:
        """The output without escape sequences."""
        return _ESCAPE.sub("", self.stdout)

    @property
    def lines(self) -> list[str]:
        """The lines without escape sequences and without spaces at their ends."""
        return [line.rstrip() for line in self.plain.splitlines()]


def environment(**variables: str) -> dict[str, str]:
    """Gives the environment of this process without what would change looks or costs, with `variables`."""
    unwanted = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in unwanted} | variables


def _command(arguments: Sequence[str]) -> list[str]:
    """Gives the command that runs Python: where it runs a module, in a process that is forked, not started."""
    python = warm_python() if arguments[0] == "-m" else (sys.executable,)
    return [*python, *arguments]


def run(*arguments: str, env: Mapping[str, str] | None = None) -> Finished:
    """Runs Python with these arguments in a pipe."""
    done = subprocess.run(
        _command(arguments), env=environment(**(env or {})), capture_output=True, check=False, timeout=60
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_in_terminal(
    columns: int,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    interrupt_at: bytes = b"",
    typed: bytes = b"",
) -> Finished:
    """Runs Python with these arguments in a terminal of this width, where somebody has typed ahead.

    Ctrl-C comes with the first `interrupt_at`.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = environment(**{"TERM": "xterm-256color", **(env or {})})
    with subprocess.Popen(_command(arguments), env=variables, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        if typed:
            os.write(ours, typed)
        output = _read_all(ours, process, interrupt_at)
        return Finished(process.wait(timeout=60), output.decode())


def _read_all(descriptor: int, process: subprocess.Popen[bytes], interrupt_at: bytes) -> bytes:
    parts = []
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while True:
            try:
                part = stream.read(65536)
            except OSError:
                # Linux tells the end of a terminal by EIO.
                break
            if not part:
                break
            parts.append(part)
            if interrupt_at and interrupt_at in b"".join(parts):
                process.send_signal(signal.SIGINT)
                interrupt_at = b""
    return b"".join(parts)
