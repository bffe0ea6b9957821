"""What a command function is given: settings, an output, progress; all of it made only when it is asked for."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zenctx.cli.arguments import Format
from zenctx.cli.output import Output
from zenctx.cli.session import Session, wants_colour
from zenctx.cli.streams import ByteSink
from zenctx.cli.terminal import neutralise
from zenctx.config import Settings, load_settings
from zenctx.context.datastruct import DataStruct
from zenctx.errors import SetupError, ZenctxError
from zenctx.operations.progress import SILENT, Progress

if TYPE_CHECKING:
    # Only for those who write metrics.
    from zenctx.operations.measuring.model import Sample


_LOOKING = ("cat", "inspect", "diff")
"""Commands that read single values and have no entry in the journal unless one cannot be had."""


class SettingSources(DataStruct, frozen=True):
    """Where this call says settings come from: `given` by name, a settings file, the application's own files."""

    given: Mapping[str, str]
    file: Path | None
    spring: tuple[Path, ...] = ()


class Invocation:
    """One call of one command."""

    def __init__(self, session: Session, sources: SettingSources) -> None:
        _quieten_libraries()
        self._session = session
        self.sources = sources
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
        """The effective settings, read when first used; told on standard error with --verbose. Raises SettingsError."""
        settings = load_settings(
            self.sources.given,
            config_file=self.sources.file,
            spring_files=self.sources.spring,
            environ=os.environ,
            cwd=_working_directory(),
        )
        self._session.database = settings.metrics_database
        if self.verbose:
            self._session.tell(_main_settings(settings))
        return settings

    def progress(self, label: str) -> Progress:
        """Gives what an operation may report to: a line on a terminal; nothing off it, in JSON or with --quiet.

        With --format jsonl and --verbose: lines of the type `progress` among those of the items.
        """
        flags = self._session.flags
        if flags.verbose and flags.format is Format.JSONL:
            # Lazy: as below.
            from zenctx.cli.json_output import JsonLinesProgress

            return JsonLinesProgress(self._session.stdout)
        if flags.quiet or flags.format is not Format.TABLE or not _stderr_can_move():
            return SILENT
        # Lazy: only those who see a bar pay for it.
        from zenctx.cli.progress import TerminalProgress

        progress = TerminalProgress(label, colour=wants_colour(flags))
        self._session.resources.callback(progress.finish)
        self._session.stdout.curtain = progress
        return progress

    def to_textfile(self, samples: "Sequence[Sample]") -> bool:
        """Hands over what is to be written to the file of --textfile at the end; False where none was asked for."""
        self._session.measured = samples
        return self._session.flags.textfile is not None

    def note_failure(self, error: ZenctxError) -> None:
        """Notes in the journal, where that can be written, a value that could not be had.

        Only for commands that look: those that write have an entry of their own.
        """
        if self._session.command in _LOOKING:
            self._note(error.exit_code, {}, error)

    def note_failures(self, exit_code: int, kinds: Mapping[str, int]) -> None:
        """Notes in the journal, as `note_failure` does, values that could not be had while the command went on.

        `kinds` counts them by the kind of their error.
        """
        self._note(exit_code, {"value_failures": {"restoration": dict(kinds)}}, None)

    def _note(self, exit_code: int, counts: Mapping[str, object], error: ZenctxError | None) -> None:
        # Lazy: whoever fails so has SQLAlchemy already.
        from zenctx.operations.record import Looked, note

        started_at = datetime.now(UTC) - timedelta(seconds=self._session.seconds)
        note(self.settings, Looked(str(self._session.command), {}, started_at, exit_code, counts, error))

    def bytes_to_stdout(self) -> ByteSink:
        """Gives standard output for bytes (`cat`). From then on an error is told on standard error alone."""
        self._session.carries_bytes = True
        return ByteSink(self._session.stdout)


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise SetupError(
            f"The directory that this was started in cannot be used: {error.strerror}",
            hint="It was removed, or this user may not enter it: 'cd' to another one first",
        ) from None


def _quieten_libraries() -> None:
    """Keeps what libraries log off standard error, where nobody configured logging: SQLAlchemy tells each Ctrl-C."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())


def _main_settings(settings: Settings) -> list[str]:
    """Gives the settings that decide what is worked on, one a line, passwords masked, with their origins."""
    shown = settings.shown()
    names = ("db", "persistent-file-dir", "engine-dir")
    return [neutralise(f"{name} = {shown[name]} ({settings.origins[name]})") for name in names]


def _stderr_can_move() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
