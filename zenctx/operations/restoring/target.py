"""What a context is to become, from what a snapshot holds: decided from values, before any file is written."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from zenctx.context.convert import LargeValue, StoredContent, Wrapped, unwrap, wrap
from zenctx.context.descriptor import DescriptorType, RefValueDescriptor
from zenctx.context.direction import Direction
from zenctx.context.forms import Detection, Entry, Form, LocatorCheck, detect
from zenctx.context.rawjson import Member, join_members, quoted, split_object
from zenctx.context.relocate import names_in_broken, relocate, relocate_broken
from zenctx.context.rules import OnMissing, StorageRules
from zenctx.context.values import is_json_media_type
from zenctx.errors import DamagedFileError, DataError
from zenctx.operations.live_files import check_content
from zenctx.operations.restoring.request import RestoreForm
from zenctx.snapshots.model import SnapshotFile, SnapshotRun

ReadObject = Callable[[SnapshotFile], bytes]
"""Gives the content of a file of a snapshot, compared; raises DamagedFileError."""
HasObject = Callable[[SnapshotFile], bool]
"""Tells whether the repository has the object of a file."""
Explain = Callable[[str], str | None]
"""Gives in a clause who released the file of a locator, where that is on record."""

_REFUSED = "refused:"
_WRAPPED_NULL = RefValueDescriptor(DescriptorType.MEMORY, size=0).to_json()
_EMPTY_OBJECT, _EMPTY_TEXT = b"{}", b'""'


@dataclass(frozen=True, slots=True)
class Wish:
    """How contexts are to be restored."""

    form: RestoreForm
    on_missing: OnMissing
    rules: StorageRules


@dataclass(frozen=True, slots=True)
class Source:
    """Where the files of a snapshot are had from. `locator_ok`: whether a locator leads to a place of live files.

    `explain` is asked where a file cannot be had from the snapshot: it may lie in the trash of a clean-up.
    """

    has: HasObject
    read: ReadObject
    locator_ok: LocatorCheck
    explain: Explain = lambda _locator: None


@dataclass(frozen=True, slots=True)
class Target:
    """A context as it is to be, but for the locators of its new files.

    `text`: its text with the locators of old (None: SQL NULL). `members` are those of the text; none where it is no
    object. `files` are the files of the snapshot that become new files, by key (in a context that cannot be taken
    apart, by locator); `wrapped` has the values that have become too large for the row. `direction`: how it was
    converted on the way, if it was. `notes` say what is not as it was; `lacks`: a value was left out, or another stands
    in for it.
    """

    text: bytes | None
    form: Form
    members: Sequence[Member] = ()
    files: Mapping[str, SnapshotFile] = field(default_factory=dict)
    wrapped: Wrapped | None = None
    direction: Direction | None = None
    notes: tuple[str, ...] = ()
    lacks: bool = False
    kept: Mapping[str, str] = field(default_factory=dict)
    """The locators, by key, of files that the row names already, and that have the content."""

    @property
    def large(self) -> Sequence[LargeValue]:
        """The values that go to files of their own."""
        return self.wrapped.large if self.wrapped else ()

    @property
    def file_count(self) -> int:
        """How many files it needs."""
        return len(self.files) + len(self.large)

    @property
    def file_bytes(self) -> int:
        """How many bytes those files have."""
        return sum(file.size for file in self.files.values()) + sum(len(value.content) for value in self.large)

    def final_text(self, stored: Mapping[str, StoredContent]) -> bytes | None:
        """Gives its text once the new files of all `files` and `large` are there, by key."""
        text = self.wrapped.text(stored[value.key] for value in self.large) if self.wrapped else self.text
        if text is None:
            return None
        if self.form is Form.INVALID:
            return relocate_broken(text, {file.locator: stored[key].locator for key, file in self.files.items()})
        return relocate(text, {**self.kept, **{key: stored[key].locator for key in self.files}})


def detected(run: SnapshotRun, locator_ok: LocatorCheck) -> Detection:
    """Gives form and entries of a context in a snapshot, whose locators may be those of another place."""
    known = {file.locator for file in run.files if not is_foreign(file)}
    return detect(run.context, lambda locator: locator in known or locator_ok(locator))


def is_foreign(file: SnapshotFile) -> bool:
    """Whether a file lay outside the directories of live files, so that nobody ever looked at it."""
    return file.checksum is None and (file.problem or "").startswith(_REFUSED)


@dataclass(frozen=True, slots=True)
class Files:
    """What is known of the files of a run besides the snapshot.

    `damaged` are keys whose objects were found not to be what they should; `kept`: see `Target`.
    """

    damaged: frozenset[str] = frozenset()
    kept: Mapping[str, str] = field(default_factory=dict)


def make_target(run: SnapshotRun, found: Detection, wish: Wish, source: Source, known: Files) -> Target:
    """Gives what the context of a run is to become. `found` may be part of its context; see `choose`.

    Raises DamagedFileError where a file is lacking and that is to be a failure, DataError where the context cannot be
    had in the wished form.
    """
    form = _wished_form(found, wish.form)
    if form is Form.INVALID:
        return _broken(run, wish, source, known.damaged)
    files = {file.key: file for file in run.files}
    kept = known.kept if form is found.form else {}
    lacking = {
        key: problem for key, problem in lacking_files(run, found, source, known.damaged).items() if key not in kept
    }
    if lacking and wish.on_missing is OnMissing.FAIL:
        key, problem = next(iter(lacking.items()))
        what = f"the snapshot lacks the file of {quoted(key)} ({problem})"
        raise DamagedFileError(f"{what}; --on-missing says what becomes of such a value")
    if form is found.form:
        return _as_is(run, found, wish, _Sorted(files, lacking, kept))
    if form is Form.DESCRIPTORS:
        return _wrapped(found, wish.rules)
    return _unwrapped(found, wish, source, files, lacking)


def lacking_files(
    run: SnapshotRun, found: Detection, source: Source, damaged: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Gives by key the values whose file cannot be had, and why."""
    files = {file.key: file for file in run.files}
    return {
        entry.member.name: problem
        for entry in found.entries
        if (file := files.get(entry.member.name)) and (problem := _problem(file, source, damaged))
    }


def choose(found: Detection, keys: Iterable[str]) -> Detection:
    """Gives the part of a context that is of some keys."""
    wanted = frozenset(keys)
    entries = [entry for entry in found.entries if entry.member.name in wanted]
    return Detection(found.form, found.reason, entries)


def put_into(current: Detection, part: Target) -> Target:
    """Gives a context whose members are replaced by those of `part`, or have them added at its end."""
    new = {member.name: member for member in part.members}
    members = [new.pop(member.name, member) for member in current.members]
    members += new.values()
    places = {member.name: place for place, member in enumerate(members)}
    large = tuple(LargeValue(places[value.key], value.key, value.content) for value in part.large)
    return replace(
        part,
        text=join_members(members),
        form=current.form if current.entries else part.form,
        members=members,
        wrapped=Wrapped(members, large, part.wrapped.checksums) if part.wrapped else None,
        direction=None if current.entries else part.direction,
    )


def _wished_form(found: Detection, wish: RestoreForm) -> Form:
    if wish is RestoreForm.AS_IS or found.form in (Form.NULL, Form.EMPTY) or found.form == wish.value:
        return found.form
    if found.form in (Form.LEGACY, Form.DESCRIPTORS):
        return Form(wish.value)
    because = f" ({found.reason})" if found.reason else ""
    raise DataError(f"its context is {found.form}{because}, and can be restored as it is alone")


def _problem(file: SnapshotFile, source: Source, damaged: frozenset[str]) -> str | None:
    if file.key in damaged:
        problem = "its object is damaged"
    elif file.checksum is None and not is_foreign(file):
        problem = file.problem or "it could not be had"
    elif file.checksum is None or source.has(file):
        return None
    else:
        problem = "its object is missing from the repository"
    why = source.explain(file.locator)
    return problem if why is None else f"{problem}; {why}"


def _broken(run: SnapshotRun, wish: Wish, source: Source, damaged: frozenset[str]) -> Target:
    """A context that cannot be taken apart goes back as it was; its files do where their locators stand in its text."""
    text = run.context or b""
    files: dict[str, SnapshotFile] = {}
    notes: list[str] = []
    for file in run.files:
        problem = _problem(file, source, damaged | ({file.key} if file.locator in damaged else set()))
        if problem is not None and wish.on_missing is OnMissing.FAIL:
            raise DamagedFileError(f"the snapshot lacks the file {file.locator!r} ({problem})")
        if problem is None and file.checksum is not None and names_in_broken(text, file.locator):
            files[file.locator] = file
        else:
            notes.append(f"the file {file.locator!r} of its broken context is not put back")
    return Target(text, Form.INVALID, files=files, notes=tuple(notes), lacks=bool(notes))


class _Sorted(NamedTuple):
    """The files of a snapshot by key, why some are lacking, and where some lie already."""

    files: Mapping[str, SnapshotFile]
    lacking: Mapping[str, str]
    kept: Mapping[str, str]


def _as_is(run: SnapshotRun, found: Detection, wish: Wish, sorted_: _Sorted) -> Target:
    files, lacking, kept = sorted_
    members = _members(found, wish.on_missing, lacking, is_wrapped=found.form is not Form.LEGACY)
    keys = {member.name for member in members if member.name not in lacking}
    needed = {key: file for key, file in files.items() if key in keys - kept.keys() and file.checksum is not None}
    return Target(
        text=join_members(members) if lacking else run.context,
        form=found.form,
        members=members,
        files=needed,
        notes=(*_notes_on_lacking(lacking, wish.on_missing), *_notes_on_foreign(found, files)),
        lacks=bool(lacking),
        kept={key: locator for key, locator in kept.items() if key in keys},
    )


def _members(found: Detection, on_missing: OnMissing, lacking: Mapping[str, str], *, is_wrapped: bool) -> list[Member]:
    """The members, or what stands in for those whose file is lacking."""
    present = (_present(entry, on_missing, lacking, is_wrapped=is_wrapped) for entry in found.entries)
    return [member for member in present if member is not None]


def _present(entry: Entry, on_missing: OnMissing, lacking: Mapping[str, str], *, is_wrapped: bool) -> Member | None:
    """The member, or what stands in for it where its file is lacking; None where it is left out."""
    if entry.member.name not in lacking:
        return entry.member
    if on_missing is OnMissing.SKIP:
        return None
    return entry.member._replace(value=_stand_in(entry, on_missing, is_wrapped=is_wrapped))


def _stand_in(entry: Entry, on_missing: OnMissing, *, is_wrapped: bool) -> bytes:
    if on_missing is OnMissing.NULL:
        return _WRAPPED_NULL if is_wrapped else b"null"
    media_type = entry.descriptor.media_type if entry.descriptor else None
    value = _EMPTY_OBJECT if is_json_media_type(media_type) else _EMPTY_TEXT
    if not is_wrapped:
        return value
    size = len(value) if value == _EMPTY_OBJECT else 0
    return RefValueDescriptor(DescriptorType.MEMORY, media_type=media_type, size=size, inline_value=value).to_json()


def _notes_on_lacking(lacking: Mapping[str, str], on_missing: OnMissing) -> list[str]:
    done = {OnMissing.SKIP: "is left out", OnMissing.NULL: "is null", OnMissing.EMPTY: "is empty"}
    return [f"{quoted(key)} {done[on_missing]}: {problem}" for key, problem in lacking.items()]


def _notes_on_foreign(found: Detection, files: Mapping[str, SnapshotFile]) -> list[str]:
    if found.form is Form.LEGACY:
        return []
    return [
        f"{quoted(entry.member.name)} names a file outside the directories, as it did"
        for entry in found.entries
        if entry.descriptor is not None and entry.descriptor.locator is not None
        and ((file := files.get(entry.member.name)) is None or is_foreign(file))
    ]  # fmt: skip


def _wrapped(found: Detection, rules: StorageRules) -> Target:
    wrapped = wrap(found.members, rules)
    text, direction = join_members(wrapped.members), Direction.DESCRIPTORS
    return Target(text, Form.DESCRIPTORS, wrapped.members, wrapped=wrapped, direction=direction)


def _unwrapped(
    found: Detection, wish: Wish, source: Source, files: Mapping[str, SnapshotFile], lacking: Mapping[str, str]
) -> Target:
    kept = [entry for entry in found.entries if entry.member.name not in lacking]
    by_locator = {file.locator: file for key, file in files.items() if key not in lacking}

    def read(descriptor: RefValueDescriptor) -> bytes:
        file = by_locator.get(descriptor.locator or "")
        if file is None:
            raise DamagedFileError(f"the snapshot lacks the file {descriptor.locator!r}")
        content = source.read(file)
        check_content(descriptor, len(content), file.checksum)
        return content

    plain = {member.name: member for member in split_object(unwrap(kept, read))}
    standing = _members(found, wish.on_missing, lacking, is_wrapped=False)
    members = [plain.get(member.name, member) for member in standing]
    notes = tuple(_notes_on_lacking(lacking, wish.on_missing))
    text, direction = join_members(members), Direction.LEGACY
    return Target(text, Form.LEGACY, members, direction=direction, notes=notes, lacks=bool(lacking))
