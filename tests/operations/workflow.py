"""A workflow in a process of its own, which pauses inside a loop, goes on elsewhere, or is killed while it saves.

python -m tests.operations.workflow URL FOLDER RUN PHASE     (PHASE: begin, finish or saves)

With `saves` it says "ready", then for each line that it reads it starts a process, which says its number and saves
without end.
"""

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.operations.stores import noise
from zenctx.config import load_settings
from zenctx.context.factory import StoragePreference
from zenctx.context.rules import EngineReads
from zenctx.context.runtime import RuntimeContext
from zenctx.operations.context_store import ContextStore

FILE, AUTO = StoragePreference.FILE, StoragePreference.AUTO
ROWS = 200_000
LARGE = {str(number): "x" * 100 for number in range(100)}
KEYS = 6


def say(text: str) -> None:
    """Write at once: a process that is killed flushes nothing."""
    os.write(1, text.encode())


def work(context: RuntimeContext, turn: int) -> None:
    """The node inside the loop: reads what it needs, writes what it found."""
    rows = context.read("work", "rows", bytes)
    assert rows == b"".join(noise(ROWS))
    assert context.read("work", "fetch.output.config") == LARGE
    context.write("found", [turn, len(rows)], storage=FILE)
    context.write("idle", "nobody reads this", storage=FILE)
    assert context.flush_pending_writes("work") == ["work.output.found"]


def begin(store: ContextStore, run_id: str) -> None:
    """The first node, and the first round of the loop; then the run is parked."""
    with store.new_context() as context:
        context.set_alias("rows", "{{fetch.output.rows}}")
        context.add_consumers("rows", ["work"])
        context.add_consumers("fetch.output.config", ["work", "report"])
        context.add_consumers("work.output.found", ["report"])
        context.write_stream("rows", noise(ROWS))
        context.write("config", LARGE, storage=FILE)
        context.flush_pending_writes("fetch")
        context.start_loop("each")
        work(context, 1)
        store.save_context(run_id, context)
        say(json.dumps({"keys": context.keys(), "temporary": temporary_files(store)}))


def finish(store: ContextStore, run_id: str) -> None:
    """The other rounds of the loop, and the last node."""
    told: dict[str, object] = {}
    with store.restore_context(run_id) as context:
        told["loops"] = context.active_loops
        for turn in (2, 3):
            work(context, turn)
        told["in the loop"] = context.keys()
        context.end_loop("each")
        told["after the loop"] = context.keys()
        store.save_context(run_id, context)
        told["saved"] = persistent_files(store)
        told["found"] = context.read("report", "work.output.found")
        assert context.read("report", "fetch.output.config") == LARGE
        told["at the end"] = context.keys()
        told["temporary"] = temporary_files(store)
        store.save_context(run_id, context)
    counts = store.counters.snapshot()
    told["counts"] = [sum(counts.created.values()), sum(counts.released.values())]
    say(json.dumps(told))


def save(store: ContextStore, run_id: str) -> None:
    """Saves one generation of values after the other, until somebody kills us; says each that is saved."""
    context = store.restore_context(run_id)
    say(f"{os.getpid()}\n")
    generation = len(context.active_loops)
    while True:
        generation += 1
        for number in range(KEYS):
            context.put(f"key{number}", str(generation) * 1000, storage=AUTO if number % 2 else FILE)
        context.start_loop(f"loop{generation}")
        store.save_context(run_id, context)
        say(f"{generation}\n")


def temporary_files(store: ContextStore) -> int:
    """How many temporary files there are."""
    files = store.factory.files
    directory: Path = files.directory  # type: ignore[union-attr]
    return len(list(directory.glob("zenflow-ctx-*")))


def persistent_files(store: ContextStore) -> int:
    """How many persistent files there are."""
    return sum(path.is_file() for path in store.live.store.root.glob("*/[!.]*"))


def start(url: str, folder: str, run_id: str, phase: str) -> None:
    """Run one phase."""
    settings = load_settings({"db": url}, config_file=None, environ={}, cwd=Path(folder))
    with ContextStore.open(settings, engine_reads=EngineReads.PUBLISHED) as store:
        PHASES[phase](store, run_id)


PHASES: dict[str, Callable[[ContextStore, str], object]] = {
    "begin": begin,
    "finish": finish,
    "look": ContextStore.restore_context,
    "save": save,
}


def main(url: str, folder: str, run_id: str, phase: str) -> None:
    """Run one phase, or start a process for each line."""
    if phase != "saves":
        start(url, folder, run_id, phase)
        return
    start(url, folder, run_id, "look")  # all is imported, once for all
    gc.freeze()  # else the garbage collector of each child would touch, and so copy, all that is in memory
    say("ready\n")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            start(url, folder, run_id, "save")
        os.waitpid(child, 0)
        say("gone\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
