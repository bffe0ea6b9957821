"""One save of a context, in an order that loses nothing wherever it is cut short.

1. Large values are copied to new persistent files, durably. A crash leaves files that no row names.
2. One transaction locks the row, compares it, writes context, state, and the record of the files that it no longer
   names. A crash before its commit leaves the old context with its old files; after it, the new one with its new ones.
3. The files that the row named before are deleted. A crash leaves files that no row names; gc finds them.
"""

import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zenctx.context.convert import StoredContent
from zenctx.context.counters import Failure, Stage
from zenctx.context.descriptor import RefValueDescriptor, decode_inline
from zenctx.context.forms import Entry, Fit, Form, classify, detect
from zenctx.context.persistence import ContextFailedError, Descriptors, describe
from zenctx.context.rawjson import Member, encode_string, join_members, split_object
from zenctx.context.rules import StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.state import RuntimeState
from zenctx.context.values import FileValue, InlineFile, RefValue, ValueFile
from zenctx.database import released
from zenctx.database.engine import Connection, Database, write_transaction
from zenctx.database.errors import RejectedValueError
from zenctx.database.released import ReleasedFile
from zenctx.database.saving import (
    StoredContext,
    Whereabouts,
    lock_run,
    read_stored,
    refused_keys,
    require_unmoved,
    write_stored,
)
from zenctx.errors import DatabaseError, RefusedError, ZenctxError
from zenctx.operations.live_files import LiveFiles, bind_store
from zenctx.store.names import run_directory
from zenctx.store.persistent import PersistentFile


@dataclass(frozen=True, slots=True)
class SavedContext:
    """What a save wrote: values, files among them, bytes of the row, and old files that were deleted."""

    run_id: str
    values: int
    files: int
    bytes: int
    superseded: int


@dataclass
class Save:
    """One save of one context to one run, over a connection without an open transaction; used once."""

    database: Database
    live: LiveFiles
    rules: StorageRules
    connection: Connection
    run_id: str
    context: RuntimeContext
    replace_changed: bool
    place: Whereabouts
    new_names: list[str] = field(default_factory=list)

    def run(self, values: Mapping[str, RefValue], state: RuntimeState) -> SavedContext:
        """Saves values and state, which somebody holds; raises as `ContextStore.save_context` does."""
        is_committing = False
        try:
            # Asked here, too, so that no large file is copied in vain; what counts is the answer under the row's lock.
            self._require_known(self._read())
            self.connection.rollback()
            described = self._describe(values)
            text = described.text()
            with write_transaction(self.connection):
                lock_run(self.connection, self.run_id)
                before = self._read()
                self._require_known(before)
                stored = self._write(described, text, state)
                superseded = self._superseded(before)
                reason = "superseded by a later save of the run"
                released.record(self.connection, _release_id(), self.run_id, reason, superseded)
                # If the connection is lost during the commit, nobody can say which of the two the row holds now.
                require_unmoved(self.database, self.place)
                self.context.origins |= {stored.fingerprint}
                is_committing = True
            # Which file holds the row now nobody can say either if it was moved meanwhile: both sets of files stay.
            require_unmoved(self.database, self.place)
        except BaseException:
            if not is_committing:
                self._discard(self.new_names)
            raise
        self.context.origins = frozenset({stored.fingerprint})
        # The row names the new files. Values that are still in memory must follow before the old ones go.
        self._relocate(values, described)
        self._discard(file.path for file in superseded)
        return SavedContext(self.run_id, len(values), len(self.new_names), len(text), len(superseded))

    def _read(self) -> StoredContext:
        return read_stored(self.connection, self.run_id, self.database.description)

    def _require_known(self, found: StoredContext) -> None:
        """Refuses to overwrite a context that this one does not come from: its values would be lost."""
        if self.replace_changed or found.is_empty or found.fingerprint in self.context.origins:
            return
        raise RefusedError(
            f"run {self.run_id} has a context that this one does not come from: somebody else has saved it",
            hint="restore it again, or overwrite it with replace_changed=True",
        )

    def _describe(self, values: Mapping[str, RefValue]) -> Descriptors:
        described = describe(values, self.rules, self._put_file)
        self.context.counters.failed(described.failures)
        described.require_all()
        return described

    def _put_file(self, key: str, content: Iterable[bytes], suffix: str) -> StoredContent:
        if not self.new_names:
            bind_store(self.live, self.connection)
        stored = self.live.store.put(self.run_id, key, content, suffix=suffix)
        self.new_names.append(stored.name)
        return StoredContent(self.live.locators.locator_for(stored.name), stored.size, stored.checksum)

    def _write(self, described: Descriptors, text: bytes, state: RuntimeState) -> StoredContext:
        try:
            with self.database.translated_errors(), self.connection.begin_nested():
                return write_stored(self.connection, self.run_id, text, state.to_json())
        except RejectedValueError as error:
            failures = self._refused(described, f"the database does not take {error.reason}")
            self.context.counters.failed(failures)
            if not failures:
                raise  # it takes each by itself, but not all together
            raise ContextFailedError("cannot be saved", failures) from None

    def _refused(self, described: Descriptors, reason: str) -> list[Failure]:
        members = (
            (key, join_members([Member(key, encode_string(key), descriptor.to_json())]))
            for key, descriptor in described.entries.items()
        )
        keys = refused_keys(self.connection, members, self.database.description)
        return [Failure(key, Stage.CREATION, reason, DatabaseError.kind) for key in keys]

    def _superseded(self, before: StoredContext) -> list[ReleasedFile]:
        """The files that a row named before, as far as they are this run's own."""
        files: dict[str, ReleasedFile] = {}
        for entry in self._entries_before(before):
            name = self._own_name(entry.descriptor)
            if name is not None and (file := self._still_there(name, entry.member.name)) is not None:
                files[name] = file
        return list(files.values())

    def _entries_before(self, before: StoredContext) -> Sequence[Entry]:
        """The entries of a context of descriptors that may name a file, at least; none of any other form."""
        is_inside = self.live.locators.is_inside
        if before.text is None or b'"FILE"' not in before.text:
            return ()
        if before.fingerprint not in self.context.origins:
            found = detect(before.text, is_inside)
            return found.entries if found.form is Form.DESCRIPTORS else ()
        # It was restored or written by this context, so its form is clear, and in a clear one an exact descriptor is
        # beside descriptors alone. To look at all its entries once more would take most of a save of many keys.
        entries = [classify(member, is_inside) for member in split_object(before.text) if b'"FILE"' in member.value]
        return entries if any(entry.fit is Fit.EXACT for entry in entries) else ()

    def _own_name(self, descriptor: RefValueDescriptor | None) -> str | None:
        """The name of the file of a descriptor, if it is one that the store gave to this run."""
        if descriptor is None or descriptor.locator is None:
            return None
        located = self.live.locators.resolve(descriptor.locator)
        directory, _, name = located.name.partition("/")
        is_own = located.root == "persistent" and directory == run_directory(self.run_id) and "/" not in name
        return located.name if is_own else None

    def _still_there(self, name: str, key: str) -> ReleasedFile | None:
        try:
            status = self.live.store.stat(name)
        except ZenctxError:
            return None
        return ReleasedFile(name, key, status.size, status.mtime_ns)

    def _relocate(self, values: Mapping[str, RefValue], described: Descriptors) -> None:
        for key, value in values.items():
            if isinstance(value, FileValue) and isinstance(value.file, PersistentFile):
                value.relocate(self._file_of(described.entries[key]))

    def _file_of(self, descriptor: RefValueDescriptor) -> ValueFile:
        # Opens nothing: what has just been written is there, and nothing may go wrong any more.
        if descriptor.locator is None:
            return InlineFile(decode_inline(descriptor), descriptor.checksum)
        return PersistentFile(self.live.locators, descriptor.locator, descriptor.size, descriptor.checksum)

    def _discard(self, names: Iterable[str]) -> None:
        with contextlib.suppress(ZenctxError):  # what stays is named by no row, and gc finds it
            self.live.store.discard(names)


def _release_id() -> str:
    return f"save-{secrets.token_hex(8)}"
