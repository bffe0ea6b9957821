"""The values of a running workflow: kept as copies, released once, at the right moment, whoever else is at work."""

import contextlib
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.counted_files import CountedFiles
from zenctx.context.factory import RefValueFactory, StoragePreference
from zenctx.context.runtime import RuntimeContext
from zenctx.context.state import RuntimeState
from zenctx.context.values import MemoryValue, ReleasedError
from zenctx.errors import DataError, NotFoundError, RefusedError, StoreError

FILE = StoragePreference.FILE


@pytest.fixture
def files() -> CountedFiles:
    """Give files that count."""
    return CountedFiles()


@pytest.fixture
def context(files: CountedFiles) -> RuntimeContext:
    """Give an empty context."""
    return RuntimeContext(RefValueFactory(files=files))


@pytest.mark.parametrize("value", [None, {}, [], "", 0, False, {"a": [1, {"b": None}]}, 2**64, "x" * 1000])
def test_what_was_put_is_had_again(context: RuntimeContext, value: object) -> None:
    """Nothing and what is empty included, whichever way it is kept."""
    for storage in StoragePreference:
        context.put("key", value, storage=storage)
        assert context.get("key") == value
        assert context.contains("key")
        assert "key" in context


def test_a_value_is_a_copy(context: RuntimeContext) -> None:
    """Neither what was put nor what was had changes it."""
    given = {"list": [1]}
    context.put("key", given)
    given["list"].append(2)
    context.get("key")["list"].append(3)
    assert context.get("key") == {"list": [1]}


def test_a_value_that_cannot_be_kept_changes_nothing(context: RuntimeContext) -> None:
    """The one before stays."""
    context.put("key", 1)
    with pytest.raises(DataError):
        context.put("key", object())
    assert context.get("key") == 1
    assert context.counters.snapshot().created == {"MEMORY": 1}


def test_a_stream_that_breaks_changes_nothing(context: RuntimeContext, files: CountedFiles) -> None:
    """Its own error comes out."""

    def broken() -> Iterator[bytes]:
        yield b"some"
        raise EOFError

    context.put("key", 1)
    with pytest.raises(EOFError):
        context.put_stream("key", broken())
    assert context.get("key") == 1
    assert files.made == []


def test_values_are_read_by_stream_pointer_and_type(context: RuntimeContext) -> None:
    """As each kind of value is."""
    context.put("key", {"a": {"b": [1, 2]}}, storage=FILE)
    assert context.read_json("key", "/a/b/1") == 2
    assert context.read_json("key", "/a", dict[str, list[int]]) == {"b": [1, 2]}
    assert context.get("key", dict[str, dict[str, list[int]]]) == {"a": {"b": [1, 2]}}
    with context.open_stream("key") as stream:
        assert stream.read() == b'{"a":{"b":[1,2]}}'
    context.put_stream("raw", io.BytesIO(b"\0\1"))
    assert context.get("raw") == b"\0\1"
    assert (len(context), list(context)) == (2, ["key", "raw"])


def test_a_value_in_place_of_another_releases_that_one(context: RuntimeContext, files: CountedFiles) -> None:
    """Once; a stream that was open goes on."""
    context.put("key", "old", storage=FILE)
    with context.open_stream("key") as stream:
        context.put("key", "new", storage=FILE)
        assert stream.read() == b'"old"'
    assert [file.discarded for file in files.made] == [1, 0]
    assert context.get("key") == "new"


def test_what_is_not_there_is_not_found(context: RuntimeContext) -> None:
    """One clear error, which shows nothing that could harm a terminal."""
    with pytest.raises(NotFoundError, match=r"^the context has no value 'a\\x1b\\u202eb'$"):
        context.get("a\x1b\u202eb")
    assert not context.contains("key")
    assert not context.remove("key")
    assert not context.consume("node", "key")
    with pytest.raises(NotFoundError):
        context.read("node", "key")


def test_a_released_value_is_not_taken(context: RuntimeContext) -> None:
    """It could not be read."""
    value = MemoryValue(b"1")
    value.release()
    with pytest.raises(ReleasedError):
        context.put_ref("key", value)
    assert not context.contains("key")


def test_removing_forgets_consumers_and_loops(context: RuntimeContext, files: CountedFiles) -> None:
    """A value put later under the key is another matter."""
    context.put("key", 1, storage=FILE)
    context.add_consumers("key", ["node"])
    context.start_loop("loop")
    context.read("node", "key")
    assert context.remove("key")
    context.put("key", 2)
    context.end_loop("loop")
    context.read("node", "key")
    assert context.get("key") == 2
    assert files.counts == {1}


# Aliases


def test_an_alias_stands_for_a_template(context: RuntimeContext) -> None:
    """With blanks inside the braces or not, over several steps, and for every way to name a value."""
    context.put("node.output.x", {"a": 1})
    context.set_alias("short", "{{ node.output.x }}")
    context.set_alias("shorter", "{{short}}")
    for name in ("short", "shorter", "{{short}}", " {{node.output.x}} "):
        assert context.get(name) == {"a": 1}
        assert name in context
    assert context.read_json("shorter", "/a") == 1
    context.add_consumers("shorter", ["reader"])
    assert context.consumers("node.output.x") == {"reader"}
    assert context.read("reader", "short") == {"a": 1}
    assert "node.output.x" not in context


def test_aliases_in_a_circle_end(context: RuntimeContext) -> None:
    """In a value that is not there."""
    context.set_alias("a", "{{b}}")
    context.set_alias("b", "{{a}}")
    assert not context.contains("a")
    with pytest.raises(NotFoundError):
        context.get("b")


@pytest.mark.parametrize("key", ["{{x}}", "{{}}", "", " ", "x", "../x", "a/b", "\0", "k" * 5000, "é", "e\u0301"])
def test_any_key_can_be_had_again(context: RuntimeContext, key: str) -> None:
    """Also where it looks like a template, or an alias has its name."""
    context.set_alias("x", "{{other}}")
    context.set_alias(key, "{{other}}")
    context.put("other", "another")
    context.put(key, "mine")
    assert context.get(key) == "mine"
    assert key in context
    context.add_consumers(key, ["node"])
    assert context.read("node", key) == "mine"
    assert key not in context.keys()  # noqa: SIM118 - the alias of that name is in the context
    assert context.get("other") == "another"


# Consumers


def test_the_last_consumers_read_releases(context: RuntimeContext, files: CountedFiles) -> None:
    """Nobody else's, and nobody's second."""
    context.put("key", "value", storage=FILE)
    context.add_consumers("key", ["one", "two"])
    for node in ("stranger", "one", "one"):
        assert context.read(node, "key") == "value"
    assert files.live == 1
    assert context.consumers("key") == {"two"}
    assert context.read("two", "key") == "value"
    assert files.counts == {1}
    assert not context.contains("key")


def test_without_consumers_a_value_stays(context: RuntimeContext) -> None:
    """Until it is removed."""
    context.put("key", 1)
    assert [context.read("node", "key") for _ in range(3)] == [1, 1, 1]
    assert context.remove("key")


def test_the_engines_own_values_stay(context: RuntimeContext) -> None:
    """Whoever has read them."""
    context.put("__zenflow_secrets", {"token": "t"})
    context.add_consumers("__zenflow_secrets", ["node"])
    context.read("node", "__zenflow_secrets")
    assert context.contains("__zenflow_secrets")


def test_a_stream_is_counted_by_hand(context: RuntimeContext, files: CountedFiles) -> None:
    """With the value that was read, what replaced it meanwhile is not taken for read."""
    context.put("key", "old", storage=FILE)
    context.add_consumers("key", ["node"])
    value = context.get_ref("key")
    with value.open_stream():
        context.put("key", "new", storage=FILE)
        assert not context.consume("node", "key", value)
    assert context.get("key") == "new"
    assert context.consume("node", "key")
    assert files.counts == {1}


def test_a_read_that_fails_does_not_count(context: RuntimeContext, files: CountedFiles) -> None:
    """The value stays for who can read it."""
    context.put("key", "text", storage=FILE)
    context.add_consumers("key", ["node"])
    with pytest.raises(DataError):
        context.read("node", "key", int)
    assert context.read("node", "key", str) == "text"
    assert files.counts == {1}


def test_a_value_replaced_while_it_is_read_is_read_anew(context: RuntimeContext, files: CountedFiles) -> None:
    """The node's only read must not release a value that it never had."""
    context.put("key", "old", storage=FILE)
    context.add_consumers("key", ["node"])
    files.made[0].on_open = lambda: context.put("key", "new", storage=FILE)
    assert context.read("node", "key") == "new"
    assert files.counts == {1}


def test_a_value_replaced_after_it_was_opened_is_read_anew(context: RuntimeContext, files: CountedFiles) -> None:
    """Here the old one could be read to its end."""
    context.put("key", {"a": 1}, storage=FILE)
    context.add_consumers("key", ["node"])
    first = context.get_ref("key")
    read = first.read

    def replaced_behind(*_: object) -> object:
        found = read()
        context.put("key", {"a": 2}, storage=FILE)
        return found

    first.read = replaced_behind  # type: ignore[method-assign, assignment]
    assert context.read("node", "key") == {"a": 2}
    assert [file.discarded for file in files.made] == [1, 1]


def test_a_value_released_while_it_is_read_is_not_found(context: RuntimeContext, files: CountedFiles) -> None:
    """When nothing has taken its place."""
    context.put("key", "old", storage=FILE)
    files.made[0].on_open = lambda: context.remove("key")
    with pytest.raises(NotFoundError):
        context.get("key")


# Loops


def test_inside_a_loop_reading_releases_nothing(context: RuntimeContext, files: CountedFiles) -> None:
    """When the loop ends it counts; another's read that is still to come is waited for."""
    context.put("one", 1, storage=FILE)
    context.put("two", 2, storage=FILE)
    context.add_consumers("one", ["inside"])
    context.add_consumers("two", ["inside", "after"])
    context.start_loop("each")
    assert [context.read("inside", "one") + context.read("inside", "two") for _ in range(3)] == [3, 3, 3]
    assert files.live == 2
    context.end_loop("each")
    context.end_loop("each")
    assert context.keys() == ["two"]
    assert context.read("after", "two") == 2
    assert (files.live, files.counts) == (0, {1})


def test_what_a_nested_loop_read_waits_for_the_outermost(context: RuntimeContext) -> None:
    """The inner one may run again."""
    context.put("key", 1)
    context.add_consumers("key", ["node"])
    for loop in ("outer", "inner"):
        context.start_loop(loop)
    context.read("node", "key")
    context.end_loop("inner")
    assert (context.contains("key"), context.active_loops) == (True, ("outer",))
    context.end_loop("outer")
    assert (context.contains("key"), context.active_loops) == (False, ())


# Pending writes


def test_a_flush_keeps_what_somebody_will_read(context: RuntimeContext, files: CountedFiles) -> None:
    """The rest is released, and what it replaces."""
    context.put("n.output.kept", "before", storage=FILE)
    context.add_consumers("n.output.kept", ["reader"])
    context.write("kept", "first", storage=FILE)
    context.write("kept", "second", storage=FILE)
    context.write_stream("dropped", [b"bytes"])
    assert context.pending_keys() == ["kept", "dropped"]
    assert context.flush_pending_writes("n") == ["n.output.kept"]
    assert context.pending_keys() == []
    assert context.get("n.output.kept") == "second"
    assert [file.discarded for file in files.made] == [1, 1, 0, 1]
    assert context.flush_pending_writes("n") == []


def test_pending_writes_can_be_given_up(context: RuntimeContext, files: CountedFiles) -> None:
    """As after an error; what is in the context stays."""
    context.put("key", 1, storage=FILE)
    context.write("out", 2, storage=FILE)
    context.clear_pending_writes()
    context.clear_pending_writes()
    assert (context.pending_keys(), context.keys()) == ([], ["key"])
    assert [file.discarded for file in files.made] == [0, 1]


# Releasing


def test_the_block_releases_everything_once(files: CountedFiles) -> None:
    """Pending writes too; to clear it once more is harmless."""
    with RuntimeContext(RefValueFactory(files=files)) as context:
        context.put("a", 1, storage=FILE)
        context.write("b", 2, storage=FILE)
        context.start_loop("each")
    context.clear()
    assert (files.counts, len(context), context.active_loops) == ({1}, 0, ())


def test_a_context_that_was_cleared_can_be_used_again(context: RuntimeContext) -> None:
    """Inside its block it is only empty."""
    context.put("a", 1)
    context.clear()
    context.put("a", 3)
    assert context.get("a") == 3


AFTER_THE_BLOCK: dict[str, Callable[[RuntimeContext], object]] = {
    "put": lambda context: context.put("a", 1, storage=FILE),
    "put_stream": lambda context: context.put_stream("a", [b"x"]),
    "put_ref": lambda context: context.put_ref("a", MemoryValue(b"1")),
    "write": lambda context: context.write("a", 1, storage=FILE),
    "write_stream": lambda context: context.write_stream("a", [b"x"]),
    "flush": lambda context: context.flush_pending_writes("n"),
    "get": lambda context: context.get("a"),
    "get_ref": lambda context: context.get_ref("a"),
    "open_stream": lambda context: context.open_stream("a"),
    "read_json": lambda context: context.read_json("a"),
    "read": lambda context: context.read("n", "a"),
    "set_alias": lambda context: context.set_alias("a", "{{b}}"),
    "add_consumers": lambda context: context.add_consumers("a", ["n"]),
    "start_loop": lambda context: context.start_loop("l"),
    "snapshot": lambda context: context.snapshot(),
    "to_descriptors": lambda context: context.to_descriptors(),
    "enter": lambda context: context.__enter__(),
}


@pytest.mark.parametrize("what", AFTER_THE_BLOCK)
def test_a_closed_context_is_used_no_more(files: CountedFiles, what: str) -> None:
    """What is put would be in nobody's hands, what is read is not missing but released: one clear error says so."""
    with RuntimeContext(RefValueFactory(files=files)) as context:
        context.put("a", 1)
        context.set_alias("alias", "{{a}}")
    with pytest.raises(ReleasedError, match=r"^the context is closed: its values were released"):
        AFTER_THE_BLOCK[what](context)
    assert files.made == []
    assert (context.contains("a"), context.keys(), context.pending_keys()) == (False, [], [])
    context.remove("a")
    context.end_loop("l")
    context.clear()


@pytest.mark.parametrize("how", ["put_stream", "write_stream"])
def test_a_value_that_is_made_while_the_context_is_closed_leaves_no_file(files: CountedFiles, how: str) -> None:
    """The block ended between the first byte and the last."""
    context = RuntimeContext(RefValueFactory(files=files))

    def stream() -> Iterator[bytes]:
        yield b"first"
        with context:
            pass
        yield b"last"

    with pytest.raises(ReleasedError, match="is closed"):
        getattr(context, how)("key", stream())
    assert files.counts == {1}
    assert context.counters.snapshot().created == {}


def test_one_value_is_not_kept_under_two_keys(context: RuntimeContext, files: CountedFiles) -> None:
    """The first to be released would take the other with it."""
    value = context.put("a", 1, storage=FILE)
    with pytest.raises(RefusedError, match=r"belongs to the key 'a' already"):
        context.put_ref("b", value)
    assert context.put_ref("a", value) is value
    assert (context.keys(), context.get("a"), files.counts) == (["a"], 1, {0})
    assert context.counters.snapshot().created == {"FILE": 1}


def test_a_file_that_cannot_be_deleted_costs_no_value(
    context: RuntimeContext, files: CountedFiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads or puts goes on; the failure is counted and logged."""
    files.refuse = True
    context.put("key", "old", storage=FILE)
    context.put("key", "new", storage=FILE)
    context.add_consumers("key", ["node"])
    assert context.read("node", "key") == "new"
    assert context.counters.snapshot().failures == {"release": 2}
    assert context.counters.snapshot().released == {"FILE": 2}
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_clearing_says_what_could_not_be_deleted(context: RuntimeContext, files: CountedFiles) -> None:
    """When all others are."""
    files.refuse = True
    for key in "ab":
        context.put(key, key, storage=FILE)
    context.put("c", "c", storage=FILE)
    with pytest.raises(StoreError):
        context.remove("c")
    with pytest.raises(StoreError):
        context.clear()
    context.clear()
    assert files.counts == {1}


def test_an_error_in_the_block_is_not_hidden(context: RuntimeContext, files: CountedFiles) -> None:
    """By a file that cannot be deleted; it says so beside its own words."""
    files.refuse = True

    def fail() -> None:
        with context:
            context.put("a", 1, storage=FILE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    assert caught.value.__notes__ == ["the directory /nowhere cannot be written"]
    with pytest.raises(StoreError), RuntimeContext(RefValueFactory(files=files)) as another:
        another.put("a", 1, storage=FILE)


def test_held_values_are_released_afterwards(context: RuntimeContext, files: CountedFiles) -> None:
    """Whatever happens to the context meanwhile; a block inside the block changes nothing."""
    context.put("a", 1, storage=FILE)
    context.put("b", 2, storage=FILE)
    with context.holding() as (values, state):
        with context.holding():
            context.put("a", 3)
        context.clear()
        assert [value.read() for value in values.values()] == [1, 2]
        assert state == RuntimeState()
        assert files.live == 2
    assert files.counts == {1}


# States


def test_state_survives_its_text() -> None:
    """Whatever the names are."""
    names = ["", "\0", "\ud800", "é", "{{x}}", "a" * 300]
    state = RuntimeState(
        consumers=dict.fromkeys(names, names),
        aliases={name: name for name in names},
        loops=("outer", "\ud800"),
        loop_reads={"outer": {"key": ["node"]}},
        bytes_keys=tuple(names),
    )
    assert state.to_json().isascii()
    assert RuntimeState.from_json(state.to_json()) == state


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"consumers": {"secret-key": 1}}', "[" * 100_000, "\ud800"])
def test_what_is_no_state_is_refused(text: str) -> None:
    """In one sentence that does not quote it."""
    with pytest.raises(DataError, match=r"^the state is not what zenctx wrote$"):
        RuntimeState.from_json(text)


def test_a_context_goes_on_with_a_state(files: CountedFiles) -> None:
    """Consumers, aliases, loops and what was read in them."""
    first = RuntimeContext(RefValueFactory(files=files))
    first.put("key", 1)
    first.put_stream("raw", [b"x"], storage=StoragePreference.MEMORY)
    first.set_alias("alias", "{{key}}")
    first.add_consumers("key", ["inside", "after"])
    first.start_loop("each")
    first.read("inside", "alias")
    values, state = first.snapshot()
    assert state.bytes_keys == ("raw",)
    second = RuntimeContext(state=RuntimeState.from_json(state.to_json()))
    for key, value in values.items():
        second.put_ref(key, value)
    second.end_loop("each")
    assert second.consumers("key") == {"after"}
    assert second.read("after", "alias") == 1
    assert not second.contains("key")


# Threads


def _together(work: Callable[[int], object], threads: int = 8) -> None:
    barrier = threading.Barrier(threads)

    def start(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(start, range(threads)))


def test_many_readers_release_each_value_once(context: RuntimeContext, files: CountedFiles) -> None:
    """Each consumer has every value, and the last one releases it."""
    keys = [f"key{number}" for number in range(100)]
    for key in keys:
        context.put(key, key, storage=FILE)
        context.add_consumers(key, [f"node{number}" for number in range(8)])
    seen: Counter[str] = Counter()

    def read(number: int) -> None:
        seen.update([context.read(f"node{number}", key) for key in keys[number:] + keys[:number]])

    _together(read)
    assert set(seen.values()) == {8}
    assert (len(context), files.counts) == (0, {1})
    assert context.counters.snapshot().released == {"FILE": 100}


def test_threads_that_do_everything_lose_nothing(context: RuntimeContext, files: CountedFiles) -> None:
    """Every file is discarded once or is the one of a value that is there; what is read is what was put."""
    keys = ["a", "b", "c"]

    def work(number: int) -> None:
        for turn in range(150):
            key = keys[turn % 3]
            what = (number + turn // 3) % 6
            if what < 2:
                context.put(key, key, storage=FILE)
                context.add_consumers(key, [f"node{number}"])
            elif what == 2:
                with contextlib.suppress(NotFoundError):
                    assert context.read(f"node{number}", key) == key
            elif what == 3:
                context.start_loop(f"loop{number}")
                context.consume(f"node{number}", key)
                context.end_loop(f"loop{number}")
            elif what == 4:
                with context.holding() as (values, _):
                    assert all(value.read() == key for key, value in values.items())
            else:
                context.remove(key)

    _together(work)
    assert files.counts <= {0, 1}
    assert files.live == len(context)
    context.clear()
    assert files.counts == {1}
    counts = context.counters.snapshot()
    assert counts.created == counts.released == {"FILE": len(files.made)}


def test_values_replaced_under_readers_are_whole(context: RuntimeContext, files: CountedFiles) -> None:
    """A reader has one of the values that were put, never a mixture, an error or nothing."""
    context.put("key", ["0"] * 50, storage=FILE)

    def work(number: int) -> None:
        for turn in range(200):
            if number < 2:
                context.put("key", [str(turn)] * 50, storage=FILE)
            else:
                found = context.get("key")
                assert (len(found), len(set(found))) == (50, 1)

    _together(work, 4)
    assert files.live == 1


def test_without_files_a_stream_is_refused() -> None:
    """Rather than held in memory, however large it is."""
    with pytest.raises(RefusedError, match="there is no directory for files"):
        RuntimeContext().put_stream("key", [b"x"])


def test_a_closed_context_is_not_taken_for_an_empty_one() -> None:
    """After its block it has no values to save: saving it would empty the row of its run."""
    with RuntimeContext() as context:
        context.put("a", 1)
    with pytest.raises(ReleasedError, match="closed"):
        context.snapshot(leave_out_pending=True)


@pytest.mark.parametrize("save", [RuntimeContext.snapshot, RuntimeContext.to_descriptors])
def test_what_was_not_flushed_is_not_left_out_in_silence(context: RuntimeContext, save: Callable[..., object]) -> None:
    """It is named; whoever saves says that it is to be left out, or flushes or clears it."""
    for number in range(7):
        context.write(f"key{number}", "secret")
    with pytest.raises(RefusedError, match=r"^7 values were written and not flushed.*: 'key0', .*'key4' and 2 more$"):
        save(context)
    save(context, leave_out_pending=True)
    assert len(context.pending_keys()) == 7
    context.flush_pending_writes("node")
    save(context)
    context.write("one", 1)
    with pytest.raises(RefusedError, match=r"^1 value was written and not flushed, and would not be saved: 'one'$"):
        save(context)
    context.clear_pending_writes()
    save(context)


def test_consumers_of_a_name_are_those_of_what_it_comes_to_stand_for(context: RuntimeContext) -> None:
    """Whichever is said first, who reads or what is read: nothing is dropped for want of a reader."""
    context.add_consumers("rows", ["late"])
    context.add_consumers("{{fetch.output.rows}}", ["early"])
    context.set_alias("rows", "{{fetch.output.rows}}")
    context.write("rows", [1, 2])
    assert context.flush_pending_writes("fetch") == ["fetch.output.rows"]
    assert context.consumers("rows") == {"late", "early"}
    context.read("early", "rows")
    context.read("late", "fetch.output.rows")
    assert not context.contains("rows")
    assert context.snapshot()[1].consumers == {}


def test_a_name_that_has_a_value_keeps_its_consumers(context: RuntimeContext) -> None:
    """It stands for itself, whatever alias is made of it."""
    context.put("rows", 1)
    context.add_consumers("rows", ["reader"])
    context.set_alias("rows", "{{other}}")
    assert context.consumers("rows") == {"reader"}
    assert context.read("reader", "rows") == 1
    assert context.keys() == []
