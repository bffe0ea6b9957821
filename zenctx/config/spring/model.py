"""Keys and values of a Spring file, with the place of each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_NOT_UNIFORM = re.compile(r"[^a-z0-9.\[\]]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with its value.

    `text` is what the application gets, `written` what stands there: YAML makes `true` of `yes`. `trap` says in words
    why nobody can be sure what the application gets.
    """

    key: str
    text: str
    written: str
    line: int
    trap: str | None = None


@dataclass(slots=True)
class Document:
    """One document of a file. `number` counts from 1, and is None where the file has only one.

    `entries` are found by their uniform key; `clashes` are spellings of one key in this document that say different
    things. `barrier` says why it is not certain that the application reads this document.
    """

    name: str
    folder: Path | None
    number: int | None
    entries: dict[str, Entry] = field(default_factory=dict)
    clashes: dict[str, Entry] = field(default_factory=dict)
    barrier: str | None = None
    profile: str | None = None

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes the entries in the order of the file; where one is there twice, the later one counts."""
        for entry in entries:
            known = self.entries.get(uniform(entry.key))
            if known is not None and known.text != entry.text:
                self.clashes[uniform(entry.key)] = known
            self.entries[uniform(entry.key)] = entry

    @property
    def place(self) -> str:
        """Gives the file and, where there are several, the document."""
        return self.name if self.number is None else f"{self.name} (document {self.number})"

    def label(self, entry: Entry) -> str:
        """Names a key as a message does."""
        return f"'{entry.key}' in {self.place}"

    def origin(self, entry: Entry) -> str:
        """Names a key as `config show` does."""
        parts = [f"document {self.number}"] if self.number is not None else []
        parts += [f"profile {self.profile}"] if self.profile is not None else []
        where = f" ({', '.join(parts)})" if parts else ""
        return f"{self.name}{where}: {entry.key}"


def uniform(key: str) -> str:
    """Gives what all spellings of a key have in common: `fileStorageDir`, `file_storage_dir`, `FILE-STORAGE-DIR`."""
    return _NOT_UNIFORM.sub("", key.lower())
