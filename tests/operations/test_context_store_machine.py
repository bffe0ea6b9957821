"""Whatever a workflow does that is saved to a database: no value is lost, none is released early, none left behind."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import rule

from tests.context.machine import Workflow, explore
from tests.database.conftest import opened
from tests.operations.stores import Shelf
from tests.operations.world import World, make_world
from zenctx.context.rules import StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.values import FileValue, RefValue
from zenctx.errors import RefusedError, StoreError
from zenctx.store.base import StoredFile
from zenctx.store.temporary import TemporaryFile


class Stored(Workflow):
    """A workflow whose context is saved to a database and a store, as a run of its own."""

    world: ClassVar[World]

    def open(self, rules: StorageRules) -> None:
        """Adds a run."""
        self.shelf = Shelf(self.world, rules)
        self.store = self.shelf.store()
        self.context = self.store.new_context()
        self.directory = self.world.settings.file_storage_dir.path

    def save_context(self, *, leave_out_pending: bool = False) -> None:
        """Saves it."""
        self.store.save_context(self.shelf.run_id, self.context, leave_out_pending=leave_out_pending)

    def restore_context(self) -> RuntimeContext:
        """Restores it by another store; until then each value that was made was released."""
        counts = self.store.counters.snapshot()
        assert (counts.created, counts.created_bytes) == (counts.released, counts.released_bytes)
        self.store = self.shelf.store()
        return self.store.restore_context(self.shelf.run_id)

    def check_files(self, live: Iterable[RefValue]) -> None:
        """By what is on the disk."""
        files = [value.file for value in live if isinstance(value, FileValue)]
        found = {path.name for path in self.directory.glob("zenflow-ctx-*")}
        assert found == {file.name for file in files if isinstance(file, TemporaryFile)}

    def check_saved(self) -> None:
        """In the store are the files that the row names, and no other."""
        entries = json.loads(self.world.rows.text(self.shelf.run_id) or "{}")
        named = {Path(entry["locator"]).name for entry in entries.values() if entry["locator"]}
        assert {Path(name).name for name in self.world.files() if name.startswith(self.shelf.run_id)} == named

    @rule(puts=st.integers(0, 2))
    def save_with_a_full_disk(self, puts: int) -> None:
        """Fails after so many files, and changes nothing; without as many it succeeds."""
        put, left = self.store.live.store.put, iter(range(puts))

        def refusing(*given: Any, **more: Any) -> StoredFile:
            if next(left, None) is None:
                raise StoreError("no space is left")
            return put(*given, **more)

        self.store.live.store.put = refusing  # type: ignore[method-assign]
        try:
            self.store.save_context(self.shelf.run_id, self.context, leave_out_pending=True)
        except StoreError:
            return
        else:
            self.saved = self.model.copied()
        finally:
            del self.store.live.store.put
            self.check_saved()

    @rule()
    def save_elsewhere(self) -> None:
        """Somebody else restores the run, changes it and saves it: ours is refused, and has to be restored anew."""
        other = self.shelf.restored()
        other.put("elsewhere", [len(self.saved.values)] * 100)
        other.add_consumers("elsewhere", [f"n{len(self.saved.consumers.get('elsewhere', ()))}"])
        self.shelf.store().save_context(self.shelf.run_id, other)
        self.saved.values["elsewhere"] = other.get("elsewhere")
        self.saved.consumers["elsewhere"] = set(other.consumers("elsewhere"))
        other.clear()
        with pytest.raises(RefusedError, match="does not come from"):
            self.save_context(leave_out_pending=True)
        self.restore()


@contextmanager
def world_of(url: str) -> Iterator[World]:
    """Give a world for all examples of a machine: each has a run of its own."""
    with opened(url) as database, tempfile.TemporaryDirectory() as folder:
        yield make_world(database, Path(folder))


def on(url: str, examples: int, *, steps: int = 30) -> None:
    """Run the machine in one world."""
    with world_of(url) as world:
        explore(type("Machine", (Stored,), {"world": world}), examples, steps=steps)


def test_a_workflow_on_sqlite(sqlite_url: str) -> None:
    """Any order of steps."""
    on(sqlite_url, 15)


def test_a_workflow_on_postgresql(postgres_url: str) -> None:
    """Any order of steps."""
    on(postgres_url, 5)


@pytest.mark.soak
def test_many_workflows(database_url: str) -> None:
    """Any order of many steps."""
    on(database_url, 200, steps=60)
