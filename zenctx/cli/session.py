"""One run of the command line: where its output goes, and the one place where every error ends."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

import typer

from zenctx.cli.arguments import Flags, Format, read_flags
from zenctx.cli.failure import BROKEN_PIPE, INTERRUPTED, Failure, describe, traceback_text
from zenctx.cli.output import Heading, Output
from zenctx.cli.streams import Stdout, StdoutClosedError, StdoutError
from zenctx.cli.terminal import wrapped
from zenctx.errors import UsageError

if TYPE_CHECKING:
    # Lazy: only who writes metrics needs them.
    from zenctx.operations.measuring.model import Sample

T = TypeVar("T")


def wants_colour(flags: Flags) -> bool:
    """Tells whether escape sequences are welcome: not with --no-color, NO_COLOR, or on a dumb terminal."""
    return not (flags.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")


class Session:
    """Lives from the first argument to the exit code.

    `flags` are guessed from the arguments until the command has parsed its options and replaces them; `output` is
    the command's, once it has one; `resources` are closed before anything is said about the end; `carries_bytes` tells
    that standard output holds a value, to which no document may be added. `measured` is what else goes to the file of
    `--textfile`, `database` what the label of that name says there, once the settings are known.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.flags = read_flags(arguments)
        self.command: str | None = None
        self.stdout = Stdout()
        self.output: Output | None = None
        self.resources = ExitStack()
        self.carries_bytes = False
        self.measured: Sequence[Sample] = ()
        self.database: str | None = None
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has lived."""
        return time.monotonic() - self._started

    def guard(self, work: Callable[[], T]) -> T:
        """Does the work; an error becomes its sentence, its document and `typer.Exit` with its code."""
        try:
            return self._closed_on_exit(work)
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every error ends here
            failure = self._fail(error)
            raise typer.Exit(self.record(failure.exit_code, failure.kind)) from None

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

    def check_textfile(self) -> None:
        """Makes sure that the file of `--textfile` can be written at the end; raises UsageError, StoreError.

        The error is not written there: nothing else can be, either.
        """
        path = self.flags.textfile
        if path is not None:
            from zenctx.cli import textfile

            self.flags = self.flags._replace(textfile=None)
            textfile.check(path)
            self.flags = self.flags._replace(textfile=path)

    def record(self, exit_code: int, error: str | None = None) -> int:
        """Writes to the file of `--textfile` how the command ended; gives its exit code.

        What is asked for and not done is no success: if the file cannot be written, 0 becomes the code of that error.
        """
        if self.flags.textfile is None or self.command is None:
            return exit_code
        command = f"{self.command} --dry-run" if self.flags.dry_run else self.command
        try:
            from zenctx.cli.textfile import Ending, write

            ending = Ending(command, time.time(), self.seconds, exit_code, error, self.database)
            write(self.flags.textfile, ending, self.measured)
        except Exception as fault:  # noqa: BLE001 - every error ends here
            failure = describe(fault)
            said = f"The command ended with {exit_code}, and its metrics are not written: {failure.message}"
            self.tell(failure._replace(message=said).lines)
            return exit_code or failure.exit_code
        return exit_code

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

    def _fail(self, error: BaseException) -> Failure:
        failure = self._with_hint(describe(error))
        if failure.exit_code == BROKEN_PIPE:
            self.stdout.abandon()
            return failure
        # Whatever goes wrong while the output is ended must not hide what went wrong first.
        with contextlib.suppress(Exception):
            self.resources.close()
        with contextlib.suppress(Exception):
            self._end_output(failure)
        trace = traceback_text(error) if self.flags.verbose and failure.kind == "unexpected" else ""
        lines = [*trace.splitlines(), *failure.lines]
        # A terminal has just echoed ^C.
        self.tell(["", *lines] if failure.exit_code == INTERRUPTED and self.stdout.is_terminal else lines)
        return failure

    def _with_hint(self, failure: Failure) -> Failure:
        if failure.hint is not None or failure.kind != UsageError.kind:
            return failure
        words = ["zenctx", self.command or "", "--help"]
        return failure._replace(hint=f"See `{' '.join(filter(None, words))}`.")

    def _end_output(self, failure: Failure) -> None:
        try:
            if not self.carries_bytes:
                (self.output or self.make_output()).fail(failure)
            self.stdout.flush()
        except (StdoutClosedError, StdoutError):
            self.stdout.abandon()
