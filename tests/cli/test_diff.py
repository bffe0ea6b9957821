"""Tests of `zenctx diff`."""

import json
from pathlib import Path

import jsonpatch
import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from tests.cli.console import ABSENT, OTHER, RUN, VECTORS, Console, document_of, zenctx
from tests.cli.processes import ZENCTX, run_in_terminal
from tests.support.rows import compact
from zenctx.cli.app import app

FIELDS = {
    *("run_id", "key", "difference", "pointer", "old_pointer", "storage_a", "storage_b", "before", "after"),
    *("hidden", "reason"),
}
COUNTS = {
    *("a", "b", "equal", "runs", "runs_different", "keys", "added", "removed", "changed", "moved", "unknown", "hidden"),
}
OLD = '{"n":1.10,"items":[{"id":1},{"id":2,"name":"y"}],"gone":null}'
NEW = '{"n":1.1,"items":[{"id":1},{"id":2,"name":"z"}],"new":[]}'


@pytest.fixture
def pair(console: Console) -> Console:
    """Two runs that differ."""
    console.rows.add(OLD, run_id=RUN)
    console.rows.add(NEW, run_id=OTHER)
    return console


@pytest.fixture
def files(folder: Path) -> tuple[str, str]:
    """Two files with the same contexts."""
    (folder / "a.json").write_text(OLD)
    (folder / "b.json").write_text(NEW)
    return "a.json", "b.json"


def test_differences_are_a_table_and_a_sentence(pair: Console) -> None:
    """One row for each; the code is 4."""
    result = pair.run("diff", RUN, OTHER)
    assert (result.exit_code, result.stderr) == (4, "")
    rows = [line.split() for line in result.stdout.splitlines()[:4]]
    assert rows[0] == ["DIFFERENCE", "KEY", "POINTER", "A", "B", "IN", "A", "IN", "B", "REASON"]
    assert sorted(rows[1:]) == [
        ["added", "new", "-", "-", "[]", "-", "row", "-"],
        ["changed", "items", "/1/name", '"y"', '"z"', "row", "row", "-"],
        ["removed", "gone", "-", "null", "-", "row", "-", "-"],
    ]
    assert result.stdout.splitlines()[-1] == (
        f"A (run {RUN}) and B (run {OTHER}) differ: 1 added, 1 removed, 1 changed."
    )


def test_equal_runs_are_one_line(pair: Console) -> None:
    """With the code 0."""
    assert pair.lines("diff", RUN, RUN) == [f"A (run {RUN}) and B (run {RUN}) have equal values."]


def test_the_document_has_every_field(pair: Console) -> None:
    """With the values as they are spelled."""
    document = pair.document("diff", RUN, OTHER, code=4)
    assert all(set(item) == FIELDS for item in document["items"])
    assert set(document["summary"]) == COUNTS
    assert document["summary"] | {"equal": False, "keys": 4, "changed": 1} == document["summary"]


def test_keys_only_shows_no_values(pair: Console) -> None:
    """Nor columns for them."""
    result = pair.run("diff", RUN, OTHER, "--keys-only")
    assert result.stdout.splitlines()[0].split() == ["DIFFERENCE", "KEY", "IN", "A", "IN", "B", "REASON"]
    assert '"y"' not in result.stdout


def test_the_patch_is_all_of_standard_output(files: tuple[str, str]) -> None:
    """It is one JSON document that leads from A to B; so are the items of the JSON format."""
    result = zenctx("diff", *files, "--patch")
    assert (result.exit_code, result.stderr) == (4, "")
    for patch in (json.loads(result.stdout), document_of(zenctx("diff", *files, "--patch", "--json"))["items"]):
        assert jsonpatch.JsonPatch(patch).apply(json.loads(OLD)) == json.loads(NEW)
    assert zenctx("diff", files[0], files[0], "--patch").stdout == "[]\n"


def test_files_need_no_database(files: tuple[str, str], folder: Path) -> None:
    """None is opened, none is made."""
    result = zenctx("diff", *files, "--db", "postgresql://nobody@localhost:1/none")
    assert result.exit_code == 4
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "b.json"]


def test_standard_input_is_a_side(files: tuple[str, str]) -> None:
    """Once."""
    result = CliRunner().invoke(app, ["diff", "-", files[1]], input=OLD, prog_name="zenctx")
    assert result.exit_code == 4
    assert "A (standard input)" in result.stdout
    assert zenctx("diff", "-", "-").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--patch", "--keys-only"), 2, "contradict"),
        (("--bogus",), 2, "No such option"),
    ],
)
def test_contradictions_are_refused(files: tuple[str, str], arguments: tuple[str, ...], code: int, words: str) -> None:
    """Before anything is opened."""
    result = zenctx("diff", *files, *arguments)
    assert (result.exit_code, words in result.stderr) == (code, True)


def test_what_is_not_there_is_not_found(pair: Console) -> None:
    """A run, a file, a repository."""
    for other in (ABSENT, "gone.json", f"latest:{RUN}"):
        assert pair.run("diff", RUN, other).exit_code == 10, other
    assert pair.run("diff", "latest", RUN).exit_code == 2
    assert pair.run("diff", "latest", "latest~1").exit_code == 10


def test_secrets_are_hidden_and_said_to_differ(console: Console) -> None:
    """In every format; the patch is refused with a sentence."""
    for run_id, secret in ((RUN, "sk-not-a-real-secret"), (OTHER, "sk-another-unreal-one")):
        console.rows.add(compact({"__zenflow_secrets": {"k": secret}, "copy": secret}), run_id=run_id)
    for arguments in ((), ("--json",), ("--format", "jsonl"), ("--keys-only",), ("--verbose",), ("--patch",)):
        result = console.run("diff", RUN, OTHER, *arguments)
        assert "sk-" not in result.stdout + result.stderr
        assert result.exit_code == (5 if arguments == ("--patch",) else 4)
    assert "--show-secrets" in console.run("diff", RUN, OTHER).stdout
    assert (
        "sk-not"
        in console.run("diff", RUN, OTHER, "--patch", "--show-secrets").stdout
        + console.run("diff", RUN, OTHER, "--show-secrets").stdout
    )


HOSTILE = "\x1b[31m\x1b]0;owned\x07\u202e[/red][bold]\x7f"


def test_hostile_keys_and_values_steer_nothing(folder: Path) -> None:
    """They are shown as escapes; the patch stays JSON of the same value."""
    (folder / "a.json").write_text(json.dumps({HOSTILE: {HOSTILE: 1}, "v": HOSTILE}, ensure_ascii=False))
    (folder / "b.json").write_text(json.dumps({HOSTILE: {HOSTILE: 2}, "v": HOSTILE + "!"}, ensure_ascii=False))
    shown = zenctx("diff", "a.json", "b.json").stdout
    assert not any(character in shown for character in "\x1b\x07\u202e\x7f")
    assert "[bold]" in shown
    patch = zenctx("diff", "a.json", "b.json", "--patch").stdout
    assert not any(character in patch for character in "\x1b\x07\u202e\x7f")
    assert jsonpatch.JsonPatch(json.loads(patch)).apply({HOSTILE: {HOSTILE: 1}, "v": HOSTILE}) == {
        HOSTILE: {HOSTILE: 2},
        "v": HOSTILE + "!",
    }


@pytest.mark.parametrize("width", [80, 200])
def test_differences_fit_the_terminal(folder: Path, width: int) -> None:
    """Key and pointer stay whole or are folded, values give way; at 200 columns nothing does."""
    long = {"webhook.output.payload.order": {"items": [{"description": "x" * 100}] * 3}, "n": 1, "m": "short"}
    other = json.loads(json.dumps(long)) | {"n": 2}
    other["webhook.output.payload.order"]["items"][1]["description"] = "y" * 100
    (folder / "a.json").write_text(json.dumps(long))
    (folder / "b.json").write_text(json.dumps(other))
    shown = run_in_terminal(width, [*ZENCTX, "diff", "a.json", "b.json"], {"PYTHONPATH": str(VECTORS.parents[1])})
    assert shown.exit_code == 4
    assert all(cell_len(line) <= width for line in shown.lines)
    together = "".join(shown.plain.split())
    assert "1" in together
    assert ("/items/1/description" in together) or width == 80
    assert "xxxx" in together
    assert "yyyy" in together
