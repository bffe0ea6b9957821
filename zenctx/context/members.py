"""Changing some members of a JSON object: the text between and around the others stays as it is."""

from collections.abc import Mapping
from typing import NamedTuple

from zenctx.context.scanner import Kind, end_of_value, scan


class Change(NamedTuple):
    """What a member becomes: how its name is spelled, and its value's text."""

    spelling: bytes
    value: bytes


class _Place(NamedTuple):
    """Where a member's name and value lie."""

    name: int
    name_end: int
    value: int
    end: int


def edit_members(text: bytes, changes: Mapping[int, Change | None]) -> bytes:
    """Gives the text of an object in which the members of some numbers are others, or (None) are gone."""
    places = _places(text)
    kept = [number for number in range(len(places)) if changes.get(number, True) is not None]
    if not kept:
        return text[: places[0].name].rstrip() + text[places[-1].end :].lstrip() if places else text
    out = [text[: places[0].name]]
    for number in kept:
        place, change = places[number], changes.get(number)
        if number != kept[0]:
            out.append(text[places[number - 1].end : place.name])
        if change is None:
            out.append(text[place.name : place.end])
        else:
            out += [change.spelling, text[place.name_end : place.value], change.value]
    return b"".join([*out, text[places[-1].end :]])


def _places(text: bytes) -> list[_Place]:
    tokens = scan(text)
    next(tokens)
    found: list[_Place] = []
    for token in tokens:
        if token.kind is Kind.NAME:
            first = next(tokens)
            found.append(_Place(token.start, token.end, first.start, end_of_value(first, tokens)))
    return found
