"""Tests of `zenctx inspect`."""

import json

import pytest

from tests.cli.console import ABSENT, RUN, Console, descriptor, missing_file, vector
from tests.support.rows import compact

FIELDS = {
    *("run_id", "key", "fit", "descriptor_type", "json_type", "media_type", "size", "storage", "checksum"),
    *("reserved", "hidden", "locator", "path", "reason", "preview"),
}


def test_a_table_tells_what_each_entry_is(sqlite_console: Console) -> None:
    """Type, size, storage and the beginning of each value; then the run as a whole."""
    sqlite_console.rows.add('{"a":1.10,"b":"two","c":null,"__zenflow_secrets":{"k":"v"}}', run_id=RUN)
    lines = sqlite_console.lines("inspect", RUN)
    assert lines[0].split()[:6] == ["KEY", "TYPE", "JSON", "SIZE", "STORAGE", "CHECKSUM"]
    assert [line.split() for line in lines[1:5]] == [
        ["a", "-", "number", "4", "B", "row", "-", "-", "no", "-", "1.10"],
        ["b", "-", "string", "5", "B", "row", "-", "-", "no", "-", '"two"'],
        ["c", "-", "null", "4", "B", "row", "-", "-", "no", "-", "null"],
        ["__zenflow_secrets", "-", "object", "9", "B", "row", "-", "-", "yes", "-", "***"],
    ]
    assert lines[5:] == [
        "",
        f"Run {RUN}, SUCCESS: 4 keys, form legacy.",
        "--show-secrets shows the hidden values.",
    ]


def test_json_has_every_field_of_every_entry(console: Console) -> None:
    """No key is omitted; the summary is the run."""
    console.rows.add(vector("legacy/12_realistic"), run_id=RUN)
    document = console.document("inspect", RUN)
    assert all(set(item) == FIELDS for item in document["items"])
    summary = document["summary"]
    assert set(summary) == {
        *("run_id", "workflow_id", "status", "form", "reason", "keys", "bytes", "hidden", "problems"),
    }
    assert (summary["keys"], summary["form"], summary["problems"]) == (len(document["items"]), "legacy", 0)


def test_descriptors_tell_type_storage_and_checksum(console: Console) -> None:
    """A value in a file tells its media type, locator and path, and that its checksum is right."""
    console.rows.add(compact({"large": "x" * 700_000, "small": 1}), run_id=RUN)
    assert console.run("migrate").exit_code == 0
    items = {item["key"]: item for item in console.document("inspect", RUN)["items"]}
    large, small = items["large"], items["small"]
    assert (large["descriptor_type"], large["storage"], large["checksum"]) == ("FILE", "file", "ok")
    assert (large["media_type"], large["size"]) == ("application/json", 700_002)
    assert large["path"] == str(console.files()[0])
    assert (small["descriptor_type"], small["storage"], small["locator"]) == ("MEMORY", "row", None)


def test_verbose_tells_the_files_and_the_run(console: Console) -> None:
    """Locator and path stand in the table, what the run is above the message."""
    console.rows.add(compact({"a": missing_file()}), run_id=RUN)
    output = console.run("inspect", RUN, "--verbose").stdout
    assert f"./data/context-files/persistent/{RUN}/gone.json" in output
    assert str(console.folder / f"data/context-files/persistent/{RUN}/gone.json") in output
    assert f"workflow  {console.rows.workflow_id}\n" in output


@pytest.mark.parametrize(
    ("context", "words", "step"),
    [
        (compact({"a": descriptor(), "b": 1}), "form mixed (the entry 'a' is", "--assume legacy|descriptors' decides"),
        (compact({"a": missing_file()}), "form descriptors.", f"'zenctx verify --run {RUN}' reads its files in full."),
        ("[1]", "0 keys, form invalid (the context is a JSON array", "mend the row."),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(console: Console, context: str, words: str, step: str) -> None:
    """The code is 4, the reason and the next step are the last lines."""
    console.rows.add(context, run_id=RUN)
    result = console.run("inspect", RUN)
    assert result.exit_code == 4
    message, next_step = result.stdout.splitlines()[-2:]
    assert words in message
    assert step in next_step


def test_one_value_is_shown_in_full_and_nothing_else(console: Console) -> None:
    """Laid out for people, digits as they are stored, fit for a pipe."""
    console.rows.add('{"n":18446744073709551616,"o":{"price":1.10}}', run_id=RUN)
    assert console.lines("inspect", RUN, "n") == ["18446744073709551616"]
    assert console.lines("inspect", RUN, "o") == ["{", '  "price": 1.10', "}"]
    assert console.lines("inspect", RUN, "o", "--pointer", "/price") == ["1.10"]


def test_one_value_in_json_is_verbatim(console: Console) -> None:
    """The value is embedded as it is spelled, with where it was found."""
    console.rows.add('{"o":{"price":1.10}}', run_id=RUN)
    result = console.run("inspect", RUN, "o", "--pointer", "/price", "--json")
    assert '"value":1.10' in result.stdout
    (item,) = json.loads(result.stdout)["items"]
    assert set(item) == {"run_id", "key", "pointer", "descriptor_type", "hidden", "value"}
    assert (item["key"], item["pointer"], item["hidden"]) == ("o", "/price", False)


def test_a_value_in_a_file_is_shown_like_any_other(console: Console) -> None:
    """Whoever looks need not know where a value is kept."""
    console.rows.add(compact({"large": {"text": "x" * 2_200_000, "n": 7}}), run_id=RUN)
    assert console.run("migrate").exit_code == 0
    assert console.lines("inspect", RUN, "large", "--pointer", "/n") == ["7"]


def test_hidden_values_are_said_to_be_hidden(console: Console) -> None:
    """The mask is no value; how to see it is told."""
    console.rows.add('{"login":{"user":"anna","password":"correct-horse"}}', run_id=RUN)
    assert console.lines("inspect", RUN, "login")[-3:] == ["", "Secrets are hidden.", "--show-secrets shows them."]
    assert console.document("inspect", RUN, "login")["items"][0]["value"]["password"] == "***"
    assert "correct-horse" in console.run("inspect", RUN, "login", "--show-secrets").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([ABSENT], 10, f"has no run {ABSENT}.\nHint: 'zenctx runs' lists them.\n"),
        (["no-uuid"], 10, "has no run no-uuid.\n"),
        ([RUN, "outputs"], 10, f"Run {RUN} has no key 'outputs'.\nHint: Did you mean 'output'?\n"),
        ([RUN, "zzz"], 10, f"Hint: 'zenctx inspect {RUN}' lists the keys.\n"),
        ([RUN, "output", "--pointer", "items"], 2, "A JSON Pointer begins with '/': 'items'.\n"),
        ([RUN, "output", "--pointer", "/items/7"], 10, "The pointer '/items/7' leads to nothing: there is no '7'.\n"),
        ([RUN, "--pointer", "/a"], 2, "--pointer needs a KEY.\n"),
        ([], 2, "Missing argument 'RUN'.\n"),
    ],
)
def test_what_is_not_there_is_said(console: Console, arguments: list[str], code: int, sentence: str) -> None:
    """A run, key or part that does not exist is one sentence, with the nearest name where there is one."""
    console.rows.add('{"output":{"items":[1,2]}}', run_id=RUN)
    result = console.run("inspect", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
