"""Who still has to read which value, and what loops put off."""

from zenctx.context.consumers import Consumers, Loops


def test_only_the_last_consumer_is_the_last() -> None:
    """Each node counts once, strangers not at all."""
    consumers = Consumers({"a": ["one", "two"], "b": []})
    assert not consumers.take("a", ["stranger"])
    assert not consumers.take("a", ["one"])
    assert not consumers.take("a", ["one"])
    assert consumers.of("a") == {"two"}
    assert consumers.take("a", ["two"])
    assert not consumers.take("a", ["two"])


def test_a_key_without_consumers_is_never_done() -> None:
    """Nobody's read can be the last."""
    consumers = Consumers()
    consumers.add("a", [])
    assert not consumers.take("a", ["one"])
    assert consumers.plain() == {}


def test_consumers_are_the_same_after_they_were_plain() -> None:
    """Sorted, so that equal states have equal texts."""
    consumers = Consumers()
    consumers.add("b", ["z", "a"])
    consumers.add("a", ["x"])
    assert consumers.plain() == {"a": ["x"], "b": ["a", "z"]}
    assert Consumers(consumers.plain()).plain() == consumers.plain()
    consumers.forget("b")
    assert consumers.plain() == {"a": ["x"]}
    consumers.clear()
    assert consumers.plain() == {}


def test_a_loop_puts_reads_off_until_it_ends() -> None:
    """And then gives them at once."""
    loops = Loops()
    assert not loops.put_off("a", "one")
    loops.start("each")
    assert loops.put_off("a", "one")
    assert loops.put_off("a", "two")
    assert loops.end("each") == {"a": {"one", "two"}}
    assert loops.end("each") == {}


def test_an_inner_loop_waits_for_the_outer_one() -> None:
    """What it read may be read again in the outer one's next round."""
    loops = Loops()
    loops.start("outer")
    loops.start("inner")
    loops.put_off("a", "one")
    assert loops.end("inner") == {}
    assert loops.active == ("outer",)
    assert loops.end("outer") == {"a": {"one"}}


def test_an_outer_loop_ends_those_inside_it() -> None:
    """As when a node breaks out of both."""
    loops = Loops()
    for loop in ("outer", "middle", "inner"):
        loops.start(loop)
        loops.put_off("a", loop)
    assert loops.end("outer") == {"a": {"outer", "middle", "inner"}}
    assert not loops.active


def test_a_loop_that_runs_is_not_started_again() -> None:
    """Its reads are not forgotten."""
    loops = Loops()
    loops.start("each")
    loops.put_off("a", "one")
    loops.start("each")
    assert loops.active == ("each",)
    assert loops.end("each") == {"a": {"one"}}


def test_loops_go_on_where_they_were_kept() -> None:
    """In order; what is unknown or stands twice is left out."""
    loops = Loops(["outer", "inner", "outer"], {"outer": {"a": ["one"]}, "gone": {"b": ["two"]}})
    assert list(loops.active) == ["outer", "inner"]
    assert loops.plain() == {"outer": {"a": ["one"]}, "inner": {}}
    loops.forget("a")
    assert loops.end("outer") == {}
    assert not loops.active


def test_cleared_loops_count_nothing_as_read() -> None:
    """They are over."""
    loops = Loops(["each"], {"each": {"a": ["one"]}})
    loops.clear()
    assert (loops.active, loops.end("each"), loops.plain()) == ((), {}, {})
