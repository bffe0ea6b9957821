"""Looking at a context: what is told of each entry, and one value in full."""

import base64
import json
from typing import Any

import pytest

from tests.operations.world import World
from tests.support.rows import compact
from zenctx.errors import InvalidContextError, InvalidDescriptorError, NotFoundError, UsageError
from zenctx.operations.inspect import EntryItem, InspectReport, ValueItem, inspect, inspect_key

NOTHING = {"locator": None, "mediaType": None, "checksum": None, "inlineValue": None}


def look(world: World, run_id: str, *, show_secrets: bool = False) -> tuple[InspectReport, dict[str, EntryItem]]:
    """Inspect a run; give the report and the items by key."""
    items: list[EntryItem] = []
    report = inspect(world.database, world.settings, run_id, items.append, show_secrets=show_secrets)
    return report, {item.key: item for item in items}


def show(world: World, run_id: str, key: str, pointer: str | None = None, *, show_secrets: bool = False) -> ValueItem:
    """Inspect one value."""
    return inspect_key(world.database, world.settings, run_id, key, pointer, show_secrets=show_secrets)


def test_legacy_entries_are_plain_values(world: World) -> None:
    """Each with its JSON type, its length as text, and the value itself."""
    context = {"s": "text", "n": 1.5, "b": True, "z": None, "o": {"a": 1}, "l": [1, 2]}
    run_id = world.rows.add(compact(context), status="ERROR")
    report, items = look(world, run_id)
    assert (report.exit_code, report.summary.form, report.summary.status) == (0, "legacy", "ERROR")
    assert (report.summary.keys, report.summary.workflow_id) == (6, world.rows.workflow_id)
    types = {key: item.json_type for key, item in items.items()}
    assert types == {"s": "string", "n": "number", "b": "boolean", "z": "null", "o": "object", "l": "array"}
    assert {item.storage for item in items.values()} == {"row"}
    assert (items["s"].preview, items["n"].preview, items["s"].size) == ('"text"', "1.5", 6)
    assert items["s"].descriptor_type is None


def test_descriptors_are_told_with_their_files(world: World) -> None:
    """Type, size, media type, where the value is kept, and whether it has its checksum."""
    world.options = {"memory-threshold-bytes": "30", "json-threshold-bytes": "100", "engine-reads": "all",
                     "inline-file-threshold-bytes": "50"}  # fmt: skip
    run_id = world.rows.add(compact({"m": 1, "j": {"a": "x" * 40}, "f": "y" * 60, "i": "z" * 20}))
    world.migrate()
    report, items = look(world, run_id)
    assert (report.exit_code, report.summary.form, report.summary.problems) == (0, "descriptors", 0)
    kinds = {key: (item.descriptor_type, item.storage, item.checksum) for key, item in items.items()}
    assert kinds == {
        "m": ("MEMORY", "row", None),
        "j": ("JSON", "inline", "absent"),
        "f": ("FILE", "file", "ok"),
        "i": ("FILE", "inline", "ok"),
    }
    assert items["f"].path == str(world.store / world.files()[0])
    assert items["f"].locator == f"./data/context-files/persistent/{world.files()[0]}"
    assert items["j"].preview is not None
    assert (items["j"].media_type, items["f"].size, items["f"].preview) == ("application/json", 62, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"locator": "/etc/passwd"}, "leaves the configured directories"),
        ({"locator": "../../x"}, "leaves the configured directories"),
        ({"locator": "./data/context-files/gone.json"}, "missing"),
        ({"size": 3}, "62 bytes, its descriptor says 3"),
        ({"checksum": "sha256:" + "0" * 64}, "does not have the checksum"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(world: World, change: dict[str, Any], reason: str) -> None:
    """It is named beside its entry, and the exit code says that something is wrong."""
    world.options = {"memory-threshold-bytes": "30"}
    run_id = world.rows.add(compact({"f": "y" * 60, "m": 1}))
    world.migrate()
    context = json.loads(world.rows.text(run_id) or b"")
    world.rows.replace(run_id, compact({**context, "f": context["f"] | change}))
    report, items = look(world, run_id)
    assert reason in (items["f"].reason or "")
    assert (report.exit_code, report.summary.problems, items["m"].reason) == (4, 1, None)
    if "etc" in str(change) or ".." in str(change):
        assert items["f"].path is None


def test_a_symbolic_link_is_told_and_not_followed(world: World) -> None:
    """What lies behind it is not read, whatever it is."""
    world.options = {"memory-threshold-bytes": "30"}
    run_id = world.rows.add(compact({"f": "y" * 60}))
    world.migrate()
    file = world.store / world.files()[0]
    file.unlink()
    file.symlink_to("/etc/passwd")
    _, items = look(world, run_id)
    assert "symbolic link" in (items["f"].reason or "")
    assert items["f"].checksum == "unchecked"


@pytest.mark.parametrize("content", ["[]", '{"a":1,"a":2}', "{"])
def test_an_invalid_context_is_told(sqlite_world: World, content: str) -> None:
    """With the reason and no entries; its values cannot be asked for."""
    run_id = sqlite_world.rows.add(content)
    report, items = look(sqlite_world, run_id)
    assert (report.exit_code, report.summary.form, items) == (4, "invalid", {})
    assert report.summary.reason
    with pytest.raises(InvalidContextError):
        show(sqlite_world, run_id, "a")


@pytest.mark.parametrize(("content", "form"), [(None, "null"), ("{}", "empty")])
def test_a_context_without_entries_is_well(world: World, content: str | None, form: str) -> None:
    """There is nothing to tell of it."""
    report, items = look(world, world.rows.add(content))
    assert (report.exit_code, report.summary.form, items) == (0, form, {})


@pytest.mark.parametrize("run_id", ["7f2504e0-4f89-41d3-9a0c-0305e82c3301", "no id", ""])
def test_an_unknown_run_is_not_found(world: World, run_id: str) -> None:
    """Whatever was typed."""
    world.rows.add("{}")
    with pytest.raises(NotFoundError) as caught:
        look(world, run_id)
    assert caught.value.exit_code == 10


def test_an_id_may_be_typed_in_capitals(postgres_world: World) -> None:
    """PostgreSQL takes either spelling of an id, and so do we."""
    run_id = postgres_world.rows.add('{"a":1}')
    assert look(postgres_world, run_id.upper())[0].summary.run_id == run_id


def test_values_are_shown_digit_by_digit(world: World) -> None:
    """Nothing is rounded, in the row, inline or in a file, and a pointer leads to the very text."""
    world.options = {"memory-threshold-bytes": "60", "json-threshold-bytes": "60", "engine-reads": "all"}
    numbers = "[1.10,18446744073709551617,0.1000000000000000055511151231257827021181583404541015625]"
    run_id = world.rows.add(f'{{"row":1.10,"file":{{"a/b":{numbers}}}}}')
    for _ in range(2):
        assert show(world, run_id, "row").value.text == b"1.10"
        assert show(world, run_id, "file", "/a~1b/1").value.text == b"18446744073709551617"
        assert show(world, run_id, "file", "").value.text.replace(b" ", b"") == f'{{"a/b":{numbers}}}'.encode()
        world.migrate()


def test_what_is_not_there_is_not_found(world: World) -> None:
    """An unknown key with the nearest one, an unknown part with its pointer, a pointer that is none."""
    run_id = world.rows.add('{"http.output.body":{"items":[1]}}')
    with pytest.raises(NotFoundError) as caught:
        show(world, run_id, "http.output.bdy")
    assert "'http.output.body'" in (caught.value.hint or "")
    with pytest.raises(NotFoundError) as caught:
        show(world, run_id, "zzz")
    assert "lists the keys" in (caught.value.hint or "")
    for pointer in ("/items/1", "/items/-", "/items/0/x", "/Items"):
        with pytest.raises(NotFoundError):
            show(world, run_id, "http.output.body", pointer)
    with pytest.raises(UsageError):
        show(world, run_id, "http.output.body", "items")


def test_keys_of_any_kind_can_be_asked_for(world: World) -> None:
    """Empty ones, long ones, ones with slashes, markup or escape sequences."""
    keys = ["", "a/../b", "x" * 300, "[bold]x[/bold]", "\x1b[31mred", "two\nlines", "e\u0301", "\u00e9", "🚀"]
    run_id = world.rows.add(compact({key: number for number, key in enumerate(keys)}))
    for number, key in enumerate(keys):
        assert show(world, run_id, key).value.text == str(number).encode()
    assert set(look(world, run_id)[1]) == set(keys)


def test_bytes_are_shown_as_base64_text(world: World) -> None:
    """A FILE that is no JSON is shown as what it would be in a legacy context."""
    encoded = base64.b64encode(b"\x00\xff").decode()
    descriptor = {**NOTHING, "type": "FILE", "size": 2, "inlineValue": encoded}
    run_id = world.rows.add(compact({"raw": descriptor}))
    assert show(world, run_id, "raw").value.text == f'"{encoded}"'.encode()


def test_a_value_too_large_to_show_is_for_cat(sqlite_world: World) -> None:
    """It is refused by its size, before it is read."""
    descriptor = {**NOTHING, "type": "FILE", "size": 17_000_000, "locator": "./data/context-files/x"}
    run_id = sqlite_world.rows.add(compact({"f": descriptor}))
    with pytest.raises(InvalidDescriptorError, match="too much to show") as caught:
        show(sqlite_world, run_id, "f")
    assert "cat" in (caught.value.hint or "")


def test_previews_are_short(world: World) -> None:
    """A long value is cut, a very long one is not shown at all."""
    run_id = world.rows.add(compact({"long": "x" * 500, "longer": "x" * 5000}))
    _, items = look(world, run_id)
    assert len(items["long"].preview or "") == 60
    assert items["longer"].preview is None
