"""Tests of `zenctx verify`."""

import os

import pytest

from tests.cli.console import ABSENT, OTHER, RUN, Console, descriptor, missing_file
from tests.support.rows import compact

FIELDS = {"severity", "kind", "run_id", "key", "path", "bytes", "reason", "hint", "snapshot_id"}
COUNTS = {
    *("runs", "entries", "files", "bytes", "files_in_store", "unreferenced", "errors", "warnings", "notices"),
    *("repository", "snapshots", "objects", "object_bytes", "unreferenced_objects"),
}


@pytest.fixture
def migrated(console: Console) -> Console:
    """Two runs in the form of descriptors, one of them with a file."""
    console.rows.add(compact({"large": "x" * 700_000, "n": 1}), run_id=RUN)
    console.rows.add('{"a":1}', run_id=OTHER)
    assert console.run("migrate").exit_code == 0
    return console


def test_all_well_is_one_line(migrated: Console) -> None:
    """What was read is counted."""
    assert migrated.lines("verify") == ["2 runs, 3 entries, 1 file (700,002 bytes) read back: all well."]
    summary = migrated.document("verify")["summary"]
    assert set(summary) == COUNTS
    assert (summary["files"], summary["bytes"], summary["errors"], summary["warnings"]) == (1, 700_002, 0, 0)


def test_a_missing_file_is_an_error(migrated: Console) -> None:
    """The run, the key and the path are named; the code is 4."""
    (file,) = migrated.files()
    file.unlink()
    document = migrated.document("verify", code=4)
    (item,) = document["items"]
    assert set(item) == FIELDS
    assert (item["severity"], item["run_id"], item["key"], item["path"]) == ("error", RUN, "large", str(file))
    assert document["summary"]["errors"] == 1
    result = migrated.run("verify")
    header, row, _, message, step = result.stdout.splitlines()
    assert header.split() == [
        "SEVERITY",
        "FINDING",
        "RUN",
        "KEY",
        "SNAPSHOT",
        "SIZE",
        "REASON",
        "PATH",
        "WHAT",
        "TO",
        "DO",
    ]
    assert row.startswith(f"error     missing  {RUN}  large  -         683.6 KiB  the file ")
    assert message == "2 runs, 3 entries, 1 file (0 bytes) read back: 1 error."
    assert step.startswith("Every error names a value")


def test_an_altered_file_is_found_unless_it_is_asked_not_to_read(migrated: Console) -> None:
    """The size alone says nothing of the content."""
    (file,) = migrated.files()
    file.chmod(0o600)
    file.write_bytes(b"y" * 700_002)
    assert migrated.run("verify").exit_code == 4
    assert migrated.run("verify", "--quick").exit_code == 0
    assert sorted(migrated.run("verify", "--subset", f"{part}/2").exit_code for part in (1, 2)) == [0, 4]


def test_a_file_that_no_run_names_is_a_notice(migrated: Console) -> None:
    """Nothing is lost by it: the code is 0. Where some runs are asked for, it is not looked for."""
    migrated.rows.replace(RUN, "{}")
    output = migrated.run("verify")
    assert output.exit_code == 0
    assert output.stdout.splitlines()[-1].endswith("read back: 1 notice.")
    (item,) = migrated.document("verify")["items"]
    assert (item["severity"], item["kind"], item["run_id"], item["hint"]) == ("notice", "unreferenced", None, None)
    assert migrated.document("verify", "--run", OTHER)["items"] == []


def test_what_needs_a_decision_is_a_warning(console: Console) -> None:
    """A mixed context is named with the command that decides it."""
    console.rows.add(compact({"a": descriptor(), "b": 1}), run_id=RUN)
    result = console.run("verify")
    assert result.exit_code == 4
    assert f"'zenctx migrate --run {RUN} --assume legacy|descriptors' decides it" in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        "1 run, 2 entries, 0 files (0 bytes) read back: 1 warning.",
        "Every warning needs a decision: what to do stands beside it.",
    ]


def test_verbose_counts_everything(migrated: Console) -> None:
    """What the summary of the document has, the facts have, too."""
    output = migrated.run("verify", "--verbose").stdout.splitlines()
    facts = dict(line.rsplit("  ", 1) for line in output[: output.index("")])
    assert {name.strip(): value for name, value in facts.items()} == {
        "runs": "2",
        "entries": "3",
        "files": "1",
        "read": "683.6 KiB",
        "in the store": "1",
        "unreferenced": "0",
        "repository": "-",
        "snapshots": "0",
        "objects": "0",
        "read of objects": "0 B",
        "objects without a snapshot": "0",
        "errors": "0",
        "warnings": "0",
        "notices": "0",
    }


def test_the_repository_is_read_too(migrated: Console) -> None:
    """Where there is one; the last line says so, and a snapshot can be verified by itself."""
    migrated.lines("snapshot", "--all")
    (line,) = migrated.lines("verify")
    assert line == (
        "2 runs, 3 entries, 1 file (700,002 bytes); 1 snapshot, 1 object (700,002 bytes) read back: all well."
    )
    assert migrated.lines("verify", "--quick")[0].endswith("1 object (0 bytes) compared by size alone: all well.")
    (damaged,) = (migrated.folder / "data/zenctx-snapshots/objects").glob("*/*")
    damaged.chmod(0o600)
    damaged.write_bytes(b"y" * 700_002)
    document = migrated.document("verify", "--snapshot", "latest", code=4)
    (item,) = document["items"]
    assert (item["severity"], item["kind"], item["path"]) == ("error", "damaged", str(damaged))
    assert item["snapshot_id"] == migrated.document("snapshots")["items"][0]["snapshot_id"]
    assert (document["summary"]["runs"], document["summary"]["snapshots"]) == (0, 1)


def test_every_command_calls_a_missing_file_missing(sqlite_console: Console) -> None:
    """One word for one thing, whether a pipe lies in its place or nothing; an altered file is called otherwise."""
    context = compact({"a": missing_file(), "b": missing_file("pipe")})
    sqlite_console.rows.add(context, run_id=RUN, status="RUNNING", ended=None)
    directory = sqlite_console.folder / "data/context-files/persistent" / RUN
    directory.mkdir(parents=True)
    os.mkfifo(directory / "pipe")
    found = sqlite_console.document("verify", code=4)["items"]
    assert [item["kind"] for item in found if item["severity"] == "error"] == ["missing", "missing"]
    taken = sqlite_console.document("snapshot", "--dry-run", code=3)["items"]
    assert [item["action"] for item in taken if item["key"]] == ["missing", "missing"]
    for key in ("a", "b"):
        shown = sqlite_console.document("inspect", RUN, key, code=4)
        assert shown["error"]["kind"] == "missing_file"
    collected = sqlite_console.document("gc", "--dry-run", code=5)["items"]
    assert {item["category"] for item in collected if item["run_id"] == RUN} == {"missing"}


def test_looking_changes_nothing(migrated: Console) -> None:
    """No file is made, no row written."""
    before = migrated.state()
    migrated.rows.add(compact({"a": missing_file()}))
    with_more = migrated.state()
    assert migrated.run("verify").exit_code == 4
    assert migrated.state() == with_more != before


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--subset", "3/2"], 2, "--subset '3/2' is not n/t with 1 <= n <= t.\nHint: Write 1/7 for the first of"),
        (["--subset", "one"], 2, "--subset 'one' is not n/t with 1 <= n <= t."),
        (["--subset", "0/0"], 2, "--subset '0/0' is not n/t with 1 <= n <= t."),
        (["--quick", "--subset", "1/2"], 2, "--quick and --subset contradict each other."),
        (["--run", RUN, "--snapshot", "latest"], 2, "--run is about the database, --snapshot about the repository."),
        (["--snapshot", "latest"], 10, "There is no repository of snapshots at"),
        (["--run", ABSENT], 10, f"has no run {ABSENT}."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    sqlite_console: Console, arguments: list[str], code: int, sentence: str
) -> None:
    """Before anything is read."""
    result = sqlite_console.run("verify", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
