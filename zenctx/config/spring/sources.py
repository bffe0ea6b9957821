"""Looks a Spring key up: in the environment first, then in the documents, the last one first."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zenctx.config.spring.model import Document, Entry, uniform
from zenctx.config.spring.placeholders import Resolution, UnresolvableError
from zenctx.errors import SettingsError

# What Spring takes for a name in its usual form: it is then found in every spelling, any other one as it is written.
_USUAL = re.compile(r"[a-z0-9][a-z0-9-]*(?:\[\d+\])*(?:\.[a-z0-9][a-z0-9-]*(?:\[\d+\])*)*")
# Known to the application's Java, and unknown here.
_OF_JAVA = re.compile(
    r"(?:java|sun|jdk|random)\..*|user\.(?:home|dir|name|language|country|timezone)|os\.(?:name|arch|version)"
    r"|(?:file|path|line)\.separator"
)


@dataclass(frozen=True, slots=True)
class Found:
    """The entry of a key: `label` names it in messages, `origin` in `config show`, `folder` is that of its file."""

    entry: Entry
    label: str
    origin: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its placeholders resolved."""

    text: str
    found: Found
    origin: str

    @property
    def label(self) -> str:
        """How messages name the place."""
        return self.found.label


class Layer(Protocol):
    """One place that holds keys."""

    def usual(self, key: str) -> Found | None:
        """Finds a key in its usual form, however it is spelled here."""

    def exact(self, name: str) -> Found | None:
        """Finds a name as it is written."""


class Environment:
    """The environment's variables: `spring.datasource.url` is SPRING_DATASOURCE_URL."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        # Capitals win over other spellings of one name.
        self._by_name = {name.lower().replace(".", "_"): name for name in sorted(environ, key=str.isupper)}

    def usual(self, key: str) -> Found | None:
        """Finds a key; a dash in it is left out of the variable's name, or an underscore there."""
        flat = re.sub(r"[.\[]", "_", key.lower()).replace("]", "")
        for candidate in (flat.replace("-", ""), flat.replace("-", "_")):
            if candidate in self._by_name:
                return self._found(self._by_name[candidate])
        return None

    def exact(self, name: str) -> Found | None:
        """Finds a variable by its name, dots and dashes as underscores, or in capitals."""
        spellings = [name, name.replace(".", "_"), name.replace("-", "_"), re.sub("[.-]", "_", name)]
        for candidate in [*spellings, *map(str.upper, spellings)]:
            if candidate in self._environ:
                return self._found(candidate)
        return None

    def _found(self, variable: str) -> Found:
        text = self._environ[variable]
        return Found(Entry(variable, text, text, 0), f"the variable {variable}", variable)


@dataclass(frozen=True, slots=True)
class InDocument:
    """The keys of one document."""

    document: Document

    def usual(self, key: str) -> Found | None:
        """Finds a key in any spelling. Raises SettingsError where it is not certain what the application finds."""
        name = uniform(key)
        entry = self.document.entries.get(name)
        if entry is None:
            return None
        label = self.document.label(entry)
        if self.document.barrier is not None:
            raise SettingsError(
                f"{label} counts only {self.document.barrier}, and that cannot be known here",
                hint="set it by an option, or leave the document out of a copy of the file",
            )
        if name in self.document.clashes:
            raise SettingsError(f"{label} stands there twice, with different values", hint="keep one of the two")
        return Found(entry, label, self.document.origin(entry), self.document.folder)

    def exact(self, name: str) -> Found | None:
        """Finds a key that is spelled like this."""
        entry = self.document.entries.get(uniform(name))
        return self.usual(name) if entry is not None and entry.key == name else None


class Sources:
    """All places, the one that wins first."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers

    def value(self, key: str) -> Value | None:
        """Gives the value of a key, placeholders resolved. Raises SettingsError if that cannot be done."""
        found = next(self._usual(key), None)
        return None if found is None else self._resolved(found)

    def items(self, key: str) -> list[str]:
        """Gives a list: items of their own, or one text with commas."""
        for layer in self._layers:
            items = self.items_of(layer, key)
            if items is not None:
                return items
        return []

    def items_of(self, layer: Layer, key: str) -> list[str] | None:
        """Gives the list that one place holds, None if it has no such key."""
        found = layer.usual(key)
        if found is not None:
            return [item for part in self._resolved(found).text.split(",") if (item := part.strip())]
        items: list[str] = []
        while (found := layer.usual(f"{key}[{len(items)}]")) is not None:
            items.append(self._resolved(found).text.strip())
        return items or None

    def all_items(self, key: str) -> list[str]:
        """Gives the lists of all places together, those that win last."""
        lists = [self.items_of(layer, key) or [] for layer in reversed(self._layers)]
        return [item for items in lists for item in items]

    def _usual(self, key: str) -> Iterator[Found]:
        return (found for layer in self._layers if (found := layer.usual(key)) is not None)

    def _resolved(self, found: Found) -> Value:
        resolution = Resolution(self._lookup)
        try:
            text = resolution.resolve(found.entry.text)
        except UnresolvableError as error:
            raise SettingsError(
                f"{found.label} {error}", hint="set it in the environment as it is for the application, or by an option"
            ) from None
        names = ", ".join(dict.fromkeys(resolution.used))
        return Value(text, found, f"{found.origin}, with {names}" if names else found.origin)

    def _lookup(self, name: str) -> str | None:
        if _OF_JAVA.fullmatch(name):
            raise UnresolvableError(f"needs ${{{name}}}, which only the application itself knows")
        found = next(self._usual(name), None) if _USUAL.fullmatch(name) else None
        if found is None:
            exact = (found for layer in self._layers if (found := layer.exact(name)) is not None)
            found = next(exact, None)
        if found is not None and found.entry.trap:
            raise UnresolvableError(f"needs ${{{name}}}, but {found.entry.trap} in {found.label}: put it in quotes")
        return None if found is None else found.entry.text
