"""Rows with long strings that go to files: those are handed over where they stand in the row, neither copied nor read.

It gives the very result of `forms` and `convert`, or None ("look closer"): a test holds them together.
"""

import msgspec

from zenctx.context.convert import LargeValue, Storage, Wrapped, choose_file_storage, wrap
from zenctx.context.descriptor import may_be_descriptor
from zenctx.context.estimate import estimated_size
from zenctx.context.rawjson import MAX_DEPTH, Member, encode_string, is_usually_spelled
from zenctx.context.rules import EngineReads, StorageRules
from zenctx.context.scanner import check_utf8, deeper_than, opens_at_most
from zenctx.errors import InvalidContextError, InvalidDescriptorError

MIN_STRING_BYTES = 64 * 1024
"""Shorter strings are copied, as all else is."""

_BYTES_A_QUOTE = 512
_QUOTE = ord('"')
_LONGEST_UNIT = len(r"\u0041")
_PLACEHOLDER = b"null"
_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])


def wrap_in_place(text: bytes, rules: StorageRules) -> Wrapped | None:
    """Gives what becomes of a legacy row that has long strings for files, those as views of `text`.

    None where there is no such string, or where it is not evident that the row is legacy and sound.
    """
    # Nothing in the row can be above the threshold: a character has two bytes in memory, and one here at least.
    if len(text) < MIN_STRING_BYTES or 2 * len(text) <= rules.memory_threshold:
        return None
    if _is_perhaps_deep(text):
        return None
    try:
        # As little as possible before it is known that there are such strings: without any, all is looked at again.
        decoded = _VALUES.decode(text)
        long = _long_strings(decoded, rules)
        if not long:
            return None
        check_utf8(text)
        return _wrapped(text, decoded, long, rules)
    except (RecursionError, msgspec.MsgspecError, UnicodeDecodeError, InvalidContextError, InvalidDescriptorError):
        return None


def _is_perhaps_deep(text: bytes) -> bool:
    """Whether a text nests too deep; also where that would take long to tell, and a long string is not likely."""
    if opens_at_most(text, MAX_DEPTH):
        return False
    # Many brackets and many quotes: objects and arrays, most likely. Few quotes: a log, say, in one string.
    return text.count(b'"') * _BYTES_A_QUOTE > len(text) or deeper_than(text, MAX_DEPTH)


def _long_strings(decoded: dict[str, msgspec.Raw], rules: StorageRules) -> list[LargeValue]:
    found = []
    for position, (name, raw) in enumerate(decoded.items()):
        view = memoryview(raw)
        if len(view) >= MIN_STRING_BYTES and view[0] == _QUOTE and _goes_to_file(view, rules):
            found.append(LargeValue(position, name, view))
    return found


def _goes_to_file(token: memoryview, rules: StorageRules) -> bool:
    """Whether `choose_storage` says so of a string; its characters are counted only where their number may matter."""
    fewest_units = (len(token) - 2) // _LONGEST_UNIT
    if 2 * fewest_units <= rules.memory_threshold and estimated_size(bytes(token)) <= rules.memory_threshold:
        return False
    return rules.engine_reads is EngineReads.PUBLISHED or choose_file_storage(len(token), rules) is Storage.FILE


def _wrapped(
    text: bytes, decoded: dict[str, msgspec.Raw], long: list[LargeValue], rules: StorageRules
) -> Wrapped | None:
    places = {value.position for value in long}
    values = [_PLACEHOLDER if place in places else bytes(raw) for place, raw in enumerate(decoded.values())]
    spellings = list(map(encode_string, decoded))
    if any(map(may_be_descriptor, values)) or not is_usually_spelled(text, spellings, list(decoded.values())):
        return None
    # A placeholder stays in the row, where the descriptor of the file will take its place.
    rest = wrap(list(map(Member, decoded, spellings, values)), rules)
    large = sorted([*rest.large, *long], key=lambda value: value.position)
    return Wrapped(rest.members, large, rules.checksums)
