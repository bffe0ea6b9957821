"""The few flags that matter even when the command line as a whole cannot be understood."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Format(StrEnum):
    """How results are written to standard output."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


COMMON_OPTIONS = (
    "--db",
    "--config",
    "--spring",
    "--format",
    "--json",
    "--quiet",
    "--verbose",
    "--no-color",
    "--textfile",
)
"""What every command takes."""

_JSON_FORMATS = {"json": Format.JSON, "jsonl": Format.JSONL}


class Flags(NamedTuple):
    """The flags that shape the output: told from the bare arguments first, then from the parsed options.

    `textfile` is where metrics of the call go, None for nowhere.
    """

    format: Format = Format.TABLE
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    dry_run: bool = False
    textfile: Path | None = None


def read_flags(arguments: Sequence[str]) -> Flags:
    """Looks for the flags in arguments that nobody has parsed yet; what follows `--` is not looked at."""
    options = list(arguments)
    if "--" in options:
        del options[options.index("--") :]
    return Flags(
        _format(options),
        quiet="--quiet" in options,
        verbose="--verbose" in options,
        no_color="--no-color" in options,
        dry_run="--dry-run" in options,
        textfile=_textfile(options),
    )


def _textfile(options: list[str]) -> Path | None:
    named = [value for name, value in _with_values(options) if name == "--textfile" and value]
    return Path(named[-1]) if named else None


def _format(options: list[str]) -> Format:
    # Whoever asks for JSON anywhere, even in contradiction, reads JSON.
    wanted = Format.TABLE
    for name, value in _with_values(options):
        if name == "--json":
            wanted = Format.JSON
        elif name == "--format":
            wanted = _JSON_FORMATS.get(value, wanted)
    return wanted


def _with_values(options: list[str]) -> Iterator[tuple[str, str]]:
    """Yields each word with what would be its value: what stands behind `=`, else the next word."""
    for option, following in pairwise([*options, ""]):
        name, equals, value = option.partition("=")
        yield name, value if equals else following
