"""What a descriptor's locator names: a file below the configured directories, or nothing that is ever opened.

Resolution is lexical: it touches no file, and `.` and `..` are taken out of the text. Opening then follows no link
below the directory, so that what the text says is what is read.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal

from zenctx.context.datastruct import DataStruct
from zenctx.errors import LocatorRefusedError, SettingsError
from zenctx.store.base import FileStat
from zenctx.store.beneath import open_file, stat_file
from zenctx.store.names import MAX_NAME_BYTES, is_reserved

RootName = Literal["persistent", "storage"]

MAX_LOCATOR_BYTES = 4096
"""What the usual systems take for a path."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_Parts = tuple[str, ...]


class Located(DataStruct, frozen=True):
    """The file that a locator names: `name` below the directory `root`, and both together as a path."""

    root: RootName
    name: str
    path: Path


class _Prefix(DataStruct, frozen=True):
    """A way to name one of the directories at the beginning of a locator, in normal form."""

    root: RootName
    absolute: bool
    parts: _Parts


class Locators:
    """Both ways between the names of a store and the locators that the engine reads.

    `persistent` and `storage` are directories as (text as configured, absolute path). Relative locators are relative to
    `engine_dir`. `locator_root` is how the engine names the persistent directory where it sees another path than
    zenctx does, in a container for example. When the storage directory holds the persistent one, and `locator_root`
    ends in the same way, the engine's name of the storage directory follows from it.
    """

    def __init__(
        self, persistent: tuple[str, Path], storage: tuple[str, Path], engine_dir: Path, locator_root: str | None
    ) -> None:
        self._paths: dict[RootName, Path] = {"persistent": persistent[1], "storage": storage[1]}
        self._base = (locator_root or persistent[0]).rstrip("/")
        self._engine_parts = _parts_of(engine_dir)
        own = [_Prefix(root, absolute=True, parts=_parts_of(path)) for root, path in self._paths.items()]
        # The innermost directory first; of two equal ones the persistent.
        self._own = sorted(own, key=lambda prefix: -len(prefix.parts))
        self._mapped = _mapped(own[0].parts, own[1].parts, locator_root) if locator_root else []

    def locator_for(self, name: str) -> str:
        """The locator of the file `name` of the persistent directory, as the engine reads it.

        Raises `SettingsError` when that locator would not lead back to the same file, or is not ASCII.
        """
        locator = f"{self._base}/{name}"
        if not locator.isascii():
            message = f"the locator {_quoted(locator)} is not ASCII, and the engine may not find its file"
            raise SettingsError(message, hint="Give persistent-file-dir, or locator-root, as an ASCII path.")
        try:
            leads_back = self._locate(locator) == ("persistent", name)
        except LocatorRefusedError:
            leads_back = False
        if not leads_back:
            message = f"the locator {_quoted(locator)} would not lead back to {self._paths['persistent'] / name}"
            hint = "Set engine-dir to where the engine runs, or locator-root to the directory as the engine sees it."
            raise SettingsError(message, hint=hint)
        return locator

    def resolve(self, locator: str) -> Located:
        """Where the file of `locator` lies; `LocatorRefusedError` when that is no value's place. Opens nothing."""
        root, name = self._locate(locator)
        return Located(root, name, self._paths[root] / name)

    @property
    def storage(self) -> Path:
        """The directory of temporary files."""
        return self._paths["storage"]

    @property
    def base(self) -> str:
        """What `locator_for` puts before a name, and a slash."""
        return self._base

    def marks(self) -> frozenset[str] | None:
        """Texts of which every locator that `resolve` finds a place for holds at least one; None if there are none.

        The last component of a directory must stand in a locator that leads into it: what is taken out of a path are
        other components. Unless a relative locator starts there already.
        """
        marks: set[str] = set()
        for prefix in (*self._own, *self._mapped):
            starts_inside = prefix in self._own and self._engine_parts[: len(prefix.parts)] == prefix.parts
            if starts_inside or not prefix.parts:
                return None
            marks.add(prefix.parts[-1])
        return frozenset(marks)

    def is_inside(self, locator: str) -> bool:
        """Whether `resolve` finds a place for it."""
        try:
            self._locate(locator)
        except LocatorRefusedError:
            return False
        return True

    def open(self, locator: str) -> BinaryIO:
        """The content of a locator's file, to be read and closed.

        Raises `LocatorRefusedError` as `resolve` does and for a link on the way, `DamagedFileError` when there is no
        such regular file, `StoreError` when its directory is missing or something cannot be read.
        """
        root, name = self._locate(locator)
        return open_file(self._paths[root], name)

    def stat(self, locator: str) -> FileStat:
        """Size, times and identity of a locator's file; raises as `open` does, without opening the file."""
        root, name = self._locate(locator)
        status = stat_file(self._paths[root], name)
        return FileStat(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def _locate(self, locator: str) -> tuple[RootName, str]:
        _check_text(locator)
        absolute = locator.startswith("/")
        parts = _normal(locator.split("/"), absolute=absolute)
        found = _below(self._mapped, parts, absolute=absolute)
        if found is None:
            own = parts if absolute else _normal((*self._engine_parts, *parts), absolute=True)
            found = _below(self._own, own, absolute=True)
        if found is None:
            raise _refused(locator, "leads out of the configured directories")
        root, name = found
        if not name:
            raise _refused(locator, "names a directory, not a file in it")
        if any(is_reserved(part) for part in name):
            raise _refused(locator, "names a file that is no value's")
        return root, "/".join(name)


def _mapped(persistent: _Parts, storage: _Parts, locator_root: str) -> list[_Prefix]:
    """How the engine names the directories, from how it names the persistent one."""
    absolute = locator_root.startswith("/")
    named = _normal(locator_root.split("/"), absolute=absolute)
    prefixes = [_Prefix("persistent", absolute, named)]
    inner = persistent[len(storage) :]
    if inner and persistent[: len(storage)] == storage and named[-len(inner) :] == inner:
        prefixes.append(_Prefix("storage", absolute, named[: -len(inner)]))
    return prefixes


def _below(prefixes: Iterable[_Prefix], parts: _Parts, *, absolute: bool) -> tuple[RootName, _Parts] | None:
    for prefix in prefixes:
        if prefix.absolute == absolute and parts[: len(prefix.parts)] == prefix.parts:
            return prefix.root, parts[len(prefix.parts) :]
    return None


def _parts_of(path: Path) -> _Parts:
    return _normal(str(path.absolute()).split("/"), absolute=True)


def _normal(parts: Iterable[str], *, absolute: bool) -> _Parts:
    """Components without `.`, and without `..` unless it leads above a relative start, where nothing is known."""
    normal: list[str] = []
    for part in parts:
        if part in {"", "."}:
            continue
        if part != "..":
            normal.append(part)
        elif normal and normal[-1] != "..":
            normal.pop()
        elif not absolute:
            normal.append(part)
    return tuple(normal)


def _check_text(locator: str) -> None:
    if not locator:
        raise _refused(locator, "is empty")
    if _CONTROL.search(locator):
        raise _refused(locator, "holds a control character")
    try:
        encoded = locator.encode()
    except UnicodeEncodeError:
        raise _refused(locator, "is not Unicode text") from None
    if len(encoded) > MAX_LOCATOR_BYTES or max(map(len, encoded.split(b"/"))) > MAX_NAME_BYTES:
        raise _refused(locator, "is longer than a path can be")
    if locator.startswith("~"):
        raise _refused(locator, "begins with ~, which means another directory to every user")


def _refused(locator: str, why: str) -> LocatorRefusedError:
    return LocatorRefusedError(f"the locator {_quoted(locator)} {why}", hint="Nothing was opened.")


def _quoted(locator: str) -> str:
    return repr(locator if len(locator) <= 200 else locator[:200] + "…")
