"""Searching one run: what of it is secret, where, and what would stand there without it.

The secrets of a run are what its context keeps under the engine's reserved keys and, if that is asked for, under names
like a secret's; they are looked for in all that the run has stored. A part that holds one and cannot be written anew is
a problem: then nothing of the run is changed, since a context without its secrets could not tell what to look for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath

from zenctx.config import Settings
from zenctx.context.descriptor import (
    DescriptorType,
    RefValueDescriptor,
    decode_inline,
    encode_inline,
    sha256_checksum,
)
from zenctx.context.estimate import estimated_size
from zenctx.context.forms import Detection, Entry, Fit, Form, detect
from zenctx.context.members import Change, edit_members
from zenctx.context.names import NO_NAMES, SecretNames
from zenctx.context.rawjson import encode_string, is_json
from zenctx.context.redact import SECRET_KEYS
from zenctx.context.secrets import (
    MASKED,
    Cleaned,
    Find,
    FindKind,
    Secrets,
    is_blank,
    kind_of,
    kind_of_key,
    named_values,
    secret_texts,
)
from zenctx.database.released import ReleasedFile
from zenctx.database.secret_rows import Stored
from zenctx.database.secret_writes import NodeChange
from zenctx.operations.live_files import LiveFiles, live_files
from zenctx.operations.scrubbing.files import FileContent, large_file_holds, own_file, read_file
from zenctx.operations.scrubbing.parts import RunParts
from zenctx.operations.scrubbing.request import AuditRequest, ScrubRequest

_MASKED_ENTRY = RefValueDescriptor(DescriptorType.MEMORY, size=estimated_size(MASKED), inline_value=MASKED).to_json()
_UNCLEAR = (Form.AMBIGUOUS, Form.MIXED, Form.INVALID)


class Place(StrEnum):
    """Where something stands."""

    CONTEXT = "context"
    FILE = "file"
    ERROR = "error"
    STATE = "state"
    OUTPUT = "node output"
    NODE_ERROR = "node error"


@dataclass(frozen=True, slots=True)
class Found:
    """Secrets of one kind in one part: a key of the context, or a node. `pointer` is that of the first of them."""

    place: Place
    key: str | None
    kind: FindKind
    pointer: str
    count: int


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be written: for the member of this number, with this content."""

    number: int
    key: str
    spelling: bytes
    content: bytes
    descriptor: RefValueDescriptor

    @property
    def suffix(self) -> str:
        """What the name of the old file ended in, where that tells its kind."""
        suffix = PurePosixPath(self.descriptor.locator or "").suffix
        return suffix if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 9 else ""


@dataclass
class Searched:
    """What was found in a run, and how its parts are to be written; `problems` say why it has to be left."""

    parts: RunParts
    found: list[Found] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    members: dict[int, Change | None] = field(default_factory=dict)
    files: list[NewFile] = field(default_factory=list)
    released: list[ReleasedFile] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """Files of its own that it will name no more, and whose names hold a secret."""
    left_files: int = 0
    """Files that the run will name no more, and that are not its own: gc removes them."""
    error: bytes | None = None
    state: bytes | None = None
    nodes: list[NodeChange] = field(default_factory=list)

    @property
    def places(self) -> int:
        """In how many places there is a secret."""
        return sum(each.count for each in self.found)

    def context(self, contents: dict[int, Change]) -> bytes | None:
        """Gives the new text of the context, with descriptors of new files; None where it stays."""
        changes: dict[int, Change | None] = {**self.members, **contents}
        text = self.parts.row.text
        return None if text is None or not changes else edit_members(text, changes)


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches runs by the same names, live files and values that count as secret everywhere."""

    live: LiveFiles
    names: SecretNames
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, request: AuditRequest | ScrubRequest) -> "Searcher":
        """Makes what finds what a request calls secret: by reserved keys always, by names where it says so."""
        names = SecretNames.of(settings.redact_keys if request.names else ())
        return cls(live_files(settings), names, request.values)

    def search(self, parts: RunParts) -> Searched:
        """Searches a run. Raises nothing that a single run can be the cause of."""
        searched = Searched(parts)
        detection = self._detected(parts.row.text)
        values = set(self.values)
        values.update(self._sources(parts, detection, searched.problems))
        if len(values) > len(self.values) and not detection.entries:
            # What a node has given out may stand in the context.
            detection = detect(parts.row.text, self.live.locators.is_inside)
        search = _Search(self.live, Secrets(self.names, values), searched, detection)
        search.context()
        search.rest()
        if not searched.found and detection.form is not Form.INVALID:
            searched.problems.clear()  # what cannot be written anew need not be
        return searched

    def _detected(self, context: bytes | None) -> Detection:
        """Gives the entries of a context; none, and quickly, where it is clear that none of them holds a secret."""
        if context is not None and is_json(context) and Secrets(self.names, self.values).is_quiet(context):
            return Detection(Form.EMPTY, None, ())
        return detect(context, self.live.locators.is_inside)

    def _sources(self, parts: RunParts, detection: Detection, problems: list[str]) -> Iterator[str]:
        """Yields the texts that count as secrets in a run."""
        for entry in detection.entries:
            key = entry.member.name
            if entry.member.value == b"null":
                continue
            value = self._plain(entry, problems)
            if value is None or not is_json(value):
                continue
            if self.names.key(key):
                yield from secret_texts(value, by_name=kind_of_key(key) is FindKind.NAME)
            else:
                yield from self._nested(value)
        documents = [parts.row.text] if detection.form is Form.INVALID else []
        documents += [node.output.content for node in parts.nodes]
        for document in documents:
            if document is not None and self.names.may_stand_in(document) and is_json(document):
                yield from self._nested(document)

    def _nested(self, document: bytes) -> Iterator[str]:
        for name, value in named_values(document, self.names):
            yield from secret_texts(value, by_name=kind_of(name) is FindKind.NAME)

    def _plain(self, entry: Entry, problems: list[str]) -> bytes | None:
        """Gives the content of an entry; None where it cannot be had, which is a problem for a secret."""
        descriptor = entry.descriptor
        if descriptor is None or entry.fit is not Fit.EXACT:
            return entry.member.value
        if descriptor.type is DescriptorType.MEMORY:
            return descriptor.inline_value
        if descriptor.locator is None:
            return decode_inline(descriptor)
        found = read_file(self.live, descriptor)
        if found.problem is not None and self.names.key(entry.member.name):
            problems.append(f"the secrets in it cannot be known: {found.problem}")
        return found.content


@dataclass
class _Search:
    """The search of one run, by its secrets."""

    live: LiveFiles
    secrets: Secrets
    searched: Searched
    detection: Detection

    def context(self) -> None:
        """Searches the context."""
        row = self.searched.parts.row
        if self.detection.form is Form.INVALID:
            self._unreadable(row.text or b"")
            return
        for number, entry in enumerate(self.detection.entries):
            self._entry(number, entry)
        if self.searched.members or self.searched.files:
            if self.detection.form in _UNCLEAR:
                self._problem(f"its context is {self.detection.form}: it could be read in two ways")
            if self.searched.parts.more.is_quarantined:
                self._problem("it is quarantined: its context could not be converted")
            self._keep_form()

    def rest(self) -> None:
        """Searches what there is beside the context."""
        parts, searched = self.searched.parts, self.searched
        searched.error = self._stored(parts.more.error, Place.ERROR, None)
        searched.state = self._stored(parts.more.state, Place.STATE, None)
        for node in parts.nodes:
            output = self._stored(node.output, Place.OUTPUT, node.node_key)
            error = self._stored(node.error, Place.NODE_ERROR, node.node_key)
            if output is not None or error is not None:
                searched.nodes.append(NodeChange(node, output, error))

    def _unreadable(self, text: bytes) -> None:
        """A context that is no object: it is searched, and left."""
        cleaned = self.secrets.clean_content(text)
        if cleaned.finds or not is_json(text):
            self._tell(Place.CONTEXT, None, cleaned.finds)
            self._problem(f"its context is invalid: {self.secrets.clean_name(self.detection.reason or '')}")

    def _entry(self, number: int, entry: Entry) -> None:
        key, value = entry.member.name, entry.member.value
        if key in SECRET_KEYS:
            if MASKED in (value, entry.descriptor and entry.descriptor.inline_value):
                return  # it stays for the sake of the form
            self._tell(Place.CONTEXT, key, [Find(FindKind.RESERVED)])
            self.searched.members[number] = None
            self._let_go(entry.descriptor)
            return
        shown = self._key(number, entry)
        if value == b"null":
            return
        if self.secrets.names.key(key):
            self._named(number, entry, shown)
        elif entry.descriptor is None or entry.fit is not Fit.EXACT:
            self._plain(number, entry, shown)
        else:
            self._descriptor(number, entry, entry.descriptor, shown)

    def _key(self, number: int, entry: Entry) -> str:
        """Gives a key without secrets; where it holds any, the member gets another name."""
        key = entry.member.name
        if not self.secrets.holds(key.encode("utf-8", "surrogatepass")):
            return key
        taken = {each.member.name for each in self.detection.entries}
        name = f"{self.secrets.clean_name(key)}{number}"
        while name in taken:
            name += "*"
        self._tell(Place.CONTEXT, name, [Find(FindKind.VALUE)])
        self.searched.members[number] = Change(encode_string(name), entry.member.value)
        return name

    def _named(self, number: int, entry: Entry, key: str) -> None:
        value = entry.member.value
        is_descriptor = entry.descriptor is not None and entry.fit is Fit.EXACT
        if is_descriptor and entry.descriptor is not None and entry.descriptor.type is DescriptorType.MEMORY:
            value = entry.descriptor.inline_value
        if not is_blank(value):
            self._tell(Place.CONTEXT, key, [Find(kind_of_key(entry.member.name))])
            self._set(number, entry, key, _MASKED_ENTRY if is_descriptor else MASKED)
            self._let_go(entry.descriptor)

    def _plain(self, number: int, entry: Entry, key: str) -> None:
        cleaned = self.secrets.clean_document(entry.member.value)
        if cleaned.finds:
            self._tell(Place.CONTEXT, key, cleaned.finds)
            self._set(number, entry, key, cleaned.text)

    def _descriptor(self, number: int, entry: Entry, descriptor: RefValueDescriptor, key: str) -> None:
        media_type = descriptor.media_type and self._clean_property(descriptor.media_type, key)
        if media_type != descriptor.media_type:
            descriptor = replace(descriptor, media_type=media_type)
            self._set(number, entry, key, descriptor.to_json())
        if descriptor.locator is not None:
            self._file(number, descriptor, key)
            return
        is_memory = descriptor.type is DescriptorType.MEMORY
        content = descriptor.inline_value if is_memory else decode_inline(descriptor)
        cleaned = self.secrets.clean_document(content) if is_memory else self.secrets.clean_content(content)
        if cleaned.finds:
            self._tell(Place.CONTEXT, key, cleaned.finds)
            self._set(number, entry, key, _with_inline(descriptor, cleaned.text).to_json())

    def _file(self, number: int, descriptor: RefValueDescriptor, key: str) -> None:
        """Searches a file; one that holds a secret, or is named by one, is to be written anew."""
        names_secret = self.secrets.holds((descriptor.locator or "").encode())
        found = read_file(self.live, descriptor)
        if found.content is None:
            if names_secret or (found.problem and large_file_holds(self.live, descriptor, self.secrets)):
                self._tell(Place.FILE, key, [Find(FindKind.VALUE)])
                self._without_file(number, descriptor, key, found)
            return
        cleaned = self.secrets.clean_content(found.content)
        if names_secret:
            cleaned = Cleaned(cleaned.text, [*cleaned.finds, Find(FindKind.VALUE)])
        if cleaned.finds:
            self._tell(Place.FILE, key, cleaned.finds)
            self._rewrite(number, descriptor, key, found, cleaned.text)

    def _without_file(self, number: int, descriptor: RefValueDescriptor, key: str, found: FileContent) -> None:
        """What cannot be read is left; what is missing stays so, under a name without the secret."""
        if found.problem is not None:
            self._problem(f"{key!r}: {found.problem}")
            return
        locator = self.secrets.clean_name(descriptor.locator or "")
        self._set(number, self.detection.entries[number], key, replace(descriptor, locator=locator).to_json())

    def _rewrite(self, number: int, descriptor: RefValueDescriptor, key: str, found: FileContent, new: bytes) -> None:
        if found.problem is not None:
            self._problem(f"{key!r}: {found.problem}")
            return
        member = self.detection.entries[number].member
        spelling = member.spelling if key == member.name else encode_string(key)
        self.searched.files.append(NewFile(number, key, spelling, new, descriptor))
        self._let_go(descriptor)

    def _let_go(self, descriptor: RefValueDescriptor | None) -> None:
        """A file that the run will name no more: its own is released, another one is left to gc."""
        if descriptor is None or descriptor.locator is None:
            return
        own = own_file(self.live, self.searched.parts.row.run_id, descriptor.locator)
        if own is not None and self.secrets.holds(own.path.encode()):
            self.searched.unrecorded.append(own.path)
        elif own is not None:
            self.searched.released.append(own)
        elif read_file(self.live, descriptor) != FileContent():
            self.searched.left_files += 1

    def _set(self, number: int, entry: Entry, key: str, value: bytes) -> None:
        spelling = entry.member.spelling if key == entry.member.name else encode_string(key)
        self.searched.members[number] = Change(spelling, value)

    def _stored(self, stored: Stored, place: Place, key: str | None) -> bytes | None:
        """Gives a stored text without secrets; None where it stays."""
        if stored.content is None:
            return None
        # The state of a run has keys of its context as names, and what stands under them is no secret.
        secrets = Secrets(NO_NAMES, self.secrets.values) if place is Place.STATE else self.secrets
        is_document = place in (Place.OUTPUT, Place.STATE)
        cleaned = (secrets.clean_content if is_document else secrets.clean_text)(stored.content)
        if not cleaned.finds:
            return None
        self._tell(place, None if key is None else self.secrets.clean_name(key), cleaned.finds)
        return cleaned.text

    def _keep_form(self) -> None:
        """A context without its reserved keys must be what it was: else they stay, and what they hold goes."""
        text = self.searched.context({})
        form = detect(text, self.live.locators.is_inside).form
        if form in (self.detection.form, Form.EMPTY):
            return
        masked = _MASKED_ENTRY if self.detection.form is Form.DESCRIPTORS else MASKED
        for number, change in self.searched.members.items():
            if change is None:
                self.searched.members[number] = Change(self.detection.entries[number].member.spelling, masked)

    def _clean_property(self, text: str, key: str) -> str:
        cleaned = self.secrets.clean_text(text.encode())
        self._tell(Place.CONTEXT, key, cleaned.finds)
        return cleaned.text.decode()

    def _tell(self, place: Place, key: str | None, finds: Iterable[Find]) -> None:
        by_kind: dict[FindKind, list[Find]] = {}
        for find in finds:
            by_kind.setdefault(find.kind, []).append(find)
        for kind, some in by_kind.items():
            self.searched.found.append(Found(place, key, kind, some[0].pointer, len(some)))

    def _problem(self, text: str) -> None:
        self.searched.problems.append(text)


def _with_inline(descriptor: RefValueDescriptor, content: bytes) -> RefValueDescriptor:
    if descriptor.type is DescriptorType.MEMORY:
        return replace(descriptor, size=estimated_size(content), checksum=None, inline_value=content)
    checksum = None if descriptor.checksum is None else sha256_checksum(content)
    return replace(descriptor, size=len(content), checksum=checksum, inline_value=encode_inline(content))


def described(file: NewFile, locator: str, size: int, checksum: str) -> bytes:
    """Gives the descriptor of a file that was written anew."""
    noted = None if file.descriptor.checksum is None else checksum
    return replace(file.descriptor, locator=locator, size=size, checksum=noted).to_json()
