"""The values of a run by key: put, written aside, read, and released when their last consumer has read them."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, TypeVar

from zenctx.context.consumers import Consumers, Loops
from zenctx.context.counters import ValueCounters
from zenctx.context.factory import ByteSource, RefValueFactory, StoragePreference
from zenctx.context.rawjson import quoted
from zenctx.context.redact import is_reserved
from zenctx.context.releasing import Releasing
from zenctx.context.state import RuntimeState
from zenctx.context.values import RefValue, ReleasedError
from zenctx.errors import NotFoundError, RefusedError, ZenctxError

AUTO = StoragePreference.AUTO
T = TypeVar("T")


class LiveValues:
    """The values of one run by key, their consumers, aliases, loops and pending writes. Threads may share it.

    `RuntimeContext` adds what is done with all of them as a whole.
    """

    def __init__(self, factory: RefValueFactory, counters: ValueCounters, state: RuntimeState) -> None:
        self.factory = factory
        self.counters = counters
        # Decisions are made under the lock; encoding, reading and deleting files happen outside of it.
        self._closed = False
        self._lock = threading.RLock()
        self._values: dict[str, RefValue] = {}
        self._pending: dict[str, RefValue] = {}
        self._aliases = dict(state.aliases)
        self._consumers = Consumers(state.consumers)
        self._loops = Loops(state.loops, state.loop_reads)
        self._releasing = Releasing(self.counters)

    # Values

    def put(
        self, key: str, value: object, *, storage: StoragePreference = AUTO, media_type: str | None = None
    ) -> RefValue:
        """Keeps a copy of a value under a key, in place of the one before, which is released.

        Raises as `RefValueFactory.create` does, and ReleasedError in a closed context; then nothing has changed.
        """
        self._require_open()
        return self._keep_new(self._values, key, self.factory.create(value, storage, media_type=media_type))

    def put_stream(
        self,
        key: str,
        stream: ByteSource | Iterable[bytes],
        *,
        storage: StoragePreference = AUTO,
        media_type: str | None = None,
    ) -> RefValue:
        """Keeps the bytes of a stream under a key, in constant memory; see `RefValueFactory.create_from_stream`."""
        self._require_open()
        made = self.factory.create_from_stream(stream, storage, media_type=media_type)
        return self._keep_new(self._values, key, made)

    def put_ref(self, key: str, value: RefValue) -> RefValue:
        """Keeps a value that was made before; from now on it belongs to this context, and to this key alone.

        Raises ReleasedError for one that was released, RefusedError for one that this context has under another key:
        it would be lost to both as soon as it is released by one. Then the value is still the caller's.
        """
        with self._lock:
            for kept, found in self._values.items():
                if found is value and kept != key:
                    raise RefusedError(
                        f"the value belongs to the key {quoted(kept)} already",
                        hint="put what it reads, or its stream, to have it under two keys",
                    )
            before = self._exchange(self._values, key, value)
        self._releasing.let_go(before)
        return value

    def get(self, key: str, type: Any = None) -> Any:  # noqa: A002 - as in RefValue.read
        """Gives the value of a key or alias, a new one each time; nobody counts as having read it.

        Raises NotFoundError where there is none, and as `RefValue.read` does.
        """
        return self._reading(key, lambda value: value.read(type))[0]

    def get_ref(self, key: str) -> RefValue:
        """Gives the value of a key or alias as it is kept. It stays this context's to release."""
        with self._lock:
            self._require_open()
            resolved = self.resolve(key)
            value = self._values.get(resolved)
        if value is None:
            raise NotFoundError(f"the context has no value {quoted(resolved)}")
        return value

    def open_stream(self, key: str) -> BinaryIO:
        """Opens the content of a key or alias, to be closed by the caller; it goes on when the value is released."""
        return self._reading(key, lambda value: value.open_stream())[0]

    def read_json(self, key: str, pointer: str | None = None, type: Any = None) -> Any:  # noqa: A002 - as in RefValue
        """Gives the part of a JSON value that a JSON Pointer names; see `RefValue.read_json`."""
        return self._reading(key, lambda value: value.read_json(pointer, type))[0]

    def contains(self, key: str) -> bool:
        """Tells whether a key or alias has a value (which may be None)."""
        with self._lock:
            return self.resolve(key) in self._values

    def keys(self) -> list[str]:
        """Gives the keys that have a value, in the order in which they were put."""
        with self._lock:
            return list(self._values)

    def remove(self, key: str) -> bool:
        """Releases the value of a key and forgets its consumers; tells whether there was one.

        Raises StoreError when its file cannot be deleted; it is removed all the same.
        """
        with self._lock:
            resolved = self.resolve(key)
            value = self._values.pop(resolved, None)
            self._consumers.forget(resolved)
            self._loops.forget(resolved)
        if value is not None:
            _raise_first(self._releasing.let_go([value]))
        return value is not None

    def clear(self) -> None:
        """Releases every value, pending ones included, and forgets consumers and loops. May be called again.

        Raises the first StoreError of files that cannot be deleted, when all that can be are.
        """
        with self._lock:
            values = [*self._values.values(), *self._pending.values()]
            self._values.clear()
            self._pending.clear()
            self._consumers.clear()
            self._loops.clear()
        _raise_first(self._releasing.let_go(values))

    # Aliases

    def set_alias(self, name: str, template: str) -> None:
        """Lets `name` stand for a template such as `{{node.output.x}}`.

        Consumers that were registered for the name before become those of the key that it stands for.
        """
        with self._lock:
            self._require_open()
            self._aliases[name] = template
            if (key := self.resolve(name)) != name:
                self._consumers.add(key, self._consumers.of(name))
                self._consumers.forget(name)

    def resolve(self, key: str) -> str:
        """Gives the key that a key, an alias or a template stands for. An alias of an alias is followed once each.

        A key that has a value stands for itself, whatever it looks like.
        """
        seen: set[str] = set()
        with self._lock:
            while key not in self._values and key not in seen:
                seen.add(key)
                key = _reference(self._aliases.get(key, key))
        return key

    # Consumers and loops

    def add_consumers(self, key: str, nodes: Iterable[str]) -> None:
        """Registers nodes that will read a key: the last one's read releases the value."""
        with self._lock:
            self._require_open()
            self._consumers.add(self.resolve(key), nodes)

    def consumers(self, key: str) -> frozenset[str]:
        """Gives the nodes that have yet to read a key or alias."""
        with self._lock:
            return self._consumers.of(self.resolve(key))

    def read(self, node: str, key: str, type: Any = None) -> Any:  # noqa: A002 - as in RefValue.read
        """Gives a value to a node, and counts it as read by it: the last consumer's read releases it.

        Inside a loop it counts when the outermost loop ends. Raises as `get` does; then it does not count.
        """
        while True:
            content, read = self._reading(key, lambda value: value.read(type))
            is_replaced, _ = self._count_read(key, node, read)
            if not is_replaced:
                return content
            # The node is to have, and counts as having read, the value that is in the place of what it read.

    def consume(self, node: str, key: str, value: RefValue | None = None) -> bool:
        """Counts a value as read by a node, after `open_stream` for example; tells whether that released it.

        With `value` (from `get_ref`) nothing happens if another one has been put in its place since.
        """
        return self._count_read(key, node, value)[1]

    def start_loop(self, loop: str) -> None:
        """Enters a loop: what is read from now on is released when it ends, at the earliest."""
        with self._lock:
            self._require_open()
            self._loops.start(loop)

    def end_loop(self, loop: str) -> None:
        """Leaves a loop, and those inside it; with the outermost, what was read inside counts. Twice is harmless."""
        released: list[RefValue] = []
        with self._lock:
            for key, nodes in self._loops.end(loop).items():
                released += self._take(key, nodes)
        self._releasing.let_go(released)

    @property
    def active_loops(self) -> tuple[str, ...]:
        """The running loops, the outermost first."""
        with self._lock:
            return self._loops.active

    # Pending writes

    def write(
        self, key: str, value: object, *, storage: StoragePreference = AUTO, media_type: str | None = None
    ) -> None:
        """Keeps a copy of a node's output aside until it is flushed; `key` is relative to the node.

        What is aside is nobody's yet, and a context that has it is not saved (see `snapshot`). One node at a time
        writes and flushes. Raises as `put` does.
        """
        self._require_open()
        self._keep_new(self._pending, key, self.factory.create(value, storage, media_type=media_type))

    def write_stream(
        self,
        key: str,
        stream: ByteSource | Iterable[bytes],
        *,
        storage: StoragePreference = AUTO,
        media_type: str | None = None,
    ) -> None:
        """Keeps the bytes of a stream aside until they are flushed, in constant memory."""
        self._require_open()
        made = self.factory.create_from_stream(stream, storage, media_type=media_type)
        self._keep_new(self._pending, key, made)

    def pending_keys(self) -> list[str]:
        """Gives the keys that wait to be flushed."""
        with self._lock:
            return list(self._pending)

    def flush_pending_writes(self, node: str) -> list[str]:
        """Puts what a node wrote under `<node>.output.<key>` where somebody will read it, and releases the rest.

        Gives the keys under which something was kept.
        """
        kept: list[str] = []
        dropped: list[RefValue] = []
        with self._lock:
            self._require_open()
            for key, value in self._pending.items():
                scoped = f"{node}.output.{key}"
                if not self._consumers.of(scoped):
                    dropped.append(value)
                    continue
                kept.append(scoped)
                if (before := self._values.get(scoped)) is not None:
                    dropped.append(before)
                self._values[scoped] = value
            self._pending.clear()
        self._releasing.let_go(dropped)
        return kept

    def clear_pending_writes(self) -> None:
        """Releases what was written and not flushed, as after an error of the node."""
        with self._lock:
            dropped = list(self._pending.values())
            self._pending.clear()
        self._releasing.let_go(dropped)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.contains(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def _reading(self, key: str, how: Callable[[RefValue], T]) -> tuple[T, RefValue]:
        """Reads a value; gives what was read, and the value that it was."""
        value = self.get_ref(key)
        while True:
            try:
                return how(value), value
            except ReleasedError:
                # Replaced while it was read: the one in its place is what the key now has.
                current = self.get_ref(key)
                if current is value:
                    raise
                value = current

    def _keep_new(self, where: dict[str, RefValue], key: str, value: RefValue) -> RefValue:
        """Keeps a value that nobody else has; it is released when the context was closed while it was made."""
        try:
            with self._lock:
                before = self._exchange(where, key, value)
        except ReleasedError:
            with suppress(ZenctxError):  # a file that cannot be deleted stays as one more that is stale
                value.release()
            raise
        self._releasing.let_go(before)
        return value

    def _exchange(self, where: dict[str, RefValue], key: str, value: RefValue) -> list[RefValue]:
        """Under the lock: puts a value in the place of the one before, which is given to be released."""
        self._require_open()
        if value.released:
            raise ReleasedError("the value was released, and cannot be kept")
        before = where.get(key)
        if before is value:
            return []
        self.counters.created(value)
        where[key] = value
        return [] if before is None else [before]

    def _require_open(self) -> None:
        if self._closed:
            raise ReleasedError(
                "the context is closed: its values were released at the end of its block",
                hint="do all that is to be done with it inside the block",
            )

    def _count_read(self, key: str, node: str, value: RefValue | None) -> tuple[bool, bool]:
        """Counts a value (None: whichever is there) as read; tells whether another has replaced it, and if it went."""
        released: list[RefValue] = []
        with self._lock:
            resolved = self.resolve(key)
            current = self._values.get(resolved)
            is_replaced = current is not None and value is not None and value is not current
            if current is not None and not is_replaced and not self._loops.put_off(resolved, node):
                released = self._take(resolved, {node})
        self._releasing.let_go(released)
        return is_replaced, bool(released)

    def _take(self, key: str, nodes: Iterable[str]) -> list[RefValue]:
        """Under the lock: takes nodes off a key's consumers; gives its value where nobody is left to read it."""
        if not self._consumers.take(key, nodes) or is_reserved(key):
            return []
        value = self._values.pop(key, None)
        return [] if value is None else [value]


def _raise_first(errors: list[Exception]) -> None:
    if errors:
        raise errors[0]


def _reference(key: str) -> str:
    """Gives what stands between the braces of a template, and a key as it is."""
    text = key.strip()
    return text[2:-2].strip() if text.startswith("{{") and text.endswith("}}") else key
