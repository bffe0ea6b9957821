"""A context store in the world of a test, and what lies on its disk."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.operations.world import World
from zenctx.context.factory import RefValueFactory, StoragePreference
from zenctx.context.rules import EngineReads, StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.operations.context_store import ContextStore
from zenctx.operations.live_files import live_files
from zenctx.store.base import StoredFile
from zenctx.store.temporary import LocalTemporaryFiles

FILE, JSON, MEMORY = StoragePreference.FILE, StoragePreference.JSON, StoragePreference.MEMORY
RULES = StorageRules(memory_threshold=1000, json_threshold=2000, inline_file_threshold=100)
PUBLISHED = StorageRules(memory_threshold=1000, json_threshold=2000, engine_reads=EngineReads.PUBLISHED)


@dataclass
class Shelf:
    """A store of contexts; each `store()` is as another process would have it."""

    world: World
    rules: StorageRules = RULES
    run_id: str = field(default="")

    def __post_init__(self) -> None:
        """Adds a run that is executing, unless one is given."""
        self.run_id = self.run_id or self.world.rows.add(None, status="RUNNING", ended=None)

    def store(self, rules: StorageRules | None = None) -> ContextStore:
        """Gives another store on the same database and directories."""
        rules = rules or self.rules
        files = LocalTemporaryFiles(self.world.settings.file_storage_dir.path)
        return ContextStore(
            self.world.database,
            live_files(self.world.settings),
            rules=rules,
            factory=RefValueFactory(rules, files),
        )

    def save(self, **values: object) -> RuntimeContext:
        """Saves a new context of these values; what is longer than the thresholds goes to files."""
        store = self.store()
        context = store.new_context()
        for key, value in values.items():
            context.put(key, value)
        store.save_context(self.run_id, context)
        return context

    def restored(self, **asked: Any) -> RuntimeContext:
        """Restores the run."""
        return self.store().restore_context(self.run_id, **asked)

    def values(self, **asked: Any) -> dict[str, object]:
        """Restores the run; gives its values."""
        return plain(self.restored(**asked))

    def temporary_files(self) -> list[str]:
        """The names of temporary files of values."""
        directory = self.world.settings.file_storage_dir.path
        return sorted(path.name for path in directory.glob("zenflow-ctx-*"))

    def released(self) -> list[tuple[str, str]]:
        """The files that are recorded as released, with their keys."""
        rows = self.world.rows.fetch("select path, key from zenctx_released_file order by path")
        return [(path, key) for path, key in rows]

    def journal(self) -> list[tuple[str, str, str]]:
        """The failures that were noted."""
        query = "select command, outcome, error_kind from zenctx_operation order by started_at"
        return [(command, outcome, kind) for command, outcome, kind in self.world.rows.fetch(query)]


def plain(context: RuntimeContext) -> dict[str, object]:
    """Gives all values of a context."""
    return {key: context.get(key) for key in context.keys()}  # noqa: SIM118 - keys, not aliases


def digest(chunks: Iterable[bytes]) -> tuple[int, str]:
    """Gives length and hash of what a stream holds."""
    size, hashed = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        hashed.update(chunk)
    return size, hashed.hexdigest()


def noise(size: int, *, seed: int = 1, chunk: int = 1 << 20) -> Iterator[bytes]:
    """Yields so many bytes, never two equal chunks, and never more than one chunk at a time."""
    base = bytearray(hashlib.sha256(b"%d" % seed).digest() * (chunk // 32))
    for start in range(0, size, chunk):
        base[:8] = start.to_bytes(8)
        yield bytes(base[: min(chunk, size - start)])


class Pause:
    """A point in a thread at which another one waits for it, and holds it."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        """Waits."""
        self.reached.set()
        assert self.go_on.wait(20)


def slow(store: ContextStore, pause: Callable[[], object]) -> None:
    """Makes a store call something (a `Pause`) before any of its files is whole."""
    put = store.live.store.put

    def slowly(run_id: str, key: str, content: bytes | Iterable[bytes], *, suffix: str = "") -> StoredFile:
        def paused() -> Iterator[bytes]:
            pause()
            yield from [content] if isinstance(content, bytes) else content

        return put(run_id, key, paused(), suffix=suffix)

    store.live.store.put = slowly  # type: ignore[method-assign, assignment]
