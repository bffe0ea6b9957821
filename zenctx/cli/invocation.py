"""What a command function is given: settings, an output, progress; all of it made only when it is asked for."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zenctx.cli.arguments import Format
from zenctx.cli.output import Output
from zenctx.cli.session import Session, wants_colour
from zenctx.cli.streams import ByteSink
from zenctx.config import Settings, load_settings
from zenctx.operations.progress import SILENT, Progress


@dataclass(frozen=True, slots=True)
class SettingSources:
    """Where this call says settings come from: `given` on the command line by name, and a settings file."""

    given: Mapping[str, str]
    file: Path | None


class Invocation:
    """One call of one command."""

    def __init__(self, session: Session, sources: SettingSources) -> None:
        self._session = session
        self._sources = sources
        self.output: Output = session.make_output()
        session.output = self.output

    @property
    def verbose(self) -> bool:
        """Whether --verbose was given."""
        return self._session.flags.verbose

    @property
    def quiet(self) -> bool:
        """Whether --quiet was given."""
        return self._session.flags.quiet

    @property
    def format(self) -> Format:
        """How results are written; the output knows, a command seldom needs to."""
        return self._session.flags.format

    @cached_property
    def settings(self) -> Settings:
        """The effective settings, read when first used. Raises SettingsError."""
        return load_settings(self._sources.given, config_file=self._sources.file, environ=os.environ, cwd=Path.cwd())

    def progress(self, label: str) -> Progress:
        """Gives what an operation may report to: a line on a terminal, nothing off it, in JSON or with --quiet."""
        flags = self._session.flags
        if flags.quiet or flags.format is not Format.TABLE or not _stderr_can_move():
            return SILENT
        # Lazy: only those who see a bar pay for it.
        from zenctx.cli.progress import TerminalProgress

        progress = TerminalProgress(label, colour=wants_colour(flags))
        self._session.resources.callback(progress.finish)
        self._session.stdout.curtain = progress
        return progress

    def bytes_to_stdout(self) -> ByteSink:
        """Gives standard output for bytes (`cat`). From then on an error is told on standard error alone."""
        self._session.carries_bytes = True
        return ByteSink(self._session.stdout)


def _stderr_can_move() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
