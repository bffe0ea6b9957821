"""The file of `--textfile`: how commands ended, and what `metrics` measured, for the node exporter to collect.

Several commands may share a file: each replaces what it wrote there before, and leaves what others wrote. So the file
is read, changed and replaced as a whole, under a lock on its directory, and is valid at every moment.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zenctx.cli.prometheus import Family, families_of, parse, render
from zenctx.errors import StoreError, UsageError
from zenctx.operations.measuring.model import DATABASE, GAUGE, Labels, Metric, Sample, of_database
from zenctx.store.beneath import open_root
from zenctx.store.faults import shown, translated
from zenctx.store.private_file import new_private_file

PREFIX = "zenctx_"
OF_COMMANDS = "zenctx_command_"
MEASURES = "metrics"
"""The command whose measurements make up the rest of the file."""

_COMMAND = ("command",)
LAST_RUN = Metric(f"{OF_COMMANDS}last_run_timestamp_seconds", GAUGE, "When the command last ended.", _COMMAND)
LAST_SUCCESS = Metric(
    f"{OF_COMMANDS}last_success_timestamp_seconds", GAUGE, "When the command last ended with exit code 0.", _COMMAND
)
DURATION = Metric(f"{OF_COMMANDS}last_duration_seconds", GAUGE, "How long the command last took.", _COMMAND)
EXIT_CODE = Metric(f"{OF_COMMANDS}last_exit_code", GAUGE, "The exit code that the command last ended with.", _COMMAND)
SUCCESS = Metric(f"{OF_COMMANDS}success", GAUGE, "1 if the command last ended with exit code 0, else 0.", _COMMAND)
ERROR = Metric(
    f"{OF_COMMANDS}error", GAUGE, "1 for the kind of error that the command last ended with.", ("command", "kind")
)
COMMAND_METRICS = (LAST_RUN, LAST_SUCCESS, DURATION, EXIT_CODE, SUCCESS, ERROR)
"""What every command writes about itself."""

_MODE = 0o644
_LARGEST = 4 * 1024 * 1024
_PATIENCE_SECONDS = 5.0
_RETRY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: its words, when (seconds of the epoch), after how many seconds, with which exit code.

    `error` is the kind of the error that ended it, None where there was none; `database` the name that the settings
    give to the database, None where they give none or could not be read.
    """

    command: str
    at: float
    seconds: float
    exit_code: int
    error: str | None = None
    database: str | None = None

    def replaces(self, labels: Labels, *, measured: bool) -> bool:
        """Tells whether a sample with these labels, `measured` or of a command, is what this command wrote earlier.

        One without a name of its database is anybody's: written before there was one, or while it could not be read.
        """
        known = dict(labels)
        if self.database is not None and known.get(DATABASE, self.database) != self.database:
            return False
        return self.command == MEASURES if measured else known.get("command") == self.command

    def samples(self, last_success: float | None) -> tuple[Sample, ...]:
        """Gives what is written about it; `last_success` is when it ended well before, as far as that is known."""
        command, is_success = self.command, self.exit_code == 0
        samples = [
            LAST_RUN.sample(round(self.at, 3), command=command),
            DURATION.sample(round(self.seconds, 3), command=command),
            EXIT_CODE.sample(self.exit_code, command=command),
            SUCCESS.sample(is_success, command=command),
        ]
        good = round(self.at, 3) if is_success else last_success
        if good is not None:
            samples.append(LAST_SUCCESS.sample(good, command=command))
        if self.error is not None:
            samples.append(ERROR.sample(1, command=command, kind=self.error))
        return of_database(samples, self.database)


def check(path: Path) -> None:
    """Makes sure, before anything is begun, that the file can be written at the end.

    Raises UsageError where something else than our metrics would be replaced, StoreError for a directory that is
    missing or cannot be written.
    """
    _existing(path)
    directory = _target(path).parent
    if not directory.is_dir():
        raise StoreError(f"there is no directory {shown(directory)} for the metrics", hint="create it, or name another")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreError(f"the directory {shown(directory)} of the metrics cannot be written by this user")


def write(path: Path, ending: Ending, measured: Iterable[Sample] = ()) -> None:
    """Writes how a command ended, and what it measured, into the file, all at once.

    Raises as `check` does.
    """
    target = _target(path)
    with _locked(target.parent):
        families = _merged(_existing(path), ending, measured)
        with new_private_file(target, replace=True, mode=_MODE) as file:
            file.write(render(families.values()).encode())


def _merged(families: dict[str, Family], ending: Ending, measured: Iterable[Sample]) -> dict[str, Family]:
    """Gives what the file is to hold: of what was there, all that is another command's."""
    last_success = _last_success(families, ending)
    for name, family in families.items():
        is_measured = not name.startswith(OF_COMMANDS)
        family.samples = {
            labels: value
            for labels, value in family.samples.items()
            if not ending.replaces(labels, measured=is_measured)
        }
    for name, fresh in families_of([*measured, *ending.samples(last_success)]).items():
        kept = families.get(name)
        families[name] = fresh if kept is None else Family(name, fresh.kind, fresh.help, kept.samples | fresh.samples)
    return families


def _last_success(families: dict[str, Family], ending: Ending) -> float | None:
    family = families.get(LAST_SUCCESS.name)
    samples = family.samples.items() if family else ()
    return max((float(value) for labels, value in samples if ending.replaces(labels, measured=False)), default=None)


def _existing(path: Path) -> dict[str, Family]:
    """Reads what is in the file; nothing where it is not there or empty. UsageError unless all of it is ours."""
    text = _read(path)
    try:
        families = parse(text)
    except ValueError:
        raise _not_ours(path) from None
    if not all(name.startswith(PREFIX) for name in families):
        raise _not_ours(path)
    return families


def _read(path: Path) -> str:
    try:
        with translated(path.absolute().parent, "read"):
            is_file = stat.S_ISREG(path.stat().st_mode)
            data = b""
            if is_file:
                with path.open("rb") as file:
                    data = file.read(_LARGEST + 1)
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return ""
        raise
    if not is_file or len(data) > _LARGEST:
        raise _not_ours(path)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _not_ours(path) from None


def _not_ours(path: Path) -> UsageError:
    return UsageError(
        f"--textfile: {shown(path)} is no file of zenctx's metrics, and is left as it is", hint="name another file"
    )


def _target(path: Path) -> Path:
    """Gives the file itself where the path leads to it by links, so that the links stay."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keeps others from changing the file meanwhile, as far as the file system has locks for directories.

    Whoever does not get the lock within some seconds goes on: the file stays valid, and at worst lacks for a while what
    another command wrote at the same moment.
    """
    with translated(directory, "locked"):
        fd = open_root(directory)
    try:
        _lock(fd)
        yield
    finally:
        os.close(fd)


def _lock(fd: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > deadline:
                return
            time.sleep(_RETRY_SECONDS)
        else:
            return
