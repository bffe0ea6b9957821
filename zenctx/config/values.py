"""The values of settings: what somebody wrote and where, and one parser for each type of value."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from zenctx.config.urls import anchor_sqlite, mask_url, sqlite_path
from zenctx.context.rules import KIB, MIB
from zenctx.errors import SettingsError, UsageError

Choice = TypeVar("Choice", bound=StrEnum)

MAX_BYTES = 2**63 - 1
MAX_DAYS = 36_500

_UNITS = {None: 1, "KiB": KIB, "MiB": MIB, "GiB": 1024 * MIB}
_SIZE = re.compile(r"(-?[0-9]{1,15}(?:_[0-9]{1,15}){0,6}) ?(KiB|MiB|GiB)?")
_COUNT = re.compile(r"-?[0-9]{1,18}")
_OCTAL = re.compile(r"(?:0o)?([0-7]{3,4})")
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DATABASE_URL = re.compile(r"(?:jdbc:[a-z]+:|[a-z][a-z0-9_+]*://).*", re.DOTALL | re.IGNORECASE)
_QUARTZ_FIELD = re.compile(r"[0-9A-Za-z*?/,#-]+")
_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written: a text, or what a TOML file holds.

    `origin` is what `config show` tells of it, `label` how a message names it, `base` the directory against which a
    relative path in it resolves.
    """

    name: str
    value: object
    origin: str
    label: str
    base: Path

    def must_be(self, expected: str, *, hint: str | None = None) -> SettingsError:
        """Gives the error that tells where the value stands, what it must be, and what it is."""
        return SettingsError(f"{self.label} must be {expected}, not {shown(self.value)}", hint=hint)

    def must_be_unseen(self, expected: str, *, hint: str | None = None) -> SettingsError:
        """Gives the same error without the value, which is empty, unprintable or may hold a password."""
        return SettingsError(f"{self.label} must be {expected}", hint=hint)


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory: `text` as configured (it goes into locators), `path` absolute, its links and `..` not resolved."""

    text: str
    path: Path


def shown(value: object) -> str:
    """Gives a value as a message may quote it: short, on one line, without passwords."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        masked = mask_url(value)
        return repr(masked if len(masked) <= _MAX_SHOWN else masked[: _MAX_SHOWN - 3] + "...")
    if isinstance(value, int):
        return str(value) if abs(value) <= MAX_BYTES else "a far larger number"
    if isinstance(value, float):
        return str(value)
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else "a date or time"


def parse_text(given: Given) -> str:
    """Takes any text on one line that is not empty."""
    text = given.value
    if not isinstance(text, str):
        raise given.must_be("a text in quotes")
    if not text:
        raise given.must_be_unseen("a text that is not empty", hint="leave the setting out to have its default")
    if any(character < " " or character == "\x7f" for character in text):
        raise given.must_be_unseen("a text without control characters")
    return text


def parse_boolean(given: Given) -> bool:
    """Takes true, yes, on, 1 or false, no, off, 0."""
    if isinstance(given.value, bool):
        return given.value
    word = given.value.strip().lower() if isinstance(given.value, str) else ""
    if word not in _BOOLEANS:
        raise given.must_be("true or false")
    return _BOOLEANS[word]


def size(*, most: int = MAX_BYTES) -> Callable[[Given], int]:
    """Makes a parser of sizes from 0 to `most` bytes: `1048576`, `1_048_576` or `1 MiB`."""

    def parse(given: Given) -> int:
        number = _whole_number(given)
        match = _SIZE.fullmatch(given.value.strip()) if isinstance(given.value, str) else None
        if match is not None:
            number = int(match[1]) * _UNITS[match[2]]
        if number is None:
            raise given.must_be(
                "a whole number of bytes", hint="write it as 1048576, 1_048_576 or '1 MiB' (KiB, MiB, GiB)"
            )
        if not 0 <= number <= most:
            raise given.must_be(f"from 0 to {most} bytes")
        return number

    return parse


def parse_keep(given: Given) -> str:
    """Takes rules that say which snapshots are kept, on one line; see `zenctx.context.retention.parse_policy`."""
    # Lazy: few commands and few files have such rules.
    from zenctx.context.retention import parse_policy  # noqa: PLC0415

    text = parse_text(given)
    try:
        parse_policy(text, safety_days=0)
    except UsageError as error:
        raise given.must_be("rules that say which snapshots to keep", hint=f"{error.message}: {error.hint}") from None
    return text


def parse_days(given: Given) -> int:
    """Takes a whole number of days, up to a hundred years."""
    number = _whole_number(given)
    if isinstance(given.value, str) and _COUNT.fullmatch(given.value.strip()):
        number = int(given.value)
    if number is None or not 0 <= number <= MAX_DAYS:
        raise given.must_be(f"a whole number of days from 0 to {MAX_DAYS}")
    return number


def choice(kind: type[Choice]) -> Callable[[Given], Choice]:
    """Makes a parser that takes one of the words of `kind`."""

    def parse(given: Given) -> Choice:
        word = given.value.strip().lower() if isinstance(given.value, str) else None
        for member in kind:
            if member.value == word:
                return member
        raise given.must_be("one of " + ", ".join(kind))

    return parse


def parse_file_mode(given: Given) -> int:
    """Takes an octal file mode that lets the owner read and nobody write or execute."""
    match = _OCTAL.fullmatch(given.value.strip()) if isinstance(given.value, str) else None
    if match is None:
        raise given.must_be("an octal file mode in quotes such as '0440'")
    mode = int(match[1], 8)
    if mode & ~0o444 or not mode & 0o400:
        raise given.must_be(
            "a file mode that lets the owner read and nobody write or execute",
            hint="files are written once: '0400', '0440' and '0444' are such modes",
        )
    return mode


def parse_directory(given: Given) -> Directory:
    """Takes a directory, relative ones below the base of the value."""
    text = _parse_path(given)
    text = text.rstrip("/") or "/"
    return Directory(text, given.base / text)


def parse_path(given: Given) -> Path:
    """Takes a path and makes it absolute; its links and `..` are not resolved."""
    return given.base / _parse_path(given)


def parse_files(given: Given) -> tuple[Path, ...]:
    """Takes paths: a list, or a text with commas between them; all become absolute."""
    names = given.value.split(",") if isinstance(given.value, str) else given.value
    if not isinstance(names, list) or not names:
        raise given.must_be("a list of files", hint='write ["application.yml"], or application.yml,extra.yml')
    files = [name.strip() if isinstance(name, str) else name for name in names]
    return tuple(parse_path(replace(given, value=file)) for file in files)


def parse_repository(given: Given) -> str:
    """Takes a directory, which becomes absolute, or a URL, which stays as it is."""
    text = given.value
    if isinstance(text, str) and _URL.match(text):
        return parse_text(given)
    return str(parse_path(given))


def parse_database(given: Given) -> str:
    """Takes a database URL; the relative path of a SQLite file becomes absolute."""
    text = parse_text(given)
    if not _DATABASE_URL.fullmatch(text):
        raise given.must_be_unseen(
            "a database URL",
            hint="write sqlite:////path/to/file.db, postgresql://user@host/name or jdbc:postgresql://host/name",
        )
    if (sqlite_path(text) or "").startswith("~"):
        raise given.must_be_unseen("a path without '~'", hint="write the home directory in full")
    return anchor_sqlite(text, given.base)


def parse_prefix(given: Given) -> str:
    """Takes the beginning of a file name that cannot be mistaken for one of zenctx's own files."""
    text = parse_text(given)
    if "/" in text or text.startswith((".", "zenctx-")):
        raise given.must_be("the beginning of a file name, without '/' and other than '.' or 'zenctx-'")
    return text


def parse_locator_root(given: Given) -> str:
    """Takes a path as the engine sees it: ASCII only, which is all that the engine's file names may hold."""
    text = parse_text(given)
    if not text.isascii():
        raise given.must_be("a path of ASCII characters")
    return text


def parse_group(given: Given) -> str:
    """Takes the name or number of a group."""
    if isinstance(given.value, int) and not isinstance(given.value, bool) and 0 <= given.value < 2**32:
        return str(given.value)
    text = parse_text(given)
    if "/" in text or ":" in text:
        raise given.must_be("the name or number of a group")
    return text


def parse_schedule(given: Given) -> str:
    """Takes a Quartz cron expression: seconds first, six fields or seven."""
    text = parse_text(given)
    fields = text.split()
    if len(fields) not in (6, 7) or not all(map(_QUARTZ_FIELD.fullmatch, fields)):
        raise given.must_be(
            "a Quartz cron expression of six or seven fields",
            hint="the first field is the seconds: '0 0 2 * * ?' is every night at two",
        )
    return text


def parse_patterns(given: Given) -> tuple[str, ...]:
    """Takes name patterns: a TOML list, or a text with commas between them."""
    patterns = given.value.split(",") if isinstance(given.value, str) else given.value
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise given.must_be(
            "a list of name patterns", hint='write ["*password*", "*secret*"], or \'*password*,*secret*\''
        )
    return tuple(stripped for pattern in patterns if (stripped := pattern.strip()))


def _whole_number(given: Given) -> int | None:
    """Gives a TOML integer; a boolean is none, although Python takes it for one."""
    return given.value if isinstance(given.value, int) and not isinstance(given.value, bool) else None


def _parse_path(given: Given) -> str:
    text = parse_text(given)
    if _URL.match(text):
        raise given.must_be_unseen("a local path, not a URL")
    if text.startswith("~"):
        raise given.must_be("a path without '~'", hint="write the home directory in full")
    return text
