"""The quick way gives what the careful way gives, or nothing; and it does give something for ordinary rows."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.context import texts
from tests.context.storage import anywhere
from zenctx.context.convert import unwrap, wrap
from zenctx.context.descriptor import RefValueDescriptor
from zenctx.context.forms import Form, detect
from zenctx.context.quick import MAX_ROW_BYTES, count_evident_descriptors, unwrap_quickly, wrap_quickly
from zenctx.context.rules import EngineReads, StorageRules

LEGACY = Path(__file__).parents[1] / "vectors" / "legacy"
DEFAULT = StorageRules()
FULL = '{"type":"MEMORY","locator":null,"mediaType":null,"size":8,"checksum":null,"inlineValue":%s}'

rows = texts.contexts | texts.mangled_contexts
thresholds = st.sampled_from([0, 8, 40, 200, 1024 * 1024])


def wrap_carefully(text: bytes, rules: StorageRules) -> bytes | None:
    """Convert a row as it is done without the quick way; None for what is not legacy, or needs a file."""
    found = detect(text, anywhere)
    if found.form is not Form.LEGACY:
        return None
    wrapped = wrap(found.members, rules)
    return None if wrapped.large else wrapped.text()


def read_nothing(descriptor: RefValueDescriptor) -> bytes:
    """Stands for files where there must be none."""
    raise AssertionError(descriptor)


def descriptors_of(tree: texts.Tree, size: bytes = b"8") -> texts.Tree:
    """Wrap each part of a context in a MEMORY descriptor of any size."""
    null = texts.Tree(b"null")
    parts = []
    for name, value in tree.parts:
        properties = [texts.Tree(b'"MEMORY"'), null, null, texts.Tree(size), null, value]
        named = zip((b'"%b"' % p.encode() for p in texts.PROPERTY_NAMES), properties, strict=True)
        parts.append((name, texts.Tree(brackets=b"{}", parts=tuple(named))))
    return texts.Tree(brackets=b"{}", parts=tuple(parts))


def order_of_jsonb(tree: texts.Tree) -> texts.Tree:
    """Sort the names of each entry as PostgreSQL does: by length, then by bytes."""
    parts = tuple(
        (name, texts.Tree(brackets=b"{}", parts=tuple(sorted(value.parts, key=lambda part: (len(part[0]), part[0])))))
        for name, value in tree.parts
    )
    return texts.Tree(brackets=b"{}", parts=parts)


@settings(max_examples=500)
@given(rows, thresholds)
@example(b"{}", 1000)
@example(b'{"a":1,"a":2}', 1000)
@example(b'{"a": 1,"a":2}', 1000)
@example(b'{"a":1, "bcd":2,"bcd":3}', 1000)
@example(b'{"\\u001F":1}', 1000)
@example(b'{"\\/":1 }', 1000)
@example(rb'{"a":"\u00e9\ud83d\ude80","b":[1]}', 1000)
@example(rb'{"\u0061b": 1}', 1000)
@example(rb'{"\u001f": 1}', 1000)
@example(b'{"a\\"":1,"%":"%d"}', 1000)
@example(b'{"a":"\xff"}', 1000)
@example(rb'{"a":"\ud800"}', 1000)
@example(b'{"a":"\xf0\x9f\x9a\x80\\n\\\\"}', 1000)
@example('{"a":"\u00e9","b":"\U0001f680"}'.encode(), 1000)
@example(b'{"a":"\\n\\"","b":"c"}', 1000)
@example(b'{"a":"' + b"x" * 30 + b'"}', 40)
@example(b'{"a":{"type":"FILE","locator":"x"}}', 1000)
@example(b'{"a":{"type":"MEMORY","inlineValue":1}}', 1000)
@example(b'{"a":[1, "x y"],"b":{"k": "\\" "}}', 1000)
@example(b'{"a":[1, 2], "b": 3}', 1000)
@example(FULL.encode(), 1000)
@example(b'{"a":' + FULL.encode() % b"1" + b"}", 1000)
@example(b'{"a":{"\\u0074ype":"MEMORY","\\u0069nlineValue":1}}', 1000)
def test_wrapping_quickly_is_wrapping_carefully(text: bytes, memory_threshold: int) -> None:
    """Whatever is converted quickly is legacy without doubt, and becomes the very same text."""
    for reads in EngineReads:
        rules = StorageRules(memory_threshold=memory_threshold, engine_reads=reads)
        quick = wrap_quickly(text, rules)
        assert quick is None or quick == wrap_carefully(text, rules)


@settings(max_examples=500)
@given(texts.trees, thresholds)
def test_what_is_jsonb_is_wrapped_into_the_same_value(tree: texts.Tree, memory_threshold: int) -> None:
    """Nothing but the order of a descriptor's properties is another one, and that is the one that the server makes."""
    rules, text = StorageRules(memory_threshold=memory_threshold), tree.like_jsonb()
    quick = wrap_quickly(text, rules, is_jsonb=True)
    assert quick is not None or wrap_quickly(text, rules) is None
    if quick is not None:
        assert as_jsonb(quick) == as_jsonb(wrap_carefully(text, rules))
        for entry in as_jsonb(quick).values():
            assert list(entry) == sorted(entry, key=lambda name: (len(name), name))


def as_jsonb(text: bytes | None) -> dict[str, dict[str, object]]:
    """Read a row as a value whose names have no order; numbers stay as they are spelled."""
    assert text is not None
    value = json.loads(text, parse_float=str, parse_int=str)
    assert isinstance(value, dict)
    return value


@settings(max_examples=500)
@given(
    rows
    | texts.trees.map(lambda tree: descriptors_of(tree).render())
    | texts.trees.map(lambda tree: order_of_jsonb(descriptors_of(tree)).like_jsonb())
    | texts.mangled_trees(lambda tree: descriptors_of(tree).render())
)
@example(b'{"a":' + FULL.encode() % b"1" + b',"a":' + FULL.encode() % b"1" + b"}")
@example(b'{"a":' + FULL.replace(":8,", ":-2,").encode() % b"1" + b"}")
@example(b'{"a":' + FULL.replace(":8,", ":9223372036854775808,").encode() % b"1" + b"}")
@example(b'{"a":' + FULL.replace(":8,", ":-0,").encode() % b"1" + b"}")
@example(b'{"a":' + FULL.replace('"size":8', '"size":8,"size":8').encode() % b"1" + b"}")
@example(b'{"a":' + FULL.encode() % b'"\xff"' + b"}")
@example(b'{"a":' + FULL.encode() % rb'"\udc00"' + b"}")
def test_counting_and_unwrapping_quickly_is_doing_it_carefully(text: bytes) -> None:
    """Whatever is counted quickly is descriptors without doubt, all of them in memory, and comes back the same."""
    count = count_evident_descriptors(text)
    found = detect(text, anywhere)
    assert not count or (found.form, len(found.entries)) == (Form.DESCRIPTORS, count)
    assert not count or all(e.descriptor and e.descriptor.type == "MEMORY" and not e.reason for e in found.entries)
    quick = unwrap_quickly(text)
    assert (quick is None) == (count == 0)
    assert quick is None or quick == unwrap(found.entries, read_nothing)


@given(texts.trees, st.booleans())
def test_what_was_written_is_counted(tree: texts.Tree, is_jsonb: bool) -> None:
    """Rows as the engine writes them, and as `jsonb` gives them back, are evident, whatever is in them."""
    wrapped = wrap(detect(tree.render(), anywhere).members, DEFAULT).text()
    text = order_of_jsonb(descriptors_of(tree)).like_jsonb() if is_jsonb else wrapped
    is_usual = all(json.dumps(json.loads(name), ensure_ascii=False).encode() == name for name, _ in tree.parts)
    if is_usual and b"\\u" not in text:
        assert count_evident_descriptors(text) == len(tree.parts)


@pytest.mark.parametrize("path", sorted(LEGACY.glob("*.json")), ids=lambda path: path.stem)
def test_ordinary_rows_are_wrapped_quickly(path: Path) -> None:
    """Of the vectors only those with something to look at are left to the careful way, in either spelling."""
    text = path.read_bytes()
    spellings = [text, json.dumps(json.loads(text, parse_float=str), ensure_ascii=False).encode()]
    for spelling in spellings:
        quick = wrap_quickly(spelling, DEFAULT)
        assert (quick is None) == (path.stem in ("13_empty", "10_lookalikes"))
        assert quick is None or quick == wrap_carefully(spelling, DEFAULT)
        assert quick is None or count_evident_descriptors(quick) == len(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":' + texts.nested(901) + b"}",
        b'{"a":' + texts.nested(2000) + b"}",
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"1" * 1001 + b"}",
        b'{"a":[' + b"1" * 1001 + b"]}",
        b'{"a":"' + b"x" * MAX_ROW_BYTES + b'"}',
        b"[" * 100_000 + b"]" * 100_000,
        b"",
        b"null",
        b"[]",
    ],
    ids=lambda text: f"{text[:12]!r} {len(text)}",
)
def test_what_is_unusual_is_left_to_the_careful_way(text: bytes) -> None:
    """Deep, long, or no context at all."""
    assert wrap_quickly(text, StorageRules(memory_threshold=10**9)) is None
    assert count_evident_descriptors(text) == 0
    assert count_evident_descriptors(b'{"a":' + FULL.encode().replace(b"%s", text) + b"}") <= 1


def test_values_at_the_limits_are_wrapped_quickly() -> None:
    """900 levels, a number of 1000 characters, strings that look like numbers of any length."""
    for value in (texts.nested(400), b"1" * 1000, b'"' + b"1" * 5000 + b'"', b"[" + b"1," * 2000 + b"1]"):
        text = b'{"a":' + value + b"}"
        assert wrap_quickly(text, DEFAULT) == wrap_carefully(text, DEFAULT) is not None


def test_rows_of_many_kinds_do_not_disturb_each_other() -> None:
    """What is remembered of the keys of one row is never used for another."""
    for number in range(1000):
        text = b'{"k%d":1,"%d%%":"a"}' % (number, number)
        assert wrap_quickly(text, DEFAULT) == wrap_carefully(text, DEFAULT)
    many = b"{" + b",".join(b'"%d":1' % number for number in range(500)) + b"}"
    assert wrap_quickly(many, DEFAULT) == wrap_carefully(many, DEFAULT)
