"""`zenctx gc` as a user calls it: what is shown, what is asked, and how it ends."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.console import RUN, Console
from tests.cli.processes import ZENCTX, run_in_terminal
from tests.support.rows import DAY, compact

OLD = 40 * DAY


def add_file(console: Console, run_id: str, name: str, *, age: float = 0, running: bool = False) -> Path:
    """Add a run that names one file; old or new, over or not."""
    directory = console.folder / "data/context-files/persistent" / run_id
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    file.write_bytes(b"1")
    then = time.time() - age
    os.utime(file, (then, then))
    locator = f"./data/context-files/persistent/{run_id}/{name}"
    entry = {"type": "FILE", "locator": locator, "mediaType": None, "size": 1, "checksum": None, "inlineValue": None}
    status, ended = ("RUNNING", None) if running else ("SUCCESS", OLD)
    console.rows.add(compact({"a": entry}), run_id=run_id, status=status, ended=ended)
    return file


def values(console: Console) -> list[str]:
    """Give the names of the files in their places."""
    return [path.name for path in console.files() if ".trash" not in path.parts]


@pytest.fixture
def filled(console: Console) -> Console:
    """A console on a store with one old file, and one that is needed."""
    add_file(console, RUN, "old.json", age=OLD.total_seconds())
    add_file(console, RUN.replace("3f", "4f"), "new.json", running=True)
    assert console.run("db", "bind").exit_code == 0
    return console


def test_a_dry_run_shows_the_plan(filled: Console) -> None:
    """What would go, why, how old it is and how large; nothing is changed."""
    before = filled.state()
    lines = filled.lines("gc", "--dry-run")
    assert "finished" in lines[1]
    assert any("Would remove 1 file of a finished run (1 byte); nothing was changed" in line for line in lines)
    assert filled.state() == before
    document = filled.document("gc", "--dry-run")
    assert (document["dry_run"], document["summary"]["removed"]) == (True, 1)
    (item,) = document["items"]
    assert (item["action"], item["category"], item["run_id"], item["bytes"]) == ("remove", "finished", RUN, 1)
    assert item["path"].endswith("/old.json")


def test_what_stays_is_told(filled: Console) -> None:
    """What nobody asked to remove, how much goes in all, and whether there is a way back."""
    add_file(filled, RUN.replace("3f", "5f"), "dead.json", age=OLD.total_seconds(), running=True)
    filled.rows.execute(
        "update workflow_runs set started_at = :then where id = :id",
        then=(datetime.now(UTC) - 4 * OLD).isoformat(),
        id=RUN.replace("3f", "5f"),
    )
    for name in ("zenflow-ctx-1", "zenflow-ctx-2"):
        (filled.folder / "data/context-files" / name).write_bytes(b"x")
    (line,) = [line for line in filled.lines("gc", "--dry-run") if "Would remove" in line]
    assert line.endswith("2 of 3 files are needed, 1 run shows no sign of life, 2 temporary files of the engine stay.")
    (line,) = [
        line
        for line in filled.lines("gc", "--dry-run", "--include-zombies", "--max-delete=2")
        if "Would remove" in line
    ]
    assert "2 bytes in all; nothing was changed" in line
    purge = filled.lines("gc", "--dry-run", "--purge")
    assert purge == ["Would remove nothing; nothing was changed."]


def test_there_and_back(filled: Console) -> None:
    """Clean up, look at the log, bring back; purge leaves nothing to bring back."""
    document = filled.document("gc")
    gc_id = document["summary"]["gc_id"]
    assert len(values(filled)) == 1
    (entry,) = filled.document("gc", "log")["items"]
    assert (entry["gc_id"], entry["in_trash"], entry["outcome"]) == (gc_id, 1, "done")
    assert "Brought back 1 file" in filled.lines("gc", "--undo", gc_id)[-2]
    assert len(values(filled)) == 2
    filled.document("gc")
    assert filled.document("gc", "--purge")["summary"]["by_class"] == {"trash": {"files": 1, "bytes": 1}}
    assert filled.run("gc", "--undo", "latest").exit_code == 10


def test_a_plan_is_saved_and_applied(filled: Console) -> None:
    """As the help shows it."""
    assert filled.document("gc", "--dry-run", "--plan", "gc.plan")["summary"]["plan"] == "gc.plan"
    assert filled.document("gc", "--apply", "gc.plan")["summary"]["removed"] == 1
    header = json.loads(Path("gc.plan").read_text().splitlines()[0])
    assert header["format"] == "zenctx-gc-plan"
    assert "password" not in header["database"]


def test_pins(filled: Console) -> None:
    """A pinned run keeps its files; the pins are listed."""
    assert "is pinned" in filled.lines("gc", "pin", RUN, "--reason", "audit")[0]
    assert filled.document("gc", "--dry-run")["items"] == []
    assert [(pin["run_id"], pin["reason"]) for pin in filled.document("gc", "pins")["items"]] == [(RUN, "audit")]
    assert "not pinned any more" in filled.lines("gc", "unpin", RUN)[0]
    assert filled.document("gc", "--dry-run")["summary"]["removed"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dry-run", "--apply", "x"), "--dry-run and --apply contradict"),
        (("--undo", "x", "--purge"), "--purge and --undo contradict"),
        (("--max-delete", "many"), "is no number of files"),
        (("--max-delete", "101%"), "more than all of them"),
        (("--temp-files", "7"), "is no age"),
        (("--apply", "x", "--retention-days", "1"), "by which rules"),
        (("--apply", "x", "--include-zombies"), "by which rules"),
        (("--apply", "x", "--include-soft-deleted"), "by which rules"),
        (("--retention-days", "-1"), "--retention-days"),
    ],
)
def test_what_cannot_be_right_is_found_before_anything_is_opened(
    filled: Console, arguments: tuple[str, ...], message: str
) -> None:
    """Exit code 2."""
    result = filled.run("gc", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_guard_refuses_with_the_way_past_it(filled: Console) -> None:
    """Exit code 5, one sentence and a hint, in the document too."""
    result = filled.run("gc", "--max-delete", "0")
    assert result.exit_code == 5
    assert "1 of 2 files would go, and the limit is 0" in result.stderr
    assert "--max-delete N or P%" in result.stderr
    document = filled.document("gc", "--max-delete", "0", code=5)
    assert document["error"]["kind"] == "refused"
    assert len(values(filled)) == 2


def test_a_terminal_is_asked(filled: Console) -> None:
    """With what would go; --yes asks nothing."""
    where = {"ZENCTX_DB": filled.url, "PYTHONPATH": str(Path(__file__).parents[2])}
    asked = run_in_terminal(100, [*ZENCTX, "gc"], env=where, typed=b"n\n")
    assert (asked.exit_code, len(values(filled))) == (5, 2)
    assert "Not confirmed, and so nothing was done" in asked.plain
    assert "Remove 1 finished (1 B) from" in asked.plain
    done = run_in_terminal(100, [*ZENCTX, "gc", "--yes"], env=where)
    assert (done.exit_code, len(values(filled))) == (0, 1)
    assert "[y/N]" not in done.plain
