"""Two contexts, key by key: one item for each difference, masked where it must be, or the operations of a patch."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from zenctx.context.diff import Change, ChangeKind, pointer
from zenctx.context.forms import Entry, Form
from zenctx.context.patch import PatchOperation, operations
from zenctx.context.pointer import parse
from zenctx.context.rawjson import RawJson, quoted
from zenctx.context.redact import MASK, Redactor
from zenctx.errors import RefusedError, ZenctxError
from zenctx.operations.comparison.report import Difference, DiffItem
from zenctx.operations.comparison.sides import Side, merged
from zenctx.operations.comparison.values import (
    MAX_PARSED,
    Content,
    Finding,
    Opaque,
    compare,
    content_of,
    storage_of,
    whole,
)

MAX_SHOWN = 1024 * 1024
"""Added and removed values in files are shown up to this size, in bytes; the row's own are shown whatever they are."""

MAX_REMARKS = 5
"""Contexts that could be read both ways are named in the message as long as there are no more of them."""

_HIDDEN = RawJson(b'"' + MASK.encode() + b'"')
_KINDS = {kind: Difference(kind.value) for kind in ChangeKind}


@dataclass(frozen=True, slots=True)
class Showing:
    """What is wanted of a comparison: no more than keys, secrets too."""

    keys_only: bool = False
    show_secrets: bool = False


@dataclass(slots=True)
class Tally:
    """What was found so far. `failures` counts values that could not be had, by the kind of the error."""

    runs: int = 0
    runs_different: int = 0
    keys: int = 0
    hidden: int = 0
    differences: Counter[Difference] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether all values are equal; one that only moved is."""
        return not any(count for kind, count in self.differences.items() if kind is not Difference.MOVED)


class ContextPair:
    """Two contexts that are compared; `run_id` names the run where snapshots are compared."""

    def __init__(self, a: Side, b: Side, showing: Showing, run_id: str | None = None) -> None:
        self._a = a
        self._b = b
        self._showing = showing
        self._run_id = run_id
        self._redactor = merged(a.redactor, b.redactor)
        self._veiled = a.veiled_keys | b.veiled_keys
        self._are_documents = a.is_document or b.is_document

    def tell(self, on_item: Callable[[DiffItem], None], tally: Tally) -> None:
        """Hands out every difference, and counts."""
        tally.runs += 1
        remarks = [self._shown(remark) for remark in (self._a.remark, self._b.remark) if remark is not None]
        tally.remarks += remarks if len(tally.remarks) < MAX_REMARKS else []
        is_different = False
        for item in self._items(tally):
            tally.differences[item.difference] += 1
            tally.hidden += item.hidden
            is_different |= item.difference is not Difference.MOVED
            on_item(item)
        tally.runs_different += is_different

    def patch(self) -> Iterator[PatchOperation]:
        """Yields the operations that turn the values of A into those of B.

        Raises RefusedError where a secret would have to be shown, or something differs that a patch cannot say.
        """
        if (problem := self._unreadable()) is not None:
            raise RefusedError(f"there is no patch: {problem}")
        for key, old, new in self._pairs():
            found = list(self._differences(old, new))
            if not found:
                continue
            self._refuse_what_cannot_be_said(key, found)
            changes = (finding for finding in found if isinstance(finding, Change))
            yield from operations(changes, "" if self._are_documents else pointer([key]))

    def _items(self, tally: Tally) -> Iterator[DiffItem]:
        if (problem := self._unreadable()) is not None:
            if self._a.text != self._b.text:
                yield DiffItem(self._run_id, None, Difference.UNKNOWN, reason=self._shown(problem))
            return
        for key, old, new in self._pairs():
            tally.keys += 1
            yield from self._of_key(key, old, new, tally)

    def _unreadable(self) -> str | None:
        if self._are_documents:
            return None
        for side in (self._a, self._b):
            if side.found.form is Form.INVALID:
                return f"the context of {side.label} is invalid: {side.found.reason}"
        return None

    def _pairs(self) -> Iterator[tuple[str, Entry | None, Entry | None]]:
        before, after = self._a.entries, self._b.entries
        if self._are_documents:
            before, after = self._a.as_document, self._b.as_document
        for key, old in before.items():
            yield key, old, after.get(key)
        for key, new in after.items():
            if key not in before:
                yield key, None, new

    def _of_key(self, key: str, old: Entry | None, new: Entry | None, tally: Tally) -> Iterator[DiffItem]:
        item = DiffItem(
            self._run_id,
            None if self._are_documents else self._shown(key),
            Difference.UNKNOWN,
            storage_a=storage_of(old) if old else None,
            storage_b=storage_of(new) if new else None,
        )
        try:
            found = self._findings(key, old, new)
            first = next(found, None)
            if first is None and item.storage_a != item.storage_b:
                yield replace(item, difference=Difference.MOVED)
            if first is not None:
                yield self._told(item, key, old, new, first)
                yield from (self._told(item, key, old, new, finding) for finding in found)
        except ZenctxError as error:
            tally.failures[error.kind] += 1
            yield replace(item, difference=_kind(old, new, Difference.UNKNOWN), reason=self._shown(error.message))

    def _findings(self, key: str, old: Entry | None, new: Entry | None) -> Iterator[Finding]:
        """What is told of a key: one finding where no more is wanted, or no more may be known."""
        found = self._differences(old, new)
        return islice(found, 1) if self._showing.keys_only or self._hides_key(key) else found

    def _differences(self, old: Entry | None, new: Entry | None) -> Iterator[Finding]:
        if self._a.is_document != self._b.is_document:
            yield Opaque(f"{'B' if self._a.is_document else 'A'} is a context, the other is JSON of another kind")
        elif old is not None and new is not None:
            if not _may_differ(old, new):
                return
            yield from compare(content_of(self._a.files, old), content_of(self._b.files, new))
        elif old is not None:
            yield self._whole(content_of(self._a.files, old), ChangeKind.REMOVED)
        elif new is not None:
            yield self._whole(content_of(self._b.files, new), ChangeKind.ADDED)

    def _whole(self, content: Content, kind: ChangeKind) -> Finding:
        if self._showing.keys_only:
            return Opaque("")
        return whole(content, kind, self.largest_shown)

    largest_shown = MAX_SHOWN

    def _told(self, item: DiffItem, key: str, old: Entry | None, new: Entry | None, finding: Finding) -> DiffItem:
        item = replace(item, difference=_kind(old, new, Difference.CHANGED))
        if self._hides_key(key):
            masked = (_HIDDEN if old else None, _HIDDEN if new else None)
            return replace(item, before=masked[0], after=masked[1], hidden=True)
        if self._showing.keys_only:
            return item
        if isinstance(finding, Opaque):
            return replace(item, reason=finding.reason)
        return self._of_change(item, finding)

    def _of_change(self, item: DiffItem, change: Change) -> DiffItem:
        before, after = self._masked(change, change.old), self._masked(change, change.new)
        is_whole = change.kind is not ChangeKind.CHANGED and change.at == ""
        where = change.after if change.after is not None else change.before
        return replace(
            item,
            difference=_KINDS[change.kind],
            pointer=None if is_whole or where is None else self._shown(where),
            old_pointer=None if is_whole or change.before is None else self._shown(change.before),
            before=None if before is None else RawJson(before),
            after=None if after is None else RawJson(after),
            hidden=(before, after) != (change.old, change.new),
        )

    def _masked(self, change: Change, text: bytes | None) -> bytes | None:
        if text is None or self._showing.show_secrets:
            return text
        if _is_named_like_a_secret(self._redactor, change):
            return _HIDDEN.text
        return self._redactor.redact(text)

    def _refuse_what_cannot_be_said(self, key: str, found: Sequence[Finding]) -> None:
        changes = [finding for finding in found if isinstance(finding, Change)]
        if self._hides_key(key) or any(self._is_secret(key, change) for change in changes):
            raise RefusedError(
                f"a secret differs in the value of {self._shown(quoted(key))}, and a patch would have to show it",
                hint="--show-secrets writes it out all the same",
            )
        for finding in found:
            if isinstance(finding, Opaque):
                raise RefusedError(f"there is no patch for {self._shown(quoted(key))}: {finding.reason}")

    def _is_secret(self, key: str, change: Change) -> bool:
        is_masked = any(self._masked(change, text) != text for text in (change.old, change.new))
        return is_masked or self._shown(key + change.at) != key + change.at

    def _hides_key(self, key: str) -> bool:
        if self._showing.show_secrets:
            return False
        return key in self._veiled or self._redactor.hides_key(key)

    def _shown(self, text: str) -> str:
        return text if self._showing.show_secrets else self._redactor.redact_text(text)


class PatchPair(ContextPair):
    """Two contexts for a patch, which has every value in full."""

    largest_shown = MAX_PARSED


def _kind(old: Entry | None, new: Entry | None, of_both: Difference) -> Difference:
    if old is None:
        return Difference.ADDED
    return Difference.REMOVED if new is None else of_both


def _may_differ(old: Entry, new: Entry) -> bool:
    """Whether a closer look is needed: the same text is the same value, unless it names a file."""
    if old.member.value != new.member.value or (old.descriptor is None) != (new.descriptor is None):
        return True
    return old.descriptor is not None and old.descriptor.locator is not None


def _is_named_like_a_secret(redactor: Redactor, change: Change) -> bool:
    pointers: Iterable[str] = (each for each in (change.before, change.after) if each is not None)
    return any(redactor.hides_name(step) for each in pointers for step in parse(each))
