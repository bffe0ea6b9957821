"""A JSON Patch (RFC 6902) from the differences of two documents: applied to the first it gives the second."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from zenctx.context.diff import Change, ChangeKind
from zenctx.context.rawjson import encode_string


class Verb(StrEnum):
    """What one operation of a patch does."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


_VERBS = {ChangeKind.ADDED: Verb.ADD, ChangeKind.REMOVED: Verb.REMOVE, ChangeKind.CHANGED: Verb.REPLACE}


@dataclass(frozen=True, slots=True)
class PatchOperation:
    """One operation; `value` is exact JSON text, None for a removal."""

    verb: Verb
    path: str
    value: bytes | None

    def to_json(self) -> bytes:
        """Gives the JSON text of the operation, numbers spelled as they were."""
        value = b"" if self.value is None else b',"value":' + self.value
        return b'{"op":"%b","path":%b%b}' % (self.verb.encode(), encode_string(self.path), value)


def operations(changes: Iterable[Change], prefix: str = "") -> Iterator[PatchOperation]:
    """Yields the operations for some changes, in their order; `prefix` is the pointer of the whole in a larger one."""
    for change in changes:
        yield PatchOperation(_VERBS[change.kind], prefix + change.at, change.new)


def patch_text(found: Iterable[PatchOperation]) -> bytes:
    """Gives the JSON text of a patch, one operation a line."""
    lines = b",\n ".join(operation.to_json() for operation in found)
    return b"[" + lines + b"]"
