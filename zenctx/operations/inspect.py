"""Looking at one context: its entries, or one value in full, secrets hidden unless they are asked for."""

from collections.abc import Callable
from functools import partial

from zenctx.config import Settings
from zenctx.context.datastruct import DataStruct
from zenctx.context.descriptor import (
    ChecksumState,
    DescriptorType,
    RefValueDescriptor,
    compare_checksum,
    decode_inline,
    sha256_checksum,
)
from zenctx.context.forms import Entry, Fit, Form
from zenctx.context.pointer import resolve
from zenctx.context.rawjson import RawJson
from zenctx.context.redact import MASK, is_reserved
from zenctx.database.engine import Database
from zenctx.errors import DamagedFileError, InvalidDescriptorError, ZenctxError
from zenctx.operations.collection.explain import explain_over_new_connection, with_reason
from zenctx.operations.contexts import LoadedContext, load
from zenctx.operations.live_files import digest

MAX_HASHED = 64 * 1024 * 1024
"""Files up to this size, in bytes, are compared with their checksum; `verify` compares all."""
MAX_SHOWN = 16 * 1024 * 1024
"""Values up to this size, in bytes, are shown in full; `cat` writes out any."""
PREVIEW_CHARACTERS = 60
_PREVIEWED_BYTES = 4096

_JSON_TYPES = {b'"': "string", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean", b"n": "null"}
Explain = Callable[[str], str | None]
"""Tells of a locator who released its file, if somebody did."""
_HIDDEN_VALUE = RawJson(b'"' + MASK.encode() + b'"')


class EntryItem(DataStruct, frozen=True):
    """One entry of a context. `storage` is row, inline or file; `size` in bytes; `reason` names what is wrong."""

    run_id: str
    key: str
    fit: str
    descriptor_type: str | None
    json_type: str | None
    media_type: str | None
    size: int | None
    storage: str
    checksum: str | None
    reserved: bool
    hidden: bool
    locator: str | None
    path: str | None
    reason: str | None
    preview: str | None


class ValueItem(DataStruct, frozen=True):
    """One value in full, as JSON text; `hidden` when it is secret and was not asked for."""

    run_id: str
    key: str
    pointer: str | None
    descriptor_type: str | None
    hidden: bool
    value: RawJson


class InspectSummary(DataStruct, frozen=True):
    """What the context is as a whole."""

    run_id: str
    workflow_id: str
    status: str
    form: str
    reason: str | None
    keys: int
    bytes: int
    hidden: int
    problems: int


class InspectReport(DataStruct, frozen=True):
    """The outcome of looking at a context: 4 where something in it is wrong."""

    exit_code: int
    summary: InspectSummary
    message: str
    next_step: str | None
    dry_run: bool = False
    command: str = "inspect"


def inspect(
    database: Database, settings: Settings, run_id: str, on_item: Callable[[EntryItem], None], *, show_secrets: bool
) -> InspectReport:
    """Describes every entry of a run's context. Raises NotFoundError for an unknown run."""
    with database.connect() as connection:
        context = load(database, connection, settings, run_id)
    hidden = problems = 0
    explain = partial(explain_over_new_connection, database, context.live)
    for entry in context.found.entries:
        item = _described(context, entry, explain, show_secrets=show_secrets)
        on_item(item)
        hidden += item.hidden
        problems += item.reason is not None
    return _report(context, hidden, problems, _mask(context, show_secrets=show_secrets))


def _mask(context: LoadedContext, *, show_secrets: bool) -> Callable[[str | None], str | None]:
    """What is done to a text that may name keys, and keys may hold secrets."""
    return lambda text: text if show_secrets or text is None else context.redactor.redact_text(text)


def inspect_key(
    database: Database, settings: Settings, run_id: str, key: str, pointer: str | None, *, show_secrets: bool
) -> ValueItem:
    """Gives one value in full, or the part of it that a JSON Pointer names.

    Raises NotFoundError for an unknown run, key or part, and what reading the value raises.
    """
    with database.connect() as connection:
        context = load(database, connection, settings, run_id)
    entry = context.entry(key)
    kind = entry.descriptor.type if entry.descriptor else None
    if not show_secrets and context.redactor.hides_key(key):
        return ValueItem(context.row.run_id, key, pointer, kind, True, _HIDDEN_VALUE)
    if entry.descriptor is not None and entry.descriptor.size > MAX_SHOWN:
        raise InvalidDescriptorError(
            f"the value of {key!r} has {entry.descriptor.size:,} bytes, which is too much to show",
            hint=f"'zenctx cat {run_id} KEY' writes it out",
        )
    try:
        value = context.plain(entry)
    except DamagedFileError as error:
        locator = entry.descriptor.locator if entry.descriptor else None
        raise with_reason(database, context.live, locator or "", error) from error
    shown = value if show_secrets else context.redactor.redact(value)
    part = resolve(shown, pointer) if pointer is not None else shown
    return ValueItem(context.row.run_id, key, pointer, kind, shown != value, RawJson(part))


def _described(context: LoadedContext, entry: Entry, explain: Explain, *, show_secrets: bool) -> EntryItem:
    descriptor, key = entry.descriptor, entry.member.name
    secret = not show_secrets and context.redactor.hides_key(key)
    checksum, reason = _state(context, entry, explain)
    locator = descriptor.locator if descriptor else None
    path = _path(context, locator)
    mask = _mask(context, show_secrets=show_secrets)
    if mask(key) != key:
        # The name of a file begins with what is left of its key.
        locator, path, reason = locator and MASK, path and MASK, reason and MASK
    return EntryItem(
        run_id=context.row.run_id,
        key=mask(key) or "",
        fit=entry.fit,
        descriptor_type=descriptor.type if descriptor else None,
        json_type=_json_type(entry),
        media_type=mask(descriptor.media_type) if descriptor else None,
        size=descriptor.size if descriptor else len(entry.member.value),
        storage=_storage(descriptor),
        checksum=checksum,
        reserved=is_reserved(key),
        hidden=secret,
        locator=mask(locator),
        path=mask(path),
        reason=mask(reason),
        preview=None if secret else _preview(context, entry, show_secrets=show_secrets),
    )


def _state(context: LoadedContext, entry: Entry, explain: Explain) -> tuple[str | None, str | None]:
    """The state of the checksum, and what is wrong with the entry."""
    descriptor = entry.descriptor
    if descriptor is None or descriptor.type is DescriptorType.MEMORY or entry.fit is Fit.CONTRADICTORY:
        return None, entry.reason
    try:
        if descriptor.locator is None:
            return compare_checksum(descriptor.checksum, sha256_checksum(decode_inline(descriptor))), None
        return _file_state(context, descriptor)
    except DamagedFileError as error:
        released = explain(descriptor.locator or "")
        return ChecksumState.UNCHECKED, f"{error.message}: {released}" if released else error.message
    except ZenctxError as error:
        return ChecksumState.UNCHECKED, error.message


def _file_state(context: LoadedContext, descriptor: RefValueDescriptor) -> tuple[str, str | None]:
    with context.live.open(descriptor) as file:
        if descriptor.size > MAX_HASHED:
            return ChecksumState.UNCHECKED, None
        size, checksum = digest(file)
    state = compare_checksum(descriptor.checksum, checksum)
    if descriptor.size not in (-1, size):
        return state, f"the file has {size:,} bytes, its descriptor says {descriptor.size:,}"
    return state, "the file does not have the checksum" if state is ChecksumState.MISMATCH else None


def _storage(descriptor: RefValueDescriptor | None) -> str:
    if descriptor is None or descriptor.type is DescriptorType.MEMORY:
        return "row"
    return "inline" if descriptor.locator is None else "file"


def _json_type(entry: Entry) -> str | None:
    descriptor = entry.descriptor
    if descriptor is not None and descriptor.type is not DescriptorType.MEMORY:
        return None
    value = entry.member.value if descriptor is None else descriptor.inline_value
    return _JSON_TYPES.get(value[:1], "number")


def _path(context: LoadedContext, locator: str | None) -> str | None:
    if locator is None or not context.live.locators.is_inside(locator):
        return None
    return str(context.live.locators.resolve(locator).path)


def _preview(context: LoadedContext, entry: Entry, *, show_secrets: bool) -> str | None:
    descriptor = entry.descriptor
    if len(entry.member.value) > _PREVIEWED_BYTES or (descriptor is not None and descriptor.locator is not None):
        return None
    try:
        value = context.plain(entry)
    except ZenctxError:
        return None
    text = (value if show_secrets else context.redactor.redact(value)).decode()
    return text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"


def _report(
    context: LoadedContext, hidden: int, problems: int, mask: Callable[[str | None], str | None]
) -> InspectReport:
    row, found = context.row, context.found
    reason = mask(found.reason)
    wrong = problems > 0 or found.form in (Form.INVALID, Form.AMBIGUOUS, Form.MIXED)
    summary = InspectSummary(
        run_id=row.run_id,
        workflow_id=row.workflow_id,
        status=row.status,
        form=found.form,
        reason=reason,
        keys=len(found.entries),
        bytes=len(row.text or b""),
        hidden=hidden,
        problems=problems,
    )
    because = f" ({reason})" if reason else ""
    keys = f"{len(found.entries):,} {'key' if len(found.entries) == 1 else 'keys'}"
    message = f"Run {row.run_id}, {row.status}: {keys}, form {found.form}{because}"
    step = _what_to_do(summary) if wrong else "--show-secrets shows the hidden values" if hidden else None
    return InspectReport(4 if wrong else 0, summary, message, step)


def _what_to_do(summary: InspectSummary) -> str:
    if summary.form == Form.INVALID:
        return "it is left as it is, and no migration converts it: mend the row"
    if summary.form in (Form.AMBIGUOUS, Form.MIXED):
        return f"'zenctx migrate --run {summary.run_id} --assume legacy|descriptors' decides what it is"
    return f"'zenctx verify --run {summary.run_id}' reads its files in full"
