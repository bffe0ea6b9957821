"""Whatever a workflow does, in any order: no value is lost, none is released early, none is left behind."""

from collections.abc import Iterable

import pytest

from tests.context.machine import Workflow, explore
from tests.support.counted_files import CountedFile, CountedFiles
from zenctx.context.convert import StoredContent
from zenctx.context.descriptor import RefValueDescriptor, sha256_checksum
from zenctx.context.factory import RefValueFactory
from zenctx.context.rules import StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.state import RuntimeState
from zenctx.context.values import FileValue, RefValue


class InMemory(Workflow):
    """A workflow whose context is saved as descriptors and the text of its state, in memory."""

    def open(self, rules: StorageRules) -> None:
        """Makes a context whose files count."""
        self.files = CountedFiles()
        self.factory = RefValueFactory(rules, self.files)
        self.context = RuntimeContext(self.factory)
        self.descriptors: dict[str, RefValueDescriptor] = {}
        self.state = RuntimeState().to_json()
        self.persistent: dict[str, bytes] = {}

    def save_context(self, *, leave_out_pending: bool = False) -> None:
        """Makes descriptors; the files of those before are deleted, as a store does."""
        put: dict[str, bytes] = {}

        def put_file(key: str, content: Iterable[bytes], suffix: str) -> StoredContent:
            locator, whole = f"./{len(self.persistent)}-{len(put)}-{len(key)}{suffix}", b"".join(content)
            put[locator] = whole
            return StoredContent(locator, len(whole), sha256_checksum(whole))

        self.descriptors = self.context.to_descriptors(put_file, leave_out_pending=leave_out_pending)
        self.state = self.context.snapshot(leave_out_pending=True)[1].to_json()
        self.persistent |= put  # what the context was restored from goes on to read there

    def restore_context(self) -> RuntimeContext:
        """Makes a context of the descriptors."""
        state = RuntimeState.from_json(self.state)
        return RuntimeContext.from_descriptors(self.descriptors, self.find, state=state, factory=self.factory)

    def find(self, descriptor: RefValueDescriptor) -> CountedFile:
        """Gives a persistent file."""
        return CountedFile(self.persistent[descriptor.locator or ""], locator=descriptor.locator)

    def check_files(self, live: Iterable[RefValue]) -> None:
        """Every file of the factory's was deleted once, or is the one of a value."""
        mine = {id(value.file) for value in live if isinstance(value, FileValue)}
        assert {id(file) for file in self.files.made if not file.discarded} == {
            id(file) for file in self.files.made if id(file) in mine
        }
        assert self.files.counts <= {0, 1}


def test_a_workflow() -> None:
    """Any order of steps."""
    explore(InMemory, 150)


@pytest.mark.soak
def test_many_workflows() -> None:
    """Any order of many steps."""
    explore(InMemory, 2000, steps=60)
