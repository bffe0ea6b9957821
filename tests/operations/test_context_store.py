"""Contexts that are saved and restored: equal, wholly, and with exactly the files that the row names."""

import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.operations.stores import FILE, JSON, MEMORY, PUBLISHED, Pause, Shelf, digest, noise, plain, slow
from tests.support.rows import compact
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.context.rawjson import RawJson
from zenctx.context.rules import EngineReads, FileStrategy, OnMissing, StorageRules
from zenctx.context.runtime import RuntimeContext
from zenctx.context.state import RuntimeState
from zenctx.context.values import FileValue, RefValue, ReleasedError, ValueFile
from zenctx.database import released, waiting
from zenctx.database.engine import write_transaction
from zenctx.database.errors import LostConnectionError
from zenctx.database.locks import Lock, held
from zenctx.database.saving import StoredContext
from zenctx.errors import (
    DamagedFileError,
    DatabaseError,
    DataError,
    LockedError,
    NotFoundError,
    RefusedError,
    StoreError,
)
from zenctx.operations.context_store import ContextFailedError, ContextStore
from zenctx.store.base import StoredFile

LONG = "l" * 3000
ALL_RULES = {
    f"{reads}-{strategy}": StorageRules(500, 1000, 100, engine_reads=reads, file_strategy=strategy)
    for reads in EngineReads
    for strategy in FileStrategy
}
ALL_RULES["no checksums"] = StorageRules(500, 1000, 100, checksums=False)


def fill(context: RuntimeContext) -> dict[str, object]:
    """Puts a value of every kind and size; gives what they are to be."""
    values: dict[str, object] = {
        "null": None,
        "empty map": {},
        "": "",
        "numbers": [0, -1, 2**64, 1.5, True],
        "../..": {"deep": [[[[{}]]]]},
        "k" * 300: "é\U0001f600\u2028",
        "{{template}}": "of no key",
        "long": LONG,
        "map": {str(number): [number] * 3 for number in range(200)},
    }
    for key, value in values.items():
        context.put(key, value)
    context.put("document", {"kept": "as JSON"}, storage=JSON)
    context.put("file", {"in": "a file"}, storage=FILE)
    context.put("bytes", b"\0\xff", media_type="image/png")
    context.put("long bytes", b"\0\xff" * 2000)
    context.put_stream("stream", noise(5000), media_type="text/plain")
    more = {
        "document": {"kept": "as JSON"},
        "file": {"in": "a file"},
        "bytes": b"\0\xff",
        "long bytes": b"\0\xff" * 2000,
    }
    return {**values, **more, "stream": b"".join(noise(5000))}


# What comes back


@pytest.mark.parametrize("rules", ALL_RULES.values(), ids=ALL_RULES.keys())
def test_what_is_saved_is_restored(shelf: Shelf, rules: StorageRules) -> None:
    """Equal, by either way of storing; every file in the store is one that the row names, and all is well with them."""
    with shelf.store(rules) as store:
        context = store.new_context()
        values = fill(context)
        saved = store.save_context(shelf.run_id, context)
        assert plain(context) == values
        assert (saved.values, saved.files, saved.superseded) == (len(values), len(shelf.world.files()), 0)
        context.clear()
    assert shelf.temporary_files() == []
    restored = shelf.restored()
    assert plain(restored) == values
    assert restored.missing == ()
    media_types = {key: restored.get_ref(key).media_type for key in ("bytes", "stream")}
    assert media_types == {"bytes": "image/png", "stream": "text/plain"}
    report, found = shelf.world.verify()
    assert (report.exit_code, found) == (0, [])


def test_state_comes_back_too(sqlite_shelf: Shelf) -> None:
    """Consumers, aliases, loops and what was read in them."""
    store = sqlite_shelf.store()
    context = store.new_context()
    context.put("key", 1)
    context.put("n.output.\0", 2)
    context.add_consumers("key", ["a", "b\0"])
    context.set_alias("alias", "{{key}}")
    for loop in ("outer", "inner"):
        context.start_loop(loop)
        context.read("a", "alias")
    context.remove("n.output.\0")
    store.save_context(sqlite_shelf.run_id, context)
    restored = sqlite_shelf.restored()
    assert restored.snapshot()[1] == context.snapshot()[1]
    restored.end_loop("outer")
    assert restored.consumers("key") == {"b\0"}


def test_an_empty_context_is_a_context(shelf: Shelf) -> None:
    """So is that of a run that has never been saved."""
    assert shelf.values() == {}
    shelf.save()
    assert shelf.world.rows.text(shelf.run_id) == b"{}"
    assert shelf.values() == {}


def test_a_legacy_context_is_restored(shelf: Shelf) -> None:
    """As the values that it holds; saved again it is descriptors."""
    legacy = {"a": {"type": "JSON", "size": 3}, "n": None, "long": LONG, "map": {"k": LONG}}
    shelf.world.rows.replace(shelf.run_id, compact(legacy))
    store = shelf.store()
    context = store.restore_context(shelf.run_id)
    assert plain(context) == legacy
    assert len(shelf.temporary_files()) == 2
    store.save_context(shelf.run_id, context)
    context.clear()
    assert shelf.temporary_files() == []
    assert shelf.values() == legacy
    assert shelf.world.check().exit_code == 0


def test_a_null_entry_is_null(shelf: Shelf) -> None:
    """Beside descriptors the engine writes null as it is."""
    shelf.save(a=1)
    text = shelf.world.rows.text(shelf.run_id)
    assert text is not None
    shelf.world.rows.replace(shelf.run_id, b'{"b":null,'.decode() + text.decode()[1:])
    assert shelf.values() == {"a": 1, "b": None}


def test_numbers_keep_their_digits(shelf: Shelf) -> None:
    """Large and small; what the database spells another way is equal."""
    shelf.save(numbers=[2**200, 1.5, 1e-9], large=[1e300, 1.25e23])
    restored = shelf.restored()
    assert restored.get("numbers") == [2**200, 1.5, 1e-9]
    assert restored.get("large", list[float]) == [1e300, 1.25e23], "PostgreSQL spells them as integers"


def test_bytes_that_another_replaced_by_text_are_text(sqlite_shelf: Shelf) -> None:
    """The state still says that the key was bytes; the engine has put a text there since."""
    sqlite_shelf.save(key=b"12345678", other=b"x")
    text = json.loads(sqlite_shelf.world.rows.text(sqlite_shelf.run_id) or b"")
    text["key"] |= {"inlineValue": "12345678", "size": 16}
    text["other"] |= {"inlineValue": "no base64"}
    sqlite_shelf.world.rows.replace(sqlite_shelf.run_id, compact(text))
    assert sqlite_shelf.values() == {"key": "12345678", "other": "no base64"}


# Saving again


def test_saving_again_supersedes_the_files(sqlite_shelf: Shelf) -> None:
    """The new ones under new names, the old ones deleted and on record; values in memory go on."""
    store = sqlite_shelf.store()
    context = store.new_context()
    context.put("key", LONG)
    store.save_context(sqlite_shelf.run_id, context)
    (first,) = sqlite_shelf.world.files()
    again = store.save_context(sqlite_shelf.run_id, context)
    (second,) = sqlite_shelf.world.files()
    assert first != second
    assert (again.files, again.superseded) == (1, 1)
    assert sqlite_shelf.released() == [(first, "key")]
    assert context.get("key") == LONG


@pytest.mark.parametrize("strategy", [FileStrategy.PERSISTENT, FileStrategy.INLINE])
def test_a_restored_value_follows_its_file(sqlite_shelf: Shelf, strategy: FileStrategy) -> None:
    """When the one that it was restored from is superseded, also by one in the row."""
    sqlite_shelf.save(key=LONG)
    store = sqlite_shelf.store(StorageRules(100, 100, file_strategy=strategy))
    context = store.restore_context(sqlite_shelf.run_id)
    for _ in range(2):
        store.save_context(sqlite_shelf.run_id, context)
        assert context.get("key") == LONG
    assert len(sqlite_shelf.world.files()) == (strategy is FileStrategy.PERSISTENT)
    assert sqlite_shelf.values() == {"key": LONG}


def test_what_was_consumed_is_gone_with_the_next_save(shelf: Shelf) -> None:
    """Its persistent file stays as long as the row names it, for the run may have to be restored from there."""
    shelf.save(kept=LONG, read=LONG)
    store = shelf.store()
    context = store.restore_context(shelf.run_id)
    context.add_consumers("read", ["node"])
    context.read("node", "read")
    assert len(shelf.world.files()) == 2
    store.save_context(shelf.run_id, context)
    assert len(shelf.world.files()) == 1
    assert {key for _, key in shelf.released()} == {"kept", "read"}
    context.clear()
    store.save_context(shelf.run_id, context)
    assert (shelf.world.files(), len(shelf.released())) == ([], 3)


def test_a_legacy_value_that_looks_like_a_file_deletes_none(shelf: Shelf) -> None:
    """Beside plain values it is a plain value, whatever it names."""
    shelf.save(a=LONG)
    files = shelf.world.files()
    plain_value = json.loads(shelf.world.rows.text(shelf.run_id) or b"")["a"]
    del plain_value["inlineValue"]
    shelf.world.rows.replace(shelf.run_id, compact({"a": plain_value, "b": 1}))
    context = shelf.restored()
    assert shelf.store().save_context(shelf.run_id, context).superseded == 0
    assert shelf.world.files() == files
    assert shelf.values() == {"a": plain_value, "b": 1}


def test_files_of_a_context_that_is_overwritten_are_superseded(shelf: Shelf) -> None:
    """Also where this context has never seen them."""
    shelf.save(key=LONG, small=1)
    store = shelf.store()
    context = store.new_context()
    context.put("other", LONG)
    assert store.save_context(shelf.run_id, context, replace_changed=True).superseded == 1
    assert len(shelf.world.files()) == 1
    assert shelf.values() == {"other": LONG}


def test_what_is_not_the_runs_own_is_not_deleted(sqlite_shelf: Shelf) -> None:
    """A file that the row names, but which lies elsewhere, is somebody else's."""
    other = Shelf(sqlite_shelf.world)
    other.save(key=LONG)
    sqlite_shelf.world.rows.replace(sqlite_shelf.run_id, (sqlite_shelf.world.rows.text(other.run_id) or b"").decode())
    nested = sqlite_shelf.world.store / sqlite_shelf.run_id / "nested"
    nested.mkdir(parents=True)
    (nested / "file").write_text("1")
    store = sqlite_shelf.store()
    context = store.restore_context(sqlite_shelf.run_id)
    store.save_context(sqlite_shelf.run_id, context)
    assert other.values() == sqlite_shelf.values() == {"key": LONG}
    assert (nested / "file").exists()


def test_two_saves_at_a_time_are_one_after_the_other(shelf: Shelf) -> None:
    """Of the same context neither is refused."""
    store = shelf.store()
    context = store.new_context()
    for number in range(3):
        context.put(f"key{number}", LONG)

    def save(number: int) -> None:
        context.put(f"more{number}", number)
        store.save_context(shelf.run_id, context)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(8)))
    assert shelf.values() == plain(context)
    assert len(shelf.world.files()) == 3


# What was not flushed


def test_a_save_loses_no_pending_write_in_silence(shelf: Shelf) -> None:
    """It is refused and noted with the journal; flushed or not wanted, nothing stands against it."""
    context = shelf.save(key=LONG)
    files = shelf.world.files()
    context.add_consumers("node.output.large", ["reader"])
    context.write("large", LONG + "2")
    store = shelf.store()
    with pytest.raises(RefusedError, match=r"not flushed, and would not be saved: 'large'$"):
        store.save_context(shelf.run_id, context)
    assert shelf.journal() == [("save_context", "refused", "refused")]
    assert (shelf.values(), shelf.world.files()) == ({"key": LONG}, files)
    store.save_context(shelf.run_id, context, leave_out_pending=True)
    assert (shelf.values(), context.pending_keys()) == ({"key": LONG}, ["large"])
    context.flush_pending_writes("node")
    store.save_context(shelf.run_id, context)
    assert shelf.values() == {"key": LONG, "node.output.large": LONG + "2"}


def test_a_closed_context_empties_no_row(shelf: Shelf) -> None:
    """It is refused, and the row keeps its values."""
    with shelf.save(key=LONG) as context:
        pass
    with pytest.raises(ReleasedError, match="is closed"):
        shelf.store().save_context(shelf.run_id, context)
    assert shelf.values() == {"key": LONG}


def test_a_database_that_goes_away_while_a_run_is_restored_leaves_no_temporary_file(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the values that had been restored by then."""
    shelf.world.rows.replace(shelf.run_id, compact({"a": LONG, "b": "1" * 5000}))
    store = shelf.store()
    create, read, left = store.factory.create, store._read, iter(range(1))

    def refusing(value: object, *given: Any, **more: Any) -> RefValue:
        if isinstance(value, RawJson) and b"111" in value.text:
            raise RefusedError("no")
        return create(value, *given, **more)

    monkeypatch.setattr(store.factory, "create", refusing)

    def read_once(*given: Any) -> StoredContext:
        if next(left, None) is None:
            raise LostConnectionError("the connection was lost")
        return read(*given)

    monkeypatch.setattr(store, "_read", read_once)
    with pytest.raises(LostConnectionError):
        store.restore_context(shelf.run_id)
    assert shelf.temporary_files() == []


# While others are at work


def test_a_context_is_saved_as_of_one_moment(sqlite_shelf: Shelf) -> None:
    """Values that are read by their last consumer, replaced or removed meanwhile are in it, readable."""
    store, pause = sqlite_shelf.store(), Pause()
    slow(store, pause)
    context = store.new_context()
    for key in ("a", "b", "c"):
        context.put(key, [key] * 1000, storage=FILE)
    context.add_consumers("b", ["node"])
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(store.save_context, sqlite_shelf.run_id, context)
        assert pause.reached.wait(20)
        context.remove("a")
        assert context.read("node", "b") == ["b"] * 1000
        context.put("c", "new")
        assert len(sqlite_shelf.temporary_files()) == 3
        pause.go_on.set()
        saving.result()
    assert sqlite_shelf.temporary_files() == []
    assert plain(context) == {"c": "new"}
    restored = sqlite_shelf.restored()
    assert plain(restored) == {key: [key] * 1000 for key in "abc"}
    assert restored.consumers("b") == {"node"}


def test_saves_beside_threads_that_put_and_read(shelf: Shelf) -> None:
    """Each is of one moment, whole, and has all that was put before it; at the end no file is left over."""
    store, done = shelf.store(), threading.Event()
    context = store.new_context()

    def work(name: str) -> int:
        turn = 0
        while not done.is_set():
            turn += 1
            context.put(f"{name}.first", turn, storage=FILE)
            context.put(f"{name}.second", turn, storage=FILE)
            context.put("shared", [turn] * 20, storage=FILE)
            context.add_consumers(f"{name}.read", [name])
            context.put(f"{name}.read", turn, storage=FILE)
            assert context.read(name, f"{name}.read") == turn
            assert f"{name}.read" not in context
        return turn

    with ThreadPoolExecutor(3) as pool:
        workers = {name: pool.submit(work, name) for name in ("a", "b")}
        try:
            for _ in range(8):
                store.save_context(shelf.run_id, context)
                saved = shelf.values()
                for name in workers:
                    assert saved.get(f"{name}.first", 0) - saved.get(f"{name}.second", 0) in (0, 1)  # type: ignore[operator]
                assert len(set(saved.get("shared", [0]))) == 1  # type: ignore[call-overload]
        finally:
            done.set()
        last = {name: worker.result() for name, worker in workers.items()}
    store.save_context(shelf.run_id, context)
    found = shelf.values()
    assert {name: (found[f"{name}.first"], found[f"{name}.second"]) for name in last} == {
        name: (turn, turn) for name, turn in last.items()
    }
    assert len(shelf.temporary_files()) == len(context) == 5
    context.clear()
    assert shelf.temporary_files() == []
    counts = store.counters.snapshot()
    assert (counts.created, counts.failures) == (counts.released, {})


def test_a_save_between_reading_the_row_and_its_files_is_noticed(sqlite_shelf: Shelf) -> None:
    """The files that it deleted are not taken for lost."""
    sqlite_shelf.save(key=LONG)
    other = sqlite_shelf.restored()
    store = sqlite_shelf.store()
    find = store._find_file

    def overtaken(descriptor: RefValueDescriptor) -> ValueFile:
        if other.get("key") == LONG:
            other.put("key", LONG + "2")
            sqlite_shelf.store().save_context(sqlite_shelf.run_id, other)
        return find(descriptor)

    store._find_file = overtaken  # type: ignore[method-assign]
    context = store.restore_context(sqlite_shelf.run_id, on_missing=OnMissing.SKIP)
    assert plain(context) == {"key": LONG + "2"}
    store.save_context(sqlite_shelf.run_id, context)


def test_a_row_that_somebody_else_changed_is_not_overwritten(shelf: Shelf) -> None:
    """Unless that is asked for; until then nothing has changed, and no file is left over."""
    first, second = shelf.save(key=LONG), shelf.restored()
    store = shelf.store()
    second.put("key", LONG + "second")
    store.save_context(shelf.run_id, second)
    files = shelf.world.files()
    first.put("key", LONG + "first")
    with pytest.raises(RefusedError, match="somebody else has saved it") as caught:
        store.save_context(shelf.run_id, first)
    assert "replace_changed" in (caught.value.hint or "")
    assert shelf.values() == {"key": LONG + "second"}
    assert shelf.world.files() == files
    store.save_context(shelf.run_id, first, replace_changed=True)
    assert shelf.values() == {"key": LONG + "first"}
    assert len(shelf.world.files()) == 1
    assert shelf.journal() == [("save_context", "refused", "refused")]


def test_who_comes_second_may_find_files_gone(sqlite_shelf: Shelf) -> None:
    """Whoever saved the run has the values; a context that is older has errors, and never overwrites them by less."""
    sqlite_shelf.save(key=LONG)
    second = sqlite_shelf.restored()
    store = sqlite_shelf.store()
    first = store.restore_context(sqlite_shelf.run_id)
    store.save_context(sqlite_shelf.run_id, first)
    with pytest.raises(DamagedFileError, match="is missing"):
        second.get("key")
    with pytest.raises(RefusedError):
        store.save_context(sqlite_shelf.run_id, second)
    with pytest.raises(ContextFailedError, match=r"'key': .* is missing"):
        store.save_context(sqlite_shelf.run_id, second, replace_changed=True)
    assert sqlite_shelf.values() == plain(first) == {"key": LONG}


def test_a_change_of_the_state_alone_is_a_change(shelf: Shelf) -> None:
    """The values are the same, but somebody has read one of them."""
    context = shelf.save(key=1)
    context.add_consumers("key", ["a", "b"])
    store = shelf.store()
    store.save_context(shelf.run_id, context)
    other = shelf.restored()
    other.read("a", "key")
    store.save_context(shelf.run_id, other)
    with pytest.raises(RefusedError):
        store.save_context(shelf.run_id, context)
    assert shelf.restored().consumers("key") == {"b"}


def test_a_change_while_files_are_copied_is_noticed(sqlite_shelf: Shelf) -> None:
    """What counts is the row at the moment of writing."""
    store, pause = sqlite_shelf.store(), Pause()
    slow(store, pause)
    context = store.new_context()
    context.put("key", LONG)
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(store.save_context, sqlite_shelf.run_id, context)
        assert pause.reached.wait(20)
        sqlite_shelf.save(key="mine")
        pause.go_on.set()
        with pytest.raises(RefusedError):
            saving.result()
    assert sqlite_shelf.values() == {"key": "mine"}
    assert sqlite_shelf.world.files() == []


def test_a_run_that_is_gone_is_not_found(shelf: Shelf) -> None:
    """Neither saved nor restored, whatever its id looks like."""
    for run_id in ("00000000-0000-4000-8000-000000000000", "x\x1b", ""):
        with pytest.raises(NotFoundError):
            shelf.store().save_context(run_id, RuntimeContext())
        with pytest.raises(NotFoundError):
            shelf.store().restore_context(run_id)


def test_a_run_may_be_named_in_capitals(postgres_shelf: Shelf) -> None:
    """PostgreSQL takes any spelling of a UUID: it is one run, with one directory and one state."""
    store = postgres_shelf.store()
    context = store.new_context()
    context.put("key", LONG)
    context.start_loop("loop")
    store.save_context(postgres_shelf.run_id.upper(), context)
    store.save_context("{" + postgres_shelf.run_id + "}", context)
    assert len(postgres_shelf.world.files()) == 1
    assert postgres_shelf.restored().active_loops == ("loop",)


def test_a_save_waits_a_while_for_gc(shelf: Shelf) -> None:
    """A clean-up that ends in time costs no caller a save."""
    database, ends = shelf.world.database, threading.Event()

    def clean() -> None:
        with database.connect() as connection, held(database, connection, Lock.CONTENT, exclusive=True):
            begun.set()
            ends.wait(10)

    begun = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        cleaning = pool.submit(clean)
        assert begun.wait(10)
        saving = pool.submit(shelf.save, key=1)
        try:
            with pytest.raises(TimeoutError):
                saving.result(0.3)
        finally:
            ends.set()
        cleaning.result(10)
        saving.result(10)


def test_a_save_does_not_wait_for_gc_without_end(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds contexts and files alone is told of."""
    monkeypatch.setattr(waiting, "SECONDS", 0.1)
    database = shelf.world.database
    with (
        database.connect() as connection,
        held(database, connection, Lock.CONTENT, exclusive=True),
        pytest.raises(LockedError),
    ):
        shelf.save(key=1)
    shelf.save(key=1)


# What fails


def test_a_file_that_a_clean_up_released_says_so(shelf: Shelf) -> None:
    """With the clean-up, and the reason that it had."""
    shelf.save(key="l" * 3000)
    (path,) = shelf.world.store.glob("*/*")
    name = str(path.relative_to(shelf.world.store))
    with shelf.world.database.connect() as connection, write_transaction(connection):
        released.record(connection, "gc-1", shelf.run_id, "it ended", [released.ReleasedFile(name, "key", 1, 1)])
    path.unlink()
    with pytest.raises(ContextFailedError, match=r"is missing: gc gc-1 released it on .* \(it ended\)"):
        shelf.restored()


@pytest.mark.parametrize(
    ("on_missing", "expected"),
    [
        (OnMissing.SKIP, {"here": 1}),
        (OnMissing.NULL, {"here": 1, "text": None, "raw": None}),
        (OnMissing.EMPTY, {"here": 1, "text": {}, "raw": b""}),
    ],
)
def test_a_file_that_vanished(shelf: Shelf, on_missing: OnMissing, expected: dict[str, object]) -> None:
    """Is named by its key, and stops the restoration unless something may take its place."""
    shelf.save(here=1, text=LONG, raw=b"r" * 2000)
    for name in shelf.world.files():
        (shelf.world.store / name).unlink()
    with pytest.raises(ContextFailedError, match=r"^2 values cannot be restored: .*missing; .*missing$") as caught:
        shelf.restored()
    assert {failure.key for failure in caught.value.failures} == {"text", "raw"}
    store = shelf.store()
    context = store.restore_context(shelf.run_id, on_missing=on_missing)
    assert plain(context) == expected
    assert {failure.key for failure in context.missing} == {"text", "raw"}
    assert store.counters.snapshot().failures == {"restoration": 2}
    assert shelf.journal() == [("restore_context", "problems", "context_failed")]
    store.save_context(shelf.run_id, context)
    assert shelf.values() == expected


def test_a_directory_that_is_not_the_store_is_no_missing_file(sqlite_shelf: Shelf) -> None:
    """A volume that is not mounted: nothing is skipped."""
    sqlite_shelf.save(key=LONG)
    store = sqlite_shelf.world.store
    store.rename(store.with_name("elsewhere"))
    store.mkdir()
    with pytest.raises(RefusedError, match="has no marker"):
        sqlite_shelf.restored(on_missing=OnMissing.SKIP)
    store.rmdir()
    store.with_name("elsewhere").rename(store)
    assert sqlite_shelf.values() == {"key": LONG}


@pytest.mark.parametrize("on_missing", list(OnMissing))
def test_a_file_of_another_size_stops_the_restoration(sqlite_shelf: Shelf, on_missing: OnMissing) -> None:
    """It is not gone: whatever may stand in for a missing one, this one is not dropped."""
    sqlite_shelf.save(key=LONG)
    (name,) = sqlite_shelf.world.files()
    file = sqlite_shelf.world.store / name
    file.chmod(0o600)
    file.write_text("short")
    with pytest.raises(ContextFailedError, match=r"'key': the file .* has 5 bytes, its descriptor says 3002"):
        sqlite_shelf.restored(on_missing=on_missing)


def test_a_file_that_was_altered_is_found_when_it_is_read(sqlite_shelf: Shelf) -> None:
    """By its checksum; it is not saved again, and the row stays as it was."""
    sqlite_shelf.save(key=LONG, other=1)
    (name,) = sqlite_shelf.world.files()
    file = sqlite_shelf.world.store / name
    file.chmod(0o600)
    file.write_text('"' + "x" * 3000 + '"')
    store = sqlite_shelf.store()
    context = store.restore_context(sqlite_shelf.run_id)
    before = sqlite_shelf.world.rows.text(sqlite_shelf.run_id)
    with pytest.raises(DamagedFileError, match="has another checksum than when it was kept"):
        context.get("key")
    with pytest.raises(ContextFailedError, match=r"1 value cannot be saved: 'key': .*another checksum"):
        store.save_context(sqlite_shelf.run_id, context)
    assert (sqlite_shelf.world.rows.text(sqlite_shelf.run_id), sqlite_shelf.world.files()) == (before, [name])


def test_what_postgresql_does_not_take_is_named(postgres_shelf: Shelf) -> None:
    """By its key, whether value or key is at fault, without the value; nothing has changed, no file is left."""
    postgres_shelf.save(key="before")
    files = postgres_shelf.world.files()
    store = postgres_shelf.store()
    context = postgres_shelf.restored()
    context.put("nul", "secret\0")
    context.put("k\0", 1)
    context.put("large", LONG)
    with pytest.raises(ContextFailedError) as caught:
        store.save_context(postgres_shelf.run_id, context)
    assert {failure.key for failure in caught.value.failures} == {"nul", "k\0"}
    assert "secret" not in caught.value.message
    assert postgres_shelf.values() == {"key": "before"}
    assert postgres_shelf.world.files() == files
    context.remove("nul")
    context.remove("k\0")
    store.save_context(postgres_shelf.run_id, context)
    assert postgres_shelf.values() == {"key": "before", "large": LONG}


def test_every_value_that_cannot_be_saved_is_named(sqlite_shelf: Shelf) -> None:
    """All of them in the error, the first few in its message; what was put before is discarded."""
    store = sqlite_shelf.store(StorageRules(10, 10, file_strategy=FileStrategy.INLINE))
    context = store.new_context()
    context.put("fine", LONG)
    context.put_stream("large", noise(15_000_001))
    for number in range(6):
        value = context.put(f"gone{number}", "x", storage=FILE)
        assert isinstance(value, FileValue)
        value.file.discard()
    context.put("\ud800", 1)
    with pytest.raises(ContextFailedError, match=r"8 values cannot be saved: .*; and 3 more$") as caught:
        store.save_context(sqlite_shelf.run_id, context)
    assert len({failure.key for failure in caught.value.failures}) == 8
    assert store.counters.snapshot().failures == {"creation": 8}
    assert sqlite_shelf.world.rows.text(sqlite_shelf.run_id) is None
    assert sqlite_shelf.world.files() == []


def test_a_store_that_cannot_be_written_fails_the_save(sqlite_shelf: Shelf) -> None:
    """With its own error; the files before are discarded, and the row is as it was."""
    store = sqlite_shelf.store()
    put = store.live.store.put

    def fails_for_second(run_id: str, key: str, content: Iterable[bytes], *, suffix: str = "") -> StoredFile:
        if key == "second":
            raise StoreError("no space is left")
        return put(run_id, key, content, suffix=suffix)

    store.live.store.put = fails_for_second  # type: ignore[method-assign, assignment]
    context = store.new_context()
    context.put("first", LONG)
    context.put("second", LONG)
    with pytest.raises(StoreError, match="no space is left"):
        store.save_context(sqlite_shelf.run_id, context)
    assert (sqlite_shelf.world.rows.text(sqlite_shelf.run_id), sqlite_shelf.world.files()) == (None, [])
    assert sqlite_shelf.journal() == [("save_context", "failed", "store")]


def test_old_files_that_cannot_be_deleted_do_not_fail_a_save(sqlite_shelf: Shelf) -> None:
    """It is done; they are left for gc."""
    context = sqlite_shelf.save(key=LONG)
    store = sqlite_shelf.store()

    def fails(_names: Iterable[str]) -> None:
        raise StoreError("the directory cannot be written")

    store.live.store.discard = fails  # type: ignore[method-assign, assignment]
    store.save_context(sqlite_shelf.run_id, context)
    assert sqlite_shelf.values() == {"key": LONG}
    assert len(sqlite_shelf.world.files()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"a":1,"b":{"type":"MEMORY","locator":null,"mediaType":null,"size":8,"checksum":null,"inlineValue":1}}',
            "mixed",
        ),
        ('{"a":{"type":"MEMORY","inlineValue":1}}', "ambiguous"),
        ("[1]", "invalid"),
    ],
)
def test_what_is_no_clear_context_is_not_guessed_at(sqlite_shelf: Shelf, text: str, said: str) -> None:
    """Nor overwritten."""
    sqlite_shelf.world.rows.replace(sqlite_shelf.run_id, text)
    with pytest.raises(DataError, match=f"is {said}"):
        sqlite_shelf.restored()
    with pytest.raises(RefusedError):
        sqlite_shelf.save(key=1)


def test_a_locator_that_leads_elsewhere_is_not_followed(sqlite_shelf: Shelf, tmp_path: Path) -> None:
    """The context is ambiguous."""
    (tmp_path / "outside").write_text("1")
    sqlite_shelf.save(key=LONG)
    text = json.loads(sqlite_shelf.world.rows.text(sqlite_shelf.run_id) or b"")
    text["key"]["locator"] = str(tmp_path / "outside")
    sqlite_shelf.world.rows.replace(sqlite_shelf.run_id, compact(text))
    with pytest.raises(DataError, match="leaves the configured directories"):
        sqlite_shelf.restored(on_missing=OnMissing.SKIP)


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [(1, "{}x", "cannot be read: the state is not what zenctx wrote"), (2, "{}", "has format 2")],
)
def test_a_state_that_cannot_be_read_stops_the_restoration(shelf: Shelf, version: int, state: str, said: str) -> None:
    """Without it values would be released at the wrong moment, or never."""
    shelf.save(key=1)
    shelf.world.rows.execute(
        "update zenctx_runtime_state set state = :state, format_version = :v", state=state, v=version
    )
    with pytest.raises(DataError, match=said):
        shelf.restored()


def test_without_tables_of_zenctx_a_context_can_be_restored(shelf: Shelf) -> None:
    """But not saved; with tables of a newer zenctx not even that, for there may be a state."""
    shelf.world.rows.replace(shelf.run_id, '{"a":1}')
    shelf.world.rows.execute("update zenctx_revision set version_num = '9999'")
    with pytest.raises(DatabaseError, match="does not know"):
        shelf.restored()
    shelf.world.rows.execute("drop table zenctx_revision")
    shelf.world.rows.execute("drop table zenctx_runtime_state")
    context = shelf.restored()
    assert plain(context) == {"a": 1}
    with pytest.raises(DatabaseError, match="has no tables of zenctx yet"):
        shelf.store().save_context(shelf.run_id, context)


# Settings


def test_the_settings_say_where_and_how(sqlite_shelf: Shelf) -> None:
    """By default for an engine that decodes base64; `on-missing` counts."""
    world = sqlite_shelf.world
    world.options |= {
        "db": f"sqlite:///{world.database.sqlite_path}",
        "on-missing": "null",
        "memory-threshold-bytes": "10",
    }
    with ContextStore.open(world.settings) as store:
        context = store.new_context(state=RuntimeState(loops=("each",)))
        context.put("file", LONG, storage=FILE)
        context.put("map", {"a": LONG}, storage=MEMORY)
        store.save_context(sqlite_shelf.run_id, context)
        assert (store.rules.engine_reads, world.files()) == (EngineReads.ALL, [])
        context.clear()
    assert sqlite_shelf.temporary_files() == []
    with ContextStore.open(world.settings, engine_reads=EngineReads.PUBLISHED) as store:
        context = store.restore_context(sqlite_shelf.run_id)
        assert context.active_loops == ("each",)
        store.save_context(sqlite_shelf.run_id, context)
        for name in world.files():
            (world.store / name).unlink()
        assert plain(store.restore_context(sqlite_shelf.run_id)) == {"file": None, "map": None}


def test_with_persistence_switched_off_nothing_is_opened(sqlite_shelf: Shelf) -> None:
    """As for every command that writes."""
    sqlite_shelf.world.options["persistence.enabled"] = "false"
    with pytest.raises(RefusedError, match="persistence is switched off"):
        ContextStore.open(sqlite_shelf.world.settings)


def test_complex_objects_are_what_the_engine_would_have_written(sqlite_shelf: Shelf) -> None:
    """And can be had again as what they were."""
    moment = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    sqlite_shelf.save(when=moment, tags={"b", "a"})
    restored = sqlite_shelf.restored()
    assert restored.get("when", datetime) == moment
    assert restored.get("tags", set[str]) == {"a", "b"}


def test_published_engines_get_no_base64(sqlite_shelf: Shelf) -> None:
    """Bytes go to files of their own there."""
    store = sqlite_shelf.store(PUBLISHED)
    context = store.new_context()
    fill(context)
    store.save_context(sqlite_shelf.run_id, context)
    entries = json.loads(sqlite_shelf.world.rows.text(sqlite_shelf.run_id) or b"")
    kinds = {(entry["type"], entry["inlineValue"] is None) for entry in entries.values() if entry["locator"]}
    assert kinds == {("FILE", True)}
    assert {entry["type"] for entry in entries.values()} == {"MEMORY", "FILE"}
    with sqlite_shelf.restored().open_stream("stream") as stream:
        assert digest([stream.read()]) == digest(noise(5000))
