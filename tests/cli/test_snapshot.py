"""Tests of `zenctx snapshot`."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.console import ABSENT, OTHER, RUN, Console, document_of, missing_file, zenctx
from tests.cli.processes import ZENCTX, run_in_terminal
from tests.support.rows import compact

CHECKOUT = str(Path(__file__).parents[2])
SUMMARY = {
    *("snapshot_id", "created_at", "repository", "complete", "tags", "selection", "runs", "context_bytes", "files"),
    *("file_bytes", "copied", "copied_bytes", "unchanged", "repaired", "missing", "altered", "refused", "unreadable"),
    *("zombies", "journal"),
}
ITEM = {"run_id", "key", "action", "form", "run_class", "bytes", "path", "reason"}


@pytest.fixture
def parked(console: Console) -> Console:
    """One parked run with a small and a large value, which lies in a file, and a finished one."""
    console.rows.add(compact({"a": 1.5, "b": "x" * 300}), run_id=RUN, status="RUNNING", ended=None)
    console.lines("migrate", "--include-active", "--quiet", *LARGE)
    console.rows.add('{"c":1}', run_id=OTHER)
    return console


LARGE = ("--config", "zenctx.toml")


@pytest.fixture(autouse=True)
def settings_file(folder: Path) -> None:
    """Values of 100 bytes count as large."""
    (folder / "zenctx.toml").write_text("memory-threshold-bytes = 100\n")


def test_the_last_lines_say_what_was_done_and_what_next(parked: Console) -> None:
    """Nothing else is printed where all went well."""
    message, step = parked.lines("snapshot")
    short = parked.document("snapshots")["items"][0]["short_id"]
    size = len(parked.rows.text(RUN) or b"")
    assert message == f"Took snapshot {short} of 1 run ({size:,} bytes) with 1 file (302 bytes)."
    assert step == f"'zenctx restore {short} --dry-run' shows what it would put back."


def test_cron_hears_nothing_of_a_success(parked: Console) -> None:
    """With --quiet neither stream has anything on it."""
    result = parked.run("snapshot", "--quiet", "--tag", "nightly")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_json_has_the_same_shape_dry_or_not(parked: Console, dry_run: list[str]) -> None:
    """A run, then its files; no key is omitted."""
    document = parked.document("snapshot", "--tag", "x", *dry_run)
    run, file = document["items"]
    assert (set(document["summary"]), set(run), set(file)) == (SUMMARY, ITEM, ITEM)
    assert (run["run_id"], run["action"], run["key"], run["run_class"]) == (RUN, "take", None, "parked")
    assert (file["run_id"], file["action"], file["key"], file["bytes"]) == (RUN, "copy", "b", 302)
    assert file["path"].startswith(f"./data/context-files/persistent/{RUN}/")
    assert document["dry_run"] is bool(dry_run)
    assert (document["summary"]["snapshot_id"] is None) is bool(dry_run)
    assert document["summary"]["tags"] == ["x"]


def test_a_dry_run_shows_runs_and_files(parked: Console) -> None:
    """With what would become of each, and leaves no file behind."""
    lines = parked.lines("snapshot", "--dry-run")
    assert lines[0].split() == ["RUN", "ACTION", "CLASS", "FORM", "KEY", "SIZE", "REASON", "FILE"]
    assert [line.split()[:2] for line in lines[1:3]] == [[RUN, "take"], [RUN, "copy"]]
    assert lines[-2:] == [
        f"Would take 1 run ({len(parked.rows.text(RUN) or b''):,} bytes) with 1 file (302 bytes); nothing was written.",
        "Run it without --dry-run to take it.",
    ]
    assert not (parked.folder / "data/zenctx-snapshots").exists()


def test_a_long_dry_run_is_cut_short_but_names_every_problem(console: Console) -> None:
    """Twenty rows of each action are enough to look at; a file that is missing is always named."""
    for number in range(25):
        console.rows.add(compact({"a": missing_file(f"{number}.json")}), status="RUNNING", ended=None)
    (console.folder / "data/context-files/persistent").mkdir(parents=True)
    result = console.run("snapshot", "--dry-run")
    lines = result.stdout.splitlines()
    assert result.exit_code == 3
    assert sum("  missing " in line for line in lines) == 25
    assert sum("  take " in line for line in lines) == 20
    assert "(not shown: 5 take; --verbose shows all)" in lines
    assert len(console.run("snapshot", "--dry-run", "--verbose").stdout.splitlines()) > 50


def test_a_missing_file_is_named_and_ends_with_three(parked: Console) -> None:
    """The snapshot is there all the same, and says that it is incomplete."""
    (file,) = parked.files()
    file.unlink()
    result = parked.run("snapshot")
    assert result.exit_code == 3
    header, row, *rest = result.stdout.splitlines()
    assert (header.split()[:2], row.split()[:2]) == (["RUN", "ACTION"], [RUN, "missing"])
    assert "is missing" in row
    assert "it is incomplete, files are named above: 1 missing" in rest[1]
    (item,) = parked.document("snapshots")["items"]
    assert (item["state"], item["missing"]) == ("incomplete", 1)


def test_verbose_tells_every_count(parked: Console) -> None:
    """And each run, each file, and where it was recorded."""
    result = parked.run("snapshot", "--all", "--verbose")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == sorted((RUN, RUN, OTHER))
    facts = {line[:18].strip(): line[18:] for line in lines[5:-3]}
    assert (facts["runs"], facts["files"], facts["selection"], facts["complete"]) == ("2", "1", "all runs", "yes")
    assert facts["journal"].startswith("recorded as ")


def test_nothing_to_take_is_said(console: Console) -> None:
    """It is no failure: a night without parked runs is a good one."""
    console.rows.add('{"a":1}')
    assert console.lines("snapshot") == [
        "Nothing to take: no run can still be resumed; no snapshot was made.",
        "'zenctx snapshot --all' takes every run.",
    ]
    assert console.document("snapshot", "--status", "WAITING")["summary"]["snapshot_id"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--all", RUN], "are named, and"),
        (["--status", "ERROR", RUN], "are named, and"),
        (["--all", "--workflow", ABSENT], "--all takes every run"),
        (["--from", "x.json", "--all"], "--from takes one context"),
        (["--from", "x.json", RUN, OTHER], "--from takes one context"),
        (["--tag", ""], "is no tag"),
        (["--tag", " x"], "is no tag"),
        (["--tag", "a\nb"], "is no tag"),
        (["--tag", "x" * 101], "is no tag"),
        ([word for number in range(51) for word in ("--tag", str(number))], "at most 50 tags"),
    ],
)
def test_contradictions_are_found_before_anything_is_opened(folder: Path, arguments: list[str], words: str) -> None:
    """Whether there is a database or not."""
    result = zenctx("snapshot", *arguments, "--db", "sqlite:///nowhere.db")
    assert (result.exit_code, words in result.stderr.replace("\n", " ")) == (2, True)
    assert [path.name for path in folder.iterdir()] == ["zenctx.toml"]


def test_a_run_that_is_not_there_is_not_found(console: Console) -> None:
    """And no snapshot of the others is made."""
    console.rows.add('{"a":1}', run_id=RUN)
    document = console.document("snapshot", RUN, ABSENT, code=10)
    assert (document["error"]["kind"], document["items"]) == ("not_found", [])
    assert not (console.folder / "data").exists()


@pytest.mark.usefixtures("folder")
def test_a_database_that_is_not_there_is_one_sentence() -> None:
    """Not one about writing to it."""
    result = zenctx("snapshot", "--db", "sqlite:///nowhere.db")
    assert result.exit_code == 12
    assert result.stderr.startswith("Error: ")
    assert "does not exist" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a user without rights")
def test_an_sqlite_file_that_can_only_be_read_is_enough(
    sqlite_console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot is taken; that it is not in the journal is said with --verbose."""
    from zenctx.database import connect_sqlite  # noqa: PLC0415 - a part of it is replaced
    from zenctx.errors import DatabaseError  # noqa: PLC0415

    sqlite_console.rows.add('{"a":1}', run_id=RUN, status="RUNNING", ended=None)
    check = connect_sqlite.check_file

    def refuse_writing(path: Path, description: str, *, read_only: bool) -> None:
        check(path, description, read_only=read_only)
        if not read_only:
            raise DatabaseError(f"{description} cannot be written: no rights to the file or to its directory")

    monkeypatch.setattr(connect_sqlite, "check_file", refuse_writing)
    result = sqlite_console.run("snapshot", "--verbose")
    assert result.exit_code == 0
    assert "not recorded: the database can only be read" in result.stdout


def test_a_context_from_a_file_needs_no_database(folder: Path) -> None:
    """It becomes the snapshot of the run that is named, exactly as it is."""
    (folder / "context.json").write_text('{"a":1.10}')
    arguments = ("snapshot", RUN, "--from", "context.json", "--db", "sqlite:///nowhere.db")
    document = document_of(zenctx(*arguments, "--json"))
    (item,) = document["items"]
    assert (item["run_id"], item["form"], item["run_class"], item["bytes"]) == (RUN, "legacy", "given", 10)
    assert document["summary"]["journal"] == "not recorded: taken from the file context.json"
    assert zenctx(*arguments).stdout.startswith("Took snapshot ")
    (folder / "context.json").write_text("[]")
    assert zenctx(*arguments).exit_code == 4
    assert zenctx("snapshot", "--from", "nowhere.json").exit_code == 10


def test_data_cannot_reach_the_terminal(console: Console) -> None:
    """Keys and locators are anybody's: control characters in them are made visible."""
    key = "\x1b]0;title\x07[/bold]\u202e"
    console.rows.add(compact({key: {**missing_file(), "locator": "/etc/\x1b[31mpasswd"}}), status="RUNNING", ended=None)
    result = console.run("snapshot")
    assert result.exit_code == 3
    assert not set("\x1b\x07\u202e") & set(result.output)
    assert console.document("snapshot", code=3)["items"][1]["key"] == key


def test_a_terminal_is_given_the_same_words(sqlite_console: Console) -> None:
    """Progress comes and goes; what stays is the outcome."""
    sqlite_console.rows.add('{"a":1}', run_id=RUN, status="RUNNING", ended=None)
    finished = run_in_terminal(200, [*ZENCTX, "snapshot", "--db", sqlite_console.url], {"PYTHONPATH": CHECKOUT})
    assert finished.exit_code == 0
    assert any(line.startswith("Took snapshot ") for line in finished.lines)
    assert json.loads((sqlite_console.folder / "data/zenctx-snapshots/zenctx-repository.json").read_text())
