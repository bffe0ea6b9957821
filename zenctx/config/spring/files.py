"""Finds and reads Spring files: the one that is named, and those of its profiles beside it."""

from collections.abc import Iterator
from os.path import lexists
from pathlib import Path

from zenctx.config.spring.model import Document, Entry
from zenctx.config.spring.properties_text import read_properties
from zenctx.config.spring.yaml_text import read_yaml
from zenctx.errors import SettingsError

MAX_FILE_BYTES = 512 * 1024

# In this order Spring reads several files of one profile; the last one wins.
_SUFFIXES = (".yaml", ".yml", ".properties")
_OFFER = "name an application.yml, application.yaml or application.properties by --spring"


def read_file(path: Path) -> list[Document]:
    """Gives the documents of a file, in its order. Raises SettingsError if it cannot be read."""
    if path.suffix not in _SUFFIXES:
        raise SettingsError(f"{path} is no Spring settings file, by its name", hint=_OFFER)
    content = _content(path)
    if path.suffix == ".properties":
        return documents(read_properties(content.decode("latin-1"), str(path)), str(path), path.parent)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path} is not valid YAML at line {line}: text that is not UTF-8") from None
    return documents(read_yaml(text, str(path)), str(path), path.parent)


def documents(texts: Iterator[list[Entry]], name: str, folder: Path | None) -> list[Document]:
    """Makes documents of their entries."""
    found = list(texts)
    made = [Document(name, folder, number if len(found) > 1 else None) for number in range(1, len(found) + 1)]
    for document, entries in zip(made, found, strict=True):
        document.add(entries)
    return made


def profile_files(path: Path, profile: str) -> list[Path]:
    """Gives the files of a profile beside a file, the one that wins last: `application-prod.yml`."""
    if "/" in profile or "\0" in profile or not profile.isprintable():
        raise SettingsError(f"{profile!r} is no name of a Spring profile", hint="spring.profiles.active names it")
    beside = [path.with_name(f"{path.stem}-{profile}{suffix}") for suffix in _SUFFIXES]
    # A link that leads nowhere is there: it must not be passed over in silence.
    return [candidate for candidate in beside if lexists(candidate)]


def _content(path: Path) -> bytes:
    try:
        if not path.is_file() and path.exists():
            raise SettingsError(f"the Spring file {path} is not a file", hint=_OFFER)
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"the Spring file {path} cannot be read: {reason}", hint=_OFFER) from None
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"the Spring file {path} is larger than {MAX_FILE_BYTES // 1024} KiB", hint=_OFFER)
    return content
