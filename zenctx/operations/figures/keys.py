"""What is known of the keys of contexts: rows of one workflow nearly all have the same ones, so it is told once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from zenctx.context.definitions import Consumed
from zenctx.context.redact import SECRET_KEYS
from zenctx.operations.figures.model import DeadKey, DeadKeys

_MOST_LAYOUTS, _MOST_BYTES = 2000, 8 * 1024 * 1024
_MOST_DEAD = 20_000
"""Dead keys that are counted one by one; beyond, only their sums."""


@dataclass(slots=True)
class Layout:
    """Some keys in their order: at which places secrets stand, and by workflow at which no node reads."""

    keys: tuple[str, ...]
    secrets: tuple[int, ...] = ()
    dead: dict[str, tuple[int, ...]] = field(default_factory=dict)


class Layouts:
    """The layouts that were met lately."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], Layout] = {}
        self._bytes = 0

    def learn(self, keys: tuple[str, ...]) -> Layout:
        """Gives the layout of some keys that are not known."""
        length = sum(map(len, keys))
        if len(self.known) >= _MOST_LAYOUTS or self._bytes + length > _MOST_BYTES:
            self.known.clear()
            self._bytes = 0
        layout = self.known[keys] = Layout(keys, tuple(keys.index(key) for key in SECRET_KEYS if key in keys))
        self._bytes += length
        return layout


class DeadKeyCounts:
    """Counts what stands in contexts and no node reads."""

    def __init__(self) -> None:
        self._consumed: dict[str, Consumed | None] = {}
        self._held: dict[tuple[str, str], list[int]] = {}
        self._bytes = self._more = 0

    def unknown(self, workflow_ids: set[str]) -> list[str]:
        """Gives those of some workflows whose definition was not taken yet."""
        return [each for each in workflow_ids if each not in self._consumed]

    def learn(self, consumed: Mapping[str, Consumed | None]) -> None:
        """Takes what definitions say; None: nothing that could be read."""
        self._consumed.update(consumed)

    def judge(self, workflow_id: str, layout: Layout) -> tuple[int, ...]:
        """Gives the places of the dead keys in a layout."""
        consumed = self._consumed.get(workflow_id)
        is_dead = consumed.is_dead if consumed is not None else _never
        layout.dead[workflow_id] = tuple(at for at, key in enumerate(layout.keys) if is_dead(key))
        return layout.dead[workflow_id]

    def count(self, workflow_id: str, layout: Layout, sizes: Sequence[int]) -> None:
        """Counts the dead keys of one run, whose layout was judged; `sizes` are those of its entries."""
        for at in layout.dead[workflow_id]:
            self.add(workflow_id, layout.keys[at], 1, sizes[at])

    def add(self, workflow_id: str, key: str, runs: int, bytes_: int) -> None:
        """Counts a dead key of a workflow: in how many runs it stands, and the bytes of its values there."""
        self._bytes += bytes_
        held = self._held.get((workflow_id, key))
        if held is None:
            if len(self._held) >= _MOST_DEAD:
                self._more += 1
                return
            held = self._held[workflow_id, key] = [0, 0]
        held[0] += runs
        held[1] += bytes_

    def figures(self, top: int) -> DeadKeys:
        """Gives the keys that hold most, and the sums."""
        largest = nlargest(top, self._held.items(), key=lambda each: (each[1][1], each[0]))
        return DeadKeys(
            largest=tuple(DeadKey(workflow, key, runs, bytes_) for (workflow, key), (runs, bytes_) in largest),
            keys=len(self._held),
            is_complete=not self._more,
            bytes=self._bytes,
            unjudged_workflows=sum(each is None for each in self._consumed.values()),
        )


def _never(_key: str) -> bool:
    return False
