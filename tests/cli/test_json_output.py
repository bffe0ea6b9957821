"""Tests of JSON on standard output."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.cli.samples import RUN_ID, app
from zenctx import __version__
from zenctx.cli.json_output import encode, encode_item
from zenctx.context.rawjson import RawJson

KEYS = {"command", "version", "dry_run", "exit_code", "error", "summary", "items"}


def invoke(*arguments: str) -> Result:
    """Runs the sample application."""
    return CliRunner().invoke(app, list(arguments))


def document(*arguments: str) -> dict[str, Any]:
    """Gives the document that a call writes, with the exit code checked against it."""
    result = invoke(*arguments)
    loaded: dict[str, Any] = json.loads(result.stdout)
    assert set(loaded) == KEYS
    assert loaded["exit_code"] == result.exit_code
    return loaded


@dataclass(frozen=True)
class Item:
    """An item with one value of any kind."""

    value: object


def test_a_success_is_one_document_with_all_keys() -> None:
    """Items, summary and the fixed keys stand in one document, and nothing else on standard output."""
    written = document("listing", "--count", "2", "--json")
    assert (written["command"], written["version"], written["dry_run"]) == ("listing", __version__, False)
    assert (written["error"], written["exit_code"]) == (None, 0)
    assert written["summary"] == {"runs": 2, "bytes": 3072}
    assert [item["run_id"] for item in written["items"]] == [RUN_ID.format(0), RUN_ID.format(1)]
    assert written["items"][0]["started_at"] == "2026-11-22T21:35:04Z"


def test_values_are_embedded_as_they_are_spelled() -> None:
    """No number inside a value is read and written again."""
    assert '"value":{"amount":1.10,"big":1e400}' in invoke("listing", "--json").stdout


def test_no_items_is_an_empty_list() -> None:
    """An empty result has the same keys as any other."""
    assert document("listing", "--count", "0", "--json")["items"] == []


def test_a_dry_run_says_so() -> None:
    """The same shape, with `dry_run` true."""
    assert document("listing", "--dry-run", "--json")["dry_run"] is True
    assert document("listing", "--dry-run", "--count", "0", "--json")["dry_run"] is True


def test_partial_failure_is_an_exit_code_without_an_error() -> None:
    """What the report says is what the document and the process say."""
    written = document("listing", "--exit-code", "3", "--format", "json")
    assert (written["exit_code"], written["error"]) == (3, None)


def test_a_failure_after_items_leaves_a_valid_document() -> None:
    """Items that were written stay, the error follows them."""
    written = document("listing", "--count", "5", "--fail-at", "3", "--json", "--dry-run")
    assert len(written["items"]) == 3
    assert written["error"] == {"kind": "refused", "message": "Run 3 is in use.", "hint": "Wait."}
    assert (written["exit_code"], written["summary"], written["dry_run"]) == (5, {}, True)


@pytest.mark.parametrize(
    ("arguments", "command", "kind"),
    [
        (["listing", "--json", "--fail-at", "0"], "listing", "refused"),
        (["listing", "--jsn", "--json"], "listing", "usage"),
        (["listing", "--format=json", "--count", "x"], "listing", "usage"),
        (["listing", "--format", "json", "surplus"], "listing", "usage"),
        (["listing", "--json", "--db"], "listing", "usage"),
        (["listing", "--json", "--format", "table"], "listing", "usage"),
        (["--json", "listing"], None, "usage"),
        (["listng", "--json"], None, "usage"),
        (["deep", "no-such", "--json"], None, "usage"),
        (["deep", "crash", "--json"], "deep crash", "unexpected"),
        (["deep", "crash", "--json", "--how", "interrupt"], "deep crash", "interrupted"),
        (["broken", "--json"], "broken", "unexpected"),
        (["listing", "--json", "--config", "/no/such/file.toml", "--fail-at", "0"], "listing", "refused"),
    ],
)
def test_failures_and_usage_errors_are_documents_too(arguments: list[str], command: str | None, kind: str) -> None:
    """Whatever fails, a caller that asked for JSON gets the document with the error in it."""
    written = document(*arguments)
    assert written["command"] == command
    assert written["error"]["kind"] == kind
    assert set(written["error"]) == {"kind", "message", "hint"}


def test_lines_have_types_and_one_summary() -> None:
    """`jsonl` is one object a line: items, then one summary with the same keys as the document."""
    lines = [json.loads(line) for line in invoke("listing", "--format", "jsonl").stdout.splitlines()]
    assert [line["type"] for line in lines] == ["item", "item", "item", "summary"]
    assert set(lines[-1]) == (KEYS - {"items"}) | {"type"}
    assert lines[0]["run_id"] == RUN_ID.format(0)


def test_a_failure_ends_the_lines_with_the_summary() -> None:
    """The last line carries the error."""
    result = invoke("listing", "--format", "jsonl", "--fail-at", "2")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["item", "item", "summary"]
    assert (lines[-1]["exit_code"], lines[-1]["error"]["kind"], lines[-1]["summary"]) == (5, "refused", {})
    assert result.exit_code == 5


def test_an_item_without_fields_is_a_line_too() -> None:
    """The type of the line stands alone then."""

    @dataclass(frozen=True)
    class Empty:
        """Nothing."""

    assert encode_item(Empty()) == b"{}"


def test_an_item_may_not_hide_the_type_of_its_line() -> None:
    """A field named `type` is a mistake of ours and is found at once."""

    @dataclass(frozen=True)
    class Entry:
        """An entry that names its field badly."""

        type: str

    with pytest.raises(ValueError, match=r"Entry\.type"):
        encode_item(Entry("MEMORY"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (RawJson(b"-0.0e-7"), b"-0.0e-7"),
        ((RawJson(b"1.10"), RawJson(b"[ 1 ]")), b"[1.10,[ 1 ]]"),
        (Item(Item(None)), b'{"value":{"value":null}}'),
        (datetime(2026, 1, 1, 2, tzinfo=UTC), b'"2026-01-01T02:00:00Z"'),
        (timedelta(seconds=1.5), b"1.5"),
        (Path("/data"), b'"/data"'),
        (frozenset({"b", "a"}), b'["a","b"]'),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        ("a\udc80b", b'"a\\\\udc80b"'),
    ],
)
def test_fields_of_every_kind_have_a_json_form(value: object, text: bytes) -> None:
    """Reports may hold nested dataclasses, raw JSON, times, paths and names that are not UTF-8."""
    assert encode(Item(value)) == b'{"value":' + text + b"}"


def test_a_value_without_a_json_form_is_an_error() -> None:
    """Nothing is guessed."""
    with pytest.raises(TypeError):
        encode(Item(b"bytes"))
