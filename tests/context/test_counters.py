"""Counts of values add up, and are a snapshot."""

from dataclasses import asdict

from tests.support.counted_files import CountedFiles
from zenctx.context.counters import Failure, Stage, ValueCounters
from zenctx.context.factory import RefValueFactory, StoragePreference
from zenctx.context.runtime import RuntimeContext
from zenctx.context.values import MemoryValue


def test_values_are_counted_by_kind_with_their_bytes() -> None:
    """When they are made and when they are released, once each."""
    context = RuntimeContext(RefValueFactory(files=CountedFiles()))
    context.put("memory", "four")
    context.put("json", [1, 2], storage=StoragePreference.JSON)
    context.put_stream("file", [b"abc", b"de"])
    made = context.counters.snapshot()
    assert made.created == {"MEMORY": 1, "JSON": 1, "FILE": 1}
    assert made.created_bytes == {"MEMORY": 8, "JSON": 5, "FILE": 5}
    assert made.released == {}
    context.remove("file")
    context.clear()
    context.clear()
    done = context.counters.snapshot()
    assert (done.released, done.released_bytes) == (made.created, made.created_bytes)
    assert made.released == {}, "a snapshot stays as it was"


def test_counts_are_plain_for_whoever_shows_them() -> None:
    """Names and numbers: they print as text, and JSON takes them."""
    context = RuntimeContext()
    context.put("memory", "four")
    context.counters.failed([Failure("a", Stage.CREATION, "why")])
    counts = context.counters.snapshot()
    assert {type(name) for part in asdict(counts).values() for name in part} == {str}
    assert "{'MEMORY': 1}" in repr(counts)
    assert "{'creation': 1}" in repr(counts)


def test_a_pending_value_is_counted_once() -> None:
    """Not again when it is flushed."""
    context = RuntimeContext()
    context.add_consumers("n.output.kept", ["reader"])
    context.write("kept", 1)
    context.write("dropped", 2)
    context.flush_pending_writes("n")
    counts = context.counters.snapshot()
    assert (counts.created, counts.released) == ({"MEMORY": 2}, {"MEMORY": 1})


def test_failures_are_counted_by_stage() -> None:
    """And a value of unknown size has no bytes."""
    counters = ValueCounters()
    counters.failed([Failure("a", Stage.CREATION, "why"), Failure("b", Stage.CREATION, "why")])
    counters.failed([Failure("c", Stage.RESTORATION, "why")])
    value = MemoryValue(b"null")
    value.size = -1
    counters.created(value)
    counts = counters.snapshot()
    assert counts.failures == {"creation": 2, "restoration": 1}
    assert counts.created_bytes == {"MEMORY": 0}
