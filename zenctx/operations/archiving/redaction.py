"""Replaces the secrets of a run: in its context and files, its runtime state and the other columns of its row.

What is hidden is what redaction hides elsewhere, and in doubt more: a value that cannot be looked into is replaced.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from zenctx.context.convert import BytesAs, unwrap_entry
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor, decode_inline, encode_inline, sha256_checksum
from zenctx.context.estimate import estimated_size
from zenctx.context.forms import Detection, Entry, Fit, Form, detect
from zenctx.context.rawjson import Member, encode_string, is_json, join_members
from zenctx.context.redact import MASK, RESERVED_PREFIX, Redactor, redactor_for
from zenctx.errors import DamagedFileError, DataError, ZenctxError
from zenctx.snapshots.model import RuntimeStateText, SnapshotFile, SnapshotRun

MAX_SEARCHED = 64 * 1024 * 1024
"""The largest file that is looked into; a larger one is replaced as a whole."""

MASKED = encode_string(MASK)
_MASKED_ENTRY = RefValueDescriptor(DescriptorType.MEMORY, size=estimated_size(MASKED), inline_value=MASKED).to_json()

ReadFile = Callable[[SnapshotFile], bytes]
PutFile = Callable[[bytes], str]
"""Stores bytes as an object, and gives its checksum."""


def redact_run(run: SnapshotRun, read: ReadFile, put: PutFile, patterns: Sequence[str]) -> SnapshotRun:
    """Gives a run without its secrets; `patterns` name secrets. Files that change are handed to `put`.

    Raises what `read` and `put` raise.
    """
    found = _detected(run.context)
    files = {file.key: file for file in run.files}
    work = _Redaction(redactor_of(run, found, read, patterns), read, put, files)
    context = work.context(run, found)
    return replace(
        run,
        context=context,
        form=_detected(context).form,
        columns={name: work.column(name, text) for name, text in run.columns.items()},
        runtime_state=work.state(run.runtime_state),
        files=tuple(work.kept(file) for file in files.values() if file.key in work.done),
    )


def _detected(context: bytes | None) -> Detection:
    # Where locators lead is for those to judge who open them.
    return detect(context, lambda _locator: True)


def redactor_of(run: SnapshotRun, found: Detection, read: ReadFile, patterns: Sequence[str]) -> Redactor:
    """Gives what tells the secrets of a run: by the engine's keys and the patterns, at the top and inside of values."""
    files = {file.key: file for file in run.files}
    members = [_searchable(entry, files.get(entry.member.name), read) for entry in found.entries]
    known = redactor_for([member for member in members if member is not None], patterns)
    # The engine's keys are hidden inside of values, too, and in the state; they are no sources of secrets there.
    names = redactor_for((), [*patterns, f"{RESERVED_PREFIX}*"]).names
    return Redactor(names, known.secrets)


def _searchable(entry: Entry, file: SnapshotFile | None, read: ReadFile) -> Member | None:
    def content(_descriptor: RefValueDescriptor) -> bytes:
        if file is None or file.checksum is None or file.size > MAX_SEARCHED:
            raise DataError("not searched")
        return read(file)

    try:
        return entry.member._replace(value=unwrap_entry(entry, content, BytesAs.BASE64))
    except ZenctxError:
        return None


@dataclass(slots=True)
class _Redaction:
    """The redaction of one run: `done` are the keys of files that may stay, `changed` those that became others."""

    redactor: Redactor
    read: ReadFile
    put: PutFile
    files: dict[str, SnapshotFile]
    done: set[str] = field(default_factory=set)
    changed: dict[str, SnapshotFile] = field(default_factory=dict)

    def context(self, run: SnapshotRun, found: Detection) -> bytes | None:
        """Gives the context without secrets; its own text where there are none."""
        if run.context is None:
            return None
        if found.form is Form.INVALID:
            return MASKED
        members = [self._member(number, entry) for number, entry in enumerate(found.entries)]
        text = run.context if members == found.members else join_members(members)
        if self.redactor.holds_secret_bytes(text):  # in a locator, say
            self.done.clear()
            return MASKED
        return text

    def column(self, name: str, text: str | None) -> str | None:
        """Gives the text of a column without secrets."""
        if text is None:
            return None
        if self.redactor.hides_name(name):
            return MASK
        if text.startswith(("{", "[")) and is_json(document := text.encode("utf-8", "surrogatepass")):
            return self._content(document).decode()
        masked = self.redactor.redact_text(text)
        return MASK if self.redactor.holds_secret(masked) else masked

    def state(self, state: RuntimeStateText | None) -> RuntimeStateText | None:
        """Gives the runtime state without secrets."""
        if state is None:
            return None
        text = state.state.encode("utf-8", "surrogatepass")
        redacted = self._content(text)
        return state if redacted == text else RuntimeStateText(state.format_version, redacted.decode())

    def kept(self, file: SnapshotFile) -> SnapshotFile:
        """Gives a file as it is now; nothing about the live file stays with one that was changed."""
        found = self.changed.get(file.key, file)
        problem = found.problem and self.redactor.redact_text(found.problem)
        return replace(found, problem=problem)

    def _member(self, number: int, entry: Entry) -> Member:
        member = entry.member
        if self.redactor.holds_secret(member.name):
            name = f"{MASK}{number}"
            return Member(name, encode_string(name), _mask_for(entry))
        if member.value == b"null":
            return member
        if self.redactor.hides_key(member.name):
            return member._replace(value=_mask_for(entry))
        if entry.descriptor is None and entry.fit is not Fit.CONTRADICTORY:
            return member._replace(value=self.redactor.redact(member.value))
        if entry.fit is not Fit.EXACT or entry.descriptor is None:
            return member._replace(value=_MASKED_ENTRY)
        return member._replace(value=self._descriptor(member, entry.descriptor))

    def _descriptor(self, member: Member, descriptor: RefValueDescriptor) -> bytes:
        if descriptor.type is DescriptorType.MEMORY:
            value = self.redactor.redact(descriptor.inline_value)
            if value == descriptor.inline_value:
                return member.value
            return replace(descriptor, inline_value=value, size=estimated_size(value), checksum=None).to_json()
        if descriptor.locator is not None:
            return self._file(member, descriptor)
        content = decode_inline(descriptor)
        redacted = self._content(content)
        if redacted == content:
            return member.value
        return _with_content(replace(descriptor, inline_value=encode_inline(redacted)), redacted)

    def _file(self, member: Member, descriptor: RefValueDescriptor) -> bytes:
        file = self.files.get(member.name)
        self.done.add(member.name)
        if file is None or file.checksum is None:
            return member.value
        try:
            content = self.read(file) if file.size <= MAX_SEARCHED else None
        except DamagedFileError as error:
            # A file that cannot be had is none that could be given away.
            self.changed[member.name] = _without_content(file, f"unreadable: {error.message}")
            return member.value
        redacted = MASKED if content is None else self._content(content)
        checksum = self.put(redacted)
        if redacted == content:
            return member.value
        self.changed[member.name] = replace(
            file, size=len(redacted), checksum=checksum, mtime_ns=None, ctime_ns=None, inode=None
        )
        return _with_content(descriptor, redacted)

    def _content(self, content: bytes) -> bytes:
        """Gives bytes without secrets: JSON as JSON; other content as a whole where it holds any."""
        if is_json(content):
            content = self.redactor.redact(content)
        return MASKED if self.redactor.holds_secret_bytes(content) else content


def _mask_for(entry: Entry) -> bytes:
    return MASKED if entry.descriptor is None and entry.fit is not Fit.CONTRADICTORY else _MASKED_ENTRY


def _with_content(descriptor: RefValueDescriptor, content: bytes) -> bytes:
    checksum = None if descriptor.checksum is None else sha256_checksum(content)
    return replace(descriptor, size=len(content), checksum=checksum).to_json()


def _without_content(file: SnapshotFile, problem: str) -> SnapshotFile:
    return replace(file, checksum=None, problem=problem, mtime_ns=None, ctime_ns=None, inode=None)
