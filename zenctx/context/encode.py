"""The JSON text that the engine would have written for a Python value, exact, without recursion.

| Python | JSON |
|---|---|
| None, bool, str, int of any size | as such |
| float | the shortest digits that read back equal (`1.0E7`); `"NaN"`, `"Infinity"`, `"-Infinity"` |
| Decimal | its exact digits, end zeros included |
| bytes, bytearray, memoryview | base64 text |
| Enum | its name |
| UUID, Path, a split URL | its text |
| datetime with an offset, timedelta | decimal seconds with nine digits; without one `[y,m,d,h,m,s,nanos]` |
| date, time | `[y,m,d]`, `[h,m,s,nanos]` without the zeros at the end |
| dict and other mappings, dataclass, msgspec Struct | an object |
| list, tuple, deque and other sequences | an array |
| set, frozenset | an array in the order of its items' texts, so that equal sets give equal texts |
| RawJson, by itself | its text |
"""

from typing import Any

from zenctx.context.encodable import Container, form_of, type_name
from zenctx.context.rawjson import MAX_DEPTH, RawJson, check_document
from zenctx.context.scanner import deeper_than
from zenctx.context.spellings import UnspellableError
from zenctx.errors import DataError, InvalidContextError

MAX_LEVELS = MAX_DEPTH - 1
"""Levels of nesting that a value may have: the context around it is one more."""

_LONGEST_PATH = 200


class NotEncodableError(DataError):
    """A value that has no JSON text, or none that the engine could read."""

    kind = "not_encodable"


def encode(value: object) -> bytes:
    """Gives the compact JSON text of a value.

    Raises NotEncodableError, with a JSON Pointer to the part at fault, for a type that is not in the table above, for
    a container that holds itself, for keys that become the same, and for more than `MAX_LEVELS` levels.
    """
    return _raw_text(value) if isinstance(value, RawJson) else _Writer().write(value)


class _Writer:
    """The state of one encoding: the pieces of text so far, and the containers that are open."""

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._open: list[Container] = []
        self._identities: set[int] = set()

    def write(self, value: object) -> bytes:
        try:
            self._put(value)
            while self._open:
                if not self._go_on(self._open[-1]):
                    self._close()
        except UnspellableError as reason:
            raise self._error(str(reason)) from None
        return b"".join(self._out)

    def _go_on(self, container: Container) -> bool:
        """Writes the parts of the innermost container up to one that is a container itself; False at the end."""
        for lead, step, part in container.children:
            container.step = step
            if container.starts is not None:
                container.starts.append(len(self._out))
            self._out.append(lead if container.is_empty else b"," + lead)
            container.is_empty = False
            if self._put(part):
                return True
        return False

    def _put(self, value: Any) -> bool:
        """Writes a value that is spelled at once, or opens a container and says so."""
        form = form_of(type(value))  # type: ignore[arg-type]  # for all that mypy knows, a class may not be hashable
        if form is None:
            raise UnspellableError(f"a value of type {type_name(value)}, which has no JSON form")
        written = form(value)
        if len(self._open) == MAX_LEVELS and (isinstance(written, Container) or written[:1] in (b"[", b"{")):
            raise UnspellableError(f"nested more than {MAX_LEVELS} levels deep")
        if isinstance(written, bytes):
            self._out.append(written)
            return False
        if id(value) in self._identities:
            raise UnspellableError("a value that holds itself")
        written.identity = id(value)
        self._identities.add(written.identity)
        self._open.append(written)
        self._out.append(written.brackets[:1])
        return True

    def _close(self) -> None:
        container = self._open.pop()
        self._identities.remove(container.identity)
        if container.starts:
            begin, ends = container.starts[0], [*container.starts[1:], len(self._out)]
            parts = [b"".join(self._out[start:end]) for start, end in zip(container.starts, ends, strict=True)]
            self._out[begin:] = [b",".join(sorted(part.removeprefix(b",") for part in parts))]
        self._out.append(container.brackets[1:])

    def _error(self, reason: str) -> NotEncodableError:
        steps = [str(container.step).replace("~", "~0").replace("/", "~1") for container in self._open]
        path = "".join(f"/{step}" for step in steps)
        if len(path) > _LONGEST_PATH:
            path = path[:_LONGEST_PATH] + "…"
        return NotEncodableError(f"{f'the part at {path!a}' if path else 'the value'} cannot be kept: it is {reason}")


def _raw_text(value: RawJson) -> bytes:
    try:
        check_document(value.text)
    except InvalidContextError as error:
        raise NotEncodableError(f"the value cannot be kept: it is {error.message}") from None
    if deeper_than(value.text, MAX_LEVELS):
        raise NotEncodableError(f"the value cannot be kept: it is nested more than {MAX_LEVELS} levels deep")
    return value.text.strip(b" \t\n\r")
