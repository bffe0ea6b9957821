"""One run of the command line: where its output goes, and the one place where every error ends."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

import typer

from zenctx.cli.arguments import Flags, Format, read_flags
from zenctx.cli.failure import BROKEN_PIPE, INTERRUPTED, Failure, describe, traceback_text
from zenctx.cli.output import Heading, Output
from zenctx.cli.streams import Stdout, StdoutClosedError, StdoutError
from zenctx.cli.terminal import wrapped
from zenctx.errors import UsageError

T = TypeVar("T")


def wants_colour(flags: Flags) -> bool:
    """Tells whether escape sequences are welcome: not with --no-color, NO_COLOR, or on a dumb terminal."""
    return not (flags.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")


class Session:
    """Lives from the first argument to the exit code.

    `flags` are guessed from the arguments until the command has parsed its options and replaces them; `output` is
    the command's, once it has one; `resources` are closed before anything is said about the end; `carries_bytes` tells
    that standard output holds a value, to which no document may be added.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.flags = read_flags(arguments)
        self.command: str | None = None
        self.stdout = Stdout()
        self.output: Output | None = None
        self.resources = ExitStack()
        self.carries_bytes = False

    def guard(self, work: Callable[[], T]) -> T:
        """Does the work; an error becomes its sentence, its document and `typer.Exit` with its code."""
        try:
            return self._closed_on_exit(work)
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every error ends here
            raise typer.Exit(self._fail(error)) from None

    def _closed_on_exit(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except typer.Exit:
            # `--help` and `--version` end this way, too; what they printed may have no reader.
            self.close()
            raise

    def close(self) -> None:
        """Puts everything away after success. Raises what standard output refuses."""
        self.resources.close()
        self.stdout.flush()

    def tell(self, lines: Sequence[str]) -> None:
        """Writes harmless lines to standard error; on a terminal those that are too long are broken at spaces."""
        # There is nowhere left to complain when standard error is gone as well.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if sys.stderr.isatty():
                width = shutil.get_terminal_size().columns
                lines = [line if len(line) <= width else wrapped(line, width) for line in lines]
            sys.stderr.write("".join(f"{line}\n" for line in lines))
            sys.stderr.flush()

    def make_output(self) -> Output:
        """Makes the output for the flags and the command as they are known now."""
        # Lazy: only the format that is used is imported.
        if self.flags.format is Format.TABLE:
            from zenctx.cli.text import TextOutput

            return TextOutput(self.stdout, quiet=self.flags.quiet, colour=wants_colour(self.flags))
        from zenctx.cli.json_output import JsonLinesOutput, JsonOutput

        heading = Heading(self.command, self.flags.dry_run)
        return (JsonOutput if self.flags.format is Format.JSON else JsonLinesOutput)(self.stdout, heading)

    def _fail(self, error: BaseException) -> int:
        failure = self._with_hint(describe(error))
        if failure.exit_code == BROKEN_PIPE:
            self.stdout.abandon()
            return failure.exit_code
        # Whatever goes wrong while the output is ended must not hide what went wrong first.
        with contextlib.suppress(Exception):
            self.resources.close()
        with contextlib.suppress(Exception):
            self._end_output(failure)
        trace = traceback_text(error) if self.flags.verbose and failure.kind == "unexpected" else ""
        lines = [*trace.splitlines(), *failure.lines]
        # A terminal has just echoed ^C.
        self.tell(["", *lines] if failure.exit_code == INTERRUPTED and self.stdout.is_terminal else lines)
        return failure.exit_code

    def _with_hint(self, failure: Failure) -> Failure:
        if failure.hint is not None or failure.kind != UsageError.kind:
            return failure
        words = ["zenctx", self.command or "", "--help"]
        return replace(failure, hint=f"See `{' '.join(filter(None, words))}`.")

    def _end_output(self, failure: Failure) -> None:
        try:
            if not self.carries_bytes:
                (self.output or self.make_output()).fail(failure)
            self.stdout.flush()
        except (StdoutClosedError, StdoutError):
            self.stdout.abandon()
