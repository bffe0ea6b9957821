"""The files of a run: read from the repository, written durably under new names before any row names them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from os import SEEK_END
from pathlib import PurePosixPath

from zenctx.context.convert import MAX_LEGACY_BYTES, StoredContent
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.errors import DamagedFileError, InvalidDescriptorError, ZenctxError
from zenctx.operations.live_files import LiveFiles, chunks, digest
from zenctx.operations.restoring.compare import Content
from zenctx.operations.restoring.target import Explain, Source, Target
from zenctx.snapshots.model import SnapshotFile
from zenctx.snapshots.repository import Repository
from zenctx.store.base import NewFile
from zenctx.store.names import run_directory

_LONGEST_SUFFIX = 9


class DamagedObjectError(DamagedFileError):
    """An object of the repository that is not what its name says; `key` is that of the value."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Staged:
    """New files of a run by key, and their names in the store; nothing names them yet."""

    contents: Mapping[str, StoredContent] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def source_of(repository: Repository, live: LiveFiles, explain: Explain = lambda _locator: None) -> Source:
    """Gives where the files of snapshots are had from."""
    return Source(
        has=lambda file: file.checksum is not None and repository.has_object(file.checksum, file.size),
        read=lambda file: _read(repository, file),
        locator_ok=live.locators.is_inside,
        explain=explain,
    )


def stage(repository: Repository, live: LiveFiles, run_id: str, target: Target, bind: Callable[[], None]) -> Staged:
    """Writes the new files of a run; when it returns they are durable, and each has the checksum of its object.

    `bind` makes sure that the store is the database's own, and is asked before the first file. Raises
    DamagedObjectError for an object that is not what it should be; then nothing is left. StoreError.
    """
    if not target.file_count:
        return Staged()
    bind()
    keys = [*target.files, *(value.key for value in target.large)]
    stored = live.store.put_many(_new_files(repository, run_id, target))
    contents = {
        key: StoredContent(live.locators.locator_for(file.name), file.size, file.checksum)
        for key, file in zip(keys, stored, strict=True)
    }
    names = tuple(file.name for file in stored)
    for key, file in target.files.items():
        # The stream has compared itself; a row must name nothing that was not compared here, too.
        if contents[key].checksum != file.checksum:
            live.store.discard(names)
            raise DamagedObjectError(key, f"the object of {key!r} does not have its checksum")
    return Staged(contents, names)


def is_own(live: LiveFiles, run_id: str, locator: str) -> bool:
    """Tells whether a locator leads to a file that the store gave to a run: no other run can name it by right."""
    if not live.locators.is_inside(locator):
        return False
    located = live.locators.resolve(locator)
    directory, _, name = located.name.partition("/")
    return located.root == "persistent" and directory == run_directory(run_id) and "/" not in name


def has_content(live: LiveFiles, descriptor: RefValueDescriptor, content: Content) -> bool:
    """Tells whether the live file of a descriptor has some content; False also where it cannot be had.

    It is read: that its times are those of a file that was copied once would not say that nobody wrote to it since.
    """
    try:
        with live.open(descriptor) as file:
            if file.seek(0, SEEK_END) != content.size:
                return False
            file.seek(0)
            return digest(file) == (content.size, content.checksum)
    except ZenctxError:
        return False


def _new_files(repository: Repository, run_id: str, target: Target) -> Iterator[NewFile]:
    for key, file in target.files.items():
        yield NewFile(run_id, file.key or key, _pieces(repository, key, file), _suffix(file.locator))
    for value in target.large:
        yield NewFile(run_id, value.key, value.content, ".json")


def _pieces(repository: Repository, key: str, file: SnapshotFile) -> Iterator[bytes]:
    """The content of an object, compared while it is read."""
    try:
        with closing(repository.open_object(file.checksum or "", file.size)) as stream:
            yield from chunks(stream)
    except DamagedFileError as error:
        raise DamagedObjectError(key, error.message) from None


def _read(repository: Repository, file: SnapshotFile) -> bytes:
    if file.size > MAX_LEGACY_BYTES:
        raise InvalidDescriptorError(f"the file of {file.key!r} has more than {MAX_LEGACY_BYTES:,} bytes")
    return b"".join(_pieces(repository, file.key, file))


def _suffix(locator: str) -> str:
    """What tells people and programs the kind of a file, where its old name ended in such."""
    suffix = PurePosixPath(locator).suffix
    is_plain = suffix[1:].isascii() and suffix[1:].isalnum()
    return suffix if is_plain and len(suffix) <= _LONGEST_SUFFIX else ""
