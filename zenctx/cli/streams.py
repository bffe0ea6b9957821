"""Standard output as one command uses it: what it refuses becomes one of two errors, never a traceback."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TextIO

from zenctx.errors import ZenctxError


class StdoutClosedError(Exception):
    """Nobody reads standard output any more (`| head`): the command ends quietly."""

    exit_code = 141


class StdoutError(ZenctxError):
    """Standard output cannot be written, for instance because its disk is full."""

    kind = "stdout"


class Curtain(Protocol):
    """Something drawn on the same terminal that must be out of the way while standard output is written."""

    def hidden(self) -> AbstractContextManager[None]:
        """Clears it for the time of the context."""


class Stdout:
    """The standard output of this process at the time of construction.

    Characters that its encoding does not know are written as escapes. `curtain`, when set, is hidden around each
    write to a terminal.
    """

    def __init__(self) -> None:
        self._stream: TextIO = sys.stdout if sys.stdout is not None else _nowhere()
        self.is_terminal = self._stream.isatty()
        self.curtain: Curtain | None = None
        self._text_waits = False
        if hasattr(self._stream, "reconfigure"):
            self._stream.reconfigure(errors="backslashreplace")

    def can_print(self, text: str) -> bool:
        """Tells whether the encoding knows every character of the text."""
        try:
            text.encode(self._stream.encoding or "ascii")
        except UnicodeEncodeError:
            return False
        return True

    def write(self, text: str) -> None:
        """Writes text as it is. Raises StdoutClosedError, StdoutError."""
        if self.curtain is not None and self.is_terminal:
            with self.curtain.hidden():
                self._write(text)
                self.flush()
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        with translated():
            self._stream.write(text)
            self._text_waits = True

    def write_bytes(self, data: bytes) -> None:
        """Writes bytes after all text so far. Raises StdoutClosedError, StdoutError."""
        with translated():
            if self._text_waits:
                self._stream.flush()
                self._text_waits = False
            self._stream.buffer.write(data)

    def flush(self) -> None:
        """Hands everything to the system. Raises StdoutClosedError, StdoutError."""
        with translated():
            self._stream.flush()

    def abandon(self) -> None:
        """Sends what is still buffered nowhere, so that the interpreter does not fail on it when it ends."""
        with contextlib.suppress(OSError, ValueError):
            descriptor = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


class ByteSink:
    """Standard output for bytes, as `shutil.copyfileobj` wants it."""

    def __init__(self, stdout: Stdout) -> None:
        self._stdout = stdout

    def write(self, data: bytes) -> int:
        """Writes all of the bytes. Raises StdoutClosedError, StdoutError."""
        self._stdout.write_bytes(data)
        return len(data)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Gives a refusal of standard output as one of the two errors."""
    try:
        yield
    except BrokenPipeError as error:
        raise StdoutClosedError from error
    except OSError as error:
        raise StdoutError(f"Standard output cannot be written: {error.strerror}.") from error


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
