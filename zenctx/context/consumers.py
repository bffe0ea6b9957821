"""Who still has to read which value, and the loops that put their reading off."""

from collections.abc import Iterable, Mapping


class Consumers:
    """For each key the nodes that have yet to read it. Not thread-safe by itself.

    A key that was never given consumers is nobody's to release: it stays until it is removed.
    """

    def __init__(self, consumers: Mapping[str, Iterable[str]] | None = None) -> None:
        self._waiting = {key: set(nodes) for key, nodes in (consumers or {}).items() if nodes}

    def add(self, key: str, nodes: Iterable[str]) -> None:
        """Adds nodes that will read a key."""
        added = set(nodes)
        if added:
            self._waiting.setdefault(key, set()).update(added)

    def take(self, key: str, nodes: Iterable[str]) -> bool:
        """Notes that nodes have read a key; tells whether the last one has now. Only its consumers count."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return False
        waiting.difference_update(nodes)
        if waiting:
            return False
        del self._waiting[key]
        return True

    def of(self, key: str) -> frozenset[str]:
        """Gives the nodes that have yet to read a key."""
        return frozenset(self._waiting.get(key, ()))

    def forget(self, key: str) -> None:
        """Forgets a key, which is gone."""
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Forgets all."""
        self._waiting.clear()

    def plain(self) -> dict[str, list[str]]:
        """Gives the state as plain values, sorted."""
        return {key: sorted(nodes) for key, nodes in sorted(self._waiting.items())}


class Loops:
    """The loops that are running, the innermost last, and what was read inside each. Not thread-safe by itself.

    What is read inside a loop may be read again in its next round, so it counts as read only when the loop ends; when
    that one runs inside another, only when the other ends, too.
    """

    def __init__(
        self, active: Iterable[str] = (), reads: Mapping[str, Mapping[str, Iterable[str]]] | None = None
    ) -> None:
        self._active = list(dict.fromkeys(active))  # each once, whatever was kept
        given = reads or {}
        self._reads = {loop: {key: set(nodes) for key, nodes in given.get(loop, {}).items()} for loop in self._active}

    @property
    def active(self) -> tuple[str, ...]:
        """The running loops, the outermost first."""
        return tuple(self._active)

    def start(self, loop: str) -> None:
        """Enters a loop; one that runs already goes on."""
        if loop not in self._reads:
            self._active.append(loop)
            self._reads[loop] = {}

    def end(self, loop: str) -> dict[str, set[str]]:
        """Leaves a loop, and those that were started inside it; gives what now counts as read, nodes by key.

        Nothing for a loop that does not run, or that runs inside another.
        """
        if loop not in self._reads:
            return {}
        read: dict[str, set[str]] = {}
        ended = ""
        while ended != loop:
            ended = self._active.pop()
            _merge(read, self._reads.pop(ended))
        if not self._active:
            return read
        _merge(self._reads[self._active[-1]], read)
        return {}

    def put_off(self, key: str, node: str) -> bool:
        """Notes that a node has read a key; tells whether a loop runs, so that it does not count yet."""
        if not self._active:
            return False
        self._reads[self._active[-1]].setdefault(key, set()).add(node)
        return True

    def forget(self, key: str) -> None:
        """Forgets a key, which is gone."""
        for reads in self._reads.values():
            reads.pop(key, None)

    def clear(self) -> None:
        """Ends all loops without counting anything as read."""
        self._active.clear()
        self._reads.clear()

    def plain(self) -> dict[str, dict[str, list[str]]]:
        """Gives what was read inside each loop as plain values."""
        return {
            loop: {key: sorted(nodes) for key, nodes in sorted(reads.items())} for loop, reads in self._reads.items()
        }


def _merge(into: dict[str, set[str]], more: Mapping[str, set[str]]) -> None:
    for key, nodes in more.items():
        into.setdefault(key, set()).update(nodes)
