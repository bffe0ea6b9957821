"""Takes from the application's settings those that zenctx has, each with its origin."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from zenctx.config import options as opt
from zenctx.config.spring.activation import read_all
from zenctx.config.spring.datasource import database_url
from zenctx.config.spring.model import Document, uniform
from zenctx.config.spring.sources import Sources, Value
from zenctx.config.values import Given
from zenctx.errors import SettingsError

_REFVALUE = "zenflow.context.refvalue."
_PERSISTENCE = "zenflow.context.persistence."

_TEXTS = (opt.FILE_STORAGE_DIR, opt.PERSISTENT_FILE_DIR, opt.TEMP_FILE_PREFIX, opt.ORPHAN_CLEANUP_SCHEDULE)
_SIZES = (opt.MEMORY_THRESHOLD_BYTES, opt.JSON_THRESHOLD_BYTES, opt.BASE64_THRESHOLD_BYTES)
_DAYS = (opt.PERSISTENT_FILE_RETENTION_DAYS,)
_FLAGS = (opt.CHECKSUM_ENABLED, opt.ORPHAN_CLEANUP_ENABLED)
_KEYS: Mapping[str, str] = {
    **{option.name: _REFVALUE + option.name for option in (*_TEXTS, *_SIZES, *_DAYS, *_FLAGS)},
    opt.PERSISTENCE_ENABLED.name: _PERSISTENCE + "enabled",
}
# Settings of the application that nothing here depends on.
_OTHERS = (_REFVALUE + "metrics-enabled", _REFVALUE + "file-leak-warning-ms")
_KNOWN = {uniform(key): key for key in (*_KEYS.values(), *_OTHERS)}
_SECTIONS = tuple(uniform(section).removesuffix(".") for section in (_REFVALUE, _PERSISTENCE))
_ALIKE = 0.93
"""So much a key whose section is misspelt has in common with one of ours: `zenflow.context.persistance.enabled`."""

_DATA_SIZE = re.compile(r"([+-]?[0-9]{1,15})(B|KB|MB|GB|TB)")
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_DURATION = re.compile(r"(?:P|PT)?([0-9]{1,9})([dDhH])")
_NAMES_TEXT = {option.name for option in _TEXTS}
_NAMES_SIZE = {option.name for option in _SIZES}
_NAMES_DAYS = {option.name for option in _DAYS}


@dataclass(frozen=True, slots=True)
class Application:
    """Where the application's settings are: its files (absolute), its environment, its working directory if known."""

    files: Sequence[Path]
    environ: Mapping[str, str]
    engine_dir: Path | None = None


def from_spring(application: Application, wanted: Collection[str]) -> dict[str, Given]:
    """Takes the settings in `wanted`, by name; the others are not looked at.

    Relative directories start at the application's working directory, else at the file that names them. Raises
    SettingsError for files that cannot be read, placeholders that cannot be resolved, and misspelt keys.
    """
    sources, documents = read_all(application.files, application.environ, application.engine_dir)
    _check_names(documents)
    _check_variables(application.environ)
    return {given.name: given for given in _given(sources, application, wanted)}


def _given(sources: Sources, application: Application, wanted: Collection[str]) -> Iterator[Given]:
    url = database_url(sources) if opt.DB.name in wanted else None
    if url is not None:
        text, value, origin = url
        yield Given(opt.DB.name, text, origin, value.label, _base(value, application))
    for name, key in _KEYS.items():
        found = sources.value(key) if name in wanted else None
        if found is not None:
            yield Given(name, _converted(name, found), found.origin, found.label, _base(found, application))


def _base(value: Value, application: Application) -> Path:
    return application.engine_dir or value.found.folder or application.files[0].parent


def _converted(name: str, value: Value) -> object:
    """Gives the value as the setting takes it: sizes such as `1MB` and durations such as `30d` as numbers."""
    entry = value.found.entry
    trap = entry.trap
    if name in _NAMES_TEXT and entry.text != entry.written:
        trap = trap or "YAML reads it as another value"
    if trap:
        raise SettingsError(f"{value.label} is not certain: {trap}", hint="put the value in quotes")
    text = value.text.strip()
    if name in _NAMES_SIZE and (size := _DATA_SIZE.fullmatch(text)):
        return int(size[1]) * _UNITS[size[2]]
    if name in _NAMES_DAYS and (duration := _DURATION.fullmatch(text)):
        return _days(int(duration[1]), duration[2].lower(), text)
    return value.text


def _days(number: int, unit: str, text: str) -> object:
    """Gives whole days; the text itself where it is not whole days, which no parser takes."""
    days, rest = divmod(number, 1 if unit == "d" else 24)
    return text if rest else days


def _check_names(documents: Sequence[Document]) -> None:
    for document in documents:
        for name, entry in document.entries.items():
            if _is_misspelt(name) and not (name in _SECTIONS and not entry.text):
                raise SettingsError(f"{document.label(entry)} is no setting of the application", hint=_nearest(name))


def _check_variables(environ: Mapping[str, str]) -> None:
    known = {name.replace(".", "") for name in _KNOWN}
    for variable in environ:
        flat = variable.lower()
        name = ".".join(flat.split("_", 3)).replace("_", "")
        if flat.replace("_", "") not in known and _is_misspelt(name):
            raise SettingsError(f"the variable {variable} is no setting of the application", hint=_nearest(name))


def _is_misspelt(name: str) -> bool:
    """Tells whether a key that is none of ours was meant to be one: by its section, or as a whole."""
    return name not in _KNOWN and (_is_ours(name) or bool(_alike(name)))


def _is_ours(name: str) -> bool:
    return name in _SECTIONS or name.startswith(tuple(f"{section}{mark}" for section in _SECTIONS for mark in ".["))


def _alike(name: str) -> list[str]:
    """Gives the key of ours that a name resembles as a whole. Most names are nobody's, and cost nothing here."""
    return get_close_matches(name, _KNOWN, n=1, cutoff=_ALIKE) if name.startswith("zen") else []


def _nearest(name: str) -> str:
    if not _is_ours(name):
        return f"did you mean {_KNOWN[_alike(name)[0]]}?"
    if (single := _KNOWN.get(name.partition("[")[0])) is not None:
        return f"{single} takes one value, not a list"
    # The sections are long, and alike in every key: only what follows them tells keys apart.
    sections = sorted((section for section in _SECTIONS if name.startswith(section)), key=len)
    known = {key.removeprefix(sections[-1]): key for key in _KNOWN if key.startswith(sections[-1])}
    close = get_close_matches(name.removeprefix(sections[-1]), known, n=1)
    if not close and len(known) == 1:
        close = list(known)
    return (
        f"did you mean {_KNOWN[known[close[0]]]}?" if close else "docs/configuration.md lists the keys that there are"
    )
