"""What went wrong, as a value: one sentence, what to do about it, and the exit code."""

import os
import traceback
from pathlib import Path
from typing import NamedTuple

import typer

from zenctx.cli.streams import StdoutClosedError
from zenctx.cli.terminal import mask_secrets, neutralise, neutralise_lines
from zenctx.errors import ZenctxError

INTERRUPTED = 130
BROKEN_PIPE = StdoutClosedError.exit_code


class Failure(NamedTuple):
    """`kind` and `message` say what went wrong, `hint` what to do (or None); passwords in URLs are masked."""

    kind: str
    message: str
    hint: str | None
    exit_code: int

    @property
    def lines(self) -> list[str]:
        """The lines for standard error, harmless on a terminal."""
        hint = [f"Hint: {neutralise(self.hint)}"] if self.hint else []
        return [f"Error: {neutralise(self.message)}", *hint]


def describe(error: BaseException) -> Failure:
    """Tells what any error means to the one who called the command."""
    failure = _describe(error)
    hint = as_step(mask_secrets(failure.hint)) if failure.hint else None
    return Failure(failure.kind, as_sentence(mask_secrets(failure.message)), hint, failure.exit_code)


def _describe(error: BaseException) -> Failure:
    match error:
        case ZenctxError():
            return Failure(error.kind, error.message, error.hint, error.exit_code)
        case typer.TyperException():
            return Failure("usage", _one_line(_usage_message(error)), _usage_hint(error), error.exit_code)
        case KeyboardInterrupt() | typer.Abort():
            # An operation that can say where it was interrupted raises it anew, with what to do.
            return Failure("interrupted", "Interrupted.", str(error) or None, INTERRUPTED)
        case StdoutClosedError() | BrokenPipeError():
            return Failure("broken_pipe", "Nobody reads the output any more.", None, BROKEN_PIPE)
        case OSError():
            return _unexpected(error, f"{error.strerror or type(error).__name__}{_file_name(error)}")
        case _:
            return _unexpected(error, type(error).__name__)


def as_sentence(text: str) -> str:
    """Gives a text with a capital at its beginning and a full stop at its end."""
    text = capitalised(text)
    return text if text.endswith((".", "?", "!")) else f"{text}."


def as_step(text: str) -> str:
    """Gives what to do as a sentence; without a full stop behind a path, URL or option, which would be copied along."""
    text = capitalised(text)
    last = text.rpartition(" ")[2].strip("'`\")]")
    return f"{text}." if last.isalnum() else text


def capitalised(text: str) -> str:
    """Gives a text with a capital at its beginning, unless that is no plain word (a URL, a command, a name)."""
    first = text.partition(" ")[0].rstrip(",;:")
    return text[0].upper() + text[1:] if first.isalpha() and first != "zenctx" else text


def traceback_text(error: BaseException) -> str:
    """Gives the traceback without the values of variables, passwords masked, harmless on a terminal."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    return neutralise_lines(mask_secrets("".join(lines)))


def _usage_message(error: typer.TyperException) -> str:
    # Typer adds the names it suggests in brackets; here they are the hint. The prefix is the validator's own.
    message = error.message if _suggestions(error) else error.format_message()
    return message.replace(": Value error, ", ": ").replace(": Input should be", ": it should be")


def _usage_hint(error: typer.TyperException) -> str | None:
    suggestions = _suggestions(error)
    return f"Did you mean {' or '.join(suggestions)}?" if suggestions else None


def _suggestions(error: typer.TyperException) -> list[str]:
    return list(getattr(error, "possibilities", None) or ())


def _unexpected(error: BaseException, what: str) -> Failure:
    # The text of a foreign error may hold values of a context, so only its class and its place are told.
    return Failure("unexpected", f"Unexpected: {what}{_place(error)}.", "Add --verbose to see the traceback.", 1)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = next((frame for frame in reversed(frames) if f"{os.sep}zenctx{os.sep}" in frame.filename), frames[-1])
    path = last.filename.rpartition(f"{os.sep}zenctx{os.sep}")
    return f" (zenctx/{path[2]}:{last.lineno})" if path[1] else f" ({Path(last.filename).name}:{last.lineno})"


def _file_name(error: OSError) -> str:
    return "" if error.filename is None else f": {error.filename!s}"


def _one_line(text: str) -> str:
    """Joins the lines of a message and closes its sentence."""
    joined = " ".join(text.split())
    return joined if joined.endswith((".", "?", "!")) else f"{joined}."
