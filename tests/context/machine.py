"""A workflow that does anything in any order, beside a model of what its context is to be: a machine for hypothesis."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from zenctx.context.factory import StoragePreference
from zenctx.context.rules import EngineReads, StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.values import RefValue, ReleasedError
from zenctx.errors import NotFoundError, RefusedError

NODES = ("n1", "n2")
KEYS = ("n1.output.a", "n1.output.b", "n2.output.a")
LOOPS = ("l1", "l2")

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    st.lists(st.integers(0, 9), max_size=60),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
    st.binary(max_size=60),
)
# To make a failing example smaller takes longer than to understand it.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
keys, nodes, loops = st.sampled_from(KEYS), st.sampled_from(NODES), st.sampled_from(LOOPS)


@dataclass
class Model:
    """What a context is to be, in the plainest terms."""

    values: dict[str, object] = field(default_factory=dict)
    pending: dict[str, object] = field(default_factory=dict)
    consumers: dict[str, set[str]] = field(default_factory=dict)
    loops: list[str] = field(default_factory=list)
    reads: list[tuple[str, str, int]] = field(default_factory=list)
    """Node, key and how many loops ran when it was read: a read counts when no loop is left."""

    def copied(self) -> "Model":
        """What a save keeps: all but what is pending."""
        consumers = {key: set(left) for key, left in self.consumers.items()}
        return Model(dict(self.values), {}, consumers, list(self.loops), list(self.reads))

    def read(self, node: str, key: str) -> None:
        """Notes a read."""
        if self.loops:
            self.reads.append((node, key, len(self.loops)))
        else:
            self.count(node, key)

    def count(self, node: str, key: str) -> None:
        """The last one to read a key takes it with it."""
        left = self.consumers.get(key, set())
        if node in left:
            left.remove(node)
            if not left:
                del self.consumers[key]
                self.values.pop(key, None)

    def end_loop(self, loop: str) -> None:
        """Ends it and those inside it; with the outermost, what was read counts."""
        if loop in self.loops:
            del self.loops[self.loops.index(loop) :]
            if not self.loops:
                reads, self.reads = self.reads, []
                for node, key, _ in reads:
                    self.count(node, key)

    def forget(self, key: str) -> None:
        """Removes a key, and what is known of it."""
        self.values.pop(key, None)
        self.consumers.pop(key, None)
        self.reads = [read for read in self.reads if read[1] != key]


class Workflow(RuleBasedStateMachine):
    """A run, its context and its model, and the model of what was last saved. Where it is saved is said by others."""

    context: RuntimeContext

    @abstractmethod
    def open(self, rules: StorageRules) -> None:
        """Makes an empty context of a run that has not done anything yet."""

    @abstractmethod
    def save_context(self, *, leave_out_pending: bool = False) -> None:
        """Saves the context."""

    @abstractmethod
    def restore_context(self) -> RuntimeContext:
        """Restores what was saved, as another process does."""

    @abstractmethod
    def check_files(self, live: Iterable[RefValue]) -> None:
        """Of temporary files there are those of the values of a context, and no other."""

    def check_saved(self) -> None:
        """Of persistent files there are those of what was saved, and no other."""

    @initialize(reads=st.sampled_from(EngineReads))
    def begin(self, reads: EngineReads) -> None:
        """Every key has a value that everybody waits for: an empty context comes to nothing in a few steps."""
        self.open(StorageRules(40, 80, 20, engine_reads=reads))
        self.model, self.saved = Model(), Model()
        for key in KEYS:
            self.add_consumers(key, set(NODES))
            self.put(key, [key] * 10, StoragePreference.FILE)

    def waiting(self) -> list[tuple[str, str]]:
        """The values that somebody has yet to read, with who."""
        left = self.model.consumers.items()
        return [(key, node) for key, nodes in left if key in self.model.values for node in sorted(nodes)]

    @rule(key=keys, value=values, storage=st.sampled_from(StoragePreference))
    def put(self, key: str, value: object, storage: StoragePreference) -> None:
        """Puts a value."""
        self.context.put(key, value, storage=storage)
        self.model.values[key] = value

    @rule(key=keys, value=st.binary(max_size=200))
    def put_stream(self, key: str, value: bytes) -> None:
        """Puts the bytes of a stream."""
        self.context.put_stream(key, [value])
        self.model.values[key] = value

    @rule(key=st.sampled_from("ab"), value=values, storage=st.sampled_from(StoragePreference))
    def write(self, key: str, value: object, storage: StoragePreference) -> None:
        """Writes a value that is not in the context yet."""
        self.context.write(key, value, storage=storage)
        self.model.pending[key] = value

    @rule(node=nodes)
    def flush(self, node: str) -> None:
        """Keeps what somebody waits for."""
        pending, self.model.pending = self.model.pending, {}
        kept = {f"{node}.output.{key}": value for key, value in pending.items()}
        kept = {key: value for key, value in kept.items() if self.model.consumers.get(key)}
        assert self.context.flush_pending_writes(node) == list(kept)
        self.model.values |= kept

    @precondition(lambda self: not self.model.pending)
    @rule(key=st.sampled_from("ab"), node=nodes, value=values)
    def write_and_flush(self, key: str, node: str, value: object) -> None:
        """What a node does that writes one value and ends."""
        self.write(key, value, StoragePreference.FILE)
        self.flush(node)

    @rule()
    def give_up(self) -> None:
        """Drops what is pending."""
        self.context.clear_pending_writes()
        self.model.pending.clear()

    @rule(key=keys, readers=st.sets(nodes, max_size=2))
    def add_consumers(self, key: str, readers: set[str]) -> None:
        """Registers consumers."""
        self.context.add_consumers(key, readers)
        if readers:
            self.model.consumers.setdefault(key, set()).update(readers)

    @precondition(lambda self: self.waiting())
    @rule(which=st.integers(0, 99))
    def read_what_is_waited_for(self, which: int) -> None:
        """A consumer reads its value: picked at random, most reads would be nobody's."""
        pairs = self.waiting()
        self.read(*pairs[which % len(pairs)])

    @rule(key=keys, node=nodes)
    def read(self, key: str, node: str) -> None:
        """Reads a value, or finds that it is not there."""
        if key in self.model.values:
            assert self.context.read(node, key) == self.model.values[key]
            self.model.read(node, key)
        else:
            with pytest.raises(NotFoundError):
                self.context.read(node, key)

    @rule(key=keys, node=nodes)
    def consume(self, key: str, node: str) -> None:
        """Counts a value as read."""
        was_there = key in self.model.values
        if was_there:
            self.model.read(node, key)
        assert self.context.consume(node, key) == (was_there and key not in self.model.values)

    @precondition(lambda self: self.waiting() and not self.model.loops)
    @rule(which=st.integers(0, 99), ended=st.integers(0, 2))
    def read_in_a_loop(self, which: int, ended: int) -> None:
        """A consumer reads its value in a loop inside another; then none of them ends, the inner one, or both do."""
        self.start_loop("l1")
        self.start_loop("l2")
        self.read_what_is_waited_for(which)
        for loop in ("l2", "l1")[:ended]:
            self.end_loop(loop)

    @rule(loop=loops)
    def start_loop(self, loop: str) -> None:
        """Enters a loop."""
        self.context.start_loop(loop)
        if loop not in self.model.loops:
            self.model.loops.append(loop)

    @rule(loop=loops)
    def end_loop(self, loop: str) -> None:
        """Leaves a loop."""
        self.context.end_loop(loop)
        self.model.end_loop(loop)

    @rule(key=keys)
    def remove(self, key: str) -> None:
        """Removes a value."""
        assert self.context.remove(key) == (key in self.model.values)
        self.model.forget(key)

    @rule()
    def save(self) -> None:
        """Saves everything; while something is pending that is refused, or done on demand without it."""
        if self.model.pending:
            with pytest.raises(RefusedError, match="not flushed"):
                self.save_context()
        self.save_context(leave_out_pending=bool(self.model.pending))
        self.saved = self.model.copied()
        self.check_saved()

    @rule()
    def restore(self) -> None:
        """Closes the context, as when its process ends, and restores the run in another."""
        with self.context:
            pass
        self.check_files([])
        with pytest.raises(ReleasedError):
            self.save_context()
        self.context = self.restore_context()
        self.model = self.saved.copied()
        self.check_saved()

    @precondition(lambda self: not self.model.pending)
    @rule()
    def pause(self) -> None:
        """Saves and restores: nothing is to have changed."""
        before = self.context.snapshot()[1]
        self.save()
        self.restore()
        assert self.context.snapshot()[1] == before

    @rule()
    def clear(self) -> None:
        """Releases everything."""
        self.context.clear()
        self.context.clear()
        self.model = Model()

    @invariant()
    def every_value_is_there(self) -> None:
        """And no other; so are loops and consumers."""
        assert {key: self.context.get(key) for key in self.context} == self.model.values
        assert list(self.context.active_loops) == self.model.loops
        assert {key: self.context.consumers(key) for key in KEYS if self.context.consumers(key)} == {
            key: left for key, left in self.model.consumers.items() if key in KEYS
        }

    @invariant()
    def files_are_those_of_values(self) -> None:
        """None is left over, none is gone."""
        self.check_files([*self.context._values.values(), *self.context._pending.values()])

    def teardown(self) -> None:
        """At the end what is stored is what was saved last, and nothing is left of this one."""
        with self.context:
            pass
        self.check_files([])
        with self.restore_context() as last:
            assert {key: last.get(key) for key in last} == self.saved.values
        self.check_files([])


def explore(machine: type[Workflow], examples: int, *, steps: int = 30) -> None:
    """Run a machine."""
    checks = list(HealthCheck)
    asked = settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=checks, phases=PHASES)
    run_state_machine_as_test(machine, settings=asked)
