"""One side of a comparison: the entries of a context and the files of its values, wherever they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Protocol

from zenctx.context.convert import BytesAs, unwrap_entry
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, sha256_checksum
from zenctx.context.forms import Detection, Entry, Fit, Form, detect
from zenctx.context.rawjson import BLANKS, Member, check_document, quoted, split_object
from zenctx.context.redact import Redactor, redactor_for
from zenctx.errors import DamagedFileError, InvalidContextError, InvalidDescriptorError, ZenctxError
from zenctx.operations.contexts import MAX_READ_FOR_SECRETS
from zenctx.operations.live_files import LiveFiles, check_content, digest
from zenctx.snapshots.model import SnapshotFile, SnapshotRun
from zenctx.snapshots.repository import Repository

STORED_AS_IS = (Form.AMBIGUOUS, Form.MIXED)
"""Forms that leave it open what their entries mean: those are compared as they are stored, never unwrapped."""


@dataclass(frozen=True, slots=True)
class FileState:
    """Size in bytes and `sha256:<hex>` of some content."""

    size: int
    checksum: str


class Files(Protocol):
    """The files of one context's values. Each method raises a ZenctxError where the file cannot be had."""

    def state(self, key: str, descriptor: RefValueDescriptor) -> FileState:
        """Size and checksum of the content."""
        ...

    def read(self, key: str, descriptor: RefValueDescriptor, limit: int) -> bytes:
        """The content, compared with what is recorded; InvalidDescriptorError for more than `limit` bytes."""
        ...


@dataclass(frozen=True, slots=True)
class LiveFilesOfRun:
    """Files of the store, by the locators of the descriptors."""

    live: LiveFiles

    def state(self, key: str, descriptor: RefValueDescriptor) -> FileState:
        """Reads the file, in constant memory: it may not be what its descriptor says."""
        with self.live.open(descriptor) as file:
            size, checksum = digest(file)
        check_content(descriptor, size, checksum)
        return FileState(size, checksum)

    def read(self, key: str, descriptor: RefValueDescriptor, limit: int) -> bytes:
        """Reads it as others do."""
        return self.live.read(descriptor, limit)


@dataclass(frozen=True, slots=True)
class FilesOfSnapshot:
    """Objects of a repository, by the keys of the run's descriptors."""

    repository: Repository
    files: Mapping[str, SnapshotFile]

    def state(self, key: str, descriptor: RefValueDescriptor) -> FileState:
        """Objects are named by their checksum, so it is enough that the object is there."""
        file, checksum = self._had(key, descriptor)
        if not self.repository.has_object(checksum, file.size):
            raise DamagedFileError(f"the object of the file {descriptor.locator!r} is missing from the repository")
        return FileState(file.size, checksum)

    def read(self, key: str, descriptor: RefValueDescriptor, limit: int) -> bytes:
        """Reads the object to its end, where it is compared."""
        with self._open(key, descriptor) as content:
            text = content.read(limit + 1)
            if len(text) > limit:
                raise InvalidDescriptorError(f"the file {descriptor.locator!r} has more than {limit:,} bytes")
            content.read(1)
        return text

    def _open(self, key: str, descriptor: RefValueDescriptor) -> BinaryIO:
        file, checksum = self._had(key, descriptor)
        return self.repository.open_object(checksum, file.size)

    def _had(self, key: str, descriptor: RefValueDescriptor) -> tuple[SnapshotFile, str]:
        file = self.files.get(key)
        if file is None or file.checksum is None:
            why = file.problem if file is not None and file.problem else "not in the snapshot"
            raise DamagedFileError(f"the file {descriptor.locator!r} is not in the snapshot: {why}")
        return file, file.checksum


@dataclass(frozen=True, slots=True)
class Side:
    """A context ready to be compared: how it is called, its text and form, its files, what must not be shown."""

    label: str
    text: bytes | None
    found: Detection
    files: Files
    redactor: Redactor
    is_document: bool = False

    @property
    def as_document(self) -> dict[str, Entry]:
        """The whole text as the one value of a key without a name."""
        return {"": Entry(Member("", b'""', self.text or b"null"), Fit.PLAIN)}

    @property
    def is_as_stored(self) -> bool:
        """Whether its entries are compared as they are stored."""
        return self.found.form in STORED_AS_IS

    @property
    def entries(self) -> dict[str, Entry]:
        """The entries by key; without their descriptors where these are not to be believed."""
        return entries_by_key(self.found)

    @property
    def veiled_keys(self) -> frozenset[str]:
        """Keys whose values are compared as they are stored and are base64 text, in which secrets cannot be seen."""
        if not self.is_as_stored:
            return frozenset()
        return frozenset(entry.member.name for entry in self.found.entries if _is_base64(entry.descriptor))

    @property
    def remark(self) -> str | None:
        """What should be known about how it was compared."""
        if not self.is_as_stored:
            return None
        return f"{self.label} is {self.found.form} and compared as it is stored: {self.found.reason}"


@dataclass(frozen=True, slots=True)
class SideMaker:
    """Makes sides: where live files are, and which names are those of secrets."""

    live: LiveFiles
    redact_keys: tuple[str, ...]

    def of_text(self, label: str, text: bytes | None) -> Side:
        """Gives the side of a context whose files, if it names any, are live."""
        return self._make(label, text, LiveFilesOfRun(self.live))

    def of_document(self, label: str, text: bytes) -> Side:
        """Gives the side of JSON from elsewhere: a context where it is an object, else a document that is none.

        Raises InvalidContextError for what is not JSON, or has a key twice.
        """
        try:
            check_document(text)
            text = text.strip(BLANKS)
            if text.startswith(b"{"):
                split_object(text)
                return self._make(label, text, LiveFilesOfRun(self.live))
        except InvalidContextError as error:
            raise InvalidContextError(f"{label} cannot be read as JSON: {error.message}") from None
        redactor = redactor_for([Member("", b'""', text)], self.redact_keys)
        nothing = Detection(Form.EMPTY, None, ())
        return Side(label, text, nothing, LiveFilesOfRun(self.live), redactor, is_document=True)

    def of_snapshot(self, label: str, run: SnapshotRun, repository: Repository) -> Side:
        """Gives the side of a run of a snapshot."""
        files = {file.key: file for file in run.files}
        return self._make(label, run.context, FilesOfSnapshot(repository, files))

    def _make(self, label: str, text: bytes | None, files: Files) -> Side:
        found = detect(text, self.live.locators.is_inside)
        members = [_plain_member(entry, files) for entry in found.entries]
        redactor = redactor_for([member for member in members if member is not None], self.redact_keys)
        return Side(label, text, found, files, redactor)


def entries_by_key(found: Detection) -> dict[str, Entry]:
    """Gives the entries of a context by key, as they are compared: see `Side.entries`."""
    if found.form in STORED_AS_IS:
        return {entry.member.name: Entry(entry.member, entry.fit) for entry in found.entries}
    return {entry.member.name: entry for entry in found.entries}


def _is_base64(descriptor: RefValueDescriptor | None) -> bool:
    return descriptor is not None and descriptor.type is not DescriptorType.MEMORY and descriptor.has_inline_value


def merged(a: Redactor, b: Redactor) -> Redactor:
    """Gives the redactor that hides what either of two hides."""
    secrets = sorted({*a.secrets, *b.secrets}, key=lambda text: (-len(text), text))
    return Redactor(a.names, tuple(secrets))


def _plain_member(entry: Entry, files: Files) -> Member | None:
    """The member with its plain value; None where that is in a large file, or nowhere."""
    read = partial(_read_small, files, entry.member.name)
    try:
        return entry.member._replace(value=unwrap_entry(entry, read, BytesAs.BASE64))
    except ZenctxError:
        return None


def _read_small(files: Files, key: str, descriptor: RefValueDescriptor) -> bytes:
    if descriptor.size > MAX_READ_FOR_SECRETS:
        raise InvalidDescriptorError(f"the value of {quoted(key)} is large")
    return files.read(key, descriptor, MAX_READ_FOR_SECRETS)


def content_state(content: bytes) -> FileState:
    """Gives size and checksum of bytes that are at hand."""
    return FileState(len(content), sha256_checksum(content))
