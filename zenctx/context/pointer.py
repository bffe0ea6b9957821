"""JSON Pointers (RFC 6901) into exact JSON text: the part that is pointed at, as it was spelled."""

import re
from collections.abc import Iterator

from zenctx.context.rawjson import BLANKS
from zenctx.context.scanner import decode_string, parts
from zenctx.errors import NotFoundError, UsageError

_BROKEN_ESCAPE = re.compile("~(?![01])")


def resolve(text: bytes, pointer: str) -> bytes:
    """Gives the text of the part of a JSON document that `pointer` names (the empty pointer: all of it).

    Raises UsageError for what is no pointer, NotFoundError where it leads to nothing.
    """
    for step in parse(pointer):
        text = _child(text, step, pointer)
    return text


def parse(pointer: str) -> list[str]:
    """Gives the steps of a pointer, `~1` and `~0` decoded."""
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise UsageError(f"a JSON Pointer begins with '/': {pointer!r}", hint="write /name/0 for the first of name")
    if _BROKEN_ESCAPE.search(pointer):
        raise UsageError(f"a JSON Pointer spells '~' as '~0' and '/' as '~1': {pointer!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _child(text: bytes, step: str, pointer: str) -> bytes:
    # The last of two equal names counts, as it does for the engine.
    found = None
    for name, part in children(text):
        if name == step:
            found = part
    if found is None:
        raise NotFoundError(f"the pointer {pointer!r} leads to nothing: there is no {step!r}")
    return found


def children(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields the members of an object by name, the items of an array by number in decimal digits, else nothing."""
    is_array = text.lstrip(BLANKS).startswith(b"[")
    for number, (spelling, value) in enumerate(parts(text)):
        yield (str(number) if is_array else decode_string(spelling)), value
