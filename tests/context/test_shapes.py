"""The shape of a context is what the careful detection says of it, however quickly it was told."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings

from tests.context import texts
from tests.context.test_quick import descriptors_of
from zenctx.context.forms import Form, detect
from zenctx.context.shapes import NO_SHAPE, Shape, StorageKind, shape_of

VECTORS = sorted((Path(__file__).parents[1] / "vectors").glob("*/*.json"))
FILE = '{"type":"FILE","locator":"%s","mediaType":null,"size":%s,"checksum":null,"inlineValue":null}'
MEMORY = '{"type":"MEMORY","locator":null,"mediaType":null,"size":8,"checksum":null,"inlineValue":1}'


def is_inside(locator: str) -> bool:
    """Whether a locator is thought to lead to a file of the store."""
    return locator.startswith("a/")


def told(shape: Shape) -> tuple[Form, list[tuple[str, str, bytes]], list[tuple[int, str, int]]]:
    """What a shape says, spelled out for each entry."""
    kinds = [shape.kind] * len(shape.keys) if shape.kind is not None else list(shape.kinds)
    entries = zip(shape.keys, map(str, kinds), map(bytes, shape.values), strict=True)
    return shape.form, list(entries), [(file.entry, file.locator, file.size) for file in shape.files]


def expected(text: bytes) -> tuple[Form, list[tuple[str, str, bytes]], list[tuple[int, str, int]]]:
    """The same from the careful detection alone."""
    found = detect(text, is_inside)
    if found.form is Form.INVALID:
        return found.form, [("", "unreadable", text)], []
    entries, files = [], []
    for number, entry in enumerate(found.entries):
        descriptor = entry.descriptor
        if descriptor is None:
            entries.append((entry.member.name, "plain", entry.member.value))
            continue
        has_file = descriptor.type == "FILE" and descriptor.locator is not None
        is_absent = descriptor.locator is not None and not descriptor.has_inline_value
        entries.append((entry.member.name, str(descriptor.type), b"" if is_absent else descriptor.inline_value))
        if has_file:
            files.append((number, str(descriptor.locator), max(descriptor.size, 0)))
    return found.form, entries, files


def assert_same(text: bytes) -> None:
    """Compares what is told quickly with what is told carefully."""
    assert told(shape_of(text, is_inside, is_jsonb=False)) == expected(text)


@settings(max_examples=200)
@given(texts.contexts | texts.mangled_contexts)
@example(b"{}")
@example(b'{"a":1,"a":2}')
@example(b'{"a": 1,"a":2}')
@example(b'{"a":1, "bcd":2,"bcd":3}')
@example(b'{"a":null}')
@example(b'{"a":"\xff"}')
@example(rb'{"a":{"typ\u0065":"MEMORY","inlineValue":1}}')
@example(b'{"a":{"type":"FILE","locator":"a/x"}}')
@example(b"[" * 1001)
@example(b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}")
@example(f'{{"a":{FILE % ("a/x", 7)},"b":{MEMORY},"c":null}}'.encode())
@example(f'{{"a":{FILE % ("a/x", 7)},"b":{MEMORY}}}'.encode())
@example(f'{{"a":{FILE % ("a/x", -1)}}}'.encode())
@example(f'{{"a":{FILE % ("/etc/passwd", 7)}}}'.encode())
@example(f'{{"a":{FILE % ("", 7)}}}'.encode())
@example(f'{{"a":{FILE % ("a/x", 7)},"a":{FILE % ("a/y", 7)}}}'.encode())
@example(f'{{"a":{MEMORY},"b":1}}'.encode())
def test_any_context_has_the_shape_that_it_is_detected_to_have(text: bytes) -> None:
    """Plain, descriptors, neither, or no JSON at all."""
    assert_same(text)


@settings(max_examples=80)
@given(texts.trees)
def test_descriptors_in_memory_have_it_too(tree: texts.Tree) -> None:
    """Whatever their values are, and however they are spelled."""
    assert_same(descriptors_of(tree).render())


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_vectors_have_it_also_as_jsonb_spells_them(path: Path) -> None:
    """With a blank behind each colon and comma, which is all that the quick way takes into account."""
    text = path.read_bytes()
    assert_same(text)
    spaced = json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert told(shape_of(spaced, is_inside, is_jsonb=True)) == expected(spaced)


def test_what_is_ordinary_is_told_quickly() -> None:
    """Plain values, descriptors in memory, and such with files are not taken apart value by value."""
    plain = shape_of(b'{"a.output.b":[1,2],"c":"MEMO"}', is_inside, is_jsonb=False)
    assert (plain.kind, type(plain.values[0])) == (StorageKind.PLAIN, msgspec.Raw)
    text = f'{{"a":{MEMORY},"b":{FILE % ("a/x", 5)}}}'.encode()
    shape = shape_of(text, is_inside, is_jsonb=False)
    assert [*shape.kinds] == [StorageKind.MEMORY, StorageKind.FILE]
    assert shape.files[0].size == 5
    assert shape_of(None, is_inside, is_jsonb=True) is NO_SHAPE
