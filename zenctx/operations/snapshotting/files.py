"""Which files a run names, and what is known of each before it is read."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import (
    UNKNOWN_SIZE,
    ChecksumState,
    DescriptorType,
    RefValueDescriptor,
    compare_checksum,
)
from zenctx.context.forms import Detection, Form, LocatorCheck, classify, detect
from zenctx.context.quick import count_evident_descriptors
from zenctx.context.rawjson import split_object, split_repeating
from zenctx.errors import InvalidContextError, LocatorRefusedError, MissingFileError, StoreError, ZenctxError
from zenctx.operations.live_files import LiveFiles
from zenctx.operations.snapshotting.report import Action
from zenctx.snapshots.file_state import KnownFiles
from zenctx.store.base import FileStat
from zenctx.store.mentions import STORAGE, Mentions


class NamedFile(NamedTuple):
    """A file that a run names: by an entry's descriptor, or (without one) by a text somewhere in a broken context.

    Of what is `required` the absence is a problem.
    """

    key: str
    locator: str
    size: int = UNKNOWN_SIZE
    checksum: str | None = None
    required: bool = False


class Problem(NamedTuple):
    """Why a file is not had as its descriptor says."""

    action: Action
    reason: str

    @property
    def text(self) -> str:
        """The problem in the words of the snapshot."""
        return f"{self.action}: {self.reason}"


class Look(NamedTuple):
    """A file as it was seen without opening it: what is to be done with it.

    `known` is the checksum of its bytes where an earlier snapshot has them and they have not changed.
    """

    file: NamedFile
    action: Action
    status: FileStat | None = None
    known: str | None = None
    problem: Problem | None = None


class FileFinder(DataStruct, frozen=True):
    """Finds the files of contexts and looks at them.

    `storage` is the directory of temporary files; `known` (None: nobody knows) is asked what has not changed;
    `check_store` is called before a file is looked at, and raises where it is of no use. `is_lenient`: where a whole
    directory is not there, its files are missing.
    """

    live: LiveFiles
    mentions: Mentions
    storage: Path
    known: KnownFiles | None
    check_store: Callable[[], None]
    is_lenient: bool = False

    def looks(self, text: bytes | None, found: Detection) -> Iterator[Look]:
        """Looks at each file that a context names. What need not be there and is not, is passed over.

        Raises StoreError where a whole directory is missing.
        """
        for file in self._named(text, found):
            look = self.look(file)
            if file.required or look.problem is None or look.problem.action is Action.ALTERED:
                yield look

    def look(self, file: NamedFile) -> Look:
        """Looks at one file; raises StoreError where its whole directory is missing, and what `check_store` raises."""
        self.check_store()
        try:
            status = self.live.locators.stat(file.locator)
        except ZenctxError as error:
            self._require_directory(file, error)
            problem = problem_of(error)
            return Look(file, problem.action, problem=problem)
        known = self._find(file, status)
        if known is None:
            return Look(file, Action.COPY, status, problem=difference(file, status.size, None))
        return Look(file, Action.UNCHANGED, status, known, difference(file, status.size, known))

    def _find(self, file: NamedFile, status: FileStat) -> str | None:
        if self.known is None:
            return None
        return self.known.find(file.locator, status.size, status.mtime_ns, status.inode, status.ctime_ns)

    def _require_directory(self, file: NamedFile, error: ZenctxError) -> None:
        """A volume that is not mounted is no reason to call each of its files missing."""
        if isinstance(error, StoreError) and file.required and not self.is_lenient:
            located = self.live.locators.resolve(file.locator)
            root = Path(str(located.path).removesuffix(located.name))
            if not root.is_dir():
                raise error

    def _named(self, text: bytes | None, found: Detection) -> Iterator[NamedFile]:
        if found.form is Form.INVALID:
            yield from self._in_broken(text or b"")
        elif found.form is not Form.LEGACY:
            for entry in found.entries:
                if entry.descriptor is not None and entry.descriptor.locator:
                    yield _named(entry.member.name, entry.descriptor)

    def _in_broken(self, text: bytes) -> Iterator[NamedFile]:
        """The files of a context that cannot be taken apart, or only as far as its members."""
        seen = set()
        for key, descriptor in self._descriptors(text):
            seen.add(self._place(descriptor.locator or ""))
            yield _named(key, descriptor)
        for directory, names in self.mentions.find(text).items():
            for name in names:
                locator = self._locator(directory, name)
                if self._place(locator) not in seen:
                    yield NamedFile("", locator)

    def _descriptors(self, text: bytes) -> Iterator[tuple[str, RefValueDescriptor]]:
        try:
            members = split_repeating(text)
        except InvalidContextError:
            return
        for member in members:
            entry = classify(member, self.live.locators.is_inside)
            if entry.descriptor is not None and entry.descriptor.locator:
                yield member.name, entry.descriptor

    def _place(self, locator: str) -> Path | str:
        try:
            return self.live.locators.resolve(locator).path
        except LocatorRefusedError:
            return locator

    def _locator(self, directory: str, name: str) -> str:
        if directory == STORAGE:
            return str(self.storage / name)
        return self.live.locators.locator_for(f"{directory}/{name}" if directory else name)


def detect_quickly(text: bytes | None, locator_ok: LocatorCheck) -> Detection:
    """Gives what `detect` gives, but no entries where none of them can name a file: most contexts are of that kind."""
    if text is None or b"\\u" in text:
        return detect(text, locator_ok)
    if b'"inlineValue"' not in text and b'"locator"' not in text:
        with contextlib.suppress(InvalidContextError):
            return Detection(Form.LEGACY if split_object(text) else Form.EMPTY, None, ())
    elif count_evident_descriptors(text):
        return Detection(Form.DESCRIPTORS, None, ())
    return detect(text, locator_ok)


def problem_of(error: ZenctxError) -> Problem:
    """Gives the problem that an error on opening, looking at or reading a live file is."""
    match error:
        case MissingFileError():
            action = Action.MISSING
        case LocatorRefusedError():
            action = Action.REFUSED
        case _:
            action = Action.UNREADABLE
    return Problem(action, error.message)


def difference(file: NamedFile, size: int, checksum: str | None) -> Problem | None:
    """Tells how content of this size and checksum (None: not known yet) differs from what the descriptor says."""
    if file.size not in (UNKNOWN_SIZE, size):
        return Problem(Action.ALTERED, f"it has {size:,} bytes, its descriptor says {file.size:,}")
    if checksum is not None and compare_checksum(file.checksum, checksum) is ChecksumState.MISMATCH:
        return Problem(Action.ALTERED, "it does not have the checksum of its descriptor")
    return None


def _named(key: str, descriptor: RefValueDescriptor) -> NamedFile:
    is_file = descriptor.type is DescriptorType.FILE
    size, checksum = (descriptor.size, descriptor.checksum) if is_file else (UNKNOWN_SIZE, None)
    return NamedFile(key, descriptor.locator or "", size, checksum, required=is_file)
