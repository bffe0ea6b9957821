"""Whether the server is to count, and what it is asked: a sample of the runs tells."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from zenctx.context.classes import ZOMBIE_AGE
from zenctx.context.forms import Form
from zenctx.context.shapes import IsInside, Shape, StorageKind, shape_of
from zenctx.database import run_groups
from zenctx.database.engine import Connection
from zenctx.database.run_groups import Layout, Question
from zenctx.database.scanning import Tables
from zenctx.operations.figures.groups import BOUNDS, Groups
from zenctx.operations.figures.largest import Largest
from zenctx.operations.figures.model import Wanted

_ENOUGH = 200
"""Of fewer runs in the sample nothing is concluded: the table is small, or its pages are."""
_FEW = 0.1
"""Where more than this part of the runs would come by their ids, it is quicker to read all of them."""
_HALF = 0.5
"""Where more than this part is not plain, to look for what is costs the server more than it spares."""
_MOST_LAYOUTS = 40
_MOST_APART = 500
_MOST_PIVOTS, _UNSURE = 8, 0.02
"""Pivots are added until the largest value of all but this part of the runs is known to be no candidate."""


class Asked(NamedTuple):
    """What to ask the server (None: read all runs); `has_plain`: whether it pays to look for plain contexts."""

    question: Question | None
    has_plain: bool = True


def ask(
    connection: Connection,
    tables: Tables,
    wanted: Wanted,
    marks: Sequence[str] | None,
    groups: Groups,
    is_inside: IsInside,
) -> Asked:
    """Gives the question to ask, in a transaction that has begun and that the caller ends.

    What the sample tells decides how long the answer takes, not what it is. `marks`: as those of a `FileWatch`.
    """
    if marks is None or len(groups.held) > _MOST_APART or not run_groups.can_group(connection):
        return Asked(None)
    found = _Sample(wanted)
    for row in run_groups.sample(connection, tables):
        text = row[6]
        assert not isinstance(text, tuple)  # noqa: S101 - for the type checker: no sample is without its text
        found.take(row[0], row[1], text, shape_of(text, is_inside, is_jsonb=True))
    layouts, pivots = found.layouts(), found.pivots()
    alive = _alive(connection, groups) if found.is_alike(layouts, pivots) else None
    if alive is None:
        connection.rollback()
        return Asked(None, has_plain=found.others + found.described <= _HALF * found.count)
    question = Question(
        limits=groups.limits,
        bounds=BOUNDS,
        marks=marks,
        layouts=layouts if wanted.entries else None,
        longest=found.runs.floor if wanted.top else None,
        longest_value=found.entries.floor if wanted.top else None,
        pivots=pivots,
        apart=_ids([*groups.held, *found.runs.all_(), *found.entries.all_(), *alive]),
        described=found.described > 0,
    )
    return Asked(question)


def _alive(connection: Connection, groups: Groups) -> list[str] | None:
    """Gives the runs whose nodes keep them from being zombies; None where they are too many."""
    alive = run_groups.alive_again(connection, (groups.now - ZOMBIE_AGE).timestamp(), _MOST_APART + 1)
    if alive is None:
        groups.sign = groups.now
        return []
    return alive if len(alive) <= _MOST_APART else None


def _ids(run_ids: Iterable[str]) -> list[str]:
    """Gives what can be the id of a run, each once."""
    found = dict[str, None]()
    for run_id in run_ids:
        try:
            found[str(UUID(run_id))] = None
        except ValueError:
            continue
    return list(found)


class _Measured(NamedTuple):
    """A run that the server can judge; `length` without what wraps values into descriptors."""

    layout: Layout
    length: int
    sizes: Mapping[str, int]

    def beside(self, pivots: Sequence[str]) -> int:
        """Gives what no value but the pivots is longer than."""
        return self.length - self.layout.around - sum(self.sizes.get(key, 0) for key in pivots)


@dataclass
class _Sample:
    """What some runs are like; of the largest of them the others need only be told where they are larger."""

    wanted: Wanted
    count: int = 0
    others: int = 0
    described: int = 0
    measured: list[_Measured] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The largest of them, by their ids."""
        self.runs: Largest[str] = Largest(self.wanted.top)
        self.entries: Largest[str] = Largest(self.wanted.top)

    def take(self, run_id: str, workflow_id: str, text: bytes | None, shape: Shape) -> None:
        """Takes one run."""
        self.count += 1
        if shape.form in (Form.NULL, Form.EMPTY) or text is None:
            return
        wrapped = 0 if shape.form is Form.LEGACY else _wrapping(text, shape)
        self.others += wrapped is None
        self.described += bool(wrapped)
        if not self.wanted.entries or wrapped is None:
            return
        sizes = dict(zip(shape.keys, map(len, shape.values), strict=True))
        length = len(text) - wrapped
        layout = Layout(workflow_id, shape.keys, length - sum(sizes.values()))
        self.measured.append(_Measured(layout, length, sizes))
        if len(text) > self.runs.floor:
            self.runs.add(len(text), run_id)
        for size in sizes.values():
            if size > self.entries.floor:
                self.entries.add(size, run_id)

    def is_alike(self, layouts: Sequence[Layout], pivots: Sequence[str]) -> bool:
        """Tells whether nearly all of the runs would be grouped, and there are as many as are asked for."""
        if self.wanted.top and min(self.runs.floor, self.entries.floor) <= 0:
            return False
        known = set(layouts)
        apart = self.others + sum(each.layout not in known for each in self.measured) + len(self._unsure(pivots))
        return self.count >= _ENOUGH and apart <= _FEW * self.count

    def layouts(self) -> list[Layout]:
        """Gives the most frequent ones, those left out whose keys an object of as many pairs may stand before."""
        counted = Counter(each.layout for each in self.measured if "" not in each.sizes)
        return [layout for layout, _ in counted.most_common(_MOST_LAYOUTS)]

    def pivots(self) -> list[str]:
        """Gives the keys whose values have to be known, so that the largest value of nearly every run is bounded."""
        pivots: list[str] = []
        while len(pivots) < _MOST_PIVOTS:
            unsure = self._unsure(pivots)
            held = Counter[str]()
            for each in unsure:
                held.update({key: size for key, size in each.sizes.items() if key not in pivots})
            if not held or len(unsure) <= _UNSURE * len(self.measured):
                break
            pivots.append(held.most_common(1)[0][0])
        return pivots

    def _unsure(self, pivots: Sequence[str]) -> list[_Measured]:
        """Gives the runs that hold no large value, though that does not show."""
        floor = self.entries.floor
        if not self.wanted.top:
            return []
        return [each for each in self.measured if max(each.sizes.values()) <= floor < each.beside(pivots)]


def _wrapping(text: bytes, shape: Shape) -> int | None:
    """Gives what wraps values into descriptors of which the server judges; None for all others."""
    is_in_memory = shape.form is Form.DESCRIPTORS and shape.kind is StorageKind.MEMORY
    return run_groups.wrapping(text, len(shape.keys)) if is_in_memory else None
