"""Every descriptor vector is read as the engine reads it: by inspect, by cat and by verify."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.operations.world import VECTORS, World
from zenctx.context.canonical import canonical
from zenctx.errors import ZenctxError
from zenctx.operations.cat import cat
from zenctx.operations.inspect import EntryItem, inspect, inspect_key

OPTIONS = {"engine-dir": str(VECTORS), "persistent-file-dir": str(VECTORS / "data" / "context-files" / "persistent"),
           "file-storage-dir": str(VECTORS / "data" / "context-files")}  # fmt: skip


class Expected(NamedTuple):
    """One line of an .expected.tsv: what the engine got back from an entry."""

    key: str
    type: str | None
    digest: str
    is_error: bool
    fields: dict[str, str]


def expected_of(file: Path) -> Iterator[Expected]:
    """Read what the engine got back from a vector."""
    with file.open(encoding="utf-8", newline="") as lines:
        for key, kind, java_class, digest, *rest in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            fields = dict(field.partition("=")[::2] for field in rest)
            yield Expected(json.loads(key), None if kind == "null" else kind, digest, java_class == "ERROR", fields)


def digest_of(content: bytes, expected: Expected) -> str:
    """Give the digest of a value as the expectations have it: of its bytes, or of its JSON with sorted keys."""
    kind, _, _ = expected.digest.partition(":")
    return f"{kind}:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("name", sorted(file.stem for file in (VECTORS / "descriptors").glob("*.json")))
def test_a_vector_is_read_as_the_engine_reads_it(world: World, name: str) -> None:
    """Types, sizes, media types and checksums are told, content is written out byte for byte, faults are named."""
    world.options = OPTIONS
    run_id = world.rows.add((VECTORS / "descriptors" / f"{name}.json").read_text())
    expectations = list(expected_of(VECTORS / "descriptors" / f"{name}.expected.tsv"))
    found: list[EntryItem] = []
    report = inspect(world.database, world.settings, run_id, found.append, show_secrets=True)
    items = {item.key: item for item in found}
    assert items.keys() == {expected.key for expected in expectations}
    bad = sum(expected.is_error for expected in expectations)
    assert (report.exit_code, report.summary.problems) == (4 if bad else 0, bad)
    for expected in expectations:
        item = items[expected.key]
        assert item.descriptor_type == expected.type
        assert (item.reason is not None) is expected.is_error
        if not expected.is_error:
            compare(world, run_id, item, expected)
    verified, findings = world.verify(runs=(run_id,))
    assert verified.exit_code == (4 if bad else 0)
    assert [finding.key for finding in findings] == [expected.key for expected in expectations if expected.is_error]


def compare(world: World, run_id: str, item: EntryItem, expected: Expected) -> None:
    """Compare what is told of an entry, and its content, with what the engine got back."""
    with cat(world.database, world.settings, run_id, item.key, show_secrets=True) as pieces:
        content = b"".join(pieces)
    if item.descriptor_type in ("JSON", "FILE"):
        assert digest_of(content, expected) == expected.digest
        assert item.size == len(content) == int(expected.fields["size"].split("(")[0])
        assert {"ok": "ok", "-": "absent"}[expected.fields["checksum"]] == item.checksum
        assert item.storage == ("file" if "locator" in expected.fields["via"] else "inline")
        assert (item.path is not None) is (item.storage == "file")
    else:
        # What the engine printed is the value's JSON with sorted keys, numbers as Java spells them.
        value = json.loads(content)
        sorted_text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert digest_of(sorted_text.encode(), expected) == expected.digest or is_respelled(content)
    if "media" in expected.fields:
        assert item.media_type == (None if expected.fields["media"] == "null" else expected.fields["media"])
    shown = inspect_key(world.database, world.settings, run_id, item.key, None, show_secrets=True)
    if item.storage == "row":
        assert canonical(shown.value.text) == canonical(content)


def is_respelled(content: bytes) -> bool:
    """Tell whether a value is a number, which Java, Python and PostgreSQL each spell in their own way."""
    value: Any = json.loads(content)
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_a_value_whose_file_is_gone_is_an_error_for_every_command(world: World) -> None:
    """Writing it out and showing it fail with the name of the file, after nothing was handed out."""
    world.options = OPTIONS
    run_id = world.rows.add((VECTORS / "descriptors" / "04_file_locator.json").read_text())
    with pytest.raises(ZenctxError, match=r"zenflow-ctx-deleted\.json") as caught:
        inspect_key(world.database, world.settings, run_id, "gone", None, show_secrets=True)
    assert caught.value.exit_code == 4
    with (
        pytest.raises(ZenctxError, match="missing"),
        cat(world.database, world.settings, run_id, "gone", show_secrets=True),
    ):
        pytest.fail("something was handed out")
