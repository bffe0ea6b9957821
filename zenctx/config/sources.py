"""The places where settings come from. Each gives the values that it holds by setting name, with their origin."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from zenctx.config.options import OPTIONS, VARIABLE_PREFIX
from zenctx.config.values import Given
from zenctx.errors import SettingsError

FILE_NAME = "zenctx.toml"
TEST_PREFIX = VARIABLE_PREFIX + "TEST_"

_NAMES = tuple(option.name for option in OPTIONS)
_VARIABLES = {option.variable: option.name for option in OPTIONS}
_AT_LINE = re.compile(r"(.*) \(at line \d+, column \d+\)", re.DOTALL)
_AT_END = " (at end of document)"


def from_options(options: Mapping[str, str], cwd: Path) -> dict[str, Given]:
    """Takes options of the command line, by setting name."""
    found = {}
    for name, text in options.items():
        if name not in _NAMES:
            raise SettingsError(f"there is no option --{name} for a setting", hint=_nearest(name, _NAMES, "--"))
        found[name] = Given(name, text, f"option --{name}", f"option --{name}", cwd)
    return found


def from_spring_option(files: Sequence[Path], cwd: Path) -> dict[str, Given]:
    """Takes the application's files that the command line names."""
    label = "option --spring"
    return {"spring": Given("spring", list(map(str, files)), label, label, cwd)} if files else {}


def from_environment(environ: Mapping[str, str], cwd: Path) -> dict[str, Given]:
    """Takes the variables `ZENCTX_*`. An empty one counts as not set; `ZENCTX_TEST_*` belongs to the tests."""
    found = {}
    for variable, text in environ.items():
        if not text or not variable.startswith(VARIABLE_PREFIX) or variable.startswith(TEST_PREFIX):
            continue
        name = _VARIABLES.get(variable)
        if name is None:
            raise SettingsError(f"the variable {variable} sets nothing", hint=_nearest(variable, _VARIABLES))
        found[name] = Given(name, text, variable, variable, cwd)
    return found


def from_file(path: Path) -> dict[str, Given]:
    """Takes a settings file; tables are read as names with dots.

    Raises SettingsError for a file that cannot be read, is not TOML (with line and column) or names a setting that
    does not exist or stands there twice.
    """
    found: dict[str, Given] = {}
    for name, value in _flattened(_read_toml(path)):
        if name not in _NAMES:
            raise SettingsError(f"{path} names an unknown setting {name!r}", hint=_nearest(name, _NAMES))
        if name in found:
            raise SettingsError(f"{path} names {name!r} twice", hint="keep one of the two")
        found[name] = Given(name, value, str(path), f"{name!r} in {path}", path.parent)
    return found


def find_file(config_file: Path | None, cwd: Path) -> Path | None:
    """Gives the settings file: the named one, else the working directory's, else the user's, else None."""
    if config_file is not None:
        return cwd / config_file
    return next((candidate for candidate in _usual_places(cwd) if os.path.lexists(candidate)), None)


def user_directory(kind: Literal["config", "data"]) -> Path | None:
    """Gives the user's directory for zenctx's settings or data, which may not exist; None for a user without a home."""
    import platformdirs  # noqa: PLC0415 - lazy: not needed where a settings file names the database

    find = platformdirs.user_config_path if kind == "config" else platformdirs.user_data_path
    try:
        path = find("zenctx")
    except RuntimeError:
        return None
    return path if path.is_absolute() else None


def _usual_places(cwd: Path) -> Iterator[Path]:
    yield cwd / FILE_NAME
    user = user_directory("config")
    if user is not None:
        yield user / FILE_NAME


def _read_toml(path: Path) -> dict[str, object]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="name another one by --config, or leave that option out",
        ) from None
    try:
        text = content.decode()
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise _not_toml(path, "text that is not UTF-8", *_position(content[: error.start])) from None
    except tomllib.TOMLDecodeError as error:
        raise _malformed(path, str(error), content) from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{path} is not a settings file: it nests too deep or holds too long a number") from None


def _malformed(path: Path, message: str, content: bytes) -> SettingsError:
    match = _AT_LINE.fullmatch(message)
    if match is None:
        return _not_toml(path, message.removesuffix(_AT_END), *_position(content))
    line, column = map(int, re.findall(r"\d+", message)[-2:])
    return _not_toml(path, match[1], line, column)


def _not_toml(path: Path, problem: str, line: int, column: int) -> SettingsError:
    message = f"{path} is not valid TOML at line {line}, column {column}: {problem[:1].lower()}{problem[1:]}"
    return SettingsError(message, hint='texts stand in quotes: file-mode = "0440"')


def _position(before: bytes) -> tuple[int, int]:
    """Gives the line and column, from 1, of what follows `before`."""
    last_line = before.rpartition(b"\n")[2]
    return before.count(b"\n") + 1, len(last_line.decode(errors="replace")) + 1


def _flattened(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    spellings = {known.lower().replace("_", "-"): known for known in names}
    close = get_close_matches(name.lower().replace("_", "-"), spellings, n=1)
    if close:
        return f"did you mean {prefix}{spellings[close[0]]}?"
    return "docs/configuration.md lists every setting, and so does 'zenctx config show'"
