"""Many keys and large values: saved and restored equal, in memory that does not grow with a stream."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operations.stores import FILE, PUBLISHED, Shelf, digest, noise, plain
from tests.operations.world import World
from zenctx.context.rules import StorageRules

CHECKOUT = Path(__file__).parents[2]
MIB = 1024 * 1024
IN_LITTLE_MEMORY = """
import json, resource, sys
from pathlib import Path
from tests.operations.stores import digest, noise
from zenctx.config import load_settings
from zenctx.context.rules import EngineReads
from zenctx.operations.context_store import ContextStore

url, folder, run_id, size = sys.argv[1:]
settings = load_settings({"db": url}, config_file=None, environ={}, cwd=Path(folder))
with ContextStore.open(settings) as store, store.new_context() as context:
    context.put("small", 1)
    store.save_context(run_id, context)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    context.add_consumers("n.output.large", ["reader"])
    context.write_stream("large", noise(int(size)))
    context.flush_pending_writes("n")
    store.save_context(run_id, context)
    context.clear()  # its temporary file would be a third copy on the disk
    with store.restore_context(run_id) as restored:
        store.save_context(run_id, restored)
        with restored.open_stream("n.output.large") as stream:
            found = digest(iter(lambda: stream.read(1 << 20), b""))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([found, after - before]))
"""


@pytest.mark.parametrize("keys", [1000, 10_000])
def test_many_keys(world: World, keys: int) -> None:
    """Of all kinds, with as many consumers."""
    shelf = Shelf(world)
    store = shelf.store()
    context = store.new_context()
    for number in range(keys):
        context.put(f"node{number % 50}.output.{number}", {"number": number, "text": "é" * (number % 50), "none": None})
        context.add_consumers(f"node{number % 50}.output.{number}", [f"node{number % 7}", "last"])
    for number in range(0, keys, 500):
        context.put(f"large{number}", [number] * 1000)
    saved = store.save_context(shelf.run_id, context)
    assert (saved.values, saved.files) == (keys + keys // 500, keys // 500)
    restored = shelf.restored()
    assert plain(restored) == plain(context)
    assert restored.snapshot()[1] == context.snapshot()[1]


@pytest.mark.parametrize("rules", [StorageRules(), PUBLISHED], ids=["all", "published"])
def test_large_values(world: World, rules: StorageRules) -> None:
    """Of 10 MB each: text, a map, bytes and a stream."""
    shelf = Shelf(world, rules)
    context = shelf.store().new_context()
    context.put("text", "x" * 10 * MIB)
    context.put("map", {str(number): "y" * 1000 for number in range(10_000)})
    context.put("bytes", b"z" * 10 * MIB, storage=FILE)
    context.put_stream("stream", noise(10 * MIB))
    shelf.store().save_context(shelf.run_id, context)
    restored = shelf.restored()
    assert plain(restored) == plain(context)
    context.clear()
    assert len(shelf.world.files()) == 4
    assert restored.read_json("map", "/9999") == "y" * 1000


def test_complex_graphs(world: World) -> None:
    """Deep, wide, and the same object in many places."""
    shelf = Shelf(world)
    deep: object = None
    for _ in range(990):
        deep = [deep]
    shared = {"shared": ["value"] * 3}
    wide = {f"k{number}": {"left": shared, "right": [shared, {"up": shared}]} for number in range(300)}
    shelf.save(deep=deep, wide=wide)
    restored = shelf.restored()
    assert restored.get("wide") == wide
    assert json.dumps(restored.get("wide")) == json.dumps(wide)
    level, found = 0, restored.get("deep")
    while found is not None:
        (found,), level = found, level + 1
    assert level == 990


def through_a_child(shelf: Shelf, size: int) -> int:
    """Pass a stream through write, flush, save, restore, save and read; give by how many bytes that took memory."""
    url = shelf.world.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, url, str(shelf.world.folder), shelf.run_id, str(size)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found, grown = json.loads(done.stdout)
    assert tuple(found) == digest(noise(size))
    assert shelf.temporary_files() == []
    return int(grown) * (1 if sys.platform == "darwin" else 1024)


def test_a_stream_passes_in_constant_memory(sqlite_world: World) -> None:
    """150 MB of it, in a few: from the writing of a node to the reading after a pause."""
    assert through_a_child(Shelf(sqlite_world), 150 * MIB) < 25 * MIB


@pytest.mark.soak
@pytest.mark.parametrize("gigabytes", [1, 10])
def test_gigabytes_pass_in_constant_memory(world: World, gigabytes: int) -> None:
    """As a smaller one does. Two copies are on the disk at a time."""
    size = gigabytes * 1024 * MIB
    free = shutil.disk_usage(world.folder).free
    if free < 2.2 * size:
        pytest.skip(f"two files of {gigabytes} GiB need more than the {free / 1024 / MIB:.0f} GiB that are free")
    assert through_a_child(Shelf(world), size) < 25 * MIB
