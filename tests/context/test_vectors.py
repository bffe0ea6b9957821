"""The vectors that a Java process wrote: legacy contexts come through unchanged, descriptors read as Java does."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.context.storage import ALL_RULES, Files, anywhere, back, there
from zenctx.context.descriptor import (
    ChecksumState,
    DescriptorType,
    RefValueDescriptor,
    compare_checksum,
    decode_inline,
    sha256_checksum,
)
from zenctx.context.forms import Entry, Form, detect
from zenctx.context.rawjson import is_json
from zenctx.context.rules import StorageRules

VECTORS = Path(__file__).parents[1] / "vectors"
LEGACY = sorted((VECTORS / "legacy").glob("*.json"))
DESCRIPTORS = sorted((VECTORS / "descriptors").glob("*.json"))

FORMS = {"13_empty": Form.EMPTY, "10_lookalikes": Form.MIXED}
CHECKSUMS = {ChecksumState.ABSENT: "-", ChecksumState.OK: "ok"}

each_legacy = pytest.mark.parametrize("path", LEGACY, ids=lambda path: path.stem)
each_descriptors = pytest.mark.parametrize("path", DESCRIPTORS, ids=lambda path: path.stem)


class Row(NamedTuple):
    """One line of `.expected.tsv`, without the Java classes."""

    key: str
    kind: str
    content: str
    details: tuple[str, ...]


def sha256(content: bytes) -> str:
    """Give a hash as the expectations spell it."""
    return hashlib.sha256(content).hexdigest()


def hash_of_json(text: bytes) -> str:
    """Give the hash of a value's JSON with sorted keys; Java and Python spell the doubles of these files alike."""
    spelled = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"json:{sha256(spelled.encode())}"


def expected(path: Path) -> list[Row]:
    """Read the lines beside a vector."""
    lines = path.with_suffix(".expected.tsv").read_text(encoding="utf-8").splitlines()
    rows = []
    for key, kind, java_class, content, *details in (line.split("\t") for line in lines):
        told = [] if java_class == "ERROR" else details
        shown = tuple("value=" + field.partition(",")[2] if field.startswith("value=") else field for field in told)
        rows.append(Row(json.loads(key), kind, content, shown))
    return rows


def read_back(entry: Entry) -> Row:
    """Describe an entry in the words of the expectations."""
    descriptor = entry.descriptor
    if descriptor is None:
        return Row(entry.member.name, "null", hash_of_json(entry.member.value), ())
    head, media = (entry.member.name, descriptor.type), f"media={descriptor.media_type or 'null'}"
    if descriptor.type is DescriptorType.MEMORY:
        return Row(*head, hash_of_json(descriptor.inline_value), (f"size={descriptor.size}", media))
    content = content_of(descriptor)
    if content is None:
        return Row(*head, "-", ())
    assert descriptor.size == len(content)
    checksum = CHECKSUMS[compare_checksum(descriptor.checksum, sha256_checksum(content))]
    via = "inline" if descriptor.locator is None else "locator,relative"
    details = [f"size={len(content)}", media, f"checksum={checksum}", f"via={via}"]
    if is_json(content):
        details.append(f"value={hash_of_json(content)}")
    return Row(*head, f"bytes:{sha256(content)}", tuple(details))


def content_of(descriptor: RefValueDescriptor) -> bytes | None:
    """Give the bytes of a JSON or FILE value; None where the file is gone."""
    if descriptor.locator is None:
        return decode_inline(descriptor)
    path = VECTORS / descriptor.locator
    return path.read_bytes() if path.exists() else None


def test_the_files_are_those_of_the_manifest() -> None:
    """Size and SHA-256 of every vector agree with the manifest, and no vector is missing from it."""
    lines = (VECTORS / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines()
    listed = [line.split("\t") for line in lines if not line.startswith("#")]
    for name, size, digest, _ in listed:
        content = (VECTORS / name).read_bytes()
        assert (len(content), sha256(content)) == (int(size), digest)
    assert sorted(name for name, *_ in listed) == sorted(str(p.relative_to(VECTORS)) for p in LEGACY + DESCRIPTORS)


@each_legacy
def test_legacy_vectors_are_detected(path: Path) -> None:
    """A legacy context is legacy, whatever its keys are called; only one with a real lookalike is in doubt."""
    assert detect(path.read_bytes(), anywhere).form is FORMS.get(path.stem, Form.LEGACY)


@each_legacy
@pytest.mark.parametrize("rules", ALL_RULES, ids=repr)
def test_legacy_vectors_come_back_byte_for_byte(path: Path, rules: StorageRules) -> None:
    """Whatever the engine reads and wherever values go, the way back gives the very text."""
    text, files = path.read_bytes(), Files()
    wrapped = there(text, rules, files)
    assert detect(wrapped, anywhere).form is (Form.EMPTY if text == b"{}" else Form.DESCRIPTORS)
    assert back(wrapped, files) == text


@each_descriptors
def test_descriptor_vectors_are_read_as_java_reads_them(path: Path) -> None:
    """Types, sizes, media types, contents, checksums and values are those of the expectations, in their order."""
    found = detect(path.read_bytes(), anywhere)
    assert found.form is (Form.EMPTY if path.stem == "07_empty" else Form.DESCRIPTORS)
    assert [read_back(entry) for entry in found.entries] == expected(path)


@each_descriptors
def test_descriptor_vectors_are_written_as_java_writes_them(path: Path) -> None:
    """What was read and is written again is the engine's own text."""
    for entry in detect(path.read_bytes(), anywhere).entries:
        assert entry.descriptor is None or entry.descriptor.to_json() == entry.member.value
