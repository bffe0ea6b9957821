"""What must not be shown of a run when its keys and reasons are told: secrets of the snapshot and of the row."""

from collections.abc import Iterator, Sequence

from zenctx.context.convert import BytesAs, unwrap_entry
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.context.forms import Entry, detect
from zenctx.context.rawjson import Member
from zenctx.context.redact import Redactor, redactor_for
from zenctx.errors import DataError, ZenctxError
from zenctx.operations.contexts import MAX_READ_FOR_SECRETS
from zenctx.operations.restoring.decide import Decision
from zenctx.operations.restoring.target import Source, detected


def redactor_of(decision: Decision, source: Source, patterns: Sequence[str]) -> Redactor:
    """Gives what masks the secrets of a run, as the snapshot holds it and as it is now; `patterns` name secrets."""
    return redactor_for(list(_members(decision, source)), patterns)


def _members(decision: Decision, source: Source) -> Iterator[Member]:
    run, seen = decision.run, decision.seen
    files = {file.locator: file for file in run.files if file.checksum and file.size <= MAX_READ_FOR_SECRETS}

    def read(descriptor: RefValueDescriptor) -> bytes:
        file = files.get(descriptor.locator or "")
        if file is None:
            raise DataError("not searched")
        return source.read(file)

    entries: list[Entry] = [*detected(run, source.locator_ok).entries]
    if seen is not None:
        entries += detect(seen.row.text, source.locator_ok).entries
    for entry in entries:
        try:
            yield entry.member._replace(value=unwrap_entry(entry, read, BytesAs.BASE64))
        except ZenctxError:
            yield entry.member
