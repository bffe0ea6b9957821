"""What an operator says is secret: texts from a file or standard input, never from the command line, and names."""

import sys
from pathlib import Path

from zenctx.cli.invocation import Invocation
from zenctx.context.redact import MIN_SECRET_CHARACTERS
from zenctx.errors import NotFoundError, UsageError

_STDIN = Path("-")
_PATTERNS = "redact-keys"


def read_values(path: Path | None) -> tuple[str, ...]:
    """Gives the lines of a file that are not empty, or of standard input (`-`); nothing where no file is named.

    Raises NotFoundError for a file that cannot be read, UsageError for what is no text or too short to be looked for.
    """
    if path is None:
        return ()
    try:
        content = sys.stdin.buffer.read() if path == _STDIN else path.read_bytes()
        lines = [line for line in content.decode().splitlines() if line.strip()]
    except OSError as error:
        raise NotFoundError(f"the file of --values cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError("the file of --values is not UTF-8", hint="give one secret a line") from None
    short = next((number for number, line in enumerate(lines, 1) if len(line) < MIN_SECRET_CHARACTERS), None)
    if short is not None:
        raise UsageError(
            f"value {short} of --values has fewer than {MIN_SECRET_CHARACTERS} characters",
            hint="a text so short would be found where it is no secret",
        )
    if not lines:
        raise UsageError("the file of --values has no value", hint="give one secret a line")
    return tuple(lines)


def check_names(invocation: Invocation, *, names: bool) -> None:
    """Raises UsageError where this call gives patterns of names that would not be looked at."""
    if not names and invocation.sources.given.get(_PATTERNS):
        raise UsageError(f"--{_PATTERNS} says nothing without --names", hint="give both, or neither")
