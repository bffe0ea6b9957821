"""Comparing two JSON documents of 5 MB of which 1 % differs, against what deepdiff does with the same bytes."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from deepdiff import DeepDiff

from benchmarks.figures import Figure, speed
from zenctx.context.diff import differences

_REQUIRED = 50
_RECORDS = 36_000  # about 5 MB
_CHANGED = 100  # one of so many
_PEER_ROUNDS = 2  # deepdiff takes half a minute for each


@dataclass(frozen=True, slots=True)
class _Case:
    """A pair of documents, and how many places differ."""

    name: str
    a: bytes
    b: bytes
    places: int


def documents(rounds: int) -> Iterator[Figure]:
    """Measures each pair in turn, reading included."""
    for case in _cases():
        ours = [_timed(_zenctx, case) for _ in range(max(rounds, _PEER_ROUNDS))]
        theirs = [_timed(_deepdiff, case) for _ in range(_PEER_ROUNDS)]
        yield speed(f"diff {case.name}, 1 % changed; deepdiff", ours[:_PEER_ROUNDS], theirs, _REQUIRED)


def _timed(work: Callable[[bytes, bytes], int], case: _Case) -> float:
    start = perf_counter()
    found = work(case.a, case.b)
    taken = perf_counter() - start
    if found != case.places:
        raise AssertionError(f"{case.name}: {found} differences, {case.places} were made")
    return taken


def _zenctx(a: bytes, b: bytes) -> int:
    return sum(1 for _ in differences(a, b))


def _deepdiff(a: bytes, b: bytes) -> int:
    return sum(len(places) for places in DeepDiff(json.loads(a), json.loads(b)).values())


def _cases() -> Iterator[_Case]:
    source = random.Random(1)  # noqa: S311 - no secret
    records = [_record(number, source) for number in range(_RECORDS)]
    changed = copy.deepcopy(records)
    for number in source.sample(range(_RECORDS), _RECORDS // _CHANGED):
        changed[number]["amount"] += 1
    yield _case("two arrays of 36,000 records, 5 MB", records, changed)
    yield _case(
        "two objects of 36,000 members, 5 MB",
        *({f"key-{each['id']}": each for each in side} for side in (records, changed)),
    )


def _case(name: str, a: object, b: object) -> _Case:
    return _Case(name, json.dumps(a).encode(), json.dumps(b).encode(), _RECORDS // _CHANGED)


def _record(number: int, source: random.Random) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"customer {number}",
        "amount": round(source.random() * 1000, 2),
        "tags": ["a", "b", str(number % 7)],
        "address": {"street": f"s {number}", "zip": str(10_000 + number)},
    }
