"""Whatever a workflow does, in any order: no value is lost, none is released early, none is left behind."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.database.conftest import opened
from tests.operations.stores import Shelf, plain
from tests.operations.world import World, make_world
from zenctx.context.factory import StoragePreference
from zenctx.context.rules import EngineReads, StorageRules
from zenctx.errors import NotFoundError, RefusedError
from zenctx.store.temporary import TemporaryFile

NODES = ("n1", "n2", "n3")
KEYS = ("a", "n1.output.a", "n1.output.b", "n2.output.a")
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
    """A run, its context and its model, and the model of what was last saved."""

    world: ClassVar[World]

    @initialize(reads=st.sampled_from(EngineReads))
    def begin(self, reads: EngineReads) -> None:
        """A run that has not done anything yet."""
        self.shelf = Shelf(self.world, StorageRules(40, 80, 20, engine_reads=reads))
        self.store = self.shelf.store()
        self.context, self.model = self.store.new_context(), Model()
        self.saved = Model()

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
        """Saves all but what is pending."""
        self.store.save_context(self.shelf.run_id, self.context)
        self.saved = self.model.copied()

    @rule()
    def save_elsewhere(self) -> None:
        """Somebody else restores the run, changes it and saves it: ours is refused, and has to be restored."""
        other = self.shelf.restored()
        other.put("elsewhere", [len(self.saved.values)] * 100)
        other.add_consumers("elsewhere", [f"n{len(self.saved.consumers.get('elsewhere', ()))}"])
        self.shelf.store().save_context(self.shelf.run_id, other)
        self.saved.values["elsewhere"] = other.get("elsewhere")
        self.saved.consumers["elsewhere"] = set(other.consumers("elsewhere"))
        other.clear()
        with pytest.raises(RefusedError):
            self.store.save_context(self.shelf.run_id, self.context)
        self.restore()

    @rule()
    def restore(self) -> None:
        """Drops the context, as when its process ends, and restores the run in another."""
        self.context.clear()
        assert self.shelf.temporary_files() == []
        self.store = self.shelf.store()
        self.context = self.store.restore_context(self.shelf.run_id)
        self.model = self.saved.copied()

    @rule()
    def clear(self) -> None:
        """Releases everything."""
        self.context.clear()
        self.context.clear()
        self.model = Model()

    @invariant()
    def every_value_is_there(self) -> None:
        """And no other; so are loops and consumers."""
        assert plain(self.context) == self.model.values
        assert list(self.context.active_loops) == self.model.loops
        assert {key: self.context.consumers(key) for key in KEYS if self.context.consumers(key)} == {
            key: left for key, left in self.model.consumers.items() if key in KEYS
        }

    @invariant()
    def files_are_those_of_values(self) -> None:
        """On the disk are the temporary files of values in the context, and the files that the row names."""
        live = [*self.context.snapshot()[0].values(), *self.context._pending.values()]
        files = [getattr(value, "file", None) for value in live]
        assert self.shelf.temporary_files() == sorted(file.name for file in files if isinstance(file, TemporaryFile))
        entries = json.loads(self.world.rows.text(self.shelf.run_id) or "{}")
        named = {Path(entry["locator"]).name for entry in entries.values() if entry["locator"]}
        assert {Path(name).name for name in self.world.files() if name.startswith(self.shelf.run_id)} == named

    def teardown(self) -> None:
        """At the end the stored context is what was saved last, and nothing is left of this one."""
        self.context.clear()
        assert self.shelf.values() == self.saved.values
        assert self.shelf.temporary_files() == []
        counts = self.store.counters.snapshot()
        assert counts.created == counts.released
        assert counts.created_bytes == counts.released_bytes


@contextmanager
def world_of(url: str) -> Iterator[World]:
    """Give a world for all examples of a machine: each has a run of its own."""
    with opened(url) as database, tempfile.TemporaryDirectory() as folder:
        yield make_world(database, Path(folder))


def test_a_workflow_on_sqlite(sqlite_url: str) -> None:
    """Any order of steps."""
    explore(sqlite_url, 12)


def test_a_workflow_on_postgresql(postgres_url: str) -> None:
    """Any order of steps."""
    explore(postgres_url, 4)


@pytest.mark.soak
def test_many_workflows(database_url: str) -> None:
    """Any order of many steps."""
    explore(database_url, 2000, steps=60)


def explore(url: str, examples: int, *, steps: int = 20) -> None:
    """Run the machine."""
    with world_of(url) as world:
        machine = type("Machine", (Workflow,), {"world": world})
        checks = list(HealthCheck)
        asked = settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=checks, phases=PHASES)
        run_state_machine_as_test(machine, settings=asked)
