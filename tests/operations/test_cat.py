"""The bytes of one value: exact, streamed, and never of something else."""

import os
import tracemalloc

import pytest

from tests.operations.test_inspect import NOTHING
from tests.operations.world import World
from tests.support.rows import compact
from zenctx.errors import DamagedFileError, LocatorRefusedError, NotFoundError
from zenctx.operations.cat import cat

FILES = {"memory-threshold-bytes": "50"}


def read(world: World, run_id: str, key: str) -> bytes:
    """Give all bytes of a value."""
    with cat(world.database, world.settings, run_id, key, show_secrets=False) as pieces:
        return b"".join(pieces)


def test_a_value_in_the_row_comes_as_its_json_text(world: World) -> None:
    """A string with its quotes, a number with its digits; before and after a conversion."""
    run_id = world.rows.add('{"s":"text","n":1.10,"z":null}')
    for _ in range(2):
        assert [read(world, run_id, key) for key in "snz"] == [b'"text"', b"1.10", b"null"]
        world.migrate()


def test_a_value_elsewhere_comes_as_its_content(world: World) -> None:
    """Inline or in a file, decoded."""
    for options in ({**FILES, "engine-reads": "all"}, FILES):
        world.options = options
        run_id = world.rows.add(compact({"f": "y" * 60}))
        world.migrate()
        assert read(world, run_id, "f") == b'"' + b"y" * 60 + b'"'


def test_a_large_file_is_streamed(sqlite_world: World) -> None:
    """Memory stays the same however large it is."""
    size = 48 * 1024 * 1024
    file = sqlite_world.folder / "data" / "context-files" / "raw"
    file.parent.mkdir(parents=True)
    file.touch()
    os.truncate(file, size)
    descriptor = {**NOTHING, "type": "FILE", "size": size, "locator": "./data/context-files/raw"}
    run_id = sqlite_world.rows.add(compact({"raw": descriptor}))
    tracemalloc.start()
    try:
        with cat(sqlite_world.database, sqlite_world.settings, run_id, "raw", show_secrets=False) as pieces:
            assert sum(map(len, pieces)) == size
        assert tracemalloc.get_traced_memory()[1] < 12 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_file_of_another_size_is_not_handed_out(world: World) -> None:
    """It is not what was stored."""
    world.options = FILES
    run_id = world.rows.add(compact({"f": "y" * 60}))
    world.migrate()
    file = world.store / world.files()[0]
    file.unlink()
    file.write_bytes(b"short")
    with pytest.raises(DamagedFileError, match="5 bytes"):
        read(world, run_id, "f")


def test_an_altered_file_fails_at_its_end(world: World) -> None:
    """Its bytes are streamed, and then the checksum says that they are not what was stored."""
    world.options = FILES
    run_id = world.rows.add(compact({"f": "y" * 60}))
    world.migrate()
    file = world.store / world.files()[0]
    file.unlink()
    file.write_bytes(b"z" * 62)
    got: list[bytes] = []
    opened = cat(world.database, world.settings, run_id, "f", show_secrets=False)
    with opened as pieces, pytest.raises(DamagedFileError, match="checksum"):
        got.extend(pieces)
    assert b"".join(got) == b"z" * 62


@pytest.mark.parametrize("kind", ["FILE", "MEMORY"])
@pytest.mark.parametrize("locator", ["/etc/passwd", "../../x", "./data/context-files/../../x"])
def test_a_locator_elsewhere_is_not_opened(world: World, kind: str, locator: str) -> None:
    """Whatever type its descriptor has: a MEMORY value is the one in the row."""
    descriptor = {**NOTHING, "type": kind, "size": 4, "locator": locator}
    run_id = world.rows.add(compact({"f": descriptor}))
    if kind == "MEMORY":
        assert read(world, run_id, "f") == b"null"
    else:
        with pytest.raises(LocatorRefusedError):
            read(world, run_id, "f")


def test_an_unknown_key_is_not_found(world: World) -> None:
    """And nothing is handed out."""
    run_id = world.rows.add('{"a":1}')
    for key in ("b", "", "A"):
        with pytest.raises(NotFoundError):
            read(world, run_id, key)
    with pytest.raises(NotFoundError):
        read(world, "7f2504e0-4f89-41d3-9a0c-0305e82c3301", "a")
