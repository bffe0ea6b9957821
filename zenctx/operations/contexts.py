"""One run's context, ready to be shown: its entries, and what of it is secret."""

from difflib import get_close_matches
from functools import partial

from zenctx.config import Settings
from zenctx.context.convert import BytesAs, unwrap_entry
from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import DescriptorType, decode_inline
from zenctx.context.forms import Detection, Entry, Form, detect
from zenctx.context.rawjson import Member
from zenctx.context.redact import Redactor, redactor_for
from zenctx.database import runs
from zenctx.database.checks import require_engine_tables
from zenctx.database.engine import Connection, Database
from zenctx.database.rows import RunRow
from zenctx.errors import InvalidContextError, NotFoundError, ZenctxError
from zenctx.operations.live_files import LiveFiles, live_files

MAX_READ_FOR_SECRETS = 1024 * 1024
"""Files up to this size, in bytes, are searched for what is secret."""


class LoadedContext(DataStruct, frozen=True):
    """A run's row, the form and entries of its context, its files, and what must not be shown of it."""

    row: RunRow
    found: Detection
    live: LiveFiles
    redactor: Redactor

    def entry(self, key: str) -> Entry:
        """Gives the entry of a key. Raises NotFoundError, with the nearest key, where there is none."""
        if self.found.form is Form.INVALID:
            raise InvalidContextError(f"the context of run {self.row.run_id} is invalid: {self.found.reason}")
        for entry in self.found.entries:
            if entry.member.name == key:
                return entry
        near = get_close_matches(key, [entry.member.name for entry in self.found.entries], 1)
        hint = f"'zenctx inspect {self.row.run_id}' lists the keys"
        if near:
            hint = f"did you mean {self.redactor.redact_text(near[0])!r}?"
        raise NotFoundError(f"run {self.row.run_id} has no key {key!r}", hint=hint)

    def plain(self, entry: Entry) -> bytes:
        """Gives the JSON text of an entry's value, wherever it is kept; bytes that are no JSON as base64 text.

        Raises DamagedFileError, LocatorRefusedError, InvalidDescriptorError or StoreError where it cannot be had.
        """
        return unwrap_entry(entry, self.live.read, BytesAs.BASE64)

    def raw_content(self, entry: Entry) -> bytes:
        """Gives the bytes of a value that is kept in the row: decoded where they are base64 text, else JSON text."""
        descriptor = entry.descriptor
        if descriptor is None:
            return entry.member.value
        return descriptor.inline_value if descriptor.type is DescriptorType.MEMORY else decode_inline(descriptor)


def load(database: Database, connection: Connection, settings: Settings, run_id: str) -> LoadedContext:
    """Reads the context of one run. Raises NotFoundError, DatabaseError."""
    require_engine_tables(connection)
    row = runs.read_run(database, connection, run_id)
    live = live_files(settings)
    found = detect(row.text, live.locators.is_inside)
    members = [_plain_member(entry, live) for entry in found.entries]
    redactor = redactor_for([member for member in members if member is not None], settings.redact_keys)
    return LoadedContext(row, found, live, redactor)


def _plain_member(entry: Entry, live: LiveFiles) -> Member | None:
    """The member with its plain value; None where that is in a large file, or nowhere."""
    read = partial(live.read, limit=MAX_READ_FOR_SECRETS)
    try:
        return entry.member._replace(value=unwrap_entry(entry, read, BytesAs.BASE64))
    except ZenctxError:
        return None
