"""The values of one run while it runs, and as a whole: saved, restored, released.

As the engine's own `RuntimeContext`, save for what would lose a value: a value without registered consumers is never
released by a read, a node that reads twice counts once, an inner loop's end waits for the outer one's, a value that was
put while a node read the one before does not count as read, and a key that has a value is never taken for an alias.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from zenctx.context.counters import Failure, ValueCounters
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.context.factory import RefValueFactory
from zenctx.context.live_values import LiveValues
from zenctx.context.persistence import (
    FindFile,
    PutFile,
    RestoredValues,
    describe,
    entries_of,
    no_files,
    no_place,
    restore,
)
from zenctx.context.rawjson import quoted
from zenctx.context.rules import FileStrategy, OnMissing, StorageRules
from zenctx.context.state import RuntimeState
from zenctx.context.values import RefValue
from zenctx.errors import RefusedError, ZenctxError

_NAMED = 5
"""How many keys a message names."""


class RuntimeContext(LiveValues):
    """The values of one run by key, their consumers, aliases, loops and pending writes. Threads may share it.

    A context manager: at the end of the block every value is released, temporary files are deleted, and it is closed:
    to put a value into it, to read one or to save it raises ReleasedError from then on.
    """

    def __init__(
        self,
        factory: RefValueFactory | None = None,
        *,
        state: RuntimeState | None = None,
        counters: ValueCounters | None = None,
    ) -> None:
        super().__init__(factory or RefValueFactory(), counters or ValueCounters(), state or RuntimeState())
        self.origins: frozenset[str] = frozenset()
        """What tells the stored context that this one was restored from or saved as (see `ContextStore`)."""
        self.missing: tuple[Failure, ...] = ()
        """The values that were not to be had when it was restored, and that another value, or none, stands in for."""

    def snapshot(self, *, leave_out_pending: bool = False) -> tuple[dict[str, RefValue], RuntimeState]:
        """Gives values and state as of one moment. The values stay this context's to release.

        Raises RefusedError while something was written and not flushed, for it is no part of what is given and would be
        lost with the process, unless it is to be left out; and ReleasedError for a closed context: it has no values any
        more, and to save it would empty the row of its run.
        """
        with self._lock:
            self._require_open()
            if self._pending and not leave_out_pending:
                raise _not_flushed(list(self._pending))
            values = dict(self._values)
            return values, RuntimeState(
                consumers=self._consumers.plain(),
                aliases=dict(self._aliases),
                loops=self._loops.active,
                loop_reads=self._loops.plain(),
                bytes_keys=tuple(key for key, value in values.items() if not value.is_json),
            )

    @contextmanager
    def holding(self, *, leave_out_pending: bool = False) -> Iterator[tuple[dict[str, RefValue], RuntimeState]]:
        """Gives what `snapshot` does, and keeps those values readable until the end of the block.

        Others may go on: what they release meanwhile is gone from the context at once, and its file at the end. Only
        one thread at a time is inside. Raises as `snapshot` does.
        """
        with self._releasing.held():
            yield self.snapshot(leave_out_pending=leave_out_pending)

    def to_descriptors(
        self,
        put_file: PutFile = no_place,
        *,
        strategy: FileStrategy | None = None,
        rules: StorageRules | None = None,
        leave_out_pending: bool = False,
    ) -> dict[str, RefValueDescriptor]:
        """Gives the descriptors of the values; what needs a file of its own is handed to `put_file`.

        `rules` are the factory's unless given, `strategy` the one of the rules. The context stays as it is. Raises as
        `snapshot` does, and ContextFailedError, which names every value that cannot be described; files that were put
        stay the caller's.
        """
        rules = rules or self.factory.rules
        with self.holding(leave_out_pending=leave_out_pending) as (values, _):
            described = describe(values, replace(rules, file_strategy=strategy or rules.file_strategy), put_file)
        self.counters.failed(described.failures)
        described.require_all()
        return dict(described.entries)

    @classmethod
    def from_descriptors(
        cls,
        descriptors: Mapping[str, RefValueDescriptor],
        find_file: FindFile = no_files,
        *,
        on_missing: OnMissing = OnMissing.FAIL,
        state: RuntimeState | None = None,
        factory: RefValueFactory | None = None,
    ) -> Self:
        """Makes the context of descriptors; files are looked for by `find_file`.

        `on_missing` decides about values whose file is gone; the context's `missing` names them. `state` is that of the
        context that was described: without it nobody reads anything, and bytes in memory are base64 text. Raises
        ContextFailedError, which names every value that cannot be had.
        """
        bytes_keys = state.bytes_keys if state else ()
        restored = restore(entries_of(descriptors), find_file, on_missing, bytes_keys)
        return cls(factory, state=state).fill(restored)

    def fill(self, restored: RestoredValues) -> Self:
        """Takes over restored values, and is given back.

        Raises ContextFailedError, naming every failure, if there are any; then they are released.
        """
        self.counters.failed([*restored.failures, *restored.missing])
        restored.require_all()
        for key, value in restored.values.items():
            self._keep_new(self._values, key, value)
        self.missing = restored.missing
        return self

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
        try:
            self.clear()
        except ZenctxError as left:
            if error is None:
                raise
            error.add_note(left.message)  # what went wrong in the block counts for more


def _not_flushed(keys: list[str]) -> RefusedError:
    what = "1 value was" if len(keys) == 1 else f"{len(keys)} values were"
    named = ", ".join(quoted(key) for key in keys[:_NAMED])
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return RefusedError(
        f"{what} written and not flushed, and would not be saved: {named}{more}",
        hint="flush or clear the pending writes first, or save without them: leave_out_pending=True",
    )
